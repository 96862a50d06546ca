package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/models"
)

const (
	// homeEvents are the newest events on the first page, homeWebhooks the webhooks.
	homeEvents   = 8
	homeWebhooks = 8
	// wantedWebhooks bounds the webhooks that the first page adds up.
	wantedWebhooks = 100
)

func (s *Server) pageHome(c *fiber.Ctx, who caller) error {
	ctx := c.UserContext()
	newest, err := s.store.NewestEvents(ctx, who.Business, homeEvents)
	if err != nil {
		return err
	}
	view := dashboard.Home{Shell: shell(who, "Home")}
	if len(newest) == 0 {
		first, err := s.firstRun(c, who, newest)
		if err != nil {
			return err
		}
		view.Guide = &first
		return s.render(c, http.StatusOK, view)
	}
	for _, e := range newest {
		view.Events = append(view.Events, s.homeEvent(e))
	}
	if err := s.homeOverview(ctx, who.Business, &view); err != nil {
		return err
	}
	return s.render(c, http.StatusOK, view)
}

func (s *Server) homeEvent(e models.Event) dashboard.HomeEvent {
	return dashboard.HomeEvent{ID: publicEventID(e.Key[:]), Type: e.Type, About: aboutEvent(e.Data), At: dashboard.NewWhen(e.CreatedAt, s.now())}
}

// homeOverview adds the numbers of the last 24 hours and what wants somebody to look at it.
func (s *Server) homeOverview(ctx context.Context, businessID int64, view *dashboard.Home) error {
	since := s.now().Add(-statsHours * time.Hour)
	ws, _, err := s.webhooks(ctx, businessID, 0, wantedWebhooks)
	if err != nil {
		return err
	}
	var sum models.Stats
	for _, w := range ws {
		st, err := s.store.Stats(ctx, w.ID, since)
		if err != nil {
			return err
		}
		sum.Total, sum.Succeeded, sum.Failed = sum.Total+st.Total, sum.Succeeded+st.Succeeded, sum.Failed+st.Failed
		sum.Pending, sum.Held, sum.P95 = sum.Pending+st.Pending, sum.Held+st.Held, max(sum.P95, st.P95)
		item := dashboard.HomeWebhook{Item: s.webhookItem(w), Total: plural(st.Total, "delivery", "deliveries"), Failed: grouped(st.Failed), Rate: rateCard(st).Value}
		if trouble, ok := webhookTrouble(item.Item, st); ok {
			view.Troubled = append(view.Troubled, trouble)
		}
		view.Webhooks = append(view.Webhooks, item)
	}
	slices.SortStableFunc(view.Webhooks, func(a, b dashboard.HomeWebhook) int { return b.Item.LastTriggered.At.Compare(a.Item.LastTriggered.At) })
	view.Webhooks = view.Webhooks[:min(len(view.Webhooks), homeWebhooks)]
	slowest := dashboard.Stat{Label: "Slowest p95", Value: latencyText(sum.P95)}
	view.Cards = []dashboard.Stat{{Label: "Deliveries", Value: grouped(sum.Total)}, {Label: "Successful", Value: grouped(sum.Succeeded)},
		{Label: "Failed", Value: grouped(sum.Failed), Bad: sum.Failed > 0}, {Label: "Waiting", Value: grouped(sum.Pending + sum.Held)}, rateCard(sum), slowest}
	return s.homeNumbers(ctx, businessID, view)
}

// webhookTrouble is what is wrong with a webhook, if anything is.
func webhookTrouble(w dashboard.WebhookItem, st models.Stats) (dashboard.Trouble, bool) {
	t := dashboard.Trouble{Name: w.Name, Path: "/webhooks/" + strconv.FormatInt(w.ID, 10)}
	switch {
	case w.Disabled != "":
		t.Badge, t.Text = dashboard.Badge{Tone: "bad", Text: "disabled"}, "switched off by the gateway: "+w.Disabled
	case w.Unverified:
		t.Badge, t.Text = dashboard.Badge{Tone: "wait", Text: "not verified"}, cmp.Or(w.Missing, "its receiver has not answered the challenge")
	case w.FailCount > 0:
		t.Badge, t.Text = dashboard.Badge{Tone: "bad", Text: "failing"}, grouped(w.FailCount)+" failed in a row"
		if !w.FailingSince.At.IsZero() && w.FailCount > 1 && w.FailingSince.Ago != "now" {
			t.Text += ", the first " + w.FailingSince.Ago
		}
	case !w.Active && st.Held > 0:
		t.Badge, t.Text = dashboard.Badge{Tone: "wait", Text: "off"}, plural(st.Held, "delivery is", "deliveries are")+" held"
	default:
		return t, false
	}
	return t, true
}

// homeNumbers adds the numbers that are not well, and the events of all by hour.
func (s *Server) homeNumbers(ctx context.Context, businessID int64, view *dashboard.Home) error {
	now := s.now()
	bars := make([]dashboard.Bar, statsHours)
	first := now.Truncate(time.Hour).Add(-(statsHours - 1) * time.Hour)
	for i := range bars {
		bars[i].Label = first.Add(time.Duration(i)*time.Hour).UTC().Format("15:04") + " UTC"
	}
	ns, err := s.store.Numbers(ctx, businessID)
	if err != nil {
		return err
	}
	for _, n := range ns {
		hours, err := s.store.NumberHours(ctx, n.ID, first, now.Add(time.Hour))
		if err != nil {
			return err
		}
		for _, h := range hours {
			if i := int(h.Hour.Sub(first) / time.Hour); i >= 0 && i < len(bars) {
				bars[i].Succeeded += h.Events
			}
		}
		u, err := s.store.UpstreamOf(ctx, n.ID)
		if err != nil && !errors.Is(err, models.ErrNotFound) {
			return err
		}
		if u.Checked.Trouble != "" {
			view.Troubled = append(view.Troubled, dashboard.Trouble{Badge: dashboard.Badge{Tone: "bad", Text: "number"}, Name: numberText(n), Path: "/numbers", Text: u.Checked.Trouble})
		}
	}
	if slices.ContainsFunc(bars, func(b dashboard.Bar) bool { return b.Total() > 0 }) { // they are counted every few minutes
		view.Chart = dashboard.NewChart("Events per hour", [3]string{"Events"}, bars)
	}
	return nil
}
