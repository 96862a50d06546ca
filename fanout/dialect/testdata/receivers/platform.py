"""A WhatsApp API Platform receiver, after its page: over the raw body, with the secret as text."""
import hashlib
import hmac
import json
import os

from serve import serve, take


def verify_signature(raw_body: bytes, signature: str, secret: str) -> bool:
    expected = hmac.new(secret.encode(), raw_body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(signature, expected)


def understand(raw, headers):
    if not verify_signature(raw, headers.get("X-Webhook-Signature"), os.environ["WEBHOOK_SECRET"]):
        return None
    event = json.loads(raw)
    _, name, _, _ = take(event, id=str, type=str, api_version=str, created_at=int)
    if event["liveMode"] is not True:
        raise ValueError("liveMode")
    data = event["data"]["object"]
    take(data, timestamp=str)
    if name == "message.incoming":
        party = data["sender"]
        take(data["message"], id=str, type=str)
    elif name == "message.report":
        party = data["recipient"]
        take(data, status=str, reported_at=str)
    elif name == "form.submitted":
        party = data["sender"]
        if "response" not in data:
            take(data, fields=dict)
    else:
        return f"{name}: not handled"
    return f"{name}: {take(party, customer_id=str)[0]}"


serve(understand)
