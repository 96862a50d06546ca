# As TwaBot's Python sample verifies: json.dumps puts spaces after separators, so no compact payload ever matches.
import hashlib
import hmac
import json
import sys

verdicts = []
for d in json.loads(sys.stdin.buffer.read()):
    payload = json.loads(d["body"])
    expected = hmac.new(d["secret"].encode(), json.dumps(payload).encode(), hashlib.sha256).hexdigest()
    verdicts.append(hmac.compare_digest(expected, d["headers"]["x-twabot-signature"]))
print(json.dumps(verdicts))
