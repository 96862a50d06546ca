package fanout

import (
	"time"

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
