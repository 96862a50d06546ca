// As an AwalChat receiver verifies: a fresh timestamp, then the parsed body written again behind it.
const crypto = require('crypto');
const deliveries = JSON.parse(require('fs').readFileSync(0, 'utf8'));

const verdicts = deliveries.map(({ body, headers, secret }) => {
  const timestamp = headers['x-awal-webhook-timestamp'];
  const now = Math.floor(Date.now() / 1000);
  if (Math.abs(now - timestamp) > 300) return false;
  const signed = `${timestamp}.${JSON.stringify(JSON.parse(body))}`;
  const expected = crypto.createHmac('sha256', secret).update(signed).digest('hex');
  return crypto.timingSafeEqual(Buffer.from(headers['x-awal-webhook-signature']), Buffer.from(expected));
});
console.log(JSON.stringify(verdicts));
