// What the receivers in Node share: a server that hands each POST to the receiver and prints what was understood.
const http = require('http');

// understand(raw, headers) returns a sentence, null for a delivery that does not verify, or an object to answer with. What
// it throws is a failure of the receiver.
module.exports = understand => {
  const server = http.createServer((req, res) => {
    const chunks = [];
    req.on('data', chunk => chunks.push(chunk));
    req.on('end', () => {
      let answer;
      try {
        answer = understand(Buffer.concat(chunks), req.headers);
      } catch (error) {
        res.writeHead(500).end(String(error));
        return;
      }
      if (answer === null) {
        res.writeHead(401).end('Unauthorized');
      } else if (typeof answer === 'object') {
        res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
      } else {
        console.log(answer);
        res.writeHead(200).end(answer);
      }
    });
  });
  server.listen(0, '127.0.0.1', () => console.log(`listening on ${server.address().port}`));
};

// take reads members of an object that must be there: { name: 'string' }.
module.exports.take = (object, members) => Object.entries(members).map(([name, type]) => {
  if (typeof object[name] !== type) throw new Error(`${name} is ${JSON.stringify(object[name])}, expected a ${type}`);
  return object[name];
});
