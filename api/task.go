package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"wabagate/fanout/event"
	"wabagate/fanout/task"
	"wabagate/models"
)

// Tasks are those of the queues, to be looked at and changed.
type Tasks interface {
	Tasks(ctx context.Context, queue, state string, page, size int) ([]task.Task, error)
	Task(ctx context.Context, queue, id string) (task.Task, error)
	Find(ctx context.Context, ws []models.Work) ([]task.Task, error)
	Do(ctx context.Context, a task.Action, queue, id string) error
	SetPaused(ctx context.Context, queue string, paused bool) (changed bool, err error)
	Layout() task.Layout
}

// taskFilter is which tasks are asked for. The zero value of a field does not narrow.
type taskFilter struct {
	Queue, State string
	Business     int64
	Webhook      int64
	Event        event.Key
	HasEvent     bool
	ID           string // of a task
	Error        string // a part of why it failed, whatever the case
	Cursor       taskPlace
}

// taskPlace is where a list goes on: in a walk through the queues the place-th of them and their page, in the database after a
// piece of work.
type taskPlace struct {
	Place, Page int
	After       int64
}

func (p taskPlace) String() string {
	if p == (taskPlace{}) {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d", p.Place, p.Page, p.After)
}

// parseTaskFilter reads what is asked for. query reads one parameter.
func parseTaskFilter(query func(key string, defaults ...string) string, layout task.Layout) (f taskFilter, err error) {
	f.Queue, f.State, f.Error = strings.Clone(query("queue")), strings.Clone(query("state")), strings.TrimSpace(strings.Clone(query("error")))
	if f.Queue != "" && !slices.Contains(layout.All(), f.Queue) {
		return f, invalid("queue", codeInvalid, "must be one of %s", strings.Join(layout.All(), ", "))
	}
	if f.State != "" && !slices.Contains(task.States(), f.State) {
		return f, invalid("state", codeInvalid, "must be one of %s", strings.Join(task.States(), ", "))
	}
	if f.Business, err = queryID("business", strings.TrimSpace(query("business"))); err != nil {
		return f, err
	}
	if f.Webhook, err = queryID("webhook", strings.TrimSpace(query("webhook"))); err != nil {
		return f, err
	}
	if len(f.Error) > maxErrorSought {
		return f, invalid("error", codeTooLong, "may have at most %d bytes", maxErrorSought)
	}
	switch q := strings.TrimSpace(strings.Clone(query("q"))); {
	case q == "":
	case strings.HasPrefix(q, "evt_"):
		if f.Event, f.HasEvent = event.ParseID(q); !f.HasEvent {
			return f, invalid("q", codeInvalid, "is no whole event id: those are evt_ and 32 signs")
		}
	case !isTaskID(q):
		return f, invalid("q", codeInvalid, "must be the id of an event, such as evt_0123…, or of a task, which is a number")
	default:
		f.ID = q
	}
	if text := query("cursor"); text != "" {
		if n, err := fmt.Sscanf(text, "%d.%d.%d", &f.Cursor.Place, &f.Cursor.Page, &f.Cursor.After); n != 3 || err != nil || f.Cursor.Place < 0 || f.Cursor.Page < 0 || f.Cursor.After < 0 {
			return f, invalid("cursor", codeInvalid, "must be a next_cursor of this list")
		}
	}
	return f, nil
}

// maxErrorSought bounds the text that errors are searched for.
const maxErrorSought = 200

// isTaskID says whether a text is the id of one of the gateway's tasks: that of its work, and .again when it was put in again.
func isTaskID(s string) bool {
	id, err := strconv.ParseInt(strings.TrimSuffix(s, ".again"), 10, 64)
	return err == nil && id > 0
}

// takenUp says that tasks are those of work in the database, not those of whole queues.
func (f taskFilter) takenUp() bool { return f.Business != 0 || f.Webhook != 0 }

// lets says whether the filter lets a task through, whose reason is known.
func (f taskFilter) lets(t task.Task, reason string) bool {
	return (f.Queue == "" || t.Queue == f.Queue) && (f.State == "" || t.State == f.State) &&
		(f.Error == "" || strings.Contains(strings.ToLower(t.Error+"\n"+reason), strings.ToLower(f.Error)))
}

const (
	// taskPage is how many tasks a page shows; one that is searched may have more.
	taskPage = 50
	// taskChunk is how many tasks a search looks at together.
	taskChunk = 250
	// searchPatience is how long a search goes on; then the page ends, and says how far it came.
	searchPatience = 80 * time.Millisecond
)

// foundTasks is a page of tasks.
type foundTasks struct {
	Tasks   []task.Task
	Reasons map[models.DeliveryRef]string
	// Owed are the deliveries of the event that was asked for, with or without a task.
	Owed   []models.OwedDelivery
	Event  models.Event
	Looked int // tasks that were looked at
	// Next is where the list goes on; zero: it is over. Cut says that it is not full because the search took long.
	Next taskPlace
	Cut  bool
}

// findTasks finds the tasks that a filter lets through, in a time that does not grow with the queues.
func (s *Server) findTasks(ctx context.Context, f taskFilter) (foundTasks, error) {
	switch {
	case f.HasEvent:
		return s.tasksOfEvent(ctx, f)
	case f.ID != "":
		return s.taskByID(ctx, f)
	case f.takenUp():
		return s.tasksOfWork(ctx, f)
	}
	return s.walkTasks(ctx, f)
}

// tasksOfEvent asks the database which work has the event, and the queue for its tasks.
func (s *Server) tasksOfEvent(ctx context.Context, f taskFilter) (out foundTasks, err error) {
	if out.Event, err = s.store.EventAnywhere(ctx, f.Event); err != nil {
		if errors.Is(err, models.ErrNotFound) {
			return out, nil
		}
		return out, err
	}
	owed, err := s.store.DeliveriesOfEvent(ctx, out.Event)
	if err != nil {
		return out, err
	}
	var ws []models.Work
	for _, d := range owed {
		if f.Webhook != 0 && d.WebhookID != f.Webhook || f.Business != 0 && f.Business != out.Event.BusinessID {
			continue
		}
		out.Owed = append(out.Owed, d)
		if d.Work != nil {
			ws = append(ws, *d.Work)
		}
	}
	return out, s.keepLet(ctx, &out, f, ws)
}

// taskByID looks for a task in every queue, and for its work.
func (s *Server) taskByID(ctx context.Context, f taskFilter) (out foundTasks, err error) {
	id, err := strconv.ParseInt(strings.TrimSuffix(f.ID, ".again"), 10, 64)
	if err != nil {
		return out, err
	}
	w, err := s.store.Work(ctx, id)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return out, err
	}
	if err == nil {
		return out, s.keepLet(ctx, &out, f, []models.Work{w})
	}
	for _, queue := range s.tasks.Layout().All() { // finished, and its task is left
		t, err := s.tasks.Task(ctx, queue, f.ID)
		if errors.Is(err, task.ErrNoTask) {
			continue
		}
		if err != nil {
			return out, err
		}
		if f.lets(t, "") {
			out.Tasks = append(out.Tasks, t)
		}
	}
	return out, nil
}

// keepLet asks the queue for the tasks of work and keeps those that the filter lets through.
func (s *Server) keepLet(ctx context.Context, out *foundTasks, f taskFilter, ws []models.Work) error {
	ts, err := s.tasks.Find(ctx, ws)
	if err != nil {
		return err
	}
	return s.keep(ctx, out, f, ts)
}

func (s *Server) keep(ctx context.Context, out *foundTasks, f taskFilter, ts []task.Task) error {
	out.Looked += len(ts)
	reasons, err := s.reasons(ctx, ts)
	if err != nil {
		return err
	}
	if out.Reasons == nil {
		out.Reasons = map[models.DeliveryRef]string{}
	}
	for _, t := range ts {
		ref := refOf(t.Work)
		if !f.lets(t, reasons[ref]) {
			continue
		}
		out.Tasks = append(out.Tasks, t)
		if reason, ok := reasons[ref]; ok {
			out.Reasons[ref] = reason
		}
	}
	return nil
}

// refOf is the first delivery of work that delivers.
func refOf(w models.Work) models.DeliveryRef {
	if w.Kind != models.Deliver || len(w.Members) == 0 {
		return models.DeliveryRef{}
	}
	return models.DeliveryRef{WebhookID: w.WebhookID, EventID: w.Members[0]}
}

func (s *Server) reasons(ctx context.Context, ts []task.Task) (map[models.DeliveryRef]string, error) {
	var refs []models.DeliveryRef
	for _, t := range ts {
		if ref := refOf(t.Work); ref.WebhookID != 0 {
			refs = append(refs, ref)
		}
	}
	return s.store.Reasons(ctx, refs)
}

// tasksOfWork goes through the unfinished work of a webhook or a business.
func (s *Server) tasksOfWork(ctx context.Context, f taskFilter) (out foundTasks, err error) {
	until := time.Now().Add(searchPatience)
	chunk := models.WorkFilter{BusinessID: f.Business, WebhookID: f.Webhook, After: f.Cursor.After, Limit: taskPage}
	if f.Queue != "" || f.State != "" || f.Error != "" {
		chunk.Limit = taskChunk
	}
	for {
		ws, err := s.store.WorkOf(ctx, chunk)
		if err != nil {
			return out, err
		}
		if err := s.keepLet(ctx, &out, f, ws); err != nil {
			return out, err
		}
		if len(ws) < chunk.Limit {
			return out, nil
		}
		chunk.After = ws[len(ws)-1].ID
		if out.Next = (taskPlace{After: chunk.After}); len(out.Tasks) >= taskPage {
			return out, nil
		}
		if !time.Now().Before(until) {
			out.Cut = true
			return out, nil
		}
		out.Next = taskPlace{}
	}
}

// walkTasks goes through the queues, one state after the other.
func (s *Server) walkTasks(ctx context.Context, f taskFilter) (out foundTasks, err error) {
	until := time.Now().Add(searchPatience)
	queues, states := s.tasks.Layout().All(), task.States()
	if f.Queue != "" {
		queues = []string{f.Queue}
	}
	if f.State != "" {
		states = []string{f.State}
	}
	size := taskPage
	if f.Error != "" {
		size = taskChunk
	}
	for at := f.Cursor; at.Place < len(queues)*len(states); {
		ts, err := s.tasks.Tasks(ctx, queues[at.Place%len(queues)], states[at.Place/len(queues)], at.Page+1, size)
		if err != nil {
			return out, err
		}
		if err := s.keep(ctx, &out, f, ts); err != nil {
			return out, err
		}
		if at.Page++; len(ts) < size {
			at = taskPlace{Place: at.Place + 1}
		}
		if at.Place == len(queues)*len(states) {
			break
		}
		if len(out.Tasks) >= taskPage {
			out.Next = at
			break
		}
		if !time.Now().Before(until) {
			out.Next, out.Cut = at, true
			break
		}
	}
	return out, nil
}

// taskError is the refusal of what cannot be done to a task.
func taskError(err error) error {
	switch {
	case errors.Is(err, task.ErrNoQueue), errors.Is(err, task.ErrNoTask):
		return &Error{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such task in this queue: it was taken, is done, or was never there"}
	case errors.Is(err, task.ErrMoved):
		return &Error{Status: http.StatusConflict, Code: "wrong_state", Message: "the task is in a state in which this cannot be done: reload, and see what can"}
	}
	return err
}

// noTasks is the answer of a process that has no queues.
var errNoTasks = &Error{Status: http.StatusNotImplemented, Code: "no_queues", Message: "this process knows no queues"}
