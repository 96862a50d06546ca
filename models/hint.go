package models

import (
	"bytes"
	"context"
)

// hint is where the events about a message are: none is older than first, none newer than last.
type hint struct{ first, last int64 }

// and is where the events of both are.
func (h hint) and(other hint) hint {
	return hint{min(h.first, other.first), max(h.last, other.last)}
}

// wamidOf is the message that an event is about, as the index events_wamid has it; empty: about none.
func wamidOf(data []byte) string {
	for _, name := range []string{`"message":{"id":"`, `"message_id":"`} {
		if _, after, found := bytes.Cut(data, []byte(name)); found {
			if wamid, _, _ := bytes.Cut(after, []byte{'"'}); len(wamid) > 0 {
				return string(wamid)
			}
		}
	}
	return ""
}

// hintsOf says where the events of one transaction are.
func hintsOf(es []Event) map[MessageRef]hint {
	hints := make(map[MessageRef]hint, len(es))
	for i := range es {
		e := &es[i]
		wamid := wamidOf(e.Data)
		if wamid == "" || e.NumberID == 0 {
			continue
		}
		ref, h := MessageRef{NumberID: e.NumberID, Wamid: wamid}, hint{e.ID, e.ID}
		if known, ok := hints[ref]; ok {
			h = h.and(known)
		}
		hints[ref] = h
	}
	return hints
}

// whereabouts is a condition that narrows events to the leaves in which those about a business's message are; empty when that
// is not known of it.
func (s *Store) whereabouts(ctx context.Context, businessID int64, wamid string) (string, error) {
	if s.embedded {
		return "", nil
	}
	var found []struct{ FirstEvent, LastEvent *int64 }
	err := s.db.WithContext(ctx).Raw("SELECT first_event, last_event FROM messages WHERE number_id = ANY(ARRAY(SELECT id FROM numbers WHERE business_id = ?)) AND wamid = ?", businessID, wamid).Scan(&found).Error
	var ids []int64
	for _, f := range found {
		if f.FirstEvent == nil || f.LastEvent == nil {
			return "", nil
		}
		ids = append(ids, *f.FirstEvent, *f.LastEvent)
	}
	return within("id", ids...), translate(err, "message")
}
