// A receiver of incoming message webhooks, after their page: the fields that it describes, under a signature over the raw
// body.
const crypto = require('crypto');
const serve = require('./serve.js');
const { take } = serve;

function verifySignature(rawBody, signature, secret) {
  const expected = crypto.createHmac('sha256', secret).update(rawBody).digest('hex');
  return crypto.timingSafeEqual(Buffer.from(signature), Buffer.from(expected));
}

function handle(payload) {
  take(payload, { summary: 'string', phone_number: 'string', name: 'string', user_id: 'string', message_type: 'string', note: 'string',
    automation_notes: 'string', labels: 'string', last_user_message: 'string', last_user_message_timestamp: 'number' });
  if (payload.last_system_message !== null) take(payload, { last_system_message: 'string', last_system_message_timestamp: 'number' });
  if (payload.message_type === 'text' && payload.media_url !== null) throw new Error('text has no media_url');
  if (payload.media_url !== null) take(payload, { media_url: 'string' });
  for (const message of payload.messages) take(message, { id: 'string', direction: 'string', type: 'string', text: 'string', timestamp: 'number' });
  const latest = payload.messages.findLast(message => message.direction === 'inbound');
  return `message.received: ${latest.id} ${payload.summary}`;
}

serve((raw, headers) =>
  verifySignature(raw, headers['x-webhook-signature'], process.env.WEBHOOK_SECRET) ? handle(JSON.parse(raw)) : null);
