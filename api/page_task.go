package api

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout/event"
	"wabagate/fanout/task"
	"wabagate/models"
)

// taskParameters are what narrows the list of tasks.
var taskParameters = []string{"q", "queue", "state", "business", "webhook", "error"}

// taskActs are what can be done to tasks, in words.
var taskActs = []dashboard.TaskAct{
	{Name: string(task.Run), Label: "Run now", Text: "It is made ready at once, whatever it waited for."},
	{Name: string(task.Archive), Label: "Archive", Text: "It is put aside, and its work stays undone until somebody runs it. asynq keeps 10,000 archived tasks of a queue for 90 days; what falls out is put into the queue again."},
	{Name: string(task.Delete), Label: "Delete", Text: "Only the task goes. Its work stands in the database, and when it is due it is put into the queue again, within seconds. To stop it, archive it, or switch its webhook off."},
}

// actsOf are what can be done to tasks in a state.
func actsOf(state string) (list []dashboard.TaskAct) {
	for _, a := range task.Actions(state) {
		for _, act := range taskActs {
			if act.Name == string(a) {
				list = append(list, act)
			}
		}
	}
	return list
}

func (s *Server) pageTasks(c *fiber.Ctx, who caller) error {
	form := typedForm{values: map[string]string{}}
	for _, name := range taskParameters {
		form.values[name] = strings.Clone(c.Query(name))
	}
	return s.showTasks(c, who, form, nil)
}

// showTasks draws the tasks that a form asks for; refused is why something could not be done to them.
func (s *Server) showTasks(c *fiber.Ctx, who caller, form typedForm, refused error) error {
	if s.tasks == nil {
		return errNoTasks
	}
	ctx := c.UserContext()
	query := url.Values{}
	for _, name := range taskParameters {
		if form.values[name] != "" {
			query.Set(name, form.values[name])
		}
	}
	view := dashboard.ConsoleTasks{Shell: shell(who, "Tasks"), Narrowed: len(query) > 0, Most: actedAtOnce}
	cursor := strings.Clone(c.Query("cursor"))
	f, err := parseTaskFilter(func(key string, _ ...string) string {
		if key == "cursor" {
			return cursor
		}
		return form.values[key]
	}, s.tasks.Layout())
	if err == nil {
		var found foundTasks
		if found, err = s.findTasks(ctx, f); err == nil {
			if err := s.fillTasks(c, &view, f, found); err != nil {
				return err
			}
			view.Pager = pagerOf("/operations/tasks", query, cursor != "", found.Next.String())
		}
	}
	if err = cmp.Or(refused, err); err != nil {
		if err := form.refuse(taskError(err)); err != nil {
			return err
		}
	}
	view.Fields = form.fields(s.taskFields()...)
	view.Error = form.general(view.Fields)
	if who.User.IsOperator && f.State != "" && err == nil {
		view.Acts = actsOf(f.State)
		for _, name := range taskParameters {
			if form.values[name] != "" {
				view.Query = append(view.Query, dashboard.Pair{Key: name, Value: form.values[name]})
			}
		}
	}
	return s.render(c, form.status(), view)
}

// taskFields are the fields of the filter.
func (s *Server) taskFields() []dashboard.Field {
	queues, states := []dashboard.Choice{{Label: "Every queue"}}, []dashboard.Choice{{Label: "Any state"}}
	for _, q := range s.tasks.Layout().All() {
		queues = append(queues, dashboard.Choice{Value: q, Label: q})
	}
	for _, st := range task.States() {
		states = append(states, dashboard.Choice{Value: st, Label: stateText(st)})
	}
	return []dashboard.Field{{Name: "q", Label: "Event or task", Type: "search", Placeholder: "evt_… or a task id", Max: 60}, {Name: "business", Label: "Business id", Max: 20}, {Name: "webhook", Label: "Webhook id", Max: 20},
		{Name: "error", Label: "Error contains", Type: "search", Max: maxErrorSought}, {Name: "queue", Label: "Queue", Type: "select", Options: queues}, {Name: "state", Label: "State", Type: "select", Options: states}}
}

// stateText is a state in words.
func stateText(state string) string {
	switch state {
	case task.StatePending:
		return "ready"
	case task.StateActive:
		return "in hand"
	case task.StateScheduled:
		return "later"
	case task.StateRetry:
		return "to be retried"
	case "":
		return "not queued"
	}
	return state
}

func stateBadge(state string) dashboard.Badge {
	return dashboard.Badge{Text: stateText(state), Tone: map[string]string{task.StateActive: "good", task.StateRetry: "wait", task.StateArchived: "bad"}[state]}
}

func (s *Server) fillTasks(c *fiber.Ctx, view *dashboard.ConsoleTasks, f taskFilter, found foundTasks) error {
	list, err := s.describeTasks(c.UserContext(), found.Tasks, found.Reasons)
	if err != nil {
		return err
	}
	view.Tasks = views(list, s.taskItem)
	if found.Cut {
		view.Looked = fmt.Sprintf("Looked through %s so far. There may be more: go on with Older.", plural(int64(found.Looked), "task", "tasks"))
	}
	if !f.HasEvent {
		return nil
	}
	ids := make([]int64, len(found.Owed))
	for i, d := range found.Owed {
		ids[i] = d.WebhookID
	}
	names, err := s.store.WebhookNames(c.UserContext(), ids)
	if err != nil {
		return err
	}
	for _, d := range found.Owed {
		item := dashboard.OwedItem{WebhookID: d.WebhookID, Webhook: names[d.WebhookID].Name, Status: statusOf(d.State, d.Attempts), Text: owedText(d)}
		for _, t := range list {
			if d.Work != nil && t.ID != "" && t.Work == strconv.FormatInt(d.Work.ID, 10) {
				item.Path = taskPath(t.Queue, t.ID)
			}
		}
		view.Owed = append(view.Owed, item)
	}
	return nil
}

// owedText says why a delivery has a task, or has none.
func owedText(d models.OwedDelivery) string {
	tried := plural(int64(d.Attempts), "attempt", "attempts")
	if d.Reason != "" {
		tried += ", the last: " + d.Reason
	}
	switch {
	case d.State != models.Pending && d.State != models.Held:
		return "It is over, after " + tried + "."
	case d.State == models.Held:
		return "Held while the webhook is off: it has no task."
	case d.InLane:
		return "Waits for those before it in its conversation: it has no task yet."
	case d.Work == nil:
		return "Its work was not found near the moments at which it was made: look for it by its webhook."
	}
	return capital(tried, "") + " so far."
}

func taskPath(queue, id string) string {
	return operationsPath + "/tasks/" + url.PathEscape(queue) + "/" + url.PathEscape(id)
}

// taskItem is a task in words.
func (s *Server) taskItem(t taskJSON) dashboard.TaskItem {
	state := ""
	if t.State != nil {
		state = *t.State
	}
	item := dashboard.TaskItem{ID: cmp.Or(t.ID, t.Work), Queue: t.Queue, State: stateBadge(state), What: whatText(t), EventID: t.EventID, Event: t.EventType, Webhook: t.Webhook, Business: t.Business, Why: cmp.Or(t.Error, t.Reason)}
	if t.ID != "" {
		item.Path = taskPath(t.Queue, t.ID)
	}
	if t.WebhookID != nil {
		item.WebhookID = *t.WebhookID
		item.Webhook = cmp.Or(item.Webhook, "webhook "+strconv.FormatInt(*t.WebhookID, 10)+", gone")
	}
	if t.BusinessID != nil {
		item.BusinessID, item.Business = *t.BusinessID, cmp.Or(t.Business, "business "+strconv.FormatInt(*t.BusinessID, 10))
	}
	switch {
	case t.NextAt != nil:
		item.At = dashboard.NewWhen(t.NextAt.Time, s.now())
	case t.DueAt != nil:
		item.At = dashboard.NewWhen(t.DueAt.Time, s.now())
	}
	return item
}

// whatText says what a task asks for.
func whatText(t taskJSON) string {
	n := int64(t.Members)
	switch t.Kind {
	case "callbacks":
		return "Callbacks to translate"
	case "deliveries":
		return plural(n, "delivery", "deliveries")
	case "sends":
		return plural(n, "message to send", "messages to send")
	case "replies":
		return plural(n, "message to answer", "messages to answer")
	}
	return "Not one of the gateway's"
}

func (s *Server) pageTask(c *fiber.Ctx, who caller) error {
	t, err := s.taskAt(c)
	if err != nil {
		return err
	}
	return s.showTask(c, who, t, nil)
}

// showTask draws a task, with what it carries if that was revealed.
func (s *Server) showTask(c *fiber.Ctx, who caller, t task.Task, carried *revealedJSON) error {
	v, err := s.taskDetail(c.UserContext(), t)
	if err != nil {
		return err
	}
	view := dashboard.ConsoleTask{Shell: shell(who, "Task "+t.ID), Above: []dashboard.Crumb{{Label: "Tasks", Path: "/operations/tasks"}, {Label: t.Queue, Path: "/operations/tasks?queue=" + t.Queue}},
		Item: s.taskItem(v), Error: v.Error, Reason: v.Reason, Acts: actsOf(t.State)}
	for _, p := range [][2]string{{"State", stateText(t.State)}, {"Webhook", view.Item.Webhook}, {"Business", view.Item.Business}, {"First event", v.EventType}} {
		if p[1] != "" {
			view.Pairs = append(view.Pairs, dashboard.Pair{Key: p[0], Value: p[1]})
		}
	}
	for _, p := range [][2]string{{"Event id", v.EventID}, {"Work", v.Work}, {"Due", momentText(v.DueAt)}, {"Ready", momentText(v.NextAt)}, {"Retried", strconv.Itoa(v.Retried)}} {
		if p[1] != "" && p[1] != "0" {
			view.Pairs = append(view.Pairs, dashboard.Pair{Key: p[0], Value: p[1], Plain: true})
		}
	}
	if carried != nil {
		view.Here = view.Item.Path
		view.Payload = string(carried.Payload)
		for _, one := range carried.Contents {
			view.Contents = append(view.Contents, dashboard.TaskContent{ID: one.ID, Type: one.Type, Data: string(one.Data)})
		}
		if carried.More > 0 {
			view.More = "And " + grouped(int64(carried.More)) + " more."
		}
	}
	return s.render(c, http.StatusOK, view)
}

func (s *Server) submitTaskReveal(c *fiber.Ctx, who caller) error {
	t, err := s.taskAt(c)
	if err != nil {
		return err
	}
	v, err := s.revealed(c.UserContext(), t)
	if err != nil {
		return err
	}
	return s.showTask(c, who, t, &v)
}

func (s *Server) submitTaskDo(a task.Action) handler {
	return func(c *fiber.Ctx, _ caller) error {
		t, err := s.doTask(c, a)
		if err != nil {
			return err
		}
		if a == task.Delete {
			return c.Redirect("/operations/tasks?done=task-delete&queue="+url.QueryEscape(t.Queue), http.StatusSeeOther)
		}
		return back(c, taskPath(t.Queue, t.ID), "task-"+string(a))
	}
}

func (s *Server) submitTasksAct(c *fiber.Ctx, who caller) error {
	if s.tasks == nil {
		return errNoTasks
	}
	form := readForm(c, taskParameters...)
	a, err := parseAction(strings.Clone(c.FormValue("action")))
	if err == nil {
		err = confirmed(c, string(a))
	}
	var v actedJSON
	if err == nil {
		var f taskFilter
		if f, err = parseTaskFilter(func(key string, _ ...string) string { return form.values[key] }, s.tasks.Layout()); err == nil {
			v, err = s.actOn(c.UserContext(), a, f)
		}
	}
	if err == nil {
		who.shell.Notice = v.Message
	} else {
		noteOf(c.UserContext()).nothing()
	}
	who.shell.Here = "/operations/tasks"
	return s.showTasks(c, who, form, err)
}

// momentText writes a moment; empty for none.
func momentText(t *event.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}
