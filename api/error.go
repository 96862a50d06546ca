package api

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/models"
)

// Error is a refusal that a person can act on.
type Error struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
	// Field names the request's field that is wrong; empty when it is none.
	Field string `json:"field,omitempty"`
	// RetryAfter is when another try makes sense; 0 for nothing to say.
	RetryAfter time.Duration `json:"-"`
	// Step is the one that failed of a request that takes several; Advice is what to do, where the message does not say it.
	Step   string `json:"step,omitempty"`
	Advice string `json:"advice,omitempty"`
	// Platform is what WhatsApp or a provider said; nil where it was not asked.
	Platform *platformJSON `json:"platform,omitempty"`
	// All are the problems of a body that has more than one, this one among them.
	All []*Error `json:"-"`
}

// platformJSON is an error in the words of WhatsApp or of a provider.
type platformJSON struct {
	Code    string `json:"code,omitempty"` // empty where it has none
	Title   string `json:"title,omitempty"`
	Details string `json:"details,omitempty"`
	TraceID string `json:"trace_id,omitempty"` // which the platform's support asks for
}

func (e *Error) Error() string {
	if e.Field != "" {
		return e.Field + ": " + e.Message
	}
	return e.Message
}

// The codes of fields that are wrong. They are part of the API.
const (
	codeRequired     = "required"
	codeInvalid      = "invalid"
	codeTooLong      = "too_long"
	codeUnknownField = "unknown_field"
)

// invalid is a refusal of one field.
func invalid(field, code, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...), Field: field}
}

var (
	errUnauthenticated = &Error{Status: http.StatusUnauthorized, Code: "unauthenticated", Message: "log in, or send a key as Authorization: Bearer wbk_…"}
	errCrossSite       = &Error{Status: http.StatusForbidden, Code: "cross_site", Message: "this request came from another site"}
)

// public is what the outside may know of an error; nil for what is nobody's business but the log's.
func public(err error) *Error {
	var e *Error
	var f *fiber.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, models.ErrNotFound):
		return &Error{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such thing, or it is not yours"}
	case errors.Is(err, models.ErrConflict):
		return &Error{Status: http.StatusConflict, Code: "conflict", Message: "it exists already"}
	case errors.As(err, &f):
		return ofStatus(f.Code)
	}
	return nil
}

// ofStatus is the refusal that the framework made by itself: no such route, a body too large, a malformed request.
func ofStatus(status int) *Error {
	e := &Error{Status: status, Code: strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_"), Message: strings.ToLower(http.StatusText(status))}
	switch status {
	case http.StatusNotFound:
		e.Message = "there is nothing at this address"
	case http.StatusMethodNotAllowed:
		e.Message = "this address does not take this method"
	case http.StatusRequestEntityTooLarge:
		e.Code, e.Message = "body_too_large", "the body is too large"
	}
	return e
}

// refusalJSON is how a refusal is written.
type refusalJSON struct {
	Error *Error   `json:"error"`
	All   []*Error `json:"errors,omitempty"` // all the problems of a body that has more than one
}

var errInternal = &Error{Status: http.StatusInternalServerError, Code: "internal", Message: "internal error"}

// ErrorHandler turns what handlers return into answers: JSON, or a page for a browser that asked for one. What is not
// meant for the outside goes to the log and comes out as a 500 without details.
func ErrorHandler(log *slog.Logger) fiber.ErrorHandler {
	pages, pagesErr := dashboard.New(dashboard.Failure{})
	return func(c *fiber.Ctx, err error) error {
		e := public(err)
		if e == nil {
			log.Error("request failed", "method", c.Method(), "route", c.Route().Path, "error", err)
			e = errInternal
		}
		if e.RetryAfter > 0 {
			c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
		}
		if pagesErr == nil && wantsPage(c.Path(), c.Get(fiber.HeaderAccept)) {
			return render(c, pages, e.Status, dashboard.Failure{Shell: failureShell(c, strconv.Itoa(e.Status)), Status: e.Status, Message: sentence(e)})
		}
		return reply(c, e.Status, refusalJSON{e, e.All})
	}
}

// wantsPage tells a person's browser from a program.
func wantsPage(path, accept string) bool {
	return strings.Contains(accept, "text/html") && !strings.HasPrefix(path, "/api/") && !strings.HasPrefix(path, "/v1/") && !strings.HasPrefix(path, "/monitor/api/")
}
