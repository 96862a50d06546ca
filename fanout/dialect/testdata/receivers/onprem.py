"""A receiver of the WhatsApp Business API client's webhooks, after cBot's page: three objects, and no signature."""
import json

from serve import serve, take

OBJECTS = {
    "messages": dict(id=str, timestamp=str, type=str),
    "statuses": dict(id=str, timestamp=str, status=str),
    "errors": dict(code=(int, str), title=str),
}


def understand(raw, headers):
    body = json.loads(raw)
    if set(body) - set(OBJECTS) - {"contacts"}:
        raise ValueError(sorted(body))
    said = []
    for name, members in OBJECTS.items():
        for element in body.get(name, []):
            said += [name, *map(str, take(element, **members))]
    if not said:
        raise ValueError("says nothing")
    return " ".join(said)


serve(understand)
