package simulator

import (
	"math/rand/v2"
	"slices"
	"strconv"

	"wabagate/waba"
)

// Callback returns the body of one POST with these facts. Messages, statuses (payments among them) and errors share one
// entry, with one change for each of the three that occurs, the facts in the order given and each contact once. Every
// other fact is a change of its own, in an entry of its own with a time where its field has one. The platform puts at
// most 1,000 facts and 3 MB into one; Callback sets no limit. It only reads, so it may run at the same time as other
// calls of Callback.
//
// Facts of the On-Premises style make a body without an envelope. They do not mix with others: the first fact decides.
func (s *Simulator) Callback(facts ...Fact) []byte {
	size := 256
	for _, fact := range facts {
		size += len(fact.Body) + len(fact.Contact.Raw) + 2
		if fact.Kind == KindChange {
			size += 256
		}
	}
	body := make([]byte, 0, size+3*256)
	if s.options.OnPremises || len(facts) > 0 && facts[0].OnPremises {
		return appendBare(body, facts)
	}
	body = append(body, `{"object":"`+waba.Object+`","entry":[`...)
	if len(facts) == 0 || slices.ContainsFunc(facts, Fact.shared) {
		body = append(s.appendShared(body, facts), ',')
	}
	for _, fact := range facts {
		if !fact.shared() {
			body = append(s.appendOwn(body, fact), ',')
		}
	}
	body[len(body)-1] = ']'
	return append(body, '}')
}

// arrays are the keys of a value whose elements are facts.
var arrays = [...]string{"messages", "statuses", "errors"}

// array is the key under which the fact stands; empty for a change of its own.
func (f Fact) array() string {
	switch f.Kind {
	case KindMessage:
		return "messages"
	case KindStatus, KindPayment:
		return "statuses"
	case KindError:
		return "errors"
	}
	return ""
}

// shared says whether the fact may share its entry.
func (f Fact) shared() bool { return f.array() != "" }

// appendShared appends the entry of the facts that share one.
func (s *Simulator) appendShared(body []byte, facts []Fact) []byte {
	body = appendText(append(body, '{'), `"id":`, s.options.WABAID)
	body = append(body, `,"changes":[`...)
	opened := len(body)
	for _, key := range arrays {
		if !slices.ContainsFunc(facts, func(f Fact) bool { return f.array() == key }) {
			continue
		}
		if len(body) > opened {
			body = append(body, ',')
		}
		body = append(append(body, `{"value":{"messaging_product":"whatsapp","metadata":`...), s.metadata...)
		body = appendContacts(append(body, ','), facts, key)
		body = appendArray(body, facts, key)
		body = append(body, `},"field":"`+waba.FieldMessages+`"}`...)
	}
	return append(body, `]}`...)
}

// appendOwn appends the entry of one change.
func (s *Simulator) appendOwn(body []byte, fact Fact) []byte {
	id := fact.EntryID
	defaults(&id, s.options.WABAID)
	body = appendText(append(body, '{'), `"id":`, id)
	if !fact.At.IsZero() {
		body = strconv.AppendInt(append(body, `,"time":`...), fact.At.Unix(), 10)
	}
	body = appendText(append(body, `,"changes":[{`...), `"field":`, fact.Field)
	return append(append(append(body, `,"value":`...), fact.Body...), `}]}`...)
}

// appendBare appends a body of the On-Premises style.
func appendBare(body []byte, facts []Fact) []byte {
	body = append(body, '{')
	body = appendContacts(body, facts, "")
	for _, key := range arrays {
		if slices.ContainsFunc(facts, func(f Fact) bool { return f.array() == key }) {
			body = append(appendArray(body, facts, key), ',')
		}
	}
	if body[len(body)-1] == ',' {
		body = body[:len(body)-1]
	}
	return append(body, '}')
}

// appendArray appends the facts that stand under a key, of which there is one at least.
func appendArray(body []byte, facts []Fact, key string) []byte {
	body = append(append(append(body, '"'), key...), `":[`...)
	for _, fact := range facts {
		if fact.array() == key {
			body = append(append(body, fact.Body...), ',')
		}
	}
	body[len(body)-1] = ']'
	return body
}

// appendContacts appends the contacts of the facts under a key, of all when it is blank, each person once and with a
// comma behind them; nothing when there are none.
func appendContacts(body []byte, facts []Fact, key string) []byte {
	type person struct{ userID, waID string }
	var listed map[person]bool
	for _, fact := range facts {
		contact := fact.Contact
		who := person{contact.UserID, contact.WaID}
		if contact.Raw == nil || key != "" && fact.array() != key || listed[who] {
			continue
		}
		if listed == nil {
			listed = map[person]bool{}
			body = append(body, `"contacts":[`...)
		} else {
			body = append(body, ',')
		}
		listed[who] = true
		body = append(body, contact.Raw...)
	}
	if listed != nil {
		body = append(body, `],`...)
	}
	return body
}

// Rebatch returns the facts in another order and in batches of 1 to maxPerBatch, below 1 meaning 1: what the platform
// makes of a retry. Facts that were given twice come twice. The argument is left as it is.
func Rebatch(facts []Fact, rng *rand.Rand, maxPerBatch int) [][]Fact {
	shuffled := append([]Fact(nil), facts...)
	rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	var batches [][]Fact
	for len(shuffled) > 0 {
		n := min(1+rng.IntN(max(maxPerBatch, 1)), len(shuffled))
		batches = append(batches, shuffled[:n:n])
		shuffled = shuffled[n:]
	}
	return batches
}
