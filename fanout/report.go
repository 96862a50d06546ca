package fanout

import (
	"context"
	"strconv"
	"time"

	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/waba"
)

// addStatus tells of a status, and of the message having been sent when its tracking string says who sent it and nobody
// has told yet. One that failed was not sent, unless it was the gateway that sent it, and the platform that took it.
func (b *batch) addStatus(f *fact, p *models.Person, i int) error {
	broadcast := b.broadcasts[i]
	switch f.typ {
	case event.MessageDeleted:
		return b.addDeletion(f, p, f.status.ID)
	case event.UpstreamUnrecognized:
		b.keepStatus(f, p, broadcast)
		d := b.data(f, p)
		d.Field, d.Reason, d.Raw = f.field, f.unknown.Reason, f.unknown.Raw
		return b.emit(f, f.key, f.typ, d, p, true)
	}
	if s := b.sendOf(f); s != nil {
		f = f.asSent(s)
		sent := b.sent[i]
		first := sent != nil && !b.known[sent.key]
		b.accept(f, s, f.status.ID, first, broadcast)
		if s.Wamid != f.status.ID {
			broadcast = nil // it went out twice, as it may where no answer came; its recipient is one
		}
		if first {
			b.known[sent.key] = true
			if err := b.addSent(sent, p, b.orders[i]); err != nil {
				return err
			}
		}
	}
	m := b.keepStatus(f, p, broadcast)
	if f.sentBy != "" && f.status.Status != waba.StatusFailed && !b.known[f.sentKey()] {
		b.known[f.sentKey()] = true
		d := b.data(f, p)
		d.Message = reportedData(f, m)
		if err := b.emit(f, f.sentKey(), sentType(f.sentBy), d, p, false); err != nil {
			return err
		}
	}
	return b.report(f, p, m.Status)
}

// report tells of a status.
func (b *batch) report(f *fact, p *models.Person, current string) error {
	d := b.data(f, p)
	d.Status = statusData(f.status, f.occurred, current)
	return b.emit(f, f.key, f.typ, d, p, f.change != nil)
}

// keepStatus advances the message's status, never back, and returns the message as it stands now. A message that is not
// known yet is kept with nothing but its status.
func (b *batch) keepStatus(f *fact, p *models.Person, broadcast *models.Broadcast) models.Message {
	ref := models.MessageRef{NumberID: f.number.ID, Wamid: f.status.ID}
	if ref.NumberID == 0 || !f.status.Known {
		return models.Message{Status: f.status.Status}
	}
	m, exists := b.messages[ref]
	before := m.Status
	sentAt := m.SentAt
	m.NumberID, m.Wamid = ref.NumberID, ref.Wamid
	b.about(&m, f, p)
	changed := !exists || !m.SentAt.Equal(sentAt)
	if m.SentBy == "" && f.sentBy != "" {
		m.SentBy, changed = f.sentBy, true
	}
	if broadcast != nil && m.BroadcastID == 0 {
		m.BroadcastID, changed = broadcast.ID, true
	}
	if next := waba.Advance(m.Status, f.status.Status); next != m.Status {
		m.Status, m.StatusAt, changed = next, f.occurred, true
	}
	if changed {
		b.put(ref, m)
	}
	if broadcast != nil {
		b.count(f, broadcast, before, m.Status)
	}
	return m
}

// findBroadcasts looks up the broadcasts that statuses belong to by their tracking strings.
func (b *batch) findBroadcasts(ctx context.Context, tx models.Translation) ([]*models.Broadcast, error) {
	found := make([]*models.Broadcast, len(b.facts))
	var refs []models.BroadcastRef
	var at []int
	for i := range b.facts {
		f := &b.facts[i]
		switch {
		case f.broadcastRef != nil:
			refs, at = append(refs, *f.broadcastRef), append(at, i)
		case f.tracking.Broadcast != "":
			refs, at = append(refs, models.BroadcastRef{BusinessID: f.business, Reference: f.tracking.Broadcast, Create: true, Broadcast: models.Broadcast{
				BusinessID: f.business, NumberID: f.number.ID, Reference: f.tracking.Broadcast, Name: f.tracking.Name, TemplateName: f.tracking.Template,
				Total: f.tracking.Recipients, StartedAt: f.occurred}}), append(at, i)
		}
	}
	if len(refs) == 0 {
		return found, nil
	}
	broadcasts, err := tx.Broadcasts(ctx, refs)
	for i, broadcast := range broadcasts {
		found[at[i]] = broadcast
	}
	return found, err
}

// tally is how a message's status counts in its broadcast. A recipient counts as sent until the message fails.
func tally(status string) (sent, delivered, read, failed int64) {
	rank := waba.Rank(status)
	reached := func(other string) int64 {
		if rank >= waba.Rank(other) && rank > 0 {
			return 1
		}
		return 0
	}
	if status == waba.StatusFailed {
		return 0, 0, 0, 1
	}
	return reached(waba.StatusSent), reached(waba.StatusDelivered), reached(waba.StatusRead), 0
}

// count moves one recipient of a broadcast from one status to the next.
func (b *batch) count(f *fact, broadcast *models.Broadcast, before, after string) {
	if before == after {
		return
	}
	switch waba.StatusFailed {
	case after:
		countFailure(broadcast, codeOf(f))
	case before:
		uncountFailure(broadcast, codeOf(f))
	}
	s0, d0, r0, f0 := tally(before)
	s1, d1, r1, f1 := tally(after)
	broadcast.Sent += s1 - s0
	broadcast.Delivered += d1 - d0
	broadcast.Read += r1 - r0
	broadcast.Failed += f1 - f0
	if broadcast.Total == 0 {
		broadcast.Total = f.tracking.Recipients
	}
	if b.counted[broadcast] == nil {
		b.changedBroadcasts = append(b.changedBroadcasts, broadcast)
	}
	b.counted[broadcast] = f
}

// progressEvery is how often a running broadcast tells how far it is.
const progressEvery = 5 * time.Second

// tellBroadcasts tells of the broadcasts that this transaction counted: that one is complete, or now and then how far it
// is.
func (b *batch) tellBroadcasts() error {
	for _, broadcast := range b.changedBroadcasts {
		f := b.counted[broadcast]
		broadcast.UpdatedAt = b.now
		typ, key := "", event.Key{}
		switch {
		case !broadcast.CompletedAt.IsZero():
		case (broadcast.Total > 0 || f.closes) && broadcast.Sent+broadcast.Failed >= broadcast.Total:
			broadcast.CompletedAt = b.now
			typ, key = event.BroadcastCompleted, event.NewKey(event.BroadcastCompleted, id(broadcast.ID))
		case b.now.Sub(broadcast.ProgressAt) >= progressEvery && broadcast.Sent+broadcast.Failed > 0:
			broadcast.ProgressAt = b.now
			typ, key = event.BroadcastProgress, event.NewKey(event.BroadcastProgress, id(broadcast.ID), strconv.FormatInt(b.now.UnixMilli(), 10))
		}
		if typ == "" {
			continue
		}
		d := event.Data{BusinessID: f.business, OccurredAt: event.Time{Time: f.occurred}, Broadcast: broadcastData(broadcast)}
		d.Number = b.data(f, &models.Person{}).Number
		if err := b.emit(f, key, typ, d, nil, false); err != nil {
			return err
		}
	}
	return nil
}
