package api

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout/task"
	"wabagate/models"
)

// registerConsole adds the pages for operations.
func (s *Server) registerConsole(app *fiber.App) {
	app.Get("/operations", s.console(s.pageQueues))
	app.Post("/operations/queues/:queue/pause", s.fence, s.console(s.submitPause(true)))
	app.Post("/operations/queues/:queue/resume", s.fence, s.console(s.submitPause(false)))
	app.Get("/operations/tasks", s.console(s.pageTasks))
	app.Post("/operations/tasks/act", s.fence, s.console(s.submitTasksAct))
	// The address of a form that was sent shows the page that it was on.
	app.Get("/operations/tasks/act", func(c *fiber.Ctx) error { return back(c, "/operations/tasks", "") })
	app.Get("/operations/tasks/:queue/:id", s.console(s.pageTask))
	for _, a := range []task.Action{task.Run, task.Archive, task.Delete} {
		app.Post("/operations/tasks/:queue/:id/"+string(a), s.fence, s.console(s.submitTaskDo(a)))
	}
	app.Post("/operations/tasks/:queue/:id/reveal", s.fence, s.console(s.submitTaskReveal))
	app.Get("/operations/webhooks", s.console(s.pageTroubles))
	app.Get("/operations/gateway", s.console(s.pageGateway))
	app.Get("/operations/businesses", s.console(s.pageTenants))
	app.Post("/operations/businesses", s.fence, s.console(s.submitTenant))
	app.Get("/operations/businesses/:id<int>", s.console(s.pageTenant))
	app.Post("/operations/businesses/:id<int>", s.fence, s.console(s.submitTenantName))
	app.Get("/operations/apps", s.console(s.pageApps))
	app.Post("/operations/apps", s.fence, s.console(s.submitApp))
	app.Get("/operations/apps/:name", s.console(s.pageApp))
	app.Post("/operations/apps/:name/token", s.fence, s.console(s.submitAppToken))
	app.Post("/operations/apps/:name/secrets", s.fence, s.console(s.submitAppSecret))
	app.Post("/operations/apps/:name/secrets/old", s.fence, s.console(s.submitAppSecretsOld))
	app.Get("/operations/audit", s.console(s.pageOperationsAudit))
}

// consoleRows is how many webhooks and businesses the page of the queues names.
const consoleRows = 20

// lateAfter is how long the task at the head of a queue may have been ready before the page points at it.
const lateAfter = 30 * time.Second

func (s *Server) pageQueues(c *fiber.Ctx, who caller) error {
	depths, err := s.depths(c.UserContext())
	if err != nil {
		return err
	}
	waiting := s.board.waiting(c.UserContext())
	view := dashboard.ConsoleQueues{Shell: shell(who, "Queues"), Counted: dashboard.NewWhen(waiting.At, s.now()), Cards: queueCards(depths, waiting), Queues: views(depths, queueItem)}
	for _, b := range waiting.Businesses[:min(len(waiting.Businesses), consoleRows)] {
		item := dashboard.WaitingItem{ID: b.ID, Name: b.Name, Deliveries: grouped(b.Deliveries), Webhooks: plural(int64(b.Webhooks), "webhook", "webhooks"), Due: dashboard.NewWhen(b.OldestDue, s.now()),
			Status: dashboard.Badge{Tone: "good", Text: "well"}}
		if b.Failing > 0 {
			item.Status = dashboard.Badge{Tone: "bad", Text: strconv.Itoa(b.Failing) + " failing"}
		}
		view.Businesses = append(view.Businesses, item)
	}
	for _, w := range waiting.Webhooks[:min(len(waiting.Webhooks), consoleRows)] {
		name, known := waiting.Names[w.WebhookID]
		item := dashboard.WaitingItem{ID: w.WebhookID, Name: cmp.Or(name.Name, "webhook "+strconv.FormatInt(w.WebhookID, 10)), BusinessID: name.BusinessID, Business: name.Business,
			Deliveries: grouped(w.Deliveries), Due: dashboard.NewWhen(w.OldestDue, s.now()), Status: webhookBadge(name, known)}
		view.Webhooks = append(view.Webhooks, item)
	}
	return s.render(c, http.StatusOK, view)
}

// webhookBadge says in a word how a webhook is.
func webhookBadge(name models.WebhookName, known bool) dashboard.Badge {
	switch {
	case !known:
		return dashboard.Badge{Text: "gone"}
	case !name.Active:
		return dashboard.Badge{Tone: "wait", Text: "off"}
	case name.FailCount > 0:
		return dashboard.Badge{Tone: "bad", Text: "failing"}
	}
	return dashboard.Badge{Tone: "good", Text: "well"}
}

// queueCards add up what the queues say.
func queueCards(depths []queueJSON, waiting counted) []dashboard.Stat {
	var ready, later, archived int
	var oldest, rate float64
	measured := false
	for _, d := range depths {
		ready, later, archived = ready+d.Pending, later+d.Scheduled+d.Retry, archived+d.Archived
		oldest = max(oldest, d.OldestSeconds)
		if d.PerSecond != nil {
			rate, measured = rate+*d.PerSecond, true
		}
	}
	cards := []dashboard.Stat{{Label: "Ready", Value: grouped(int64(ready))}, {Label: "Oldest", Value: secondsText(oldest), Bad: oldest > lateAfter.Seconds()},
		{Label: "Later, and to be retried", Value: grouped(int64(later))}, {Label: "Archived", Value: grouped(int64(archived)), Bad: archived > 0}, {Label: "Tasks per second", Value: throughputText(rate, measured)}}
	if !waiting.At.IsZero() {
		cards = append(cards, dashboard.Stat{Label: "Unfinished in the database", Value: grouped(waiting.Tasks)})
	}
	return cards
}

func queueItem(d queueJSON) dashboard.QueueItem {
	item := dashboard.QueueItem{Name: d.Queue, Pending: grouped(int64(d.Pending)), Active: grouped(int64(d.Active)), Scheduled: grouped(int64(d.Scheduled)), Retry: grouped(int64(d.Retry)), Archived: grouped(int64(d.Archived)),
		Oldest: secondsText(d.OldestSeconds), Late: d.OldestSeconds > lateAfter.Seconds(), Rate: "–", FailedToday: grouped(int64(d.FailedToday)), Bad: d.FailedToday > 0, Paused: d.Paused}
	if d.PerSecond != nil {
		item.Rate = throughputText(*d.PerSecond, true)
	}
	if d.FailedPerSecond != nil && *d.FailedPerSecond > 0 {
		item.Failed = throughputText(*d.FailedPerSecond, true)
	}
	return item
}

// secondsText writes how long something has been waiting; nothing waits when it is 0.
func secondsText(seconds float64) string {
	switch d := time.Duration(seconds * float64(time.Second)); {
	case d <= 0:
		return "–"
	case d < time.Second:
		return "under 1 s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	default:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
}

// throughputText writes how many in a second; a dash for what was not measured.
func throughputText(perSecond float64, measured bool) string {
	switch {
	case !measured:
		return "–"
	case perSecond == 0:
		return "0"
	case perSecond < 10:
		return fmt.Sprintf("%.1f", perSecond)
	}
	return grouped(int64(perSecond))
}

func (s *Server) submitPause(paused bool) handler {
	return func(c *fiber.Ctx, _ caller) error {
		if _, err := s.setPaused(c, paused); err != nil {
			return err
		}
		if paused {
			return back(c, operationsPath, "queue-paused")
		}
		return back(c, operationsPath, "queue-resumed")
	}
}

func (s *Server) pageOperationsAudit(c *fiber.Ctx, who caller) error {
	form := typedForm{values: map[string]string{}}
	query := url.Values{}
	for _, name := range auditParameters {
		if form.values[name] = strings.Clone(c.Query(name)); form.values[name] != "" {
			query.Set(name, form.values[name])
		}
	}
	view := dashboard.ConsoleAudit{Shell: shell(who, "Audit log"), Narrowed: len(query) > 0}
	f, err := parseAuditFilter(ofDays(c.Query))
	if err == nil {
		var rows []models.AuditEntry
		var next string
		if rows, next, err = s.operationsAudit(c.UserContext(), f); err == nil {
			view.Pager = pagerOf("/operations/audit", query, f.Before > 0, next)
			if view.Entries, err = s.operationEntries(c, rows); err != nil {
				return err
			}
		}
	}
	if err != nil {
		if err := form.refuse(err); err != nil {
			return err
		}
	}
	view.Fields = form.fields(dashboard.Field{Name: "action", Label: "What", Type: "select", Options: withChosen(choicesOf(operations), form.values["action"])},
		dashboard.Field{Name: "from", Label: "From (UTC)", Type: dayField(form.values["from"])}, dashboard.Field{Name: "to", Label: "Until, inclusive", Type: dayField(form.values["to"])})
	view.Error = form.general(view.Fields)
	return s.render(c, form.status(), view)
}

// operationEntries say in words what entries tell, and of whose things.
func (s *Server) operationEntries(c *fiber.Ctx, rows []models.AuditEntry) ([]dashboard.AuditEntry, error) {
	names := map[int64]string{}
	list := views(rows, s.auditEntry)
	for i, e := range rows {
		list[i].Actor, list[i].ActorPath, list[i].ObjectPath = cmp.Or(e.Actor.Name, e.Actor.Kind), "", ""
		switch e.Object.Kind {
		case "app":
			list[i].ObjectPath = "/operations/apps/" + url.PathEscape(e.Object.ID)
		case "business":
			list[i].ObjectPath = "/operations/businesses/" + url.PathEscape(e.Object.ID)
			continue
		}
		if e.BusinessID == 0 {
			continue
		}
		if _, known := names[e.BusinessID]; !known {
			b, err := s.store.Business(c.UserContext(), e.BusinessID)
			if err != nil {
				return nil, err
			}
			names[e.BusinessID] = b.Name
		}
		list[i].Business, list[i].BusinessPath = names[e.BusinessID], "/operations/businesses/"+strconv.FormatInt(e.BusinessID, 10)
	}
	return list, nil
}
