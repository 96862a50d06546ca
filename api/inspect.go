package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
)

const (
	maxInspected = 1 << 20
	maxDelay     = 30 * time.Second
)

func (s *Server) registerInspector(app *fiber.App) {
	app.Post("/inspect/:bin", s.handleInspect)
	app.Get("/inspect/:bin", s.page(s.pageInspector))
	app.Get("/inspect/:bin/stream", s.page(s.handleInspectStream))
}

// handleInspect plays a receiver: it keeps what arrives and answers as the URL asks.
func (s *Server) handleInspect(c *fiber.Ctx) error {
	status, delay, err := rehearsal(c.Query("status"), c.Query("delay"))
	if err != nil {
		return err
	}
	b, ok := s.bins.find(c.Params("bin"))
	if !ok {
		return &Error{Status: http.StatusNotFound, Code: "not_found", Message: "no webhook points at this inspector"}
	}
	body := c.Request().Body()
	if len(body) > maxInspected {
		return ofStatus(http.StatusRequestEntityTooLarge)
	}
	answer := inspectedJSON{true, challengeOf(body)}
	if _, err := s.store.AddInspection(c.UserContext(), b.key(), inspectedHeaders(c.GetReqHeaders()), body); err != nil {
		return err
	}
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-s.closing:
		case <-c.Context().Done():
		}
	}
	return reply(c, status, answer)
}

// inspectedJSON is how the inspector answers. It meets challenges, as a receiver of such a dialect would.
type inspectedJSON struct {
	Received  bool   `json:"received"`
	Challenge string `json:"challenge,omitempty"`
}

// challengeOf is the text that a verification request wants to have back; empty for other requests.
func challengeOf(body []byte) string {
	var ask struct{ Type, Challenge string }
	if json.Unmarshal(body, &ask) != nil || ask.Type != "verification" {
		return ""
	}
	return ask.Challenge
}

// rehearsal reads how the inspector is to answer.
func rehearsal(status, delay string) (int, time.Duration, error) {
	code, err := number("status", status, http.StatusOK, 200, 599)
	if err != nil || delay == "" {
		return code, 0, err
	}
	if _, err := strconv.Atoi(delay); err == nil {
		delay += "s"
	}
	d, err := time.ParseDuration(delay)
	if err != nil || d < 0 || d > maxDelay {
		return code, 0, invalid("delay", codeInvalid, "must be a time up to 30s, such as 2s or 500ms")
	}
	return code, d, nil
}

// credentials are headers whose values are not kept: they open something elsewhere.
var credentials = map[string]bool{"Authorization": true, "Proxy-Authorization": true, "Cookie": true}

// inspectedHeaders copies headers out of the request's buffer, without credentials.
func inspectedHeaders(from map[string][]string) http.Header {
	h := http.Header{}
	for name, values := range from {
		canonical := http.CanonicalHeaderKey(strings.Clone(name))
		for _, v := range values {
			if credentials[canonical] {
				v = keepValue
			}
			h.Add(canonical, strings.Clone(v))
		}
	}
	return h
}
