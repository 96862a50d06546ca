package check

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"wabagate/fanout/deliver"
)

// opinion is what a check comes to: the result, and what to change when it is not good.
type opinion struct {
	result Result
	change string
}

var good = opinion{result: Passed}

// sentDumped is what is sent to a receiver that refuses ordinary events.
const sentDumped = "A message as Python's json.dumps writes it, with a space after each comma and colon, signed as it is sent."

// judge says what the replies to a step mean, in the light of those before. skip is why it was not asked; empty: it was.
func judge(s step, skip string, seen evidence) Finding {
	t := texts[s.check]
	f := Finding{Check: s.check, Title: t.title, Why: t.why, Sent: s.sent, Requests: []Exchange{}}
	replies := seen.replies[s.check]
	for _, p := range replies {
		f.Requests = append(f.Requests, exchangeOf(p))
	}
	f.Answered = said(replies)
	var o opinion
	switch {
	case s.check == WrongSignature && !seen.r.signed() && seen.taken(Delivery):
		o, f.Answered = judgeUnsigned(seen.r), skip
	case skip != "":
		f.Result, f.Sent, f.Answered = Skipped, "", skip
		return f
	default:
		o = opinionOf(s.check, seen)
		f.Answered = cmp.Or(f.Answered, answeredWithout(s.check, seen))
	}
	if s.check == RawBody && !seen.taken(Delivery) {
		f.Sent = sentDumped
		if o.result == Skipped {
			f.Answered = "Not to be judged, for it was refused too: " + f.Answered + "."
		}
	}
	f.Result, f.Change = o.result, o.change
	return f
}

// opinionOf is the opinion of a check that was made.
func opinionOf(check Name, seen evidence) opinion {
	replies := seen.replies[check]
	switch check {
	case Delivery:
		return judgeDelivery(replies[0], seen.r)
	case TLS:
		return judgeTLS(seen.replies[Delivery][0])
	case WrongSignature, NoSignature:
		return judgeForged(replies[0], check, seen.r)
	case RawBody:
		return judgeRawBody(replies[0], seen.taken(Delivery))
	case OldTimestamp:
		return judgeOld(replies[0])
	case Concurrent:
		return judgeTaken(slices.IndexFunc(replies, func(p reply) bool { return !p.taken() }) < 0,
			"Let the receiver work on several requests at once. Where it cannot, keep each event in a queue of your own and answer at once.")
	case Latency:
		return judgeLatency(seen.latency(), seen.r.Timeout)
	}
	return judgeTaken(replies[0].taken(), texts[check].change)
}

func judgeTaken(taken bool, change string) opinion {
	if taken {
		return good
	}
	return opinion{Warning, change}
}

func judgeDelivery(p reply, r Receiver) opinion {
	switch p.outcome {
	case deliver.Delivered:
		return good
	case deliver.Refused, deliver.NoName, deliver.Forbidden:
		return opinion{Fatal, "Put the webhook's URL right, or start the server behind it."}
	case deliver.BadTLS:
		return opinion{Fatal, certify}
	case deliver.Timeout:
		return opinion{Fatal, fmt.Sprintf("Answer within %s: keep the event, answer, and do the work afterwards.", r.Timeout)}
	case deliver.Redirect:
		return opinion{Fatal, "Set the webhook to the address that the redirect leads to: redirects are not followed."}
	case deliver.Gone:
		return opinion{Fatal, "Do not answer 410 to events: it switches the webhook off."}
	case deliver.Proxy, deliver.Broken, deliver.Busy:
		return opinion{Fatal, "See why the server, or what stands before it, does not answer properly."}
	}
	switch {
	case refusal(p.status) && r.signed():
		return opinion{Fatal, "The signature was right. Compare the secret that the receiver has with the webhook's (no space or line end at its end), " +
			"and verify the raw body before anything parses it."}
	case refusal(p.status):
		return opinion{Fatal, "The receiver wants proof of who calls, and this webhook is unsigned: give it a secret, or what the receiver asks for in auth or headers."}
	case p.status >= 200 && p.status < 300:
		return opinion{Fatal, fmt.Sprintf("Answer exactly 200: in the dialect %s nothing else acknowledges.", r.Dialect.Name)}
	case p.status == http.StatusNotFound, p.status == http.StatusMethodNotAllowed:
		return opinion{Fatal, "Put the webhook's URL right: this path takes no POST."}
	}
	return opinion{Fatal, "See the receiver's own log for why it fails at this event; the request's body is that of POST /api/client/webhooks/{id}/test."}
}

// refusal says whether a status refuses a caller who did not prove who they are.
func refusal(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusBadRequest
}

const certify = "Give the receiver a certificate for its host name, with its whole chain, from an authority that browsers trust."

// judgeTLS goes by how the first request ended, which came as far as the certificate.
func judgeTLS(p reply) opinion {
	if p.outcome == deliver.BadTLS {
		return opinion{Fatal, certify}
	}
	return good
}

// judgeForged looks at the answer to an event that somebody else could have sent.
func judgeForged(p reply, check Name, r Receiver) opinion {
	const (
		verify = "Compute the HMAC of the raw body with the secret, compare it in constant time, and answer 401 when it differs."
		demand = "Answer 401 when the signature header is missing, before anything else is looked at."
	)
	change := verify
	if check == NoSignature {
		change = demand
	}
	switch {
	case p.taken() && !r.Dialect.Signs():
		return opinion{Advice, "The product of this dialect signs nothing, and the receiver looks at no signature. Every delivery carries that of Standard Webhooks (webhook-signature): verify it."}
	case p.taken() && r.known():
		return opinion{Warning, change + " Until then only the webhook's auth or certificate tells who calls."}
	case p.taken():
		return opinion{Serious, change}
	case p.status == http.StatusGone:
		return opinion{Warning, "Answer 401 instead of 410: that status switches a webhook off."}
	case refusal(p.status):
		return good
	case p.status == 0:
		return opinion{Warning, "Answer 401 at once: a receiver that leaves forged requests without an answer can be kept busy by anybody."}
	}
	return opinion{Advice, fmt.Sprintf("Answer 401 instead of %d: the event is not taken, but it looks like a failure of the receiver, not like a refusal.", p.status)}
}

func judgeUnsigned(r Receiver) opinion {
	if r.known() {
		return opinion{Advice, "Give the webhook a secret: a signature also proves that nobody changed the event on its way."}
	}
	return opinion{Advice, "Give the webhook a secret and verify the signature: until then anybody who knows the address can post events there."}
}

func judgeRawBody(p reply, ordinary bool) opinion {
	const change = "Verify the signature over the raw bytes of the body, before they are parsed: "
	switch {
	case !ordinary && p.taken():
		return opinion{Serious, change + "the receiver parses and writes the JSON again first, as Python's json.dumps does, with a space after each comma, " +
			"and hashes that. No event can match. In Flask use request.get_data(), in Django request.body, in FastAPI await request.body()."}
	case !ordinary:
		return opinion{result: Skipped} // it refuses everything
	case p.taken():
		return good
	}
	return opinion{Warning, change + "the receiver parses and writes the JSON again first and hashes that. It matches only because deliveries are written as JavaScript would write them. " +
		"In Express use express.raw({type: 'application/json'}), in Next.js await req.text(), in Flask request.get_data(), in Laravel $request->getContent()."}
}

func judgeOld(p reply) opinion {
	switch {
	case p.taken():
		return opinion{Advice, "Refuse requests whose timestamp is more than five minutes off, with 401: whoever gets hold of one request could send it again for ever."}
	case refusal(p.status):
		return good
	}
	return opinion{Advice, fmt.Sprintf("Answer 401 to a request that is too old; it ended with: %s.", p.text())}
}

const (
	// slowest is how long an answer may take, in milliseconds, whatever the webhook's timeout; brisk is when there is nothing to say.
	slowest = 5000
	brisk   = 1000
)

func judgeLatency(l LatencyMS, timeout time.Duration) opinion {
	const change = "Answer first and work later: keep the event (a row, a queue), answer 200, and do the rest afterwards. "
	switch {
	case l.Max > timeout.Milliseconds()/3:
		return opinion{Warning, change + fmt.Sprintf("The slowest answer took more than a third of the %s after which a delivery counts as failed.", timeout)}
	case l.Max > slowest:
		return opinion{Warning, change + fmt.Sprintf("The slowest answer took more than %d s.", slowest/1000)}
	case l.P50 > brisk:
		return opinion{Advice, change + "Half of the answers took more than a second; under load they take longer."}
	}
	return good
}

// latency is that of all events that were taken but large ones.
func (e evidence) latency() LatencyMS {
	var took []int64
	for check, replies := range e.replies {
		for _, p := range replies {
			if p.taken() && check != Large {
				took = append(took, p.took.Milliseconds())
			}
		}
	}
	if len(took) == 0 {
		return LatencyMS{}
	}
	slices.Sort(took)
	return LatencyMS{P50: took[(len(took)-1)/2], Max: took[len(took)-1], Answers: len(took)}
}

// said is what came back, in words; empty for no replies.
func said(replies []reply) string {
	texts := make([]string, len(replies))
	for i, p := range replies {
		texts[i] = p.text()
	}
	return strings.Join(texts, "; ")
}

// answeredWithout is what came back to a check without requests of its own.
func answeredWithout(check Name, seen evidence) string {
	if check == Latency {
		l := seen.latency()
		return fmt.Sprintf("%d answers; half of them within %d ms, the slowest after %d ms.", l.Answers, l.P50, l.Max)
	}
	if p := seen.replies[Delivery][0]; p.outcome == deliver.BadTLS {
		return p.reason
	}
	return "The connection was made and the certificate accepted."
}

// exchangeOf keeps of an answer what a person would look at.
func exchangeOf(p reply) Exchange {
	const shown = 500
	text := strings.ToValidUTF8(string(p.said), "\uFFFD")
	if len(text) > shown {
		text = strings.ToValidUTF8(text[:shown], "") + "…"
	}
	return Exchange{EventID: p.id, Status: p.status, Outcome: string(p.outcome), Reason: p.reason, LatencyMS: p.took.Milliseconds(), Answer: text}
}

func statusText(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}

// secure says whether an address is https.
func secure(address string) bool {
	u, err := url.Parse(address)
	return err == nil && strings.EqualFold(u.Scheme, "https")
}
