package check

// text is what a check says whatever came of it, and what to change where there is one answer to that.
type text struct{ title, why, change string }

var texts = map[Name]text{
	Delivery: {title: "An ordinary event is taken",
		why: "What is not acknowledged is tried again for days and then given up."},
	TLS: {title: "The connection is encrypted and the certificate is accepted",
		why: "Without a valid certificate nothing is delivered."},
	WrongSignature: {title: "A wrong signature is refused",
		why: "The address of a webhook is no secret. A receiver that does not verify takes events from anybody."},
	NoSignature: {title: "A missing signature is refused",
		why: "A receiver that verifies only what is signed takes events from anybody who leaves the signature out."},
	RawBody: {title: "The signature is verified over the raw body",
		why: "A signature covers bytes. A receiver that parses the JSON and writes it again before it verifies hashes other bytes as soon as something is spelled otherwise."},
	OldTimestamp: {title: "An old request is refused",
		why: "Whoever has recorded a request can send it again. Its timestamp is signed and tells that it is old."},
	Rotation: {title: "Any of several signatures is enough",
		why:    "While a secret changes, deliveries carry a signature of each, so that nothing is lost on the way from one to the other.",
		change: "Split the header webhook-signature at its spaces and accept the request when one of the signatures matches."},
	Duplicate: {title: "The same event twice is answered alike",
		why:    "Events come at least once: after a lost answer the same one comes again. A receiver that fails at it is sent it again and again.",
		change: "Remember the webhook-id of what was taken (eight days are enough), and answer 200 to one that is known, without doing its work again."},
	Order: {title: "An event that comes late is taken",
		why:    "Retries put events out of order, unless the webhook's ordering is conversation. What is refused for being old is tried again for days.",
		change: "Take events in any order: compare sequence or occurred_at with what is kept, and answer 200 to what is older."},
	Unknown: {title: "What is new is tolerated",
		why:    "New event types and new members come without notice. A receiver that fails at them fails on the day they come.",
		change: "Answer 200 to event types that the receiver does not know, and ignore members that it does not know (no additionalProperties: false, no DisallowUnknownFields)."},
	Large: {title: "A large event is taken",
		why:    "Contacts, orders, forms and forwarded texts make events of hundreds of kilobytes; those that do not fit are lost.",
		change: "Let the receiver, and the proxy before it, take bodies of at least 1 MB: client_max_body_size in nginx, limit of express.json() and express.raw()."},
	Concurrent: {title: "Several events at once are taken",
		why: "Customers write at the same time, and a catch-up sends as fast as the receiver answers."},
	Latency: {title: "Answers come quickly",
		why: "Slow answers hold up what comes behind them, and one that comes after the timeout counts as none."},
}
