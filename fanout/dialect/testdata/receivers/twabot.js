// A TwaBot receiver, after its page: it has only the parsed body, and writes it again to verify.
const crypto = require('crypto');
const serve = require('./serve.js');
const { take } = serve;

function verifySignature(payload, signature, secret) {
  const expected = crypto
    .createHmac('sha256', secret)
    .update(JSON.stringify(payload))
    .digest('hex');
  return signature === expected;
}

const ids = { conversation_id: 'number', business_id: 'number' };

function handle({ event, timestamp, data }) {
  if (new Date(timestamp).toISOString() !== timestamp) throw new Error(`timestamp ${timestamp}`);
  switch (event) {
    case 'message.received': {
      const [id, from, name, type] = take(data, { message_id: 'string', from: 'string', from_name: 'string', type: 'string', ...ids });
      if ('text' in data) take(data, { text: 'string' });
      else take(data, { media_type: 'string', media_id: 'string', mime_type: 'string' });
      return `${event}: ${id} ${type} from ${from} (${name}): ${data.text ?? data.media_id}`;
    }
    case 'message.sent': {
      const [id, to, type, by] = take(data, { message_id: 'string', to: 'string', type: 'string', sent_by: 'string', ...ids });
      return `${event}: ${id} ${type} to ${to} by ${by}: ${data.text ?? data.media_id}`;
    }
    case 'conversation.created': {
      const [phone, name, first] = take(data, { customer_phone: 'string', customer_name: 'string', first_message: 'string', ...ids });
      return `${event}: ${data.conversation_id} with ${phone} (${name}): ${first}`;
    }
    case 'broadcast.completed': {
      const [id, name, total, sent, failed] = take(data,
        { broadcast_id: 'number', template_name: 'string', total_recipients: 'number', sent: 'number', failed: 'number', business_id: 'number' });
      if (sent + failed !== total) throw new Error(`${sent} sent and ${failed} failed of ${total}`);
      return `${event}: ${id} ${name}`;
    }
    case 'ai.replied': {
      const [id, to, response] = take(data, { message_id: 'string', to: 'string', ai_response: 'string', ...ids });
      return `${event}: ${id} to ${to}: ${response}`;
    }
    default:
      take(data, { business_id: 'number' });
      return `${event}: not handled`;
  }
}

serve((raw, headers) => {
  const body = JSON.parse(raw);
  return verifySignature(body, headers['x-twabot-signature'], process.env.WEBHOOK_SECRET) ? handle(body) : null;
});
