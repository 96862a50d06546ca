// Takes wabagate's events. Copy this file into your program; it needs nothing but Node.
//
//     WEBHOOK_SECRET=whsec_… node receiver.js 3000
//
// POST /webhooks takes every dialect, by the signature of Standard Webhooks that each delivery carries. The paths below
// it are for webhooks whose receiver verifies as another product taught it to.
'use strict';
const crypto = require('crypto');
const http = require('http');

const TOLERANCE = 300; // seconds between the timestamp of a request and this clock, either way
const LARGEST = 8 << 20; // bytes of a body; events of 3 MB exist
const WAITING = 1000; // events that are kept and not handled yet
const REMEMBERED = 100_000; // ids of events that came already

const secret = process.env.WEBHOOK_SECRET;

// Says whether a request comes from wabagate, is unchanged and is new. raw is a Buffer of the body as it came:
// JSON.stringify(req.body) has other bytes, and another signature. In Express use express.raw({ type: '*/*' }).
function fromWabagate(headers, raw) {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers;
  if (!id || !signatures || !fresh(timestamp)) return false;
  const want = 'v1,' + hmac(key(secret), `${id}.${timestamp}.`, raw).toString('base64');
  // While a secret is being changed there are two signatures, one by each secret: one of them is enough.
  return signatures.split(' ').some(given => same(given, want));
}

// What Standard Webhooks signs with: the bytes that the base64 after whsec_ stands for, not its text. A secret of another
// form is used as it is. (Buffer.from never fails: it drops what is not base64.)
function key(text) {
  const coded = text.startsWith('whsec_') ? text.slice(6) : '';
  const decoded = Buffer.from(coded, 'base64');
  return coded && decoded.toString('base64') === coded ? decoded : Buffer.from(text);
}

// How other products sign: in hex, in a header of their own, with the whole secret as text, whsec_ included; by the path
// that a webhook of that dialect is pointed at. With a timestamp header that is signed before the body, with a dot
// between. Keep those that you use.
const products = {
  '/webhooks/twabot': { header: 'x-twabot-signature' },
  '/webhooks/platform': { header: 'x-webhook-signature' },
  '/webhooks/digest': { header: 'x-webhook-signature' },
  '/webhooks/awalchat': { header: 'x-awal-webhook-signature', timestamp: 'x-awal-webhook-timestamp' },
  '/webhooks/cloud': { header: 'x-hub-signature-256', prefix: 'sha256=' },
};

// fromWabagate for another product's signature. Where that covers the body alone, nobody can tell an old request from a
// new one, nor whether webhook-id was changed: prefer fromWabagate, which works for the same requests.
function asProduct({ header, prefix = '', timestamp }, headers, raw) {
  if (timestamp && !fresh(headers[timestamp])) return false;
  const before = timestamp ? `${headers[timestamp]}.` : '';
  return same(headers[header] ?? '', prefix + hmac(secret, before, raw).toString('hex'));
}

const hmac = (key, before, raw) => crypto.createHmac('sha256', key).update(before).update(raw).digest();

// Compares in constant time: that of === tells how much of a guess was right. timingSafeEqual throws unless both are of
// one length, in bytes.
function same(given, want) {
  const [a, b] = [Buffer.from(given), Buffer.from(want)];
  return a.length === b.length && crypto.timingSafeEqual(a, b);
}

// Says whether a timestamp, in seconds since 1970, is close to now. Without it whoever gets hold of one request could
// send it for ever.
const fresh = timestamp => /^\d+$/.test(timestamp ?? '') && Math.abs(Date.now() / 1000 - Number(timestamp)) <= TOLERANCE;

// Keeps each event once until it is handled. This inbox forgets all when the process ends: make yours a table with the id
// as its key (INSERT … ON CONFLICT DO NOTHING), and answer when that is committed.
const known = new Set(); // oldest first
const queue = [];

function keep(delivery) {
  if (known.has(delivery.id)) return [200, 'had it already']; // deliveries are repeated when an answer was lost
  if (queue.length >= WAITING) return [503, 'too many events are waiting']; // it is sent again later
  known.add(delivery.id);
  if (known.size > REMEMBERED) known.delete(known.values().next().value);
  if (queue.push(delivery) === 1) setImmediate(work);
  return [200, 'taken'];
}

// Does the work after the answer, one event after the other.
async function work() {
  while (queue.length > 0) {
    try {
      await handle(queue[0]);
    } catch (error) {
      console.error(`${queue[0].id} failed:`, error); // wabagate has its 200 and does not send it again
    }
    queue.shift();
  }
}

// The events of one conversation carry data.sequence: 1, 2, 3 … A webhook with "ordering":"conversation" gets them in that
// order. One that could not be delivered steps aside after a while; X-Wabagate-Skipped then names the numbers that are
// still to come ("15,16"). Without that ordering they come in any order: keep the highest sequence of each conversation,
// and let no event change what a later one has set. Refuse none for it.
async function handle({ id, path, headers, raw }) {
  const event = JSON.parse(raw); // GET /api/client/event-types shows what is in it
  const name = event.type ?? event.event ?? ''; // the dialects twabot and awalchat call it event
  let said = '';
  if (path === '/webhooks') { // else another product's body: what you wrote for that product goes on from here
    switch (name) {
      case 'message.received':
        said = `: ${event.data.message.from} wrote ${JSON.stringify((event.data.message.text ?? '').slice(0, 80))}`;
        break;
      case 'message.report':
        said = `: ${event.data.status.message_id} is ${event.data.status.status}`;
        break;
      case 'order.created':
        said = `: ${event.data.order.total} ${event.data.order.currency}`;
        break;
    }
  }
  if (headers['x-wabagate-skipped']) said += `, before ${headers['x-wabagate-skipped']}`;
  if (headers['x-wabagate-test']) said += ' (a test)'; // sample data, from "send test", wabagate trigger or the check
  console.log(`${name} ${id}${said}`);
}

// What to answer. Whatever the event is, known, late or of a type not heard of, it is 200: anything else has it sent
// again, for days. So has an answer that comes after the webhook's timeout: work afterwards.
function receive(path, headers, raw) {
  const product = products[path];
  if (!(product ? asProduct(product, headers, raw) : fromWabagate(headers, raw))) return [401, 'wrong signature'];
  if (path === '/webhooks/awalchat') { // asks a new receiver to repeat a text
    const { type, challenge } = JSON.parse(raw);
    if (type === 'verification') return [200, JSON.stringify({ challenge })];
  }
  return keep({ id: headers['webhook-id'], path, headers, raw });
}

const server = http.createServer((req, res) => {
  const answer = (status, text) => res.writeHead(status, { 'Content-Type': text[0] === '{' ? 'application/json' : 'text/plain' }).end(text);
  const path = req.url.split('?')[0];
  if (path !== '/webhooks' && !Object.hasOwn(products, path)) return answer(404, 'not here');
  if (req.method !== 'POST') return answer(405, 'POST events here');
  const chunks = []; // bytes: a text put together from chunks breaks the letters that they cut
  let size = 0;
  req.on('data', chunk => {
    if ((size += chunk.length) <= LARGEST) chunks.push(chunk);
  });
  req.on('end', () => {
    if (size > LARGEST) return answer(413, 'too large');
    try {
      answer(...receive(path, req.headers, Buffer.concat(chunks)));
    } catch (error) {
      console.error(error);
      answer(500, 'failed');
    }
  });
});

if (!secret) {
  console.error("set WEBHOOK_SECRET to the webhook's secret");
  process.exit(1);
}
// For this machine alone: put the proxy that speaks TLS before it, or listen on all addresses in a container.
server.listen(Number(process.argv[2] ?? process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`listening on ${server.address().port}`);
});
