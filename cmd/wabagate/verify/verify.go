package verify

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"wabagate/fanout/dialect"
	"wabagate/fanout/signature"
)

// Question is what is to be judged. Secrets must hold one at least: the first is the one that the receiver has, the others are those
// that it had before or will have.
type Question struct {
	Request Request
	Secrets []string
	// Dialect is that of the webhook; empty: every signature that the request carries is judged.
	Dialect string
	// At is when the request came.
	At time.Time
}

// Judge says whether the signatures of a request verify, and what is wrong where they do not. A request without any is not valid.
func Judge(q Question) Report {
	var asked []scheme
	for _, s := range schemes {
		if q.Request.Header.Get(s.header) != "" {
			asked = append(asked, s)
		}
	}
	dialects := allDialects()
	if d, ok := dialect.Lookup(q.Dialect); ok {
		s := schemeOf(d)
		if !slices.Contains(asked, s) {
			return Report{Judgements: []Judgement{absent(q, d, s, asked)}}
		}
		asked, dialects = []scheme{s}, []dialect.Dialect{d}
	}
	if len(asked) == 0 {
		return Report{Judgements: []Judgement{nothing(q.Request)}}
	}
	r := Report{Valid: true}
	// What a body may have been is a lot of work, and not needed for one that is what it should be.
	all := sync.OnceValue(func() []form { return forms(q.Request.Body, templates(dialects)) })
	for _, s := range asked {
		j := judge(q, s, all)
		r.Valid = r.Valid && j.Valid
		r.Judgements = append(r.Judgements, j)
	}
	return r
}

func allDialects() (all []dialect.Dialect) {
	for _, name := range dialect.Names() {
		d, _ := dialect.Lookup(name)
		all = append(all, d)
	}
	return all
}

// judge looks at the signature of one scheme, whose header is there.
func judge(q Question, s scheme, forms func() []form) Judgement {
	j := Judgement{Header: strings.ToLower(s.header), Scheme: s.name, Findings: []Finding{}}
	if s.header != signature.HeaderSignature {
		j.Header = s.header
	}
	h := q.Request.Header
	for _, needed := range []string{s.ider, s.timer} {
		if needed != "" && h.Get(needed) == "" {
			j.Findings = append(j.Findings, Finding{Mistake: MissingHeader, Certain: true, What: fmt.Sprintf("The header %s is missing, which is part of what is signed.", needed), Do: passHeaders})
		}
	}
	if len(j.Findings) > 0 {
		return j
	}
	signatures, keys, ids, times := s.parse(h.Get(s.header)), s.keys(q.Secrets), identities(s, q.Request), moments(h.Get(s.timer))
	found, matched := search(signatures, s, keys, ids, times, []form{{body: q.Request.Body}})
	if !matched {
		found, matched = search(signatures, s, keys, ids, times, forms())
	}
	if !matched {
		found = guess(q, s)
	}
	late, age := clock(s, h.Get(s.timer), q.At)
	j.Age = age
	if late != nil && !slices.ContainsFunc(found, func(f Finding) bool { return f.Mistake == Clock }) {
		found = append(found, *late)
	}
	j.Findings = append(j.Findings, found...)
	j.Valid = len(j.Findings) == 0
	return j
}

// said is a text that is signed, such as an id, as it may have been.
type said struct {
	text  string
	flaws []Finding
}

// identities are the ids that may have been signed: that of the header, and that of the body where it is another.
func identities(s scheme, r Request) []said {
	if s.ider == "" {
		return []said{{}}
	}
	id := r.Header.Get(s.ider)
	all := []said{{text: id}}
	if bare := strings.TrimSpace(id); bare != id {
		all = append(all, said{bare, []Finding{{Mistake: Encoding, What: "The id in " + s.ider + " has white space around it.", Do: passHeaders}}})
	}
	if inside := bodyID(r.Body); inside != "" && inside != id {
		all = append(all, said{inside, []Finding{otherMessage(id, inside)}})
	}
	return all
}

// moments are the timestamps that may have been signed.
func moments(text string) []said {
	all := []said{{text: text}}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > milliseconds {
		all = append(all, said{strconv.FormatInt(n/1000, 10), []Finding{inMilliseconds(text)}})
	} else if day, dateErr := time.Parse(time.RFC3339, text); dateErr == nil {
		all = append(all, said{strconv.FormatInt(day.Unix(), 10), []Finding{noSeconds(text)}})
	}
	return all
}

// manyBytes is the length of a body from which on one mistake at a time is looked for.
const manyBytes = 256 << 10

// search looks for what the signature was made of, with as few mistakes as will do. matched says that it was found; without
// findings it is what it should be.
func search(signatures []given, s scheme, keys []key, ids, times []said, forms []form) (found []Finding, matched bool) {
	fewest := -1
	limit := 5
	if len(forms[0].body) > manyBytes {
		limit = 1
	}
	for _, f := range forms {
		for _, k := range keys {
			for _, id := range ids {
				for _, at := range times {
					n := len(f.flaws) + len(k.flaws) + len(id.flaws) + len(at.flaws)
					if n > limit || fewest >= 0 && n >= fewest {
						continue
					}
					made := s.sign(k.bytes, id.text, at.text, f.body)
					i := slices.IndexFunc(signatures, func(g given) bool { return hmac.Equal(g.sum[:], made[:]) })
					if i < 0 {
						continue
					}
					fewest, found = n, slices.Concat(k.flaws, f.flaws, id.flaws, at.flaws)
					if g := signatures[i]; g.flaw != nil {
						found = append(found, *g.flaw)
					}
				}
			}
		}
	}
	for i := range found {
		found[i].Certain = true
	}
	return found, fewest >= 0
}

// milliseconds is more than any time in seconds that is meant.
const milliseconds = 100_000_000_000

func inMilliseconds(text string) Finding {
	return Finding{Mistake: Clock, Certain: true, What: "The timestamp " + text + " is in milliseconds; it has to be in seconds.", Do: "Sign and compare whole seconds: Math.floor(Date.now() / 1000) in JavaScript."}
}

func noSeconds(text string) Finding {
	return Finding{Mistake: Clock, Certain: true, What: fmt.Sprintf("The timestamp %q is not a Unix time in seconds.", clip(text)), Do: passHeaders}
}

// clock judges the timestamp of a scheme that has one. age is in seconds.
func clock(s scheme, text string, now time.Time) (wrong *Finding, age *float64) {
	if s.timer == "" {
		return nil, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		f := noSeconds(text)
		return &f, nil
	case n > milliseconds:
		f := inMilliseconds(text)
		return &f, nil
	}
	d := now.Sub(time.Unix(n, 0))
	seconds := d.Seconds()
	age = &seconds
	hint := ""
	if hours := d.Abs().Round(time.Minute); hours%(30*time.Minute) == 0 && hours > 0 && hours <= 14*time.Hour {
		hint = " So even a difference looks like a time zone: one of the clocks takes local time for UTC."
	}
	switch {
	case d > signature.Tolerance:
		return &Finding{Mistake: Clock, Certain: true, What: fmt.Sprintf("The request is %s old; more than %s is refused.%s", d.Round(time.Second), minutes, hint),
			Do: "If it was saved earlier, give the time at which it came with --at. Otherwise set the clock of the receiver (NTP), and judge requests when they come, before they wait in a queue."}, age
	case -d > signature.Tolerance:
		return &Finding{Mistake: Clock, Certain: true, What: fmt.Sprintf("The timestamp is %s ahead of this clock; more than %s is refused.%s", -d.Round(time.Second), minutes, hint),
			Do: "Set the clock of the receiver, and of the gateway, by NTP."}, age
	}
	return nil, age
}

const minutes = "five minutes"

// guess says what is likely where nothing that can be undone makes the signature match.
func guess(q Question, s scheme) []Finding {
	r := q.Request
	body := bytes.TrimSpace(r.Body)
	if f := lost(r); f != nil {
		return []Finding{*f}
	}
	if len(s.parse(r.Header.Get(s.header))) == 0 {
		return []Finding{{Mistake: Encoding, Certain: true, What: fmt.Sprintf("What %s holds is no signature of this scheme (%s): too short, too long, or of other letters.", s.header, cmp.Or(s.prefix, "64 hex digits")), Do: passHeaders}}
	}
	if id, inside := r.Header.Get(signature.HeaderID), bodyID(body); id != "" && inside != "" && id != inside {
		return []Finding{otherMessage(id, inside)}
	}
	if f := looksRewritten(body, q.Dialect); f != nil {
		return []Finding{*f}
	}
	more := ""
	if len(q.Secrets) > 1 {
		more = fmt.Sprintf(" None of the %d secrets given is.", len(q.Secrets))
	}
	return []Finding{{Mistake: WrongSecret, What: "The body is just as the gateway writes it, so the secret is another one than that which signed it." + more +
		" (A signature that belongs to another message looks the same.)",
		Do: "Compare it with that of the webhook: its page in the dashboard, under Signing, or GET /api/client/webhooks/{id}/secret. Every webhook has a secret of its own, " +
			"and wabagate listen has another. After a rotation, give the one before with a second --secret."}}
}
