package reply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"wabagate/fanout/deliver"
	"wabagate/fanout/event"
	"wabagate/models"
)

// sentBy is who sends what this package sends.
const sentBy = "ai"

// Recorder keeps that a person took over, and tells webhooks of it; a *fanout.Recorder does.
type Recorder interface {
	SetConversation(ctx context.Context, businessID, id int64, change func(*models.ConversationSettings) error) (models.Conversation, error)
}

// Options are the parts that a responder works with. All but Now are needed.
type Options struct {
	Store *models.Store
	// HTTP goes out to models and responders, whose addresses customers give: its transport has to judge them, see
	// [deliver.NewTransport]. Redirects are not followed, whatever it says.
	HTTP *http.Client
	// Send keeps messages and sees to it that they are sent, each key once; (*sending.Sender).Queue does.
	Send func(ctx context.Context, sends ...models.Send) ([]models.Send, error)
	// Recorder hands conversations over.
	Recorder Recorder
	// Now is the clock; nil means the store's.
	Now     func() time.Time
	Log     *slog.Logger
	Metrics *Metrics
}

// Responder answers customers. Make it with New; safe for concurrent use.
type Responder struct {
	store    *models.Store
	http     *http.Client
	send     func(ctx context.Context, sends ...models.Send) ([]models.Send, error)
	recorder Recorder
	now      func() time.Time
	log      *slog.Logger
	m        *Metrics
	agent    string

	mu   sync.Mutex
	busy map[int64]int // answers under way, by number
}

// New makes a responder.
func New(o Options) *Responder {
	if o.Now == nil {
		o.Now = o.Store.Now
	}
	own := *o.HTTP
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Responder{store: o.Store, http: &own, send: o.Send, recorder: o.Recorder, now: o.Now, log: o.Log.With("component", "responder"), m: o.Metrics,
		agent: "wabagate", busy: map[int64]int{}}
}

// perNumber is how many answers of one number are under way at once: a model that hangs does not hold up the other numbers.
const perNumber = 12

// enter takes one of a number's places; ok is false when there is none.
func (r *Responder) enter(number int64) (leave func(), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy[number] >= perNumber {
		return nil, false
	}
	r.busy[number]++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.busy[number]--; r.busy[number] == 0 {
			delete(r.busy, number)
		}
	}, true
}

// errLapsed says that the work is somebody else's by now.
var errLapsed = errors.New("the work is another process's")

// Do does one piece of work of the kind ReplyMessages: each message is answered, left alone, or handed over to a person.
// held says whether the work is still the caller's; what is not done when it no longer is, is left to whoever has it now.
// nil: it always is. An error says that the work has to come again; one that wraps [deliver.ErrSlow], that its number has
// enough answers under way.
func (r *Responder) Do(ctx context.Context, w models.Work, held func() bool) error {
	if held == nil {
		held = func() bool { return true }
	}
	leave, ok := r.enter(w.WebhookID)
	if !ok {
		return fmt.Errorf("number %d has %d answers under way: %w", w.WebhookID, perNumber, deliver.ErrSlow)
	}
	defer leave()
	for _, id := range w.Members {
		if err := r.reply(ctx, id, held); errors.Is(err, errLapsed) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return r.store.FinishReplies(ctx, w.ID)
}

// reply does what is to be done about the message of one event.
func (r *Responder) reply(ctx context.Context, eventID int64, held func() bool) error {
	e, err := r.store.EventByID(ctx, eventID)
	if errors.Is(err, models.ErrNotFound) || err == nil && e.Erased() {
		r.m.count(silent(isGone))
		return nil
	}
	if err != nil {
		return err
	}
	asked := eventOf(e)
	data, err := asked.Decode()
	if err != nil || data.Message == nil {
		r.log.Error("an event to be answered cannot be read; nothing is answered", "event_id", asked.ID, "error", err)
		return nil
	}
	t, err := r.turn(ctx, e, data.Message.ID)
	if err != nil {
		return err
	}
	d := decide(t)
	var found spokenFor
	if d.verdict == answer {
		q := question{lines: lines(t.settings.Prompt, t.recent, t.asked, t.settings.History), event: asked}
		settings := t.settings
		var failed error
		if found, failed = r.ask(ctx, settings, q); ctx.Err() != nil {
			return ctx.Err()
		}
		if !held() {
			return errLapsed
		}
		// The world went on meanwhile.
		if t, err = r.turn(ctx, e, t.asked); err != nil {
			return err
		}
		if d = decide(t); d.verdict == answer {
			d = judged(found, failed)
		}
	}
	if !held() {
		return errLapsed
	}
	if err := r.carryOut(ctx, e, t, d, found.text); err != nil {
		return err
	}
	r.m.count(d)
	r.log.Info("message of a customer", "event_id", asked.ID, "number_id", e.NumberID, "conversation_id", e.ConversationID, "outcome", d.verdict, "reason", d.reason, "detail", d.detail)
	return nil
}

// judged is what to do with what was found to say.
func judged(found spokenFor, failed error) decision {
	switch {
	case failed != nil:
		return decision{handOver, byFailure, failed.Error()}
	case found.person:
		return handsOver(byRequest)
	case found.text == "":
		return silent(isMute)
	}
	return decision{verdict: answer}
}

// carryOut does what was decided. What is said comes first: whoever dies in between finds it said.
func (r *Responder) carryOut(ctx context.Context, e models.Event, t turn, d decision, text string) error {
	switch {
	case d.verdict == answer:
		return r.say(ctx, e, t, t.key, text)
	case d.verdict == silence:
		return nil
	case d.reason.apologises() && t.settings.Fallback != "":
		if err := r.say(ctx, e, t, t.regrets, clip(t.settings.Fallback, longest)); err != nil {
			return err
		}
	}
	_, err := r.recorder.SetConversation(ctx, e.BusinessID, t.conversation.ID, func(s *models.ConversationSettings) error {
		if s.AI.Off == "" {
			s.AI = models.AISetting{Off: string(d.reason), Detail: d.detail, At: r.now().UTC()}
		}
		return nil
	})
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	return err
}

// say sends a text to the customer, once under its key.
func (r *Responder) say(ctx context.Context, e models.Event, t turn, key, text string) error {
	type content struct {
		Body string `json:"body"`
	}
	m := models.Send{BusinessID: e.BusinessID, NumberID: e.NumberID, Key: key, Type: "text", Text: text, SentBy: sentBy, To: t.conversation.Contact.WaID}
	if m.To == "" {
		m.Recipient = t.conversation.Contact.UserID
	}
	var err error
	m.Body, err = json.Marshal(struct {
		Product   string  `json:"messaging_product"`
		Kind      string  `json:"recipient_type"`
		To        string  `json:"to,omitempty"`
		Recipient string  `json:"recipient,omitempty"`
		Type      string  `json:"type"`
		Text      content `json:"text"`
	}{"whatsapp", "individual", m.To, m.Recipient, m.Type, content{text}})
	if err != nil {
		return err
	}
	if _, err = r.send(ctx, m); err != nil {
		return fmt.Errorf("keep an answer: %w", err)
	}
	return nil
}

// recentRead is how many messages of a conversation are looked at, at least.
const recentRead = 60

// turn reads all that the answer to a message depends on.
func (r *Responder) turn(ctx context.Context, e models.Event, wamid string) (turn, error) {
	id := event.Key(e.Key).EventID()
	t := turn{now: r.now(), asked: wamid, key: "ai:" + id, regrets: "ai:" + id + ":fallback"}
	var err error
	if t.settings, err = r.store.RepliesOf(ctx, e.NumberID); errors.Is(err, models.ErrNotFound) {
		return t, nil
	} else if err != nil {
		return t, err
	}
	if t.conversation, err = r.store.ConversationByID(ctx, e.BusinessID, e.ConversationID); errors.Is(err, models.ErrNotFound) {
		return t, nil
	} else if err != nil {
		return t, err
	}
	// The latest that is there, not the latest before the message: what came since decides too.
	if t.recent, err = r.store.ConversationMessages(ctx, e.BusinessID, e.ConversationID, time.Time{}, max(t.settings.History, recentRead)); err != nil {
		return t, err
	}
	slices.Reverse(t.recent)
	slices.SortStableFunc(t.recent, inTurn)
	contact := t.conversation.Contact
	t.tally, err = r.store.ReplyTally(ctx, e.NumberID, contact.WaID, contact.UserID, []string{t.key, t.regrets})
	return t, err
}

// inTurn orders messages by second, those of the business first: the platform tells the second in which a customer wrote, and
// nothing is answered in the second in which it was written, because it waits a second for more.
func inTurn(a, b models.Message) int {
	if by := a.SentAt.Truncate(time.Second).Compare(b.SentAt.Truncate(time.Second)); by != 0 || a.Inbound == b.Inbound {
		return by
	}
	if b.Inbound {
		return -1
	}
	return 1
}

// eventOf is a kept event as it is told.
func eventOf(e models.Event) event.Event {
	return event.Event{ID: event.Key(e.Key).EventID(), Type: e.Type, BusinessID: e.BusinessID, NumberID: e.NumberID, CreatedAt: e.CreatedAt, Data: e.Data}
}
