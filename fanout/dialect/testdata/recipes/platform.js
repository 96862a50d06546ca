// As a WhatsApp API Platform receiver verifies: over the raw body, with the secret as text.
const crypto = require('crypto');
const deliveries = JSON.parse(require('fs').readFileSync(0, 'utf8'));

const verdicts = deliveries.map(({ body, headers, secret }) => {
  const raw = Buffer.from(body);
  const expected = crypto.createHmac('sha256', secret).update(raw).digest('hex');
  return crypto.timingSafeEqual(Buffer.from(headers['x-webhook-signature']), Buffer.from(expected));
});
console.log(JSON.stringify(verdicts));
