package api

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/gateway/broadcast"
	"wabagate/models"
)

func (s *Server) registerBroadcastPages(app *fiber.App) {
	app.Get("/broadcasts", s.page(s.pageBroadcasts))
	app.Get("/broadcasts/new", s.page(s.pageBroadcastNew))
	app.Post("/broadcasts/new", s.fence, s.page(s.submitBroadcastNew))
	app.Post("/broadcasts/check", s.fence, s.page(s.submitBroadcastCheck))
	app.Get("/broadcasts/check", func(c *fiber.Ctx) error { return back(c, "/broadcasts/new", "") })
	app.Get("/broadcasts/register", s.page(s.pageBroadcastRegister))
	app.Post("/broadcasts/register", s.fence, s.page(s.submitBroadcastRegister))
	const one = "/broadcasts/:id<int>"
	app.Get(one, s.page(s.pageBroadcast))
	app.Post(one+"/recipients", s.fence, s.page(s.submitRecipients))
	app.Get(one+"/recipients", func(c *fiber.Ctx) error { return back(c, "/broadcasts/"+c.Params("id"), "") })
	app.Post(one+"/start", s.fence, s.page(s.submitPlan(startPlan, "started")))
	app.Post(one+"/pause", s.fence, s.page(s.submitPlan(pausePlan, "paused")))
	app.Post(one+"/resume", s.fence, s.page(s.submitPlan(resumePlan, "resumed")))
	app.Post(one+"/cancel", s.fence, s.page(s.submitPlan(cancelPlan, "broadcast-cancelled")))
	app.Get("/opt-outs", s.page(s.pageOptOuts))
	app.Post("/opt-outs/new", s.fence, s.page(s.submitOptOutNew))
	app.Post("/opt-outs/remove", s.fence, s.page(s.submitOptOutRemove))
	app.Get("/opt-outs/new", func(c *fiber.Ctx) error { return back(c, "/opt-outs", "") })
}

func broadcastPath(id int64) string { return "/broadcasts/" + strconv.FormatInt(id, 10) }

func (s *Server) pageBroadcasts(c *fiber.Ctx, who caller) error {
	before, limit, err := page(c.Query)
	if err != nil {
		return err
	}
	rows, err := s.store.ListBroadcasts(c.UserContext(), who.Business, before, limit+1)
	if err != nil {
		return err
	}
	rows, next := cut(rows, limit, func(b models.Broadcast) int64 { return b.ID })
	view := dashboard.Broadcasts{Shell: shell(who, "Broadcasts"), Pager: pagerOf("/broadcasts", nil, before > 0, next)}
	list, names, err := s.shownBroadcasts(c.UserContext(), who.Business, rows...)
	if err != nil {
		return err
	}
	for _, b := range list {
		view.Items = append(view.Items, s.broadcastItem(b, names))
	}
	return s.render(c, http.StatusOK, view)
}

// shownBroadcasts are broadcasts as the API shows them, with the names of the business's numbers.
func (s *Server) shownBroadcasts(ctx context.Context, businessID int64, rows ...models.Broadcast) ([]broadcastJSON, map[int64]string, error) {
	names, err := s.numberNames(ctx, businessID)
	if err != nil {
		return nil, nil, err
	}
	list, err := s.broadcastViews(ctx, businessID, rows...)
	return list, names, err
}

// broadcastTones colour the statuses of broadcasts.
var broadcastTones = map[string]string{"running": "good", "scheduled": "wait", "paused": "wait", "cancelled": "bad"}

func (s *Server) broadcastItem(b broadcastJSON, names map[int64]string) dashboard.BroadcastItem {
	item := dashboard.BroadcastItem{ID: b.ID, Name: b.Name, Template: b.TemplateName, Reference: b.Reference, Status: dashboard.Badge{Tone: broadcastTones[b.Status], Text: b.Status},
		Total: "not known", Sent: grouped(b.Sent), Delivered: grouped(b.Delivered), Read: grouped(b.Read), Failed: grouped(b.Failed), Bad: b.Failed > 0,
		Started: dashboard.NewWhen(b.StartedAt.Time, s.now()), Elsewhere: b.Plan == nil}
	if b.NumberID != nil {
		item.Number = names[*b.NumberID]
	}
	total, done := int64(0), b.Sent+b.Failed
	if b.TotalRecipients != nil {
		total = *b.TotalRecipients
	}
	if p := b.Plan; p != nil {
		total, done = p.Recipients, p.Recipients-p.Waiting
		if p.State == models.PlanDraft {
			total = 0
			item.Total = grouped(p.Recipients)
		}
	}
	if total > 0 {
		item.Total = grouped(total)
		item.Progress = dashboard.Progress{Label: "Progress", Share: float64(min(done, total)) * 100 / float64(total), Text: grouped(min(done, total)) + " of " + grouped(total)}
	}
	return item
}

func (s *Server) pageBroadcast(c *fiber.Ctx, who caller) error {
	return s.showBroadcast(c, who, http.StatusOK, nil, nil)
}

// showBroadcast draws the page of a broadcast, with what became of a list of recipients, or what is wrong with it.
func (s *Server) showBroadcast(c *fiber.Ctx, who caller, status int, tally *tallyJSON, wrong *Error) error {
	ctx := c.UserContext()
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	row, err := s.store.BroadcastByID(ctx, who.Business, id)
	if err != nil {
		return err
	}
	list, names, err := s.shownBroadcasts(ctx, who.Business, row)
	if err != nil {
		return err
	}
	b := list[0]
	view := dashboard.Broadcast{Shell: shell(who, "Broadcast"), Item: s.broadcastItem(b, names), Path: broadcastPath(id), Live: b.Status == "running" || b.Status == "scheduled",
		Above: []dashboard.Crumb{{Label: "Broadcasts", Path: "/broadcasts"}}, Words: broadcastWords(b)}
	view.Cards = broadcastCards(b, view.Item)
	for _, f := range b.Failures {
		view.Failures = append(view.Failures, dashboard.Failed{Code: f.Code, Count: grouped(f.Count), Advice: f.Advice})
	}
	if p := b.Plan; p != nil {
		if err := s.addPlan(c, who, &view, *p); err != nil {
			return err
		}
		if view.Draft != nil {
			view.Draft.Tally = tallyView(tally)
			if wrong != nil {
				view.Draft.Error = sentence(wrong)
			}
		}
	}
	return s.render(c, status, view)
}

// broadcastWords say how a broadcast stands.
func broadcastWords(b broadcastJSON) string {
	switch b.Status {
	case "draft":
		return "Nothing is sent before you start it."
	case "scheduled":
		return "It begins at " + b.Plan.ScheduledAt.UTC().Format("15:04 UTC on 2 January 2006") + "."
	case "running":
		if b.Plan == nil {
			return "It is sent elsewhere; the gateway counts what becomes of it."
		}
		return "It is being sent."
	case "paused":
		return "It waits until somebody lets it go on."
	case "cancelled":
		return "What had not gone out will not."
	}
	return "Every message has gone out or failed."
}

func broadcastCards(b broadcastJSON, item dashboard.BroadcastItem) []dashboard.Stat {
	share := func(n int64) string {
		if b.Sent == 0 {
			return ""
		}
		return fmt.Sprintf("%d %% of those sent", min(n*100/b.Sent, 100))
	}
	cards := []dashboard.Stat{{Label: "Recipients", Value: item.Total}, {Label: "Sent", Value: item.Sent}, {Label: "Delivered", Value: item.Delivered, Note: share(b.Delivered)},
		{Label: "Read", Value: item.Read, Note: share(b.Read)}, {Label: "Failed", Value: item.Failed, Bad: item.Bad}}
	if p := b.Plan; p != nil {
		cards = append(cards, dashboard.Stat{Label: "Waiting", Value: grouped(p.Waiting)}, dashboard.Stat{Label: "Opted out", Value: grouped(p.OptedOut)})
		if p.Cancelled > 0 {
			cards = append(cards, dashboard.Stat{Label: "Cancelled", Value: grouped(p.Cancelled)})
		}
	}
	return cards
}

// addPlan adds what the page of a broadcast shows of one that the gateway sends: settings, what can be done, and recipients.
func (s *Server) addPlan(c *fiber.Ctx, who caller, view *dashboard.Broadcast, p planJSON) error {
	ctx, id := c.UserContext(), view.Item.ID
	view.CanPause, view.CanResume = p.State == models.PlanRunning, p.State == models.PlanPaused
	view.Schedule, view.Pace, view.Letter = "as soon as it is started", "as fast as the number may", string(p.Body)
	if p.ScheduledAt != nil {
		view.Schedule = p.ScheduledAt.UTC().Format("2006-01-02 15:04") + " UTC"
	}
	if p.Pace > 0 {
		view.Pace = grouped(int64(p.Pace)) + " per second"
	}
	view.Created = dashboard.NewWhen(p.CreatedAt.Time, s.now())
	if p.EstimatedEnd != nil {
		view.Ends = dashboard.NewWhen(p.EstimatedEnd.Time, s.now())
	}
	if p.State != models.PlanCompleted && p.State != models.PlanCancelled {
		view.Cancel = dashboard.Danger{Summary: "Cancel this broadcast…", Button: "Cancel the broadcast", Action: view.Path + "/cancel",
			Text: "What has not gone out will not, and it cannot be started again. What is on its way to WhatsApp goes out."}
	}
	state := models.RecipientState(c.Query("state"))
	if state != "" && !slices.Contains(models.RecipientStates(), state) {
		state = ""
	}
	after, err := cursor(c.Query("cursor"))
	if err != nil {
		return err
	}
	rs, next, err := s.store.RecipientReports(ctx, who.Business, id, state, after, listPage)
	if err != nil {
		return err
	}
	view.Recipients = views(rs, recipientItem)
	view.Filters = recipientFilters(view.Path, state)
	older := ""
	if next != 0 {
		older = strconv.FormatInt(next, 10)
	}
	narrowed := url.Values{}
	if state != "" {
		narrowed.Set("state", string(state))
	}
	view.Pager = pagerOf(view.Path, narrowed, after > 0, older)
	if p.State != models.PlanDraft {
		return nil
	}
	return s.addDraft(ctx, who, view, p)
}

// addDraft adds what is left to do before a start, with the message to the first recipient.
func (s *Server) addDraft(ctx context.Context, who caller, view *dashboard.Broadcast, p planJSON) error {
	letter, err := broadcast.ParseLetter(p.Body)
	if err != nil {
		return badMessage(err)
	}
	first, err := s.store.NextRecipients(ctx, models.BroadcastPlan{BroadcastID: view.Item.ID, BusinessID: who.Business}, 0, 1)
	if err != nil {
		return err
	}
	to := models.Recipient{}
	if len(first) > 0 {
		to = first[0]
	}
	view.Draft = &dashboard.BroadcastDraft{Recipients: grouped(p.Recipients), CanStart: p.Recipients > 0, Preview: previewOf(letter, to, nil)}
	view.Draft.Preview.Asked = false
	names := letter.Names()
	placeholder := "966500000001"
	for _, name := range names {
		placeholder += ",<" + name + ">"
	}
	view.Draft.Rows = dashboard.Field{Name: "rows", Label: "Paste recipients, one a line", Type: "textarea", Rows: 5, Placeholder: placeholder,
		Hint: "The number with its country code, then the values in the order that the preview names. A first row with the names of the columns may give another."}
	return nil
}

func recipientItem(r models.RecipientReport) dashboard.RecipientItem {
	v := recipientView(r)
	item := dashboard.RecipientItem{Place: r.Place, To: cmp.Or(r.To, r.UserID, "erased"), State: dashboard.Badge{Tone: recipientTones[r.State], Text: recipientText(r.State)}}
	if v.SendID != nil {
		item.SendID = *v.SendID
	}
	if v.Error != nil {
		item.Reason = v.Error.Title
	}
	for _, name := range slices.Sorted(maps.Keys(r.Variables)) {
		item.Variables = append(item.Variables, dashboard.Header{Name: name, Value: firstRunes(r.Variables[name], maxAbout)})
	}
	return item
}

// recipientTones colour what became of recipients.
var recipientTones = map[models.RecipientState]string{models.RecipientWaiting: "wait", models.RecipientSent: "good", models.RecipientDelivered: "good",
	models.RecipientRead: "good", models.RecipientFailed: "bad"}

func recipientText(state models.RecipientState) string {
	if state == models.RecipientOptedOut {
		return "opted out"
	}
	return string(state)
}

// recipientFilters narrow the list of recipients to a state.
func recipientFilters(path string, state models.RecipientState) []dashboard.Tab {
	tabs := []dashboard.Tab{{Label: "All", Path: path + "#list", Current: state == ""}}
	for _, known := range models.RecipientStates() {
		tabs = append(tabs, dashboard.Tab{Label: capital(recipientText(known), ""), Path: path + "?state=" + string(known) + "#list", Current: known == state})
	}
	return tabs
}

// submitPlan does something with a broadcast that the gateway sends.
func (s *Server) submitPlan(change planChange, done string) handler {
	return func(c *fiber.Ctx, who caller) error {
		if s.sending == nil {
			return notHere("sends broadcasts")
		}
		p, err := s.ownPlan(c, who)
		if err != nil {
			return err
		}
		if err := change.do(s, c.UserContext(), p); err != nil {
			return planError(err, change.not)
		}
		return back(c, broadcastPath(p.BroadcastID), done)
	}
}

// shownProblems are how many rows of a list a page names that cannot be written to.
const shownProblems = 20

func tallyView(t *tallyJSON) *dashboard.Tally {
	if t == nil {
		return nil
	}
	v := &dashboard.Tally{Added: grouped(t.Added), Duplicate: grouped(t.Duplicate), Invalid: grouped(t.Invalid), Bad: t.Invalid > 0, More: t.Invalid > shownProblems}
	for _, p := range t.Problems[:min(len(t.Problems), shownProblems)] {
		why := p.Why
		if p.Field != "" {
			why = p.Field + " " + why
		}
		v.Problems = append(v.Problems, dashboard.Problem{Where: strconv.Itoa(p.Line), Why: why})
	}
	return v
}

// uploadContext is the context of a request that may take as long as a list of recipients does.
func uploadContext(c *fiber.Ctx) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.UserContext()), uploadTimeout)
	c.SetUserContext(ctx)
	return ctx, cancel
}

// maxPasted bounds recipients that were pasted, in bytes; more are a file.
const maxPasted = 2 << 20
