package models

import (
	"bytes"
	"cmp"
	"context"
	"slices"
)

// cleanTranslation stands before an engine's Translation and makes what comes in from upstream fit to be written and
// compared, and puts rows that other transactions may write too into one order, so that no two wait for each other.
type cleanTranslation struct{ engine Translation }

func (t cleanTranslation) People(ctx context.Context, refs []PersonRef) ([]Person, error) {
	clean := slices.Clone(refs)
	for i := range clean {
		r := &clean[i]
		r.WaID, r.UserID, r.ParentUserID = keyText(r.WaID), keyText(r.UserID), keyText(r.ParentUserID)
		r.Username, r.Name = printable(r.Username), printable(r.Name)
	}
	return t.engine.People(ctx, clean)
}

func (t cleanTranslation) Known(ctx context.Context, keys [][16]byte) (map[[16]byte]bool, error) {
	return t.engine.Known(ctx, keys)
}

func (t cleanTranslation) Messages(ctx context.Context, refs []MessageRef) (map[MessageRef]Message, error) {
	clean := make([]MessageRef, len(refs))
	same := true
	for i, r := range refs {
		clean[i] = MessageRef{NumberID: r.NumberID, Wamid: keyText(r.Wamid)}
		same = same && clean[i] == r
	}
	found, err := t.engine.Messages(ctx, clean)
	if err != nil || same {
		return found, err
	}
	out := make(map[MessageRef]Message, len(found))
	for i, r := range refs { // the caller asks under the names it knows
		if m, ok := found[clean[i]]; ok {
			m.Wamid = r.Wamid
			out[r] = m
		}
	}
	return out, nil
}

func (t cleanTranslation) Write(ctx context.Context, c Changes) error {
	return t.engine.Write(ctx, c.clean())
}

// clean is a copy of the changes as they can be written.
func (c Changes) clean() Changes {
	c.Contacts = slices.Clone(c.Contacts)
	for i := range c.Contacts {
		v := &c.Contacts[i]
		v.WaID, v.UserID, v.ParentUserID = keyText(v.WaID), keyText(v.UserID), keyText(v.ParentUserID)
		v.Username, v.Name = printable(v.Username), printable(v.Name)
	}
	slices.SortStableFunc(c.Contacts, func(a, b Contact) int { return cmp.Compare(a.ID, b.ID) })

	c.Messages = mergeMessages(c.Messages)

	c.Events = slices.Clone(c.Events)
	for i := range c.Events {
		e := &c.Events[i]
		e.Type, e.Data, e.CreatedAt = printable(e.Type), printableBytes(e.Data), moment(e.CreatedAt)
	}
	slices.SortStableFunc(c.Events, func(a, b Event) int { return bytes.Compare(a.Key[:], b.Key[:]) })

	c.Parked = slices.Clone(c.Parked)
	for i := range c.Parked {
		p := &c.Parked[i]
		p.PhoneNumberID, p.Reason = keyText(p.PhoneNumberID), printable(p.Reason)
	}
	slices.SortFunc(c.Parked, func(a, b ParkedCallback) int {
		return cmp.Or(cmp.Compare(a.PhoneNumberID, b.PhoneNumberID), cmp.Compare(a.CallbackID, b.CallbackID))
	})
	return c
}

// mergeMessages cleans messages, makes one of those that name the same, by the rule that the engines' upserts follow,
// and sorts them.
func mergeMessages(ms []Message) []Message {
	out := make([]Message, 0, len(ms))
	at := make(map[MessageRef]int, len(ms))
	for _, m := range ms {
		m.Wamid, m.Type, m.Text, m.Status = keyText(m.Wamid), printable(m.Type), printable(m.Text), printable(m.Status)
		m.SentAt = moment(m.SentAt)
		ref := MessageRef{m.NumberID, m.Wamid}
		i, twice := at[ref]
		if !twice {
			at[ref] = len(out)
			out = append(out, m)
			continue
		}
		old := &out[i]
		if m.Status != "" {
			old.Status, old.StatusAt = m.Status, m.StatusAt
		}
		if old.ConversationID == 0 {
			old.ConversationID = m.ConversationID
		}
		if old.Type == "" && m.Type != "" {
			old.Type, old.Text, old.Inbound, old.SentAt = m.Type, m.Text, m.Inbound, m.SentAt
		}
	}
	slices.SortFunc(out, func(a, b Message) int {
		return cmp.Or(cmp.Compare(a.NumberID, b.NumberID), cmp.Compare(a.Wamid, b.Wamid))
	})
	return out
}
