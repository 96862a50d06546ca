"""A receiver written for the platform itself: its signature over the raw body, then entries and their changes."""
import hashlib
import hmac
import json
import os

from serve import serve, take


def understand(raw, headers):
    expected = "sha256=" + hmac.new(os.environ["WEBHOOK_SECRET"].encode(), raw, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(headers.get("X-Hub-Signature-256", ""), expected):
        return None
    body = json.loads(raw)
    if body["object"] != "whatsapp_business_account":
        raise ValueError(body["object"])
    said = []
    for entry in body["entry"]:
        take(entry, id=str)
        for change in entry["changes"]:
            said.append(change["field"])
            if change["field"] != "messages":
                continue
            value = change["value"]
            take(value["metadata"], phone_number_id=str)
            for message in value.get("messages", []):
                said += take(message, id=str, timestamp=str, type=str)
            for status in value.get("statuses", []):
                said += take(status, id=str, timestamp=str, status=str)
            for error in value.get("errors", []):
                said += map(str, take(error, code=(int, str), title=str))  # the platform writes codes either way
    return " ".join(said)


serve(understand)
