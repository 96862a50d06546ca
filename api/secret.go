package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/fanout/signature"
	"wabagate/models"
)

func (s *Server) registerSecrets(r fiber.Router) {
	r.Get("/webhooks/:id<int>/secret", s.client(s.handleSecretGet))
	r.Post("/webhooks/:id<int>/secret/rotate", s.client(s.handleSecretRotate))
	r.Post("/webhooks/:id<int>/secret/rotate/finish", s.client(s.handleRotationFinish))
}

// maxOverlap is how long a secret may go on signing beside the one that follows it.
const maxOverlap = 7 * 24 * time.Hour

// secretJSON is how a webhook signs. The secret is null for a webhook whose deliveries are unsigned.
type secretJSON struct {
	Secret *string `json:"secret"`
	// PreviousUntil is when the secret before this one ends; null when it has.
	PreviousUntil *event.Time `json:"previous_until"`
	Message       string      `json:"message,omitempty"`
}

func (s *Server) secretView(w models.Webhook, said string) secretJSON {
	v := secretJSON{Message: said}
	if w.Secret != "" {
		text := w.Secret.Text()
		v.Secret = &text
	}
	if w.Overlapping(s.now()) {
		v.PreviousUntil = &event.Time{Time: w.PreviousUntil}
	}
	return v
}

func (s *Server) handleSecretGet(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	w, err := s.store.Webhook(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	noteOf(c.UserContext()).about("webhook", id, w.Name)
	return reply(c, http.StatusOK, s.secretView(w, ""))
}

// rotation is what a request says about the next secret.
type rotation struct {
	secret  string // empty: a random one
	overlap time.Duration
	force   bool
}

func parseRotation(body []byte) (rotation, error) {
	o := parseObject(body, "overlap_seconds", "secret", "force")
	overlap := member[int64](o, "overlap_seconds", "a number of seconds")
	secret := member[string](o, "secret", "text")
	force := member[flag](o, "force", "true or false")
	if o.err != nil {
		return rotation{}, o.err
	}
	if most := int64(maxOverlap / time.Second); overlap.value < 0 || overlap.value > most {
		return rotation{}, invalid("overlap_seconds", codeInvalid, "must be from 0, which ends the old secret at once, to %d, which is 7 days", most)
	}
	if secret.given && !secret.null {
		if err := checkSecret(secret.value); err != nil {
			return rotation{}, err
		}
	}
	return rotation{secret.value, time.Duration(overlap.value) * time.Second, bool(force.value)}, nil
}

func checkSecret(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return invalid("secret", codeInvalid, "must not be empty; null leaves deliveries unsigned")
	case len(text) > maxSecret:
		return invalid("secret", codeTooLong, "must have at most %d bytes", maxSecret)
	}
	return nil
}

func (s *Server) handleSecretRotate(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	r, err := parseRotation(c.Request().Body())
	if err != nil {
		return err
	}
	w, err := s.rotateSecret(c.UserContext(), who.Business, id, r)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, s.secretView(w, s.rotationText(w)))
}

// rotationText says what the owner of a webhook has to do after its secret was rotated.
func (s *Server) rotationText(w models.Webhook) string {
	if !w.Overlapping(s.now()) {
		return "Deliveries are signed with this secret alone from now on: give it to the receiver."
	}
	text := "Until previous_until the webhook-signature header carries a signature of each secret."
	if d, _ := dialect.Lookup(w.Dialect); d.SignsOnce() {
		text += fmt.Sprintf(" The signature header of the %s dialect has room for one and stays with the old secret, which the receiver has. "+
			"Change the secret there, then end the overlap with POST /api/client/webhooks/%d/secret/rotate/finish: that header is signed with the new one from then on.", w.Dialect, w.ID)
	}
	return text
}

// rotateSecret gives a webhook a new secret. The old one signs beside it until the overlap ends.
func (s *Server) rotateSecret(ctx context.Context, businessID, id int64, r rotation) (models.Webhook, error) {
	secret := models.Secret(r.secret)
	if secret == "" {
		secret = models.Secret(signature.NewRandomSecret().Text())
	}
	return s.changeSecret(ctx, businessID, id, func(w *models.Webhook) error {
		if secret == w.Secret {
			return invalid("secret", codeInvalid, "is the secret that the webhook has already")
		}
		err := w.RotateSecret(secret, r.overlap, r.force, s.now())
		if open := (models.RotationOpenError{}); errors.As(err, &open) {
			return &Error{Status: http.StatusConflict, Code: "rotation_open", Message: fmt.Sprintf(`%s: wait, end it with POST /api/client/webhooks/%d/secret/rotate/finish, `+
				`or send "force":true, and the older of the two secrets ends at once`, open.Error(), id)}
		}
		return err
	})
}

func (s *Server) handleRotationFinish(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if o := parseObject(c.Request().Body()); o.err != nil {
		return o.err
	}
	w, open, err := s.finishRotation(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	said := "The old secret has ended."
	if !open {
		said = "No rotation was open."
	}
	return reply(c, http.StatusOK, s.secretView(w, said))
}

// finishRotation ends an overlap before its time. open says whether there was one.
func (s *Server) finishRotation(ctx context.Context, businessID, id int64) (w models.Webhook, open bool, err error) {
	w, err = s.changeSecret(ctx, businessID, id, func(w *models.Webhook) error {
		open = w.Overlapping(s.now())
		w.FinishRotation()
		return nil
	})
	return w, open, err
}

func (s *Server) changeSecret(ctx context.Context, businessID, id int64, change func(*models.Webhook) error) (models.Webhook, error) {
	w, err := s.store.UpdateWebhook(ctx, businessID, id, change)
	if err == nil {
		noteOf(ctx).about("webhook", id, w.Name)
		s.refresh(ctx)
	}
	return w, err
}
