// A WhatsApp API Platform receiver, after its page: over the raw body, with the secret as text.
const crypto = require('crypto');
const serve = require('./serve.js');
const { take } = serve;

function verifySignature(rawBody, signature, secret) {
  const expected = crypto
    .createHmac('sha256', secret)
    .update(rawBody)
    .digest('hex');
  return crypto.timingSafeEqual(
    Buffer.from(signature),
    Buffer.from(expected)
  );
}

function handle(event) {
  take(event, { id: 'string', type: 'string', api_version: 'string', created_at: 'number', liveMode: 'boolean' });
  const { object } = event.data;
  take(object, { timestamp: 'string' });
  switch (event.type) {
    case 'message.incoming': {
      const [id, type] = take(object.message, { id: 'string', type: 'string' });
      const [customer] = take(object.sender, { customer_id: 'string' });
      if (customer !== id) throw new Error(`${customer} is not ${id}`);
      return `${event.type}: ${id} ${type} from ${object.sender.phone_number ?? object.sender.user_id}`;
    }
    case 'message.report': {
      const [status] = take(object, { status: 'string', reported_at: 'string' });
      if (!['SENT', 'DELIVERED', 'READ', 'PLAYED', 'FAILED'].includes(status)) throw new Error(`status ${status}`);
      const [id] = take(object.recipient, { customer_id: 'string' });
      return `${event.type}: ${id} ${status}`;
    }
    case 'form.submitted': {
      const [id] = take(object.sender, { customer_id: 'string' });
      return `${event.type}: ${id} ${Object.keys(object.fields ?? {})}`;
    }
    default:
      return `${event.type}: not handled`;
  }
}

serve((raw, headers) =>
  verifySignature(raw, headers['x-webhook-signature'], process.env.WEBHOOK_SECRET) ? handle(JSON.parse(raw)) : null);
