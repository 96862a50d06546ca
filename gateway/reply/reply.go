package reply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"wabagate/fanout/deliver"
	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/models/group"
)

// sentBy is who sends what this package sends.
const sentBy = "ai"

// Recorder keeps that people took over, tells webhooks of it, and finishes work; a *fanout.Recorder does.
type Recorder interface {
	HandOver(ctx context.Context, done []int64, overs ...models.HandOver) error
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

// Responder answers customers. Make it with New, end it with Close; safe for concurrent use.
type Responder struct {
	store    *models.Store
	http     *http.Client
	send     func(ctx context.Context, sends ...models.Send) ([]models.Send, error)
	recorder Recorder
	now      func() time.Time
	log      *slog.Logger
	m        *Metrics
	agent    string
	turns    *group.Committer[*reading]
	ends     *group.Committer[*ending]
	circuits circuits

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
	r := &Responder{store: o.Store, http: &own, send: o.Send, recorder: o.Recorder, now: o.Now, log: o.Log.With("component", "responder"), m: o.Metrics,
		agent: "wabagate", circuits: circuits{known: map[endpoint]circuit{}}, busy: map[int64]int{}}
	r.turns = group.New(group.Options[*reading]{MaxItems: together, Linger: readLinger}, r.readAll)
	r.ends = group.New(group.Options[*ending]{MaxItems: together, Linger: endLinger}, r.endAll)
	return r
}

// Close ends the responder once what is in hand is done.
func (r *Responder) Close() {
	r.turns.Close()
	r.ends.Close()
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
	var overs []models.HandOver
	for _, id := range w.Members {
		over, err := r.reply(ctx, id, held)
		if errors.Is(err, errLapsed) {
			return nil
		} else if err != nil {
			return err
		}
		if over != nil {
			overs = append(overs, *over)
		}
	}
	return r.end(ctx, w.ID, overs)
}

// reply does what is to be done about the message of one event, but for handing over, which it answers.
func (r *Responder) reply(ctx context.Context, eventID int64, held func() bool) (*models.HandOver, error) {
	t, err := r.turn(ctx, eventID)
	if err != nil {
		return nil, err
	}
	if t.event.ID == 0 || t.event.Erased() {
		r.m.count(silent(isGone))
		return nil, nil
	}
	if t.asked == "" {
		r.log.Error("an event to be answered cannot be read; nothing is answered", "event_id", event.Key(t.event.Key).EventID())
		return nil, nil
	}
	d, text := decide(t), ""
	if d.verdict == answer {
		if t, d, text, err = r.seek(ctx, t, held); err != nil {
			return nil, err
		}
	}
	if !held() {
		return nil, errLapsed
	}
	over, err := r.carryOut(ctx, t, d, text)
	if err != nil {
		return nil, err
	}
	r.m.count(d)
	r.log.Info("message of a customer", "event_id", event.Key(t.event.Key).EventID(), "number_id", t.event.NumberID, "conversation_id", t.event.ConversationID,
		"outcome", d.verdict, "reason", d.reason, "detail", d.detail)
	return over, nil
}

// seek asks for an answer, and decides again when it is there, because the world went on meanwhile. An endpoint that fails
// everybody is not asked: the conversation goes to a person at once.
func (r *Responder) seek(ctx context.Context, t turn, held func() bool) (turn, decision, string, error) {
	whom := endpointOf(t.event.BusinessID, t.settings)
	leave, ok := r.enter(t.event.NumberID)
	if !ok {
		return t, decision{}, "", fmt.Errorf("number %d has %d answers under way: %w", t.event.NumberID, perNumber, deliver.ErrSlow)
	}
	defer leave()
	if refused := r.circuits.refusal(whom, r.now()); refused != nil {
		return t, judged(spokenFor{}, refused), "", nil
	}
	found, failed := r.ask(ctx, t.settings, question{lines: lines(t.settings.Prompt, t.recent, t.asked, t.settings.History), event: eventOf(t.event)})
	if r.circuits.tell(whom, failed, r.now()) {
		r.log.Warn("an endpoint failed again and again; it is not asked for a while, and people take over", "number_id", t.event.NumberID, "error", failed)
	}
	if ctx.Err() != nil {
		return t, decision{}, "", ctx.Err()
	}
	if !held() {
		return t, decision{}, "", errLapsed
	}
	t, err := r.turn(ctx, t.event.ID)
	if err != nil {
		return t, decision{}, "", err
	}
	d := decide(t)
	if d.verdict == answer {
		d = judged(found, failed)
	}
	return t, d, found.text, nil
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

// carryOut says what was decided, and answers what is to be handed over; nil: nothing. What is said comes first: whoever dies
// in between finds it said.
func (r *Responder) carryOut(ctx context.Context, t turn, d decision, text string) (*models.HandOver, error) {
	switch {
	case d.verdict == answer:
		return nil, r.say(ctx, t, t.key, text)
	case d.verdict == silence:
		return nil, nil
	case d.reason.apologises() && t.settings.Fallback != "":
		if err := r.say(ctx, t, t.regrets, clip(t.settings.Fallback, longest)); err != nil {
			return nil, err
		}
	}
	return &models.HandOver{BusinessID: t.event.BusinessID, ConversationID: t.conversation.ID,
		AI: models.AISetting{Off: string(d.reason), Detail: d.detail, At: r.now().UTC()}}, nil
}

// say sends a text to the customer, once under its key.
func (r *Responder) say(ctx context.Context, t turn, key, text string) error {
	type content struct {
		Body string `json:"body"`
	}
	m := models.Send{BusinessID: t.event.BusinessID, NumberID: t.event.NumberID, Key: key, Type: "text", Text: text, SentBy: sentBy, To: t.conversation.Contact.WaID}
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
