package task

import (
	"strconv"

	"wabagate/models"
)

// Queue names, most urgent first. They are part of what operations see.
const (
	QueueCallbacks       = "callbacks"           // what people are waiting for
	QueueCallbackReports = "callbacks-reports"   // statuses and history, as they came
	QueueSends           = "sends"               // messages that businesses asked to send
	QueueReplies         = "replies"             // messages of customers that an AI is to answer
	QueueLive            = "deliveries-live"     // messages and what they cause
	QueueReports         = "deliveries-reports"  // statuses, retries and everything else
	QueueBulk            = "deliveries-bulk"     // statuses of broadcasts
	QueueHistory         = "deliveries-history"  // the past, synchronised
	QueueReplayed        = "deliveries-replayed" // what jobs deliver again
	// QueueSlow holds the deliveries of webhooks that answer slowly, of whatever kind, so that nobody waits behind them.
	QueueSlow = "deliveries-slow"
)

var classes = [...]string{QueueCallbacks, QueueCallbackReports, QueueSends, QueueReplies, QueueLive, QueueReports, QueueBulk, QueueHistory, QueueReplayed, QueueSlow}

// Layout says how many queues there are of each name. A Redis Cluster keeps a queue on one node; several of a name use
// several. The zero value is one of each.
type Layout struct {
	// Spread is the number of queues of each name: name-1, name-2 …; 0 and 1 are one, called as it is.
	Spread int
}

// Queues lists the queues of a name.
func (l Layout) Queues(name string) []string {
	if l.Spread <= 1 {
		return []string{name}
	}
	queues := make([]string, l.Spread)
	for i := range queues {
		queues[i] = name + "-" + strconv.Itoa(i+1)
	}
	return queues
}

// All lists every queue.
func (l Layout) All() []string {
	var all []string
	for _, name := range classes {
		all = append(all, l.Queues(name)...)
	}
	return all
}

// Of says which queue a piece of work belongs in. Deliveries of one webhook share a queue, so that each queue serves its
// webhooks in turn; messages to and from one number likewise.
func (l Layout) Of(w models.Work) string { return l.queue(nameOf(w), w) }

// Slow is the queue of a webhook that answers slowly.
func (l Layout) Slow(w models.Work) string { return l.queue(QueueSlow, w) }

func (l Layout) queue(name string, w models.Work) string {
	if l.Spread <= 1 {
		return name
	}
	by := w.WebhookID
	if w.Kind == models.TranslateCallbacks {
		by = w.ID + models.IDTime(w.ID).UnixMilli() // its last digits count within a millisecond: they are mostly the same
	}
	return name + "-" + strconv.FormatInt(by%int64(l.Spread)+1, 10)
}

func nameOf(w models.Work) string {
	switch {
	case w.Kind == models.SendMessages:
		return QueueSends
	case w.Kind == models.ReplyMessages:
		return QueueReplies
	case w.Kind == models.TranslateCallbacks && w.Priority == models.Live:
		return QueueCallbacks
	case w.Kind == models.TranslateCallbacks:
		return QueueCallbackReports
	}
	switch w.Priority {
	case models.Live:
		return QueueLive
	case models.Bulk:
		return QueueBulk
	case models.History:
		return QueueHistory
	case models.Replayed:
		return QueueReplayed
	}
	return QueueReports
}
