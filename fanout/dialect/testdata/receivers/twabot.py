"""A TwaBot receiver, after its page.

The page verifies what json.dumps makes of the parsed body, whose spaces after separators match no compact payload. With
the argument "sample" this receiver does so too, and refuses everything; without, it verifies the raw body.
"""
import hashlib
import hmac
import json
import os
import sys

from serve import serve, take


def verify_signature(payload, signature, secret):
    signed = json.dumps(json.loads(payload)).encode("utf-8") if "sample" in sys.argv else payload
    expected = hmac.new(secret.encode("utf-8"), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(signature, expected)


EVENTS = {
    "message.received": dict(message_id=str, **{"from": str}, from_name=str, type=str, conversation_id=int),
    "message.sent": dict(message_id=str, to=str, type=str, sent_by=str, conversation_id=int),
    "conversation.created": dict(conversation_id=int, customer_phone=str, customer_name=str, first_message=str),
    "broadcast.completed": dict(broadcast_id=int, template_name=str, total_recipients=int, sent=int, failed=int),
    "ai.replied": dict(message_id=str, to=str, ai_response=str, conversation_id=int),
}


def understand(raw, headers):
    if not verify_signature(raw, headers.get("X-TwaBot-Signature", ""), os.environ["WEBHOOK_SECRET"]):
        return None
    body = json.loads(raw)
    event, data = body["event"], body["data"]
    take(body, timestamp=str)
    take(data, business_id=int)
    if event not in EVENTS:
        return f"{event}: not handled"
    take(data, **EVENTS[event])
    if event == "message.received" and "text" not in data:
        take(data, media_type=str, media_id=str, mime_type=str)
    return f"{event}: {data.get('message_id') or data.get('conversation_id') or data.get('broadcast_id')}"


serve(understand)
