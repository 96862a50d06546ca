package fanout

import (
	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/models"
)

// A digest is made with its event and kept beside it, so that every attempt tells the conversation as it was. Only
// businesses with a digest webhook pay for it.

const (
	// digestMessages are looked at for a digest, and the last digestShown of them told: among the others may be what the
	// business wrote last.
	digestMessages = 30
	digestShown    = 10
)

// digested are the conversations of which digests are to be told.
func (b *batch) digested() []int64 {
	var wanted []int64
	for i := range b.facts {
		f := &b.facts[i]
		conversation := b.people[i].Conversation.ID
		if f.typ == event.MessageReceived && conversation != 0 && !b.known[f.key] && b.subs.digests(f.business) {
			wanted = append(wanted, conversation)
		}
	}
	return wanted
}

// digests says whether a business has a digest webhook.
func (s *subscriptions) digests(business int64) bool {
	for _, sub := range s.ofBusiness[business] {
		if sub.dialect.Digests() {
			return true
		}
	}
	return false
}

// remember adds a message to the conversations of which digests are to be told.
func (b *batch) remember(m models.Message) {
	if b.recent != nil && m.ConversationID != 0 {
		b.recent[m.ConversationID] = append(b.recent[m.ConversationID], m)
	}
}

// digest keeps the conversation so far beside an event.
func (b *batch) digest(e models.Event, d *event.Data) error {
	recent := b.recent[e.ConversationID]
	snapshot := dialect.Digest{}
	if v := d.Conversation; v != nil {
		snapshot.Note, snapshot.Labels = v.Note, v.Labels
	}
	shown := max(0, len(recent)-digestShown)
	for _, m := range recent[shown:] {
		snapshot.Messages = append(snapshot.Messages, digestMessage(m))
	}
	for i := shown - 1; i >= 0 && snapshot.LastSystem == nil; i-- {
		if !recent[i].Inbound {
			last := digestMessage(recent[i])
			snapshot.LastSystem = &last
		}
	}
	data, err := dialect.NewDigest(snapshot)
	if err != nil {
		return err
	}
	b.changes.Digests = append(b.changes.Digests, models.Digest{EventID: e.ID, Data: data})
	return nil
}

func digestMessage(m models.Message) dialect.DigestMessage {
	return dialect.DigestMessage{ID: m.Wamid, Direction: direction(!m.Inbound), Type: m.Type, Text: m.Text, Timestamp: m.SentAt.Unix(), Status: m.Status}
}
