"""Takes wabagate's events. Copy this file into your program; it needs nothing but Python 3.8 or newer.

    WEBHOOK_SECRET=whsec_… python3 receiver.py 3000

POST /webhooks takes every dialect, by the signature of Standard Webhooks that each delivery carries. The paths below it
are for webhooks whose receiver verifies as another product taught it to.
"""
import base64
import binascii
import collections
import hashlib
import hmac
import http.server
import json
import os
import queue
import sys
import threading
import time
import traceback

TOLERANCE = 300  # seconds between the timestamp of a request and this clock, either way
LARGEST = 8 << 20  # bytes of a body; events of 3 MB exist
WAITING = 1000  # events that are kept and not handled yet
REMEMBERED = 100_000  # ids of events that came already

SECRET = os.environ.get("WEBHOOK_SECRET", "")


def from_wabagate(headers, raw):
    """Says whether a request comes from wabagate, is unchanged and is new.

    raw is the body as it came: json.dumps writes spaces and escapes that were not in it, and those have another
    signature. In Flask it is request.get_data(), in Django request.body, in FastAPI await request.body().
    """
    event_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not event_id or not fresh(timestamp):
        return False
    want = b"v1," + base64.b64encode(mac(key(SECRET), f"{event_id}.{timestamp}.", raw))
    # While a secret is being changed there are two signatures, one by each secret: one of them is enough.
    return any(same(given, want) for given in headers.get("webhook-signature", "").split())


def key(secret):
    """What Standard Webhooks signs with: the bytes that the base64 after whsec_ stands for, not its text.

    A secret of another form is used as it is.
    """
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret[6:], validate=True) or secret.encode()
        except binascii.Error:
            pass
    return secret.encode()


# How other products sign: in hex, in a header of their own, with the whole secret as text, whsec_ included; by the path
# that a webhook of that dialect is pointed at: (header, prefix, header of the timestamp that is signed before the body
# with a dot between). Keep those that you use.
PRODUCTS = {
    "/webhooks/twabot": ("X-TwaBot-Signature", "", None),
    "/webhooks/platform": ("X-Webhook-Signature", "", None),
    "/webhooks/digest": ("X-Webhook-Signature", "", None),
    "/webhooks/awalchat": ("X-Awal-Webhook-Signature", "", "X-Awal-Webhook-Timestamp"),
    "/webhooks/cloud": ("X-Hub-Signature-256", "sha256=", None),
}


def as_product(product, headers, raw):
    """from_wabagate for another product's signature.

    Where that covers the body alone, nobody can tell an old request from a new one, nor whether webhook-id was changed:
    prefer from_wabagate, which works for the same requests.
    """
    header, prefix, stamp = product
    before = ""
    if stamp:
        if not fresh(headers.get(stamp, "")):
            return False
        before = headers[stamp] + "."
    return same(headers.get(header, ""), prefix.encode() + binascii.hexlify(mac(SECRET.encode(), before, raw)))


def mac(key, before, raw):
    return hmac.new(key, before.encode("latin-1") + raw, hashlib.sha256).digest()


def same(given, want):
    """Compares in constant time: that of == tells how much of a guess was right.

    In bytes: compare_digest raises an error for texts that are not ASCII, and who forges may send one.
    """
    return hmac.compare_digest(given.encode("latin-1"), want)


def fresh(timestamp):
    """Says whether a timestamp, in seconds since 1970, is close to now.

    Without it whoever gets hold of one request could send it for ever.
    """
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 20):
        return False
    return abs(time.time() - int(timestamp)) <= TOLERANCE


class Inbox:
    """Keeps each event once until it is handled.

    This one forgets all when the process ends: make yours a table with the id as its key (INSERT … ON CONFLICT DO
    NOTHING), and answer when that is committed.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.known = collections.OrderedDict()
        self.queue = queue.Queue(WAITING)

    def keep(self, event_id, *delivery):
        with self.lock:
            if event_id in self.known:
                return 200, "had it already"  # deliveries are repeated when an answer was lost
            try:
                self.queue.put_nowait((event_id, *delivery))
            except queue.Full:
                return 503, "too many events are waiting"  # it is sent again later
            self.known[event_id] = True
            if len(self.known) > REMEMBERED:
                self.known.popitem(last=False)
            return 200, "taken"

    def work(self):
        """Does the work after the answer, one event after the other."""
        while True:
            delivery = self.queue.get()
            try:
                handle(*delivery)
            except Exception:
                print(delivery[0], "failed:", file=sys.stderr)  # wabagate has its 200 and does not send it again
                traceback.print_exc()


def handle(event_id, path, headers, raw):
    """Does what is to be done about an event.

    The events of one conversation carry data.sequence: 1, 2, 3 … A webhook with "ordering":"conversation" gets them in
    that order. One that could not be delivered steps aside after a while; X-Wabagate-Skipped then names the numbers that
    are still to come ("15,16"). Without that ordering they come in any order: keep the highest sequence of each
    conversation, and let no event change what a later one has set. Refuse none for it.
    """
    event = json.loads(raw)  # GET /api/client/event-types shows what is in it
    name = event.get("type") or event.get("event") or ""  # the dialects twabot and awalchat call it event
    said = ""
    if path != "/webhooks":
        pass  # another product's body: what you wrote for that product goes on from here
    elif name == "message.received":
        message = event["data"]["message"]
        said = f': {message.get("from")} wrote {json.dumps(message.get("text", "")[:80], ensure_ascii=False)}'
    elif name == "message.report":
        said = ": {message_id} is {status}".format(**event["data"]["status"])
    elif name == "order.created":
        said = ": {total} {currency}".format(**event["data"]["order"])
    if headers.get("X-Wabagate-Skipped"):
        said += ", before " + headers["X-Wabagate-Skipped"]
    if headers.get("X-Wabagate-Test"):
        said += " (a test)"  # sample data, from "send test", wabagate trigger or the receiver check
    print(f"{name} {event_id}{said}", flush=True)


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds for a request to arrive
    wbufsize = 1 << 16  # an answer in one piece
    inbox = Inbox()

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            return self.refuse(411, "say how long the body is")
        if int(length) > LARGEST:
            return self.refuse(413, "too large")
        self.answer(*self.receive(self.path.split("?")[0], self.rfile.read(int(length))))

    def receive(self, path, raw):
        """Says what to answer.

        Whatever the event is, known, late or of a type not heard of, it is 200: anything else has it sent again, for
        days. So has an answer that comes after the webhook's timeout: work afterwards.
        """
        product = PRODUCTS.get(path)
        if path != "/webhooks" and not product:
            return 404, "not here"
        if not (as_product(product, self.headers, raw) if product else from_wabagate(self.headers, raw)):
            return 401, "wrong signature"
        if path == "/webhooks/awalchat":  # asks a new receiver to repeat a text
            ask = json.loads(raw)
            if ask.get("type") == "verification":
                return 200, json.dumps({"challenge": ask["challenge"]})
        return self.inbox.keep(self.headers.get("webhook-id", ""), path, self.headers, raw)

    def refuse(self, status, text):
        self.close_connection = True  # the body was not read
        self.answer(status, text)

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if text.startswith("{") else "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode("ascii"))

    def log_message(self, *args):
        pass


if __name__ == "__main__":
    if not SECRET:
        sys.exit("set WEBHOOK_SECRET to the webhook's secret")
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # whatever the terminal: customers write in all letters
    port = int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("PORT", "3000"))
    threading.Thread(target=Receiver.inbox.work, daemon=True).start()
    # For this machine alone: put the proxy that speaks TLS before it, or listen on all addresses in a container.
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Receiver)
    print(f"listening on {server.server_address[1]}", flush=True)
    server.serve_forever()
