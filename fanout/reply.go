package fanout

import (
	"context"
	"time"

	"wabagate/fanout/event"
	"wabagate/models"
)

// replyAfter is how long a message waits for more of the same person before it is answered: people send a thought in
// several messages.
const replyAfter = time.Second

// askReply asks for an answer to the message whose event was made last, where the number answers by itself and nobody has
// taken over. An answer takes seconds, so each is a piece of work of its own; whether there is one in the end, and what, is
// decided by who does it.
func (b *batch) askReply(f *fact, p *models.Person) {
	if !b.subs.routes.Replying[f.number.ID] || p.Conversation.ID == 0 || !opensWindow(f.message) || b.conversation(p).now.AI.Off != "" {
		return
	}
	asked := b.changes.Events[len(b.changes.Events)-1]
	b.changes.Work = append(b.changes.Work, models.Work{ID: b.r.nextID(), Kind: models.ReplyMessages, WebhookID: f.number.ID,
		DueAt: b.now.Add(replyAfter), Members: []int64{asked.ID}})
}

// HandOver has people take conversations over from the AI, and finishes work, in one transaction however many they are. It
// tells of each that the AI had; a conversation that somebody has already, or that is not the business's, is left as it is.
func (r *Recorder) HandOver(ctx context.Context, done []int64, overs ...models.HandOver) error {
	return r.change(ctx, func(tx models.Translation, c *models.Changes) error {
		c.Done = done
		facts := make([]fact, len(overs))
		for i, o := range overs {
			facts[i] = fact{business: o.BusinessID, occurred: r.now().UTC(), calm: true, person: models.PersonRef{BusinessID: o.BusinessID, ConversationID: o.ConversationID}}
		}
		b := newBatch(r, r.subs.current(), facts, c)
		if err := b.lookUp(ctx, tx); err != nil {
			return err
		}
		for i := range facts {
			if err := b.handOver(&facts[i], &b.people[i], overs[i].AI); err != nil {
				return err
			}
		}
		return b.write(ctx, tx)
	})
}

func (b *batch) handOver(f *fact, p *models.Person, ai models.AISetting) error {
	if p.Conversation.ID == 0 {
		return nil
	}
	v := b.conversation(p)
	if v.now.AI.Off != "" {
		return nil
	}
	before := v.now.ConversationSettings
	v.now.AI, v.set = ai, true
	f.number, _ = b.subs.numberOf(v.now.NumberID)
	previous := changedSettings(before, v.now.ConversationSettings)
	key := event.NewKey(event.ConversationUpdated, id(v.now.ID), id(b.r.nextID()))
	d := b.data(f, p)
	d.Previous = previous.json()
	return b.emit(f, key, event.ConversationUpdated, d, p, false)
}
