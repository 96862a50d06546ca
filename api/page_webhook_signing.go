package api

import (
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout/dialect"
	"wabagate/models"
)

func (s *Server) pageSigning(c *fiber.Ctx, who caller) error {
	w, err := s.webhookOf(c, who)
	if err != nil {
		return err
	}
	view := dashboard.WebhookSigning{Shell: shell(who, "Signing of "+w.Name), Signed: w.Secret != "", Overlap: overlapOf(w, s.now()), Header: "webhook-signature",
		Lengths: dashboard.Field{Name: "overlap_hours", Label: "The present secret ends", Type: "select",
			Options: options("24", [2]string{"0", "at once"}, [2]string{"1", "in 1 hour"}, [2]string{"24", "in 24 hours"}, [2]string{"168", "in 7 days"}),
			Hint:    "Until then deliveries carry a signature of each, so that none is refused while you change your receiver."}}
	if view.WebhookHead, err = s.webhookHead(c.UserContext(), who, w, "signing"); err != nil {
		return err
	}
	if d, _ := dialect.Lookup(w.Dialect); d.SignsOnce() {
		view.SignsOnce = w.Dialect
	}
	return s.render(c, http.StatusOK, view)
}

// overlapOf is the clock of a rotation; nil: none is open.
func overlapOf(w models.Webhook, now time.Time) *dashboard.Overlap {
	if !w.Overlapping(now) {
		return nil
	}
	left := w.PreviousUntil.Sub(now)
	until := "until " + w.PreviousUntil.UTC().Format("2 January 15:04") + " UTC"
	return &dashboard.Overlap{Until: dashboard.NewWhen(w.PreviousUntil, now), Progress: dashboard.Progress{Label: "The old secret signs too", Share: 100 * left.Seconds() / maxOverlap.Seconds(), Text: until}}
}

func (s *Server) submitRotate(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	hours, err := number("overlap_hours", c.FormValue("overlap_hours"), 0, 0, int(maxOverlap/time.Hour))
	if err != nil {
		return err
	}
	w, err := s.rotateSecret(c.UserContext(), who.Business, id, rotation{overlap: time.Duration(hours) * time.Hour})
	if err != nil {
		return err
	}
	done := "rotated"
	if w.Overlapping(s.now()) {
		done = "overlapping"
	}
	return back(c, webhookPath(id)+"/signing", done)
}

func (s *Server) submitRotationFinish(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if _, _, err := s.finishRotation(c.UserContext(), who.Business, id); err != nil {
		return err
	}
	return back(c, webhookPath(id)+"/signing", "finished")
}
