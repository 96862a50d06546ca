package reply

import (
	"slices"
	"time"

	"wabagate/models"
)

// verdict is what becomes of a customer's message.
type verdict string

const (
	answer   verdict = "answer"
	silence  verdict = "silence"
	handOver verdict = "hand_over" // to a person
)

// reason is why, in a word. Of a conversation that was handed over it is the AISetting's Off.
type reason string

// Why nothing is said.
const (
	isOff      reason = "off"         // the number does not answer by itself any more
	isTaken    reason = "handed_over" // a person has the conversation
	isAnswered reason = "answered"
	isGone     reason = "gone"   // erased, deleted, or forgotten
	isNewer    reason = "newer"  // the customer wrote again: that message is answered
	isClosed   reason = "window" // the service window
	isMute     reason = "mute"   // the business's responder has nothing to say
)

// Why a person takes over.
const (
	byAgent    reason = "agent"      // one has written
	byKeyword  reason = "keyword"    // the customer asked for one
	byRepeats  reason = "repeated"   // the other side says one thing again and again
	bySpeed    reason = "too_fast"   // the other side writes faster than a person does
	byPingPong reason = "ping_pong"  // the two talk faster than a person would read
	byHour     reason = "hour_limit" // of the conversation
	byDay      reason = "day_limit"  // of the number
	byFailure  reason = "failure"
	byRequest  reason = "requested" // by the model, or by the business's responder
)

// said is what a reason means, for whoever reads that a person took over.
var said = map[reason]string{
	byAgent:    "somebody of the business wrote in the conversation",
	byKeyword:  "the customer asked for a person",
	byRepeats:  "the other side said the same three times: it may be a bot",
	bySpeed:    "the other side answered several times faster than a person types: it may be a bot",
	byPingPong: "the two sides wrote more in two minutes than a person reads: the other one may be a bot",
	byHour:     "the conversation had as many answers within an hour as the number's settings allow",
	byDay:      "the number gave as many answers within a day as its settings allow",
	byRequest:  "the AI asked for a person",
}

// apologises says whether a customer is told that a person takes over, if the business has words for it: not where the
// other side may be a bot, or where a person is there already.
func (r reason) apologises() bool { return r == byKeyword || r == byFailure || r == byRequest }

// decision is a verdict with its reason; detail is the reason in a sentence.
type decision struct {
	verdict verdict
	reason  reason
	detail  string
}

func silent(why reason) decision    { return decision{silence, why, ""} }
func handsOver(why reason) decision { return decision{handOver, why, said[why]} }

// turn is all that the answer to a message depends on.
type turn struct {
	now          time.Time
	event        models.Event   // that tells of the message; the zero value: it is forgotten
	settings     models.Replies // the zero value: the number has none any more
	conversation models.ConversationRow
	asked        string           // the wamid of the message to be answered; empty: its event cannot be read
	recent       []models.Message // the last ones of the conversation, oldest first
	tally        models.ReplyTally
	key, regrets string // the keys of the answer, and of what is said instead of one
}

// windowMargin is how long before the service window closes nothing is said any more: an answer has a way to go.
const windowMargin = time.Minute

// decide says what becomes of a message.
func decide(t turn) decision {
	at := slices.IndexFunc(t.recent, func(m models.Message) bool { return m.Wamid == t.asked })
	contact := t.conversation.Contact
	switch {
	case !t.settings.Active:
		return silent(isOff)
	case t.conversation.AI.Off != "":
		return silent(isTaken)
	case slices.Contains(t.tally.Keys, t.key):
		return silent(isAnswered)
	case at < 0, !t.recent[at].DeletedAt.IsZero(), contact.WaID == "" && contact.UserID == "":
		return silent(isGone)
	case !t.now.Before(t.conversation.WindowExpiresAt().Add(-windowMargin)):
		return silent(isClosed)
	case slices.ContainsFunc(t.recent[at+1:], wantsAnswer):
		return silent(isNewer)
	case slices.ContainsFunc(t.recent, t.tookOver):
		return handsOver(byAgent)
	case slices.ContainsFunc(sinceAnswered(t.recent[:at+1]), t.asksForPerson):
		return handsOver(byKeyword)
	}
	if why := loops(t.recent[:at+1], t.now); why != "" {
		return handsOver(why)
	}
	switch {
	case t.tally.Hour >= t.settings.PerHour:
		return handsOver(byHour)
	case t.tally.Day >= t.settings.PerDay:
		return handsOver(byDay)
	case slices.Contains(t.tally.Keys, t.regrets):
		// Somebody told the customer that a person takes over, and died before it was so.
		return decision{handOver, byFailure, "there was no answer"}
	}
	return decision{verdict: answer}
}

// wantsAnswer says whether a message is one that a customer wrote to be answered: the translator asks for an answer to each
// of them.
func wantsAnswer(m models.Message) bool {
	switch m.Type {
	case "reaction", "system", "request_welcome":
		return false
	}
	return m.Inbound && m.DeletedAt.IsZero()
}

// tookOver says whether somebody of the business wrote a message since the AI was switched on, here or for the number. What
// systems and broadcasts send is nobody's.
func (t turn) tookOver(m models.Message) bool {
	since := t.settings.Since
	if t.conversation.AI.At.After(since) {
		since = t.conversation.AI.At
	}
	return !m.Inbound && slices.Contains([]string{"agent", "app", "api"}, m.SentBy) && m.SentAt.After(since)
}

// sinceAnswered are the messages behind the last one of the business.
func sinceAnswered(recent []models.Message) []models.Message {
	for i := len(recent) - 1; i >= 0; i-- {
		if !recent[i].Inbound {
			return recent[i+1:]
		}
	}
	return recent
}

// asksForPerson says whether a customer wrote one of the words that call one.
func (t turn) asksForPerson(m models.Message) bool {
	return m.Inbound && mentions(m.Text, t.settings.Keywords)
}
