package fanout

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/waba"
)

// Messages that the gateway sends are told of by two who may come in either order: its own callback (models.Told), which
// has the platform's answer, and the statuses, whose tracking string names the message. Whoever is first tells that it was
// sent.

// answers are the gateway's own callbacks taken apart, with the messages that they are about.
type answers struct {
	told       map[int64][]models.ToldSend // by callback
	sends      map[int64]models.Send
	references map[int64]string // of broadcasts, by id
}

// answersIn takes the own callbacks of a group apart, and says which messages they are about.
func answersIn(callbacks []models.Callback) (a answers, ids []int64) {
	for _, cb := range callbacks {
		if cb.AppID != models.OwnApp {
			continue
		}
		if a.told == nil {
			a = answers{told: map[int64][]models.ToldSend{}, sends: map[int64]models.Send{}, references: map[int64]string{}}
		}
		var body models.Told
		if json.Unmarshal(cb.Body, &body) != nil {
			continue // it is parked, see facts
		}
		a.told[cb.ID] = body.Sends
		for _, s := range body.Sends {
			ids = append(ids, s.ID)
		}
	}
	return a, sortedIDs(ids)
}

// answers takes the own callbacks of a group apart. The messages are read without a lock: what is used of them here (whose
// they are, to whom they go) never changes.
func (t *Translator) answers(ctx context.Context, callbacks []models.Callback) (answers, error) {
	a, ids := answersIn(callbacks)
	if len(ids) == 0 {
		return a, nil
	}
	sends, err := t.store.Sends(ctx, ids)
	if err != nil {
		return a, err
	}
	for _, s := range sends {
		a.sends[s.ID] = s
		if _, asked := a.references[s.BroadcastID]; asked || s.BroadcastID == 0 {
			continue
		}
		broadcast, err := t.store.BroadcastByID(ctx, s.BusinessID, s.BroadcastID)
		if err != nil && !errors.Is(err, models.ErrNotFound) {
			return a, err
		}
		a.references[s.BroadcastID] = broadcast.Reference
	}
	return a, nil
}

func sortedIDs(ids []int64) []int64 {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// factsOf takes any callback apart.
func (a answers) factsOf(cb models.Callback, subs *subscriptions) ([]fact, []parked) {
	if cb.AppID == models.OwnApp {
		return a.facts(cb, subs)
	}
	return factsOf(cb, subs)
}

// facts are what an own callback says. What cannot be told of is parked, with the reason.
func (a answers) facts(cb models.Callback, subs *subscriptions) (facts []fact, waits []parked) {
	all, ok := a.told[cb.ID]
	if !ok {
		return nil, []parked{{"", "not what the gateway writes of its own sends"}}
	}
	var gone, unconnected int
	for i := range all {
		s, kept := a.sends[all[i].ID]
		number, connected := subs.numberOf(s.NumberID)
		switch {
		case !kept || erased(&s):
			gone++
		case !connected:
			unconnected++
		default:
			facts = append(facts, a.fact(cb, &all[i], s, number))
		}
	}
	if gone+unconnected > 0 {
		waits = []parked{{"", fmt.Sprintf("of %d messages sent, %d are not kept any more and %d are of numbers that are not connected", len(all), gone, unconnected)}}
	}
	return facts, waits
}

// fact is what became of one message: sent under a wamid, or failed under the name that it has in the gateway.
func (a answers) fact(cb models.Callback, told *models.ToldSend, s models.Send, number models.Number) fact {
	f := fact{
		callback: cb.ID, business: number.BusinessID, number: number, occurred: cb.ReceivedAt, send: s.ID, told: told, sentBy: s.SentBy, tracked: s.Tracking,
		tracking: waba.Tracking{Origin: s.SentBy, Send: s.ID, Broadcast: a.references[s.BroadcastID]},
	}
	f.happened(told.At)
	if !inGroup(s) {
		f.person = models.PersonRef{BusinessID: f.business, NumberID: number.ID, WaID: cmp.Or(told.WaID, s.To), UserID: cmp.Or(told.UserID, s.Recipient),
			At: f.occurred, Link: true, Create: s.SentBy != sentByBroadcast}
	}
	scope := scopeOf(number, f.business)
	if told.Wamid != "" {
		f.typ, f.key = event.MessageSent, sentKey(scope, told.Wamid)
		return f
	}
	f.status = &waba.Status{ID: sendName(s.ID), Status: waba.StatusFailed, Known: true, Timestamp: f.occurred, RecipientID: cmp.Or(told.WaID, s.To),
		RecipientUserID: cmp.Or(told.UserID, s.Recipient), Tracking: s.Tracking}
	if told.Code != "" || told.Title != "" || told.Detail != "" {
		f.status.Errors = []waba.Error{{Code: told.Code, Title: told.Title, Message: told.Title, Details: told.Detail}}
	}
	f.typ, f.key = event.MessageReport, reportKey(event.MessageReport, scope, f.status)
	return f
}

// sendName is the id under which people know a message that the gateway sends, until the platform names it.
func sendName(send int64) string { return "snd_" + id(send) }

// findSends locks and reads the messages that the gateway sent and that the facts are about, each once.
func (b *batch) findSends(ctx context.Context, tx models.Translation) error {
	b.sent = make([]*fact, len(b.facts))
	var ids []int64
	for i := range b.facts {
		if send := b.facts[i].send; send != 0 {
			ids = append(ids, send)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	found, err := tx.Sends(ctx, sortedIDs(ids))
	if err != nil {
		return err
	}
	b.sends = make(map[int64]*models.Send, len(found))
	for send, s := range found {
		b.sends[send] = &s
	}
	for i := range b.facts {
		if b.sent[i] = b.becameSent(&b.facts[i]); b.sent[i] != nil {
			b.r.linkFile(b.sent[i])
		}
	}
	return nil
}

// erased says that there is nothing left of a message but that it was there.
func erased(s *models.Send) bool { return len(s.Body) == 0 }

// sendOf is the message that the gateway sent and that a fact is about. Nil: it sent none, or the message is not there any
// more. A business writes into the tracking strings of its own messages what it likes, so another number's is none.
func (b *batch) sendOf(f *fact) *models.Send {
	s := b.sends[f.send]
	if s == nil || erased(s) || s.BusinessID != f.business || s.NumberID != f.number.ID {
		return nil
	}
	return s
}

// becameSent is the fact that a message of the gateway was sent, as f says first; nil when it does not, or when the message
// is not there any more.
func (b *batch) becameSent(f *fact) *fact {
	s := b.sendOf(f)
	switch {
	case s == nil:
	case f.told != nil && f.told.Wamid != "":
		return f.ofMessage(s, f.told.Wamid)
	case f.told == nil && !b.known[f.sentKey()]:
		return f.ofMessage(s, f.status.ID)
	}
	return nil
}

// ofMessage is the fact that the business wrote a message of the gateway's, instead of what f says of it.
func (f *fact) ofMessage(s *models.Send, wamid string) *fact {
	out := *f
	out.status, out.change, out.field = nil, nil, ""
	out.outbound, out.sentBy, out.tracked, out.broadcastID = true, s.SentBy, s.Tracking, s.BroadcastID
	// The platform was asked before anybody could tell of it: the same moment, whoever is first. Its own clock has whole
	// seconds, and may be behind ours.
	if !s.StartedAt.IsZero() && !f.occurred.Before(s.StartedAt.Truncate(time.Second)) {
		out.occurred = s.StartedAt
	}
	out.message = messageOf(s, wamid, out.occurred)
	out.typ, out.key = event.MessageSent, sentKey(scopeOf(f.number, f.business), wamid)
	return &out
}

// asSent is the status of a message of the gateway's, with the tracking string of its sender instead of the gateway's.
func (f *fact) asSent(s *models.Send) *fact {
	out, status := *f, *f.status
	status.Tracking = s.Tracking
	out.status, out.sentBy, out.tracked = &status, s.SentBy, s.Tracking
	return &out
}

// messageOf reads what was posted to the platform as the message that it became. The body was checked when it was taken;
// what is not read of it all the same is left out, and what was kept of it then stands.
func messageOf(s *models.Send, wamid string, at time.Time) *waba.Message {
	m, _ := waba.ParseMessage(named(s.Body, wamid, s.Type))
	m.ID, m.Type, m.Known, m.Timestamp, m.Text = wamid, s.Type, true, at, s.Text
	m.From, m.FromUserID, m.FromParentUserID, m.GroupID = "", "", "", ""
	m.To, m.ToUserID = s.To, s.Recipient
	if inGroup(*s) {
		m.GroupID = s.To
	}
	m.Context = nil
	if s.ReplyTo != "" && m.Reaction == nil {
		m.Context = &waba.Context{ID: s.ReplyTo}
	}
	if m.Media != nil && s.MediaURL != "" {
		m.Media.URL = s.MediaURL
	}
	m.Edit, m.Revoke, m.Errors, m.Referral = nil, nil, nil, nil // a business has no way to send these
	return &m
}

// named is the body with the id of the message and its type, which a text may leave out.
func named(body []byte, wamid, typ string) json.RawMessage {
	open := bytes.TrimSuffix(bytes.TrimSpace(body), []byte("}"))
	names, _ := json.Marshal(map[string]string{"id": wamid, "type": typ}) // texts always marshal
	if len(bytes.TrimSpace(open)) <= 1 {
		return names
	}
	// Of a key that comes twice the last one counts.
	return slices.Concat(open, []byte(","), names[1:])
}

// inGroup says whether a message goes to a group, which is nobody's conversation.
func inGroup(s models.Send) bool {
	var body struct {
		RecipientType string `json:"recipient_type"`
	}
	_ = json.Unmarshal(s.Body, &body) // it was checked when it was taken
	return body.RecipientType == "group"
}

// accept notes that the platform took a message of the gateway's. first says that nobody has told yet of its being sent: if
// it was given up meanwhile, and counted as failed in its broadcast, that is taken back.
func (b *batch) accept(f *fact, s *models.Send, wamid string, first bool, broadcast *models.Broadcast) {
	if s.State != models.SendAccepted {
		b.changes.Sends = append(b.changes.Sends, models.SendResult{ID: s.ID, State: models.SendAccepted, Wamid: wamid, WaID: f.person.WaID, UserID: f.person.UserID})
		s.State = models.SendAccepted
		fill(&s.Wamid, wamid)
	}
	failure := b.messages[failureOf(s)]
	if first && s.Wamid == wamid && broadcast != nil && failure.Status == waba.StatusFailed {
		failed := *f
		failed.told = &models.ToldSend{Code: s.ErrorCode} // which is what it was counted under
		b.count(&failed, broadcast, waba.StatusFailed, "")
	}
}

// failureOf is the message under whose name a failure to send is told.
func failureOf(s *models.Send) models.MessageRef {
	return models.MessageRef{NumberID: s.NumberID, Wamid: sendName(s.ID)}
}

// addAccepted tells of a message that the gateway's own callback says was sent. It is not told of when it was erased
// meanwhile.
func (b *batch) addAccepted(f *fact, p *models.Person, i int) error {
	b.accept(f, b.sendOf(f), f.told.Wamid, true, b.broadcasts[i])
	return b.addSent(f, p, b.orders[i])
}

// addFailed tells of a message that will not go out, if that is how it stands: what the own callback says was settled with
// it, unless something else had become of the message before. One of which a status has come did go out.
func (b *batch) addFailed(f *fact, p *models.Person, broadcast *models.Broadcast) error {
	s := b.sendOf(f)
	if s == nil || s.State != models.SendFailed {
		return nil
	}
	b.keepMessage(f.ofMessage(s, f.status.ID), p)
	return b.report(f, p, b.keepStatus(f, p, broadcast).Status)
}
