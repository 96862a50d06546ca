package api

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout/event"
	"wabagate/models"
)

// Simulator plays WhatsApp for people who try the gateway out and have no phone at hand.
type Simulator interface {
	// Receive has a made-up customer write to a number, and this gateway hear of it as it hears of real ones.
	// models.ErrNotFound when callbacks for the number cannot be signed here.
	Receive(ctx context.Context, n models.Number) error
	// Command does the same many times, from a shell; base is the gateway's address. Empty when Receive would not work.
	Command(n models.Number, base string) string
}

// localReceiver is an address for a receiver of one's own, to begin with.
const localReceiver = "http://localhost:3000/"

// reachesLoopback says whether webhooks may post to this machine.
func (s *Server) reachesLoopback() bool {
	return s.guard.Check(netip.MustParseAddr("127.0.0.1")) == nil
}

func (s *Server) pageGuide(c *fiber.Ctx, who caller) error {
	newest, err := s.store.NewestEvents(c.UserContext(), who.Business, 1)
	if err != nil {
		return err
	}
	first, err := s.firstRun(c, who, newest)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, dashboard.Guide{Shell: shell(who, "Getting started"), FirstRun: first})
}

// firstRun finds out how far the business is on its way to an event that was seen to arrive. newest are its newest events.
func (s *Server) firstRun(c *fiber.Ctx, who caller, newest []models.Event) (dashboard.FirstRun, error) {
	ctx := c.UserContext()
	f := dashboard.FirstRun{CanChange: who.may(workers), Loopback: s.reachesLoopback()}
	ns, err := s.store.Numbers(ctx, who.Business)
	if err != nil {
		return f, err
	}
	if len(ns) > 0 {
		f.Number, f.More = numberText(ns[0]), len(ns) > 1
		if s.simulator != nil {
			f.Command = s.simulator.Command(ns[0], s.base(c))
		}
	}
	if len(newest) > 0 {
		e := s.homeEvent(newest[0])
		f.Event = &e
	}
	ws, _, err := s.webhooks(ctx, who.Business, 0, wantedWebhooks)
	if err != nil {
		return f, err
	}
	var last models.DeliveryRow
	for _, w := range ws {
		item := s.webhookItem(w)
		f.Webhook = &item
		if item.Inspector == "" {
			f.Own = &item
		} else {
			f.Inspector = item.Inspector
		}
		rows, err := s.store.Deliveries(ctx, w.ID, models.DeliveryFilter{Limit: 1})
		if err != nil {
			return f, err
		}
		if len(rows) > 0 && rows[0].EventID >= last.EventID { // of one event, the newer webhook's
			last = rows[0]
			d := s.deliveryItem(last)
			f.Delivered = &d
		}
	}
	return f, nil
}

// submitSimulate has a made-up customer write to the first number.
func (s *Server) submitSimulate(c *fiber.Ctx, who caller) error {
	if s.simulator == nil {
		return ofStatus(http.StatusNotFound)
	}
	ns, err := s.store.Numbers(c.UserContext(), who.Business)
	if err != nil {
		return err
	}
	if len(ns) == 0 {
		return &Error{Status: http.StatusConflict, Code: "no_number", Message: "connect a number first: a message needs one to be written to"}
	}
	if err := s.simulator.Receive(c.UserContext(), ns[0]); err != nil {
		return err
	}
	return back(c, "/guide", "simulated")
}

// aboutEvent is what an event is about in a few words, as far as its data says: who wrote what.
func aboutEvent(data []byte) string {
	var d event.Data
	if json.Unmarshal(data, &d) != nil {
		return ""
	}
	var parts []string
	if c := d.Contact; c != nil {
		parts = append(parts, cmp.Or(c.Name, c.Username, c.WaID, c.UserID))
	}
	if m := d.Message; m != nil {
		parts = append(parts, cmp.Or(m.Text, m.Type))
	}
	if d.Status != nil {
		parts = append(parts, d.Status.Status)
	}
	return firstRunes(strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), ": "), maxAbout)
}

// maxAbout is the longest summary of an event, in characters.
const maxAbout = 160

func firstRunes(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i] + "…"
		}
		n--
	}
	return text
}
