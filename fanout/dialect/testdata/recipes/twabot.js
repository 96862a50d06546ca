// As a TwaBot receiver verifies: it has only the parsed body, and writes it again.
const crypto = require('crypto');
const deliveries = JSON.parse(require('fs').readFileSync(0, 'utf8'));

const verdicts = deliveries.map(({ body, headers, secret }) => {
  const payload = JSON.parse(body);
  const expected = crypto.createHmac('sha256', secret).update(JSON.stringify(payload)).digest('hex');
  return headers['x-twabot-signature'] === expected;
});
console.log(JSON.stringify(verdicts));
