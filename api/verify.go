package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/dialect"
	"wabagate/models"
)

func (s *Server) registerVerification(r fiber.Router) {
	r.Post("/webhooks/:id<int>/verify", s.client(s.handleVerify))
}

// verification is what came of asking a receiver to prove that its owner wants events there.
type verification struct {
	attempt models.Attempt
	reason  string // what is missing; empty: verified
}

// verificationJSON is a verification as the API shows it.
type verificationJSON struct {
	Status    int    `json:"status"` // the receiver's; 0 when no answer came
	Reason    string `json:"reason"` // empty when verified
	LatencyMS int64  `json:"latency_ms"`
	Answer    string `json:"answer"`
}

// verdictJSON is in answers to requests that asked a receiver.
type verdictJSON struct {
	Verified     bool             `json:"verified"`
	Verification verificationJSON `json:"verification"`
}

// view is nil for a receiver that was not asked.
func (v *verification) view() *verdictJSON {
	if v == nil {
		return nil
	}
	return &verdictJSON{v.reason == "", verificationJSON{Status: v.attempt.Status, Reason: v.reason, LatencyMS: v.attempt.Duration.Milliseconds(), Answer: v.attempt.Answer}}
}

// hint is what the owner of a receiver that proved nothing has to know; empty for every other.
func (v *verification) hint(id int64) string {
	if v == nil || v.reason == "" {
		return ""
	}
	return fmt.Sprintf(" It is not verified and gets nothing until its receiver answers the challenge; POST /api/client/webhooks/%d/verify asks again.", id)
}

// mustVerify says whether a webhook gets nothing before its receiver has answered a challenge: a matter of the dialect.
func mustVerify(w models.Webhook) bool {
	d, _ := dialect.Lookup(w.Dialect)
	return d.Manners.Challenge
}

// unasked is why a webhook is not verified while its receiver is being asked.
const unasked = "its receiver has not answered yet"

// moved says whether a change makes void what was proven: that is one URL in one dialect.
func moved(before, after models.Webhook) bool {
	return before.URL != after.URL || before.Dialect != after.Dialect
}

// unproven takes back what a change of a webhook makes void.
func unproven(before models.Webhook, w *models.Webhook) {
	switch {
	case !mustVerify(*w):
		w.Verified, w.VerifyReason = false, ""
	case moved(before, *w):
		w.Verified, w.VerifyReason = false, unasked
	}
}

// asksAgain says whether a change calls for a challenge: what was proven is void, or somebody switched on what was never
// verified and wants to know.
func asksAgain(before, after models.Webhook) bool {
	return mustVerify(after) && (moved(before, after) || !before.Verified && !before.Active && after.Active)
}

// challenge asks the receiver of a webhook now and keeps the verdict, whatever was known before. What has moved elsewhere
// in the meantime is left alone: whoever moved it asks there.
func (s *Server) challenge(ctx context.Context, w models.Webhook) *verification {
	// What the receiver may take is the webhook's affair and not that of ordinary requests.
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), trialTimeout)
	defer cancel()
	v := &verification{}
	var err error
	if v.attempt, err = s.courier.Challenge(asking, w); err != nil {
		v.reason = err.Error()
	}
	ctx, cancel = afterwards(ctx)
	defer cancel()
	_, err = s.store.UpdateWebhook(ctx, w.BusinessID, w.ID, func(kept *models.Webhook) error {
		if !moved(w, *kept) {
			kept.Verified, kept.VerifyReason = v.reason == "", v.reason
		}
		return nil
	})
	if err != nil {
		s.log.Warn("verdict of a challenge not kept", "webhook_id", w.ID, "error", err)
		v.reason = "its receiver was asked, but the answer could not be kept; verify it again"
	}
	s.refresh(ctx)
	return v
}

// afterwards is a context for keeping what a receiver answered, however long that took.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
}

func (s *Server) handleVerify(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if o := parseObject(c.Request().Body()); o.err != nil {
		return o.err
	}
	v, err := s.verify(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, v.view())
}

// verify challenges the receiver of a webhook because somebody asks for it.
func (s *Server) verify(ctx context.Context, businessID, id int64) (*verification, error) {
	w, err := s.store.Webhook(ctx, businessID, id)
	if err != nil {
		return nil, err
	}
	if !mustVerify(w) {
		return nil, &Error{Status: http.StatusBadRequest, Code: "no_challenge", Message: "the dialect " + w.Dialect + " has no challenge: its webhooks get events without being verified"}
	}
	return s.challenge(ctx, w), nil
}
