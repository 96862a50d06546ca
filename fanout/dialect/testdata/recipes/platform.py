# As a WhatsApp API Platform receiver verifies: over the raw body, with the secret as text.
import hashlib
import hmac
import json
import sys

verdicts = []
for d in json.loads(sys.stdin.buffer.read()):
    expected = hmac.new(d["secret"].encode(), d["body"].encode(), hashlib.sha256).hexdigest()
    verdicts.append(hmac.compare_digest(expected, d["headers"]["x-webhook-signature"]))
print(json.dumps(verdicts))
