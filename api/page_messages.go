package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout/event"
	"wabagate/models"
)

// period is a time that the history can be looked at by.
type period struct {
	name, label string
	length      time.Duration
	interval    string // of its chart
	step        time.Duration
}

// periods are those on offer, the usual one first.
func periods() []period {
	return []period{{"24h", "Last 24 hours", day, "hour", time.Hour}, {"7d", "Last 7 days", 7 * day, "day", day}, {"30d", "Last 30 days", 30 * day, "day", day}}
}

// begin is where the period begins: with a whole interval of its chart, the last one of which has begun.
func (p period) begin(now time.Time) time.Time {
	return now.UTC().Truncate(p.step).Add(p.step - p.length)
}

// mostCharted is the longest time that is charted by hours when people choose its ends.
const mostCharted = 2 * day

// asked is what the page is asked for: the parameters as they were written, and what they mean.
type asked struct {
	query    url.Values // without cursor and notice
	period   period
	from, to time.Time // the zero time: open
	spoken   bool      // from or to was written
	filter   models.HistoryFilter
}

// messageParameters are what the page is asked by; they stand in its address.
var messageParameters = []string{"q", "webhook_id", "event", "status", "from", "to", "period"}

// parseAsked reads the parameters. What is wrong is an *Error that names the field.
func parseAsked(c *fiber.Ctx, now time.Time) (a asked, err error) {
	a.query = url.Values{}
	for _, name := range messageParameters {
		if text := strings.TrimSpace(strings.Clone(c.Query(name))); text != "" {
			a.query.Set(name, text)
		}
	}
	a.period = periods()[0]
	if name := a.query.Get("period"); name != "" {
		i := slices.IndexFunc(periods(), func(p period) bool { return p.name == name })
		if i < 0 {
			return a, invalid("period", codeInvalid, "must be 24h, 7d or 30d")
		}
		a.period = periods()[i]
	}
	if a.from, err = spokenMoment("from", a.query.Get("from"), now); err != nil {
		return a, err
	}
	if a.to, err = spokenMoment("to", a.query.Get("to"), now); err != nil {
		return a, err
	}
	a.spoken = !a.from.IsZero() || !a.to.IsZero()
	if !a.from.IsZero() && !a.to.IsZero() && !a.from.Before(a.to) {
		return a, invalid("to", codeInvalid, "must be after from")
	}
	if !a.spoken && a.query.Get("q") == "" { // who searches looks through everything
		a.from = a.period.begin(now)
	}
	cursor := strings.Clone(c.Query("cursor"))
	a.filter, err = parseHistory(func(key string, _ ...string) string {
		switch key {
		case "from", "to":
			return ""
		case "cursor":
			return cursor
		}
		return a.query.Get(key)
	})
	a.filter.From, a.filter.To, a.filter.Limit = a.from, a.to, itemsPerPage
	return a, err
}

// with is the page's address with a parameter set; without, by an empty value.
func (a asked) with(name, value string) string {
	q := url.Values{}
	for k, v := range a.query {
		q[k] = v
	}
	q.Set(name, value)
	if value == "" {
		q.Del(name)
	}
	if name == "period" {
		q.Del("from")
		q.Del("to")
	}
	if len(q) == 0 {
		return "/messages"
	}
	return "/messages?" + q.Encode()
}

// narrowed says whether anything but the period is set.
func (a asked) narrowed() bool {
	return len(a.query) > 1 || len(a.query) == 1 && !a.query.Has("period")
}

// chart is the time that cards and chart are about.
func (a asked) chart(now time.Time) (chart, error) {
	interval := a.period.interval
	from, to := a.from, a.to
	if a.spoken {
		to = cmp.Or(to, now)
		if from.IsZero() {
			from = to.Add(-a.period.length)
		}
		if interval = "hour"; to.Sub(from) > mostCharted {
			interval = "day"
		}
	}
	text := map[string]string{"interval": interval, "from": from.Format(time.RFC3339), "webhook_id": a.query.Get("webhook_id")}
	if !to.IsZero() {
		text["to"] = to.Format(time.RFC3339)
	}
	return parseChart(func(key string, usual ...string) string {
		if text[key] == "" && len(usual) > 0 {
			return usual[0]
		}
		return text[key]
	}, now)
}

// words says which time the page is about.
func (a asked) words(now time.Time) string {
	switch {
	case !a.spoken:
		return a.period.label
	case a.to.IsZero():
		return "Since " + spokenText(a.from, now)
	case a.from.IsZero():
		return "Until " + spokenText(a.to, now)
	}
	return spokenText(a.from, now) + " to " + spokenText(a.to, now)
}

func (s *Server) pageMessages(c *fiber.Ctx, who caller) error {
	ctx, now := c.UserContext(), s.now().In(zoneOf(c))
	a, wrong := parseAsked(c, now)
	hooks, _, err := s.webhooks(ctx, who.Business, 0, wantedWebhooks)
	if err != nil {
		return err
	}
	view := messagesForm(a, hooks)
	view.Shell, view.Hint, view.Zone, view.HasWebhooks = shell(who, "Messages"), spokenHint, zoneText(now), len(hooks) > 0
	if wrong == nil {
		wrong = s.findMessages(ctx, who, a, hooks, now, &view)
	}
	if wrong != nil {
		var e *Error
		if !errors.As(wrong, &e) {
			return wrong
		}
		messagesWrong(&view, e)
		return s.render(c, e.Status, view)
	}
	view.Pager = pagerOf("/messages", a.query, c.Query("cursor") != "", view.Pager.Older)
	return s.render(c, http.StatusOK, view)
}

// messagesForm is the page before anything was looked for: its filters as they were sent.
func messagesForm(a asked, hooks []models.Webhook) dashboard.Messages {
	get := a.query.Get
	view := dashboard.Messages{Narrowed: a.narrowed(), Clear: "/messages"}
	if p := get("period"); p != "" {
		view.Clear += "?period=" + url.QueryEscape(p)
		view.Kept = []dashboard.Choice{{Value: "period", Label: p}}
	}
	for _, p := range periods() {
		view.Periods = append(view.Periods, dashboard.Tab{Label: p.label, Path: a.with("period", p.name), Current: !a.spoken && get("q") == "" && p.name == a.period.name})
	}
	view.Search = dashboard.Field{Name: "q", Label: "Search", Type: "search", Value: get("q"), Placeholder: "Phone number, user id, wamid or event id", Max: maxSearch}
	pairs := [][2]string{{"", "All webhooks"}}
	for _, w := range hooks {
		pairs = append(pairs, [2]string{strconv.FormatInt(w.ID, 10), firstRunes(w.Name, 60)})
	}
	view.Webhook = dashboard.Field{Name: "webhook_id", Label: "Webhook", Type: "select", Options: options(get("webhook_id"), pairs...)}
	view.Status = dashboard.Field{Name: "status", Label: "Status", Type: "select", Options: options(get("status"), [2]string{"", "Any status"}, [2]string{"succeeded", "Succeeded"},
		[2]string{"failed", "Failed"}, [2]string{"retrying", "Retrying"}, [2]string{"pending", "Waiting for an attempt"}, [2]string{"held", "Held"}, [2]string{"skipped", "Given up"})}
	view.From = dashboard.Field{Name: "from", Label: "From", Value: get("from"), Placeholder: "yesterday", Max: maxSpoken}
	view.To = dashboard.Field{Name: "to", Label: "To", Value: get("to"), Placeholder: "now", Max: maxSpoken}
	view.Events, view.EventMore = eventChoices(get("event"))
	return view
}

// eventChoices are the types of the catalogue with the chosen one marked. What is chosen besides, several among it, is more.
func eventChoices(chosen string) (groups []dashboard.EventGroup, more string) {
	var names []string
	if more = chosen; chosen != "" && !strings.Contains(chosen, ",") {
		names = []string{chosen}
	}
	groups, others := eventGroups(names)
	if len(names) > 0 && len(others) == 0 {
		more = ""
	}
	return groups[1:], more // the first stands for all of them
}

// messagesWrong puts an error beside its field.
func messagesWrong(view *dashboard.Messages, e *Error) {
	for _, f := range []*dashboard.Field{&view.Search, &view.Webhook, &view.Status, &view.From, &view.To} {
		if f.Name == e.Field {
			f.Error = sentence(e)
			view.Error = f.Label + ": " + e.Message + "."
			return
		}
	}
	view.Error = capital(e.Error(), "") + "."
}

// findMessages adds what was asked for: cards and chart, unless somebody searches, and a page of deliveries.
func (s *Server) findMessages(ctx context.Context, who caller, a asked, hooks []models.Webhook, now time.Time, view *dashboard.Messages) error {
	names := map[int64]string{}
	for _, w := range hooks {
		names[w.ID] = w.Name
	}
	if a.filter.WebhookID != 0 {
		if _, err := s.store.Webhook(ctx, who.Business, a.filter.WebhookID); err != nil {
			return err
		}
	}
	if a.filter.Search == nil {
		if err := s.chartMessages(ctx, who.Business, a, now, view); err != nil {
			return err
		}
	} else {
		view.Understood, view.Text, view.Found = understood(*a.filter.Search, a.query.Get("q"))
	}
	page, err := s.history(ctx, who.Business, a.filter)
	if err != nil {
		return err
	}
	for _, r := range page.Rows {
		view.Rows = append(view.Rows, dashboard.MessageRow{Item: s.deliveryItem(r), Webhook: cmp.Or(names[r.WebhookID], s.knownWebhook(who.Business, r.WebhookID).Name)})
	}
	view.Pager.Older = writePlace(page.Next)
	view.Partly = len(page.Rows) == 0 && view.Pager.Older != ""
	if a.filter.WebhookID != 0 && a.filter.Search == nil {
		view.Replay = replayLink(a.filter.WebhookID, replayForm{exactly(a.from), exactly(a.to), a.query.Get("status"), a.query.Get("event")})
	}
	return nil
}

// chartMessages adds cards and chart of the time that is asked for.
func (s *Server) chartMessages(ctx context.Context, businessID int64, a asked, now time.Time, view *dashboard.Messages) error {
	ch, err := a.chart(now)
	if err != nil {
		return err
	}
	v, err := s.series(ctx, businessID, ch)
	if err != nil {
		return err
	}
	view.Period = a.words(now)
	rate := rateCard(models.Stats{Succeeded: v.Totals.Successful, Failed: v.Totals.Failed})
	view.Cards = []dashboard.Stat{{Label: "Total", Value: grouped(v.Totals.Total), Path: a.with("status", "")},
		{Label: "Successful", Value: grouped(v.Totals.Successful), Path: a.with("status", "succeeded")},
		{Label: "Failed", Value: grouped(v.Totals.Failed), Path: a.with("status", "failed"), Bad: v.Totals.Failed > 0}, rate}
	view.Cards[3].Path = a.with("status", "failed") // what keeps it from 100 %
	bars := make([]dashboard.Bar, len(v.Series))
	for i, p := range v.Series {
		label := p.At.In(now.Location()).Format("2 Jan 15:04")
		if ch.step == day {
			label = p.At.UTC().Format("2 Jan")
		}
		bars[i] = dashboard.Bar{Label: label, Succeeded: p.Successful, Failed: p.Failed}
	}
	if v.Totals.Total+v.Totals.Successful+v.Totals.Failed == 0 {
		return nil
	}
	view.Chart = dashboard.NewChart("Deliveries by "+ch.interval, [3]string{"Delivered", "Failed", ""}, bars)
	switch {
	case a.query.Has("event"):
		view.Note = "Cards and chart count events of every type."
	case ch.step == day:
		view.Note = "Days are those of UTC."
	case a.spoken:
		view.Note = "Counted by whole hours."
	}
	return nil
}

// understood says what a search was taken for, and where else it leads.
func understood(f models.EventSearch, text string) (words, shown string, found []dashboard.Link) {
	switch {
	case f.Key != nil:
		id := event.Key(*f.Key).EventID()
		return "Deliveries of the event", id, []dashboard.Link{{Label: "Open the event", Path: "/events/" + id}}
	case f.Wamid != "":
		return "Deliveries of the message", firstRunes(text, 80), []dashboard.Link{{Label: "See its timeline", Path: timelinePath(f.Wamid)}}
	case f.WaID != "":
		return "Deliveries of the events of the phone number", firstRunes(text, 80), nil
	}
	return "Deliveries of the events of the user id, or of the message", firstRunes(text, 80), nil
}
