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
		r.Username, r.Name, r.At = printable(r.Username), printable(r.Name), momentOrZero(r.At)
		f := &r.Formerly
		f.WaID, f.UserID, f.ParentUserID = keyText(f.WaID), keyText(f.UserID), keyText(f.ParentUserID)
	}
	return t.engine.People(ctx, clean)
}

func (t cleanTranslation) Known(ctx context.Context, keys [][16]byte) (map[[16]byte]bool, error) {
	return t.engine.Known(ctx, keys)
}

func (t cleanTranslation) Sends(ctx context.Context, ids []int64) (map[int64]Send, error) {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return t.engine.Sends(ctx, slices.Compact(ids))
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

	c.Conversations = slices.Clone(c.Conversations)
	for i := range c.Conversations {
		if v := c.Conversations[i].Set; v != nil {
			clean := *v
			clean.Status, clean.Note, clean.Assignee = printable(clean.Status), printable(clean.Note), printable(clean.Assignee)
			clean.AI = AISetting{Off: printable(clean.AI.Off), Detail: printable(clean.AI.Detail), At: momentOrZero(clean.AI.At)}
			c.Conversations[i].Set = &clean // labels are cleaned as they are encoded
		}
	}

	c.Sends = slices.Clone(c.Sends)
	for i, r := range c.Sends {
		c.Sends[i] = r.clean()
	}
	c.Messages = mergeMessages(c.Messages)
	c.Media = cleanMedia(c.Media)

	c.Orders = slices.Clone(c.Orders)
	for i := range c.Orders {
		c.Orders[i] = c.Orders[i].clean()
	}
	slices.SortStableFunc(c.Orders, func(a, b Order) int { return cmp.Compare(a.ID, b.ID) })
	c.Broadcasts = slices.Clone(c.Broadcasts)
	for i := range c.Broadcasts {
		c.Broadcasts[i] = c.Broadcasts[i].clean()
	}
	slices.SortStableFunc(c.Broadcasts, func(a, b Broadcast) int { return cmp.Compare(a.ID, b.ID) })
	c.Digests = slices.Clone(c.Digests)
	for i := range c.Digests {
		c.Digests[i].Data = printableBytes(c.Digests[i].Data)
	}

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
		m = m.clean()
		ref := MessageRef{m.NumberID, m.Wamid}
		if i, twice := at[ref]; twice {
			out[i] = out[i].and(m)
			continue
		}
		at[ref] = len(out)
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b Message) int {
		return cmp.Or(cmp.Compare(a.NumberID, b.NumberID), cmp.Compare(a.Wamid, b.Wamid))
	})
	return out
}

// cleanMedia leaves one of those that name the same, and sorts them.
func cleanMedia(ms []Media) []Media {
	out := make([]Media, len(ms))
	for i, m := range ms {
		out[i] = m.clean()
	}
	byName := func(a, b Media) int {
		return cmp.Or(cmp.Compare(a.NumberID, b.NumberID), cmp.Compare(a.MediaID, b.MediaID))
	}
	slices.SortStableFunc(out, byName)
	return slices.CompactFunc(out, func(a, b Media) bool { return byName(a, b) == 0 })
}

func (m Message) clean() Message {
	m.Wamid, m.Type, m.Text, m.Status = keyText(m.Wamid), printable(m.Type), printable(m.Text), printable(m.Status)
	m.SentBy, m.ReplyTo, m.MediaURL = printable(m.SentBy), keyText(m.ReplyTo), printable(m.MediaURL)
	m.SentAt, m.EditedAt = moment(m.SentAt), momentOrZero(m.EditedAt)
	if !m.DeletedAt.IsZero() {
		m.DeletedAt, m.Text, m.MediaURL = moment(m.DeletedAt), "", ""
	}
	return m
}

func (o Order) clean() Order {
	o.Wamid, o.Reference, o.Status, o.PaymentStatus = keyText(o.Wamid), keyText(o.Reference), printable(o.Status), printable(o.PaymentStatus)
	o.CatalogID, o.Text, o.Currency = printable(o.CatalogID), printable(o.Text), printable(o.Currency)
	o.StatusAt, o.PaymentAt = momentOrZero(o.StatusAt), momentOrZero(o.PaymentAt)
	o.CreatedAt, o.UpdatedAt = moment(o.CreatedAt), moment(o.UpdatedAt)
	if o.Items != nil {
		o.Items = printableBytes(o.Items)
	}
	if o.Payment != nil {
		o.Payment = printableBytes(o.Payment)
	}
	return o
}

func (b Broadcast) clean() Broadcast {
	b.Reference, b.Name, b.TemplateName = keyText(b.Reference), printable(b.Name), printable(b.TemplateName)
	b.StartedAt, b.UpdatedAt = moment(b.StartedAt), moment(b.UpdatedAt)
	b.ProgressAt, b.CompletedAt = momentOrZero(b.ProgressAt), momentOrZero(b.CompletedAt)
	return b
}

func (t cleanTranslation) Orders(ctx context.Context, refs []OrderRef) ([]*Order, error) {
	clean := slices.Clone(refs)
	for i := range clean {
		r := &clean[i]
		r.Wamid, r.Reference, r.Order = keyText(r.Wamid), keyText(r.Reference), r.Order.clean()
	}
	return t.engine.Orders(ctx, clean)
}

func (t cleanTranslation) Broadcasts(ctx context.Context, refs []BroadcastRef) ([]*Broadcast, error) {
	clean := slices.Clone(refs)
	for i := range clean {
		r := &clean[i]
		r.Reference, r.Broadcast = keyText(r.Reference), r.Broadcast.clean()
	}
	return t.engine.Broadcasts(ctx, clean)
}

func (t cleanTranslation) Recent(ctx context.Context, conversations []int64, n int) (map[int64][]Message, error) {
	conversations = slices.Clone(conversations)
	slices.Sort(conversations)
	return t.engine.Recent(ctx, slices.Compact(conversations), n)
}

func (t cleanTranslation) Lanes(ctx context.Context, refs []LaneRef, work []int64) ([]bool, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	return t.engine.Lanes(ctx, refs, work)
}
