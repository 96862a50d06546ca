package simulator

import (
	"math/rand/v2"

	"wabagate/waba"
)

// Callback returns the body of one POST with these facts: one entry, one change for each kind that occurs, the facts of
// a kind in the order given, and each contact once. The platform puts at most 1,000 facts and 3 MB into one; Callback
// sets no limit. It only reads, so it may run at the same time as other calls of Callback.
func (s *Simulator) Callback(facts ...Fact) []byte {
	size := 256
	for _, fact := range facts {
		size += len(fact.Body) + len(fact.Contact.Raw) + 2
	}
	body := append(make([]byte, 0, size+3*256), `{"object":"`+waba.Object+`","entry":[{`...)
	body = appendText(body, `"id":`, s.options.WABAID)
	body = append(body, `,"changes":[`...)
	opened := len(body)
	body = s.appendChange(body, opened, facts, KindMessage, "messages")
	body = s.appendChange(body, opened, facts, KindStatus, "statuses")
	body = s.appendChange(body, opened, facts, KindError, "errors")
	return append(body, `]}]}`...)
}

// appendChange appends the change that holds the facts of one kind, and nothing when there are none.
func (s *Simulator) appendChange(body []byte, opened int, facts []Fact, kind, key string) []byte {
	count := 0
	for _, fact := range facts {
		if fact.Kind == kind {
			count++
		}
	}
	if count == 0 {
		return body
	}
	if len(body) > opened {
		body = append(body, ',')
	}
	body = append(body, `{"value":{"messaging_product":"whatsapp","metadata":`...)
	body = append(body, s.metadata...)
	body = appendContacts(body, facts, kind, count)
	body = append(append(append(body, `,"`...), key...), `":[`...)
	for _, fact := range facts {
		if fact.Kind == kind {
			body = append(append(body, fact.Body...), ',')
		}
	}
	body[len(body)-1] = ']'
	return append(body, `},"field":"`+waba.FieldMessages+`"}`...)
}

// appendContacts appends the contacts of the facts of one kind, each person once.
func appendContacts(body []byte, facts []Fact, kind string, count int) []byte {
	type person struct{ userID, waID string }
	listed := make(map[person]bool, count)
	for _, fact := range facts {
		contact := fact.Contact
		who := person{contact.UserID, contact.WaID}
		if fact.Kind != kind || contact.Raw == nil || listed[who] {
			continue
		}
		if len(listed) == 0 {
			body = append(body, `,"contacts":[`...)
		} else {
			body = append(body, ',')
		}
		listed[who] = true
		body = append(body, contact.Raw...)
	}
	if len(listed) > 0 {
		body = append(body, ']')
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
