package api

import (
	"context"
	"encoding/json"
	"strconv"

	"wabagate/fanout/event"
	"wabagate/fanout/task"
	"wabagate/models"
)

// taskJSON is a task without what it carries.
type taskJSON struct {
	Queue string `json:"queue"`
	// ID is empty, and State null, of work that has no task: it is due later, or is being finished.
	ID    string  `json:"id"`
	State *string `json:"state"`
	Work  string  `json:"work"` // the row of the database that it stands for; empty: the task is not one of the gateway's
	Kind  string  `json:"kind"` // callbacks, deliveries, sends or replies; empty likewise
	// Webhook is whom it delivers to, Number whose messages it sends or answers.
	WebhookID  *int64 `json:"webhook_id"`
	Webhook    string `json:"webhook"`
	NumberID   *int64 `json:"number_id"`
	BusinessID *int64 `json:"business_id"`
	Business   string `json:"business"`
	Members    int    `json:"members"` // how many deliveries, messages or answers
	// EventID and EventType are of the first of them; empty where there is none.
	EventID   string      `json:"event_id"`
	EventType string      `json:"event_type"`
	DueAt     *event.Time `json:"due_at"`
	NextAt    *event.Time `json:"next_at"` // when a scheduled one is ready
	// Error is why the worker failed; Reason why the last attempt of its first delivery did.
	Error    string      `json:"error"`
	Reason   string      `json:"reason"`
	FailedAt *event.Time `json:"failed_at"`
	Retried  int         `json:"retried"`
	// Actions are what may be done to it, by operators.
	Actions []task.Action `json:"actions"`
}

// kindNames are the kinds of work.
var kindNames = map[models.Kind]string{models.TranslateCallbacks: "callbacks", models.Deliver: "deliveries", models.SendMessages: "sends", models.ReplyMessages: "replies"}

// describeTasks says whose tasks are and what they are about.
func (s *Server) describeTasks(ctx context.Context, ts []task.Task, reasons map[models.DeliveryRef]string) ([]taskJSON, error) {
	var hooks, events []int64
	for _, t := range ts {
		if t.Work.Kind == models.Deliver && t.Work.WebhookID != 0 {
			hooks = append(hooks, t.Work.WebhookID)
		}
		if id := firstEvent(t.Work); id != 0 {
			events = append(events, id)
		}
	}
	names, err := s.store.WebhookNames(ctx, hooks)
	if err != nil {
		return nil, err
	}
	found, err := s.store.EventsByID(ctx, events)
	if err != nil {
		return nil, err
	}
	list := make([]taskJSON, len(ts))
	for i, t := range ts {
		v := taskJSON{Queue: t.Queue, ID: t.ID, Error: t.Error, FailedAt: timeView(t.FailedAt), NextAt: timeView(t.NextAt), Retried: t.Retried, Actions: task.Actions(t.State), Reason: reasons[refOf(t.Work)]}
		if t.State != "" {
			v.State = &t.State
		}
		if t.ID == "" || v.Actions == nil {
			v.Actions = []task.Action{}
		}
		if w := t.Work; w.ID != 0 {
			v.Work, v.Kind, v.Members = strconv.FormatInt(w.ID, 10), kindNames[w.Kind], len(w.Members)
			if w.DueAt.UnixMilli() != 0 {
				v.DueAt = timeView(w.DueAt)
			}
			if w.Kind == models.TranslateCallbacks {
				v.Members = 0 // the first and the last
			}
		}
		s.ownerOf(&v, t.Work, names)
		if e, ok := found[firstEvent(t.Work)]; ok {
			v.EventID, v.EventType = publicEventID(e.Key[:]), e.Type
		}
		list[i] = v
	}
	return list, nil
}

// firstEvent is the event that work begins with; 0: it has none.
func firstEvent(w models.Work) int64 {
	if (w.Kind != models.Deliver && w.Kind != models.ReplyMessages) || len(w.Members) == 0 {
		return 0
	}
	return w.Members[0]
}

// ownerOf says whose work is. What is not translated yet is nobody's.
func (s *Server) ownerOf(v *taskJSON, w models.Work, names map[int64]models.WebhookName) {
	switch w.Kind {
	case models.Deliver:
		if w.WebhookID == 0 {
			return
		}
		v.WebhookID = &w.WebhookID
		if name, ok := names[w.WebhookID]; ok {
			v.Webhook, v.BusinessID, v.Business = name.Name, &name.BusinessID, name.Business
		}
	case models.SendMessages, models.ReplyMessages:
		v.NumberID = &w.WebhookID
		for _, n := range s.directory.Routes().Numbers {
			if n.ID == w.WebhookID {
				v.BusinessID = &n.BusinessID
			}
		}
	}
}

// revealedJSON is what a task carries: its payload, and what that names.
type revealedJSON struct {
	Payload json.RawMessage `json:"payload"` // as it stands in the queue; text when it is no JSON
	// Contents are the first of the events or callbacks that it names.
	Contents []contentJSON `json:"contents"`
	More     int           `json:"more"` // that are not shown
}

// contentJSON is an event or a callback as it is kept.
type contentJSON struct {
	ID   string          `json:"id"`
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"` // text when it is no JSON
}

// revealedAtOnce bounds how much a reveal shows.
const revealedAtOnce = 10

// reveal reads what a task carries, and whose that is; 0: nobody's.
func (s *Server) reveal(ctx context.Context, t task.Task) (v revealedJSON, business int64, err error) {
	v = revealedJSON{Payload: jsonOr(t.Payload), Contents: []contentJSON{}}
	members := t.Work.Members
	shown := members[:min(len(members), revealedAtOnce)]
	switch t.Work.Kind {
	case models.TranslateCallbacks:
		if t.Work.ID == 0 || len(members) == 0 {
			return v, 0, nil
		}
		cs, err := s.store.Callbacks(ctx, members[0], members[len(members)-1])
		if err != nil {
			return v, 0, err
		}
		for _, c := range cs[:min(len(cs), revealedAtOnce)] {
			v.Contents = append(v.Contents, contentJSON{ID: strconv.FormatInt(c.ID, 10), Type: "callback", Data: jsonOr(c.Body)})
		}
		v.More = max(0, len(cs)-revealedAtOnce)
	case models.Deliver, models.ReplyMessages:
		found, err := s.store.EventsByID(ctx, shown)
		if err != nil {
			return v, 0, err
		}
		for _, id := range shown {
			if e, ok := found[id]; ok {
				business = e.BusinessID
				v.Contents = append(v.Contents, contentJSON{ID: publicEventID(e.Key[:]), Type: e.Type, Data: jsonOr(e.Data)})
			}
		}
		v.More = len(members) - len(shown)
	case models.SendMessages:
		v.More = len(members)
	}
	return v, business, nil
}

// jsonOr is JSON as it is, or anything else as a text.
func jsonOr(text []byte) json.RawMessage {
	if json.Valid(text) {
		return text
	}
	b, err := encode(string(text))
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}
