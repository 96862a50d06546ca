package api

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout/check"
)

func (s *Server) pageCheck(c *fiber.Ctx, who caller) error {
	view, err := s.checkPage(c, who)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, view)
}

func (s *Server) checkPage(c *fiber.Ctx, who caller) (dashboard.WebhookCheck, error) {
	w, err := s.webhookOf(c, who)
	if err != nil {
		return dashboard.WebhookCheck{}, err
	}
	view := dashboard.WebhookCheck{Shell: shell(who, "Check of "+w.Name)}
	view.WebhookHead, err = s.webhookHead(c.UserContext(), who, w, "check")
	view.Here = view.Item.Path("check")
	return view, err
}

// submitCheck checks a receiver and answers while it does: a finding is on the page as soon as it is made. So nothing has to
// be kept of a check, whichever process it runs in, and the page needs no script.
func (s *Server) submitCheck(c *fiber.Ctx, who caller) error {
	view, err := s.checkPage(c, who)
	if err != nil {
		return err
	}
	run, err := s.beginCheck(c.UserContext(), who.Business, view.Item.ID)
	if e := (*Error)(nil); errors.As(err, &e) {
		view.Report = func() dashboard.CheckReport { return dashboard.CheckReport{Error: sentence(e)} }
		return s.render(c, e.Status, view)
	}
	if err != nil {
		return err
	}
	pageHeaders(c)
	c.Set("X-Accel-Buffering", "no") // a proxy that gathers the answer would show it all at the end
	c.Context().SetBodyStreamWriter(func(out *bufio.Writer) {
		var report check.Report
		var failed error
		view.Findings = func(yield func(dashboard.CheckFinding) bool) {
			_ = out.Flush()
			watched := true
			report, failed = run(func(f check.Finding) {
				watched = watched && yield(findingItem(f)) && out.Flush() == nil
			})
		}
		view.Report = func() dashboard.CheckReport {
			if failed != nil {
				s.log.Error("check failed", "webhook_id", view.Item.ID, "error", failed)
				return dashboard.CheckReport{Error: "The check could not be made. Try again in a minute."}
			}
			return reportItem(report)
		}
		if err := s.pages.Render(out, view); err != nil {
			s.log.Info("nobody waited for the end of a check", "webhook_id", view.Item.ID, "error", err)
		}
		_ = out.Flush()
	})
	return nil
}

// findingItem shows a finding with a word for how it ended.
func findingItem(f check.Finding) dashboard.CheckFinding {
	item := dashboard.CheckFinding{Title: f.Title, Sent: f.Sent, Answered: f.Answered, Why: f.Why, Change: f.Change, Badge: map[check.Result]dashboard.Badge{
		check.Passed: {Tone: "good", Text: "passed"}, check.Advice: {Tone: "wait", Text: "advice"}, check.Warning: {Tone: "wait", Text: "warning"},
		check.Serious: {Tone: "bad", Text: "serious"}, check.Fatal: {Tone: "bad", Text: "fatal"}, check.Skipped: {Text: "skipped"}}[f.Result]}
	for _, r := range f.Requests {
		item.Exchanges = append(item.Exchanges, dashboard.CheckExchange{EventID: r.EventID, Status: r.Status, Reason: capital(r.Reason, ""), Answer: r.Answer,
			Latency: latencyText(time.Duration(r.LatencyMS) * time.Millisecond)})
	}
	return item
}

func reportItem(r check.Report) dashboard.CheckReport {
	item := dashboard.CheckReport{Grade: string(r.Grade), Summary: r.Summary, Tone: map[check.Grade]string{check.A: "good", check.B: "good", check.C: "wait", check.D: "bad", check.F: "bad"}[r.Grade]}
	item.Facts = fmt.Sprintf("%s in %s", plural(int64(r.Requests), "request", "requests"), latencyText(time.Duration(r.DurationMS)*time.Millisecond))
	if r.Latency.Answers > 0 {
		item.Facts += fmt.Sprintf(", half of the answers within %d ms, the slowest after %d ms", max(r.Latency.P50, 1), max(r.Latency.Max, 1))
	}
	item.Facts += "."
	return item
}
