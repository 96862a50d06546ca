// An AwalChat receiver, after its page: a fresh timestamp, then the parsed body written again behind it. The verification
// of a new webhook is answered with its challenge.
const crypto = require('crypto');
const serve = require('./serve.js');
const { take } = serve;

function verifyWebhookSignature(payload, signature, timestamp, secret) {
  const currentTime = Math.floor(Date.now() / 1000);
  if (Math.abs(currentTime - timestamp) > 300) { // 5 minutes
    return false;
  }
  const signedPayload = `${timestamp}.${payload}`;
  const expectedSignature = crypto
    .createHmac('sha256', secret)
    .update(signedPayload)
    .digest('hex');
  return crypto.timingSafeEqual(
    Buffer.from(signature),
    Buffer.from(expectedSignature)
  );
}

const known = {
  'message.received': { message_id: 'string', conversation_id: 'number', from: 'string', to: 'string', type: 'string', body: 'string', timestamp: 'string' },
  'message.status.updated': { message_id: 'string', status: 'string', timestamp: 'string' },
  'conversation.created': { conversation_id: 'number', contact_id: 'number', phone_number: 'string', created_at: 'string' },
  'conversation.updated': { conversation_id: 'number', status: 'string', updated_at: 'string' },
  'order.created': { order_id: 'number', conversation_id: 'number', status: 'string', total: 'number', currency: 'string', created_at: 'string' },
  'order.status.updated': { order_id: 'number', old_status: 'string', new_status: 'string', updated_at: 'string' },
  'contact.created': { contact_id: 'number' },
  'contact.updated': { contact_id: 'number' },
};

function handle({ event, timestamp, data }) {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(timestamp)) throw new Error(`timestamp ${timestamp}`);
  if (!(event in known)) return `${event}: not handled`;
  return `${event}: ${take(data, known[event]).join(' ')}`;
}

serve((raw, headers) => {
  const body = JSON.parse(raw);
  if (body.type === 'verification') return { challenge: body.challenge };
  const isValid = verifyWebhookSignature(
    JSON.stringify(body),
    headers['x-awal-webhook-signature'],
    headers['x-awal-webhook-timestamp'],
    process.env.WEBHOOK_SECRET
  );
  return isValid ? handle(body) : null;
});
