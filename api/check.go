package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/check"
)

func (s *Server) registerChecks(r fiber.Router) {
	r.Post("/webhooks/:id<int>/check", s.client(s.handleCheck))
}

func (s *Server) handleCheck(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if o := parseObject(c.Request().Body()); o.err != nil {
		return o.err
	}
	report, err := s.check(c.UserContext(), who.Business, id, nil)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, report)
}

// checkTimeout is longer than a check takes.
const checkTimeout = time.Minute + 5*time.Second

// check tries the receiver of a webhook with good, forged and unusual events and grades it. found is told of every finding as it is
// made; nil: nobody. The webhook need not be active. One check of a webhook runs at a time.
func (s *Server) check(ctx context.Context, businessID, id int64, found func(check.Finding)) (check.Report, error) {
	run, err := s.beginCheck(ctx, businessID, id)
	if err != nil {
		return check.Report{}, err
	}
	return run(found)
}

// beginCheck takes a place for a check, which run makes and gives back. It has to be called, once.
func (s *Server) beginCheck(ctx context.Context, businessID, id int64) (run func(found func(check.Finding)) (check.Report, error), err error) {
	w, err := s.store.Webhook(ctx, businessID, id)
	if err != nil {
		return nil, err
	}
	end, err := s.checks.begin(id)
	if err != nil {
		return nil, err
	}
	return func(found func(check.Finding)) (check.Report, error) {
		defer end()
		// What a check may take is the receiver's affair and not that of ordinary requests; only the end of this process cuts it short.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
		defer cancel()
		go func() {
			select {
			case <-s.closing:
				cancel()
			case <-ctx.Done():
			}
		}()
		return s.courier.Check(ctx, w, found)
	}, nil
}

// maxChecks is how many checks run in this process at once: they go around the pace of deliveries.
const maxChecks = 16

// checks are those that are running.
type checks struct {
	mu      sync.Mutex
	running map[int64]bool // by webhook
}

// begin lets one check of a webhook in, which calls end when it is over.
func (k *checks) begin(id int64) (end func(), err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.running[id]:
		return nil, &Error{Status: http.StatusConflict, Code: "check_running", Message: "a check of this webhook is running; wait for its end, a minute at most", RetryAfter: time.Minute}
	case len(k.running) >= maxChecks:
		return nil, &Error{Status: http.StatusTooManyRequests, Code: "too_many_checks", Message: "too many checks are running here; try again in a minute", RetryAfter: time.Minute}
	}
	k.running[id] = true
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.running, id)
	}, nil
}
