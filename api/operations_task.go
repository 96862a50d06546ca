package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/task"
)

func (s *Server) registerTasks(r fiber.Router) {
	r.Post("/queues/:queue/pause", s.operations(s.handlePause(true)))
	r.Post("/queues/:queue/resume", s.operations(s.handlePause(false)))
	r.Get("/tasks", s.operations(s.handleTaskList))
	r.Post("/tasks/act", s.operations(s.handleTasksAct))
	r.Get("/tasks/:queue/:id", s.operations(s.handleTaskGet))
	r.Delete("/tasks/:queue/:id", s.operations(s.handleTaskDo(task.Delete)))
	for _, a := range []task.Action{task.Run, task.Archive} {
		r.Post("/tasks/:queue/:id/"+string(a), s.operations(s.handleTaskDo(a)))
	}
	r.Post("/tasks/:queue/:id/reveal", s.operations(s.handleTaskReveal))
}

// setPaused stops a queue or lets it go on, and says whether that changed anything.
func (s *Server) setPaused(c *fiber.Ctx, paused bool) (queue string, err error) {
	if s.tasks == nil {
		return "", errNoTasks
	}
	queue = strings.Clone(c.Params("queue"))
	changed, err := s.tasks.SetPaused(c.UserContext(), queue, paused)
	if errors.Is(err, task.ErrNoQueue) {
		return "", &Error{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such queue; there are " + strings.Join(s.tasks.Layout().All(), ", ")}
	}
	told := noteOf(c.UserContext()).called("queue", queue)
	if !changed {
		told.nothing()
	}
	return queue, err
}

func (s *Server) handlePause(paused bool) handler {
	return func(c *fiber.Ctx, _ caller) error {
		if _, err := s.setPaused(c, paused); err != nil {
			return err
		}
		if paused {
			return reply(c, http.StatusOK, message{"Paused. Workers finish what they have in hand."})
		}
		return reply(c, http.StatusOK, message{"It goes on."})
	}
}

// tasksJSON is a page of tasks.
type tasksJSON struct {
	Tasks []taskJSON `json:"tasks"`
	// Looked is how many tasks were looked at for it; Cut says that the search ended before the page was full, because it took
	// long: it goes on at the cursor.
	Looked int    `json:"looked"`
	Cut    bool   `json:"cut"`
	Next   string `json:"next_cursor,omitempty"`
}

func (s *Server) handleTaskList(c *fiber.Ctx, _ caller) error {
	if s.tasks == nil {
		return errNoTasks
	}
	f, err := parseTaskFilter(c.Query, s.tasks.Layout())
	if err != nil {
		return err
	}
	found, err := s.findTasks(c.UserContext(), f)
	if err != nil {
		return taskError(err)
	}
	list, err := s.describeTasks(c.UserContext(), found.Tasks, found.Reasons)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, tasksJSON{Tasks: list, Looked: found.Looked, Cut: found.Cut, Next: found.Next.String()})
}

// taskAt is the task that an address names.
func (s *Server) taskAt(c *fiber.Ctx) (task.Task, error) {
	if s.tasks == nil {
		return task.Task{}, errNoTasks
	}
	t, err := s.tasks.Task(c.UserContext(), strings.Clone(c.Params("queue")), strings.Clone(c.Params("id")))
	return t, taskError(err)
}

// taskDetail is a task with whose it is.
func (s *Server) taskDetail(ctx context.Context, t task.Task) (taskJSON, error) {
	reasons, err := s.reasons(ctx, []task.Task{t})
	if err != nil {
		return taskJSON{}, err
	}
	list, err := s.describeTasks(ctx, []task.Task{t}, reasons)
	if err != nil {
		return taskJSON{}, err
	}
	return list[0], nil
}

func (s *Server) handleTaskGet(c *fiber.Ctx, _ caller) error {
	t, err := s.taskAt(c)
	if err != nil {
		return err
	}
	v, err := s.taskDetail(c.UserContext(), t)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, oneTask{v})
}

// doTask does something to the task that an address names.
func (s *Server) doTask(c *fiber.Ctx, a task.Action) (task.Task, error) {
	t, err := s.taskAt(c)
	if err != nil {
		return t, err
	}
	if err := s.tasks.Do(c.UserContext(), a, t.Queue, t.ID); err != nil {
		return t, taskError(err)
	}
	return t, s.noteTask(c.UserContext(), t)
}

// noteTask tells the audit log which task it was, and whose.
func (s *Server) noteTask(ctx context.Context, t task.Task) error {
	v, err := s.taskDetail(ctx, t)
	if err != nil {
		return err
	}
	told := noteOf(ctx).called("task", t.Queue+"/"+t.ID)
	if v.BusinessID != nil {
		told.of(*v.BusinessID)
	}
	return nil
}

// doneTexts say what has become of a task, and of its work.
var doneTexts = map[task.Action]string{
	task.Run:     "It is ready now.",
	task.Archive: "Archived: its work stays undone until somebody runs it.",
	task.Delete:  "Deleted from the queue. Its work stands in the database, and is put into the queue again when it is due.",
}

func (s *Server) handleTaskDo(a task.Action) handler {
	return func(c *fiber.Ctx, _ caller) error {
		if _, err := s.doTask(c, a); err != nil {
			return err
		}
		return reply(c, http.StatusOK, message{doneTexts[a]})
	}
}

func (s *Server) handleTaskReveal(c *fiber.Ctx, _ caller) error {
	t, err := s.taskAt(c)
	if err != nil {
		return err
	}
	v, err := s.revealed(c.UserContext(), t)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, v)
}

// revealed is reveal with a word to the audit log.
func (s *Server) revealed(ctx context.Context, t task.Task) (revealedJSON, error) {
	v, business, err := s.reveal(ctx, t)
	if err == nil {
		err = s.noteTask(ctx, t)
	}
	if business != 0 {
		noteOf(ctx).of(business)
	}
	return v, err
}

// actedAtOnce bounds the tasks that one request changes. In a long queue each costs Redis a search.
const actedAtOnce = 200

// actedJSON is what was done to the tasks that a filter lets through.
type actedJSON struct {
	Message string `json:"message"`
	Changed int    `json:"changed"`
	// Missed were taken, or moved, meanwhile. More says that the filter lets more through: the same may be asked for again.
	Missed int  `json:"missed"`
	More   bool `json:"more"`
}

// actOn does something to the first of the tasks that a filter lets through.
func (s *Server) actOn(ctx context.Context, a task.Action, f taskFilter) (out actedJSON, err error) {
	f.Cursor = taskPlace{}
	if f.State == "" {
		return out, invalid("state", codeRequired, "must be one of %s: what is done to all has to say to which", strings.Join(task.States(), ", "))
	}
	if f.Queue == "" && !f.takenUp() && !f.HasEvent && f.ID == "" && f.Error == "" {
		return out, invalid("queue", codeRequired, "choose a queue, a webhook, a business, an event or an error: nothing is done to the tasks of all queues")
	}
	var targets []task.Task
	for len(targets) < actedAtOnce {
		found, err := s.findTasks(ctx, f)
		if err != nil {
			return out, taskError(err)
		}
		targets = append(targets, found.Tasks...)
		if f.Cursor = found.Next; f.Cursor == (taskPlace{}) {
			break
		}
	}
	out.More = len(targets) > actedAtOnce || f.Cursor != (taskPlace{})
	for _, t := range targets[:min(len(targets), actedAtOnce)] {
		switch err := s.tasks.Do(ctx, a, t.Queue, t.ID); {
		case err == nil:
			out.Changed++
		case errors.Is(err, task.ErrNoTask), errors.Is(err, task.ErrMoved):
			out.Missed++
		default:
			return out, err
		}
	}
	told := noteOf(ctx).called("task", fmt.Sprintf("%d of %s", out.Changed, strings.Join(strings.Fields(f.Queue+" "+f.State), " ")))
	told.of(f.Business).did(map[task.Action]string{task.Run: "task.run", task.Archive: "task.archived", task.Delete: "task.deleted"}[a])
	if out.Changed == 0 {
		told.nothing()
	}
	out.Message = actedText(a, out)
	return out, nil
}

// actedText says what was done, in a sentence.
func actedText(a task.Action, v actedJSON) string {
	did := map[task.Action]string{task.Run: "made ready", task.Archive: "archived", task.Delete: "deleted from the queue; their work stands in the database, and is put into the queue again when it is due"}[a]
	text := plural(int64(v.Changed), "task", "tasks") + " " + did + "."
	if v.Missed > 0 {
		text += " " + plural(int64(v.Missed), "task", "tasks") + " had moved on meanwhile."
	}
	if v.More {
		text += " There are more: do it again for the next."
	}
	return text
}

// parseAction reads what is to be done.
func parseAction(text string) (task.Action, error) {
	switch a := task.Action(text); a {
	case task.Run, task.Archive, task.Delete:
		return a, nil
	}
	return "", invalid("action", codeInvalid, "must be one of %s, %s, %s", task.Run, task.Archive, task.Delete)
}

func (s *Server) handleTasksAct(c *fiber.Ctx, _ caller) error {
	if s.tasks == nil {
		return errNoTasks
	}
	names := []string{"action", "queue", "state", "business", "webhook", "q", "error"}
	o := parseObject(c.Body(), names...)
	given := map[string]string{}
	for _, name := range names {
		given[name] = member[string](o, name, "text").value
	}
	if o.err != nil {
		return o.err
	}
	a, err := parseAction(given["action"])
	if err != nil {
		return err
	}
	f, err := parseTaskFilter(func(key string, _ ...string) string { return given[key] }, s.tasks.Layout())
	if err != nil {
		return err
	}
	v, err := s.actOn(c.UserContext(), a, f)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, v)
}
