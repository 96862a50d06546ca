package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/deliver"
	"wabagate/fanout/event"
	"wabagate/gateway/line"
	"wabagate/models"
)

// Lines connects numbers to the platform or to their provider; a *line.Lines does.
type Lines interface {
	Connect(ctx context.Context, businessID int64, r line.Request) (line.Connected, error)
	Replace(ctx context.Context, businessID, numberID int64, token models.Secret) (models.Upstream, error)
	SetRate(ctx context.Context, businessID, numberID int64, rate int) (models.Upstream, error)
	Disconnect(ctx context.Context, businessID, numberID int64) error
	Check(ctx context.Context, n models.Number) (models.UpstreamHealth, error)
}

func (s *Server) registerLines(r fiber.Router) {
	r.Get("/numbers/:id<int>", s.client(s.handleNumberGet))
	r.Put("/numbers/:id<int>", s.client(s.handleNumberUpdate))
	r.Post("/numbers/:id<int>/check", s.client(s.handleNumberCheck))
	r.Delete("/numbers/:id<int>/upstream", s.client(s.handleUpstreamDelete))
}

const (
	// connectTimeout bounds what connecting a number, replacing its token and checking it may take: some ten calls, one after
	// the other.
	connectTimeout = 90 * time.Second
	// maxSendRate is what the platform takes from one number at most, per second.
	maxSendRate  = 1000
	maxLineToken = 4096
	maxAddress   = 500
)

// upstreamJSON is how a number is reached, without its token.
type upstreamJSON struct {
	Style          string      `json:"style"`
	BaseURL        string      `json:"base_url"` // empty: the platform's or 360dialog's own
	Version        string      `json:"version"`  // empty: that of this build
	AppID          string      `json:"app_id"`
	TokenExpiresAt *event.Time `json:"token_expires_at"` // null: never, or not known
	Rate           int         `json:"rate"`             // messages per second; 0: the usual 80, or what the platform says
	Health         *healthJSON `json:"health"`           // null: not checked yet
}

// healthJSON is what the last check of a number found.
type healthJSON struct {
	CheckedAt     event.Time `json:"checked_at"`
	OK            bool       `json:"ok"`
	Trouble       string     `json:"trouble"` // what is wrong, or soon will be, and what to do; empty: nothing
	Subscribed    bool       `json:"subscribed"`
	VerifiedName  string     `json:"verified_name"`
	Quality       string     `json:"quality"`
	Throughput    string     `json:"throughput"`
	MessagesLimit string     `json:"messages_limit"`
}

func upstreamView(u models.Upstream) *upstreamJSON {
	v := &upstreamJSON{Style: u.Style, BaseURL: u.Base, Version: u.Version, AppID: u.AppID, TokenExpiresAt: timeView(u.TokenExpiresAt), Rate: u.Rate}
	if !u.Checked.At.IsZero() {
		v.Health = healthView(u.Checked)
	}
	return v
}

func healthView(h models.UpstreamHealth) *healthJSON {
	return &healthJSON{CheckedAt: event.Time{Time: h.At}, OK: h.OK, Trouble: h.Trouble, Subscribed: h.Subscribed, VerifiedName: h.VerifiedName,
		Quality: h.Quality, Throughput: h.Throughput, MessagesLimit: h.MessagesLimit}
}

// lineJSON is a number and how it is reached.
type lineJSON struct {
	numberJSON
	Upstream *upstreamJSON `json:"upstream"` // null: nobody said, so that nothing can be sent
}

// parseConnection reads what a request says of the way to a number.
func parseConnection(o *object) (maybe[connection], error) {
	var how maybe[connection]
	token, secret := member[string](o, "token", "text"), member[string](o, "app_secret", "text")
	style, base, version := member[string](o, "style", "text"), member[string](o, "base_url", "an address"), member[string](o, "version", "text")
	app, appID := member[string](o, "app", "the name of an app here"), member[string](o, "app_id", "text of digits")
	override, rate := member[flag](o, "override", "true or false"), member[int](o, "rate", "messages per second")
	if o.err != nil {
		return how, o.err
	}
	v := connection{token: models.Secret(strings.TrimSpace(token.value)), appSecret: models.Secret(strings.TrimSpace(secret.value)), style: style.value, base: strings.TrimSpace(base.value),
		version: version.value, app: app.value, appMeta: appID.value, override: bool(override.value), rate: rate.value}
	for _, f := range []struct {
		name string
		on   bool
	}{{"style", style.given}, {"base_url", base.given}, {"version", version.given}, {"app", app.given}, {"app_id", appID.given}, {"app_secret", secret.given}, {"override", override.given}, {"rate", rate.given}} {
		if f.on && v.token == "" {
			return how, invalid("token", codeRequired, "is required together with %s", f.name)
		}
	}
	if err := errors.Join(checkToken("token", v.token), checkToken("app_secret", v.appSecret), checkRate(v.rate)); err != nil {
		return how, err
	}
	switch {
	case v.style != "" && !slices.Contains(line.Styles(), v.style):
		return how, invalid("style", codeInvalid, "must be one of %s", strings.Join(line.Styles(), ", "))
	case !allDigits(v.appMeta) || len(v.appMeta) > 32:
		return how, invalid("app_id", codeInvalid, "must be Meta's id of the app: digits only")
	case v.version != "" && !graphVersion(v.version):
		return how, invalid("version", codeInvalid, "must be a version of the Graph API, such as v26.0")
	}
	if err := checkText("base_url", v.base, false, maxAddress); err != nil {
		return how, err
	}
	return maybe[connection]{given: v.token != "", value: v}, nil
}

// graphVersion tells whether a text is v, a number, a dot and a number.
func graphVersion(text string) bool {
	major, minor, ok := strings.Cut(strings.TrimPrefix(text, "v"), ".")
	return ok && strings.HasPrefix(text, "v") && len(text) < 10 && major != "" && minor != "" && allDigits(major) && allDigits(minor)
}

func checkToken(field string, token models.Secret) error {
	switch text := token.Text(); {
	case len(text) > maxLineToken:
		return invalid(field, codeTooLong, "must have at most %d characters", maxLineToken)
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return invalid(field, codeInvalid, "holds spaces or other characters that no token has: copy it again")
	}
	return nil
}

func checkRate(rate int) error {
	if rate < 0 || rate > maxSendRate {
		return invalid("rate", codeInvalid, "must be from 1 to %d messages per second, or 0 for the usual", maxSendRate)
	}
	return nil
}

// connect examines a number's token and keeps both.
func (s *Server) connect(ctx context.Context, who caller, n models.Number, how connection) (made line.Connected, err error) {
	if s.lines == nil {
		return made, notHere("connects numbers by their token")
	}
	if how.base != "" || how.style != "" && how.style != line.StyleCloud { // a provider is told the number's secret address
		if err := person(who); err != nil {
			return made, err
		}
	}
	if how.base != "" {
		if err := s.guard.CheckURL(ctx, how.base); errors.Is(err, deliver.ErrForbidden) {
			return made, invalid("base_url", "url_forbidden", "leads to a place that the gateway may not reach: %s", err)
		} else if err != nil {
			return made, invalid("base_url", codeInvalid, "%s", err)
		}
	}
	note := noteOf(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	defer cancel()
	made, err = s.lines.Connect(ctx, who.Business, line.Request{Style: how.style, Base: how.base, Version: how.version, Token: how.token, AppID: how.appMeta, AppSecret: how.appSecret,
		App: how.app, WABAID: n.WABAID, PhoneNumberID: n.PhoneNumberID, Display: n.Display, Name: n.Name, Override: how.override, PublicURL: s.publicURL, Rate: how.rate, Operator: who.operator()})
	if err != nil {
		return made, troubled(err)
	}
	note.about("number", made.Number.ID, made.Number.Name).changedSecretly("token", "", how.token)
	s.refresh(ctx)
	return made, nil
}

// attention adds to a message what a check found wrong.
func attention(message string, h models.UpstreamHealth) string {
	if h.Trouble == "" {
		return message
	}
	return message + " It needs attention: " + h.Trouble
}

// notHere refuses what this process was not given the means for.
func notHere(does string) *Error {
	return &Error{Status: http.StatusNotImplemented, Code: "not_here", Message: "no part of this gateway " + does + ": ask its operator"}
}

// troubled is the refusal of a number that cannot be connected as it was asked for; other errors stay as they are.
func troubled(err error) error {
	var t *line.Trouble
	if !errors.As(err, &t) {
		return err
	}
	e := &Error{Status: http.StatusUnprocessableEntity, Code: "connect_" + string(t.Step), Message: t.Message, Advice: t.Advice, Field: t.Field, Step: string(t.Step)}
	switch {
	case t.Step == line.StepRequest:
		e.Status, e.Code, e.Message, e.Advice = http.StatusBadRequest, codeInvalid, t.Text(), ""
	case t.Taken:
		e.Status, e.Code = http.StatusConflict, "conflict"
	case t.Step == line.StepClaim:
		e.Status = http.StatusForbidden
	case t.Unreached:
		e.Status = http.StatusBadGateway
	}
	if a := t.Answer; a != nil {
		e.Platform = &platformJSON{Title: a.Title, Details: a.Details, TraceID: a.TraceID}
		if a.Coded {
			e.Platform.Code = strconv.Itoa(a.Code)
		}
	}
	return e
}

// ownNumber reads a number of a business and how it is reached; nil: nobody said.
func (s *Server) ownNumber(ctx context.Context, businessID, id int64) (models.Number, *models.Upstream, error) {
	ns, err := s.store.Numbers(ctx, businessID)
	if err != nil {
		return models.Number{}, nil, err
	}
	i := slices.IndexFunc(ns, func(n models.Number) bool { return n.ID == id })
	if i < 0 {
		return models.Number{}, nil, fmt.Errorf("number %d: %w", id, models.ErrNotFound)
	}
	u, err := s.store.UpstreamOf(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return ns[i], nil, nil
	}
	return ns[i], &u, err
}

func (s *Server) handleNumberGet(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	n, u, err := s.ownNumber(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	v := lineJSON{numberJSON: numberView(n)}
	if u != nil {
		v.Upstream = upstreamView(*u)
	}
	return reply(c, http.StatusOK, map[string]lineJSON{"number": v})
}

// reached reads a business's number that a request is about and how it is reached, and refuses the request when nobody said.
func (s *Server) reached(c *fiber.Ctx, who caller) (models.Number, models.Upstream, error) {
	id, err := pathID(c, "id")
	if err != nil {
		return models.Number{}, models.Upstream{}, err
	}
	n, u, err := s.ownNumber(c.UserContext(), who.Business, id)
	switch {
	case err != nil:
		return n, models.Upstream{}, err
	case s.lines == nil:
		return n, models.Upstream{}, notHere("connects numbers by their token")
	case u == nil:
		return n, models.Upstream{}, &Error{Status: http.StatusConflict, Code: "no_token", Message: "the number has no token yet: connect it with POST /api/client/numbers"}
	}
	return n, *u, nil
}

// numberUpdated is a number after a change.
type numberUpdated struct {
	Message string   `json:"message"`
	Number  lineJSON `json:"number"`
}

// handleNumberUpdate replaces a number's token, which works without a gap, and sets its rate.
func (s *Server) handleNumberUpdate(c *fiber.Ctx, who caller) error {
	n, u, err := s.reached(c, who)
	if err != nil {
		return err
	}
	if u, err = s.updateLine(c.UserContext(), who, n, u, c.Request().Body()); err != nil {
		return err
	}
	return reply(c, http.StatusOK, numberUpdated{attention("Number updated.", u.Checked), lineJSON{numberView(n), upstreamView(u)}})
}

// updateLine does what a body says of the way to a number.
func (s *Server) updateLine(ctx context.Context, who caller, n models.Number, u models.Upstream, body []byte) (models.Upstream, error) {
	o := parseObject(body, "token", "rate")
	token, rate := member[string](o, "token", "text"), member[int](o, "rate", "messages per second, or null for the usual")
	if o.err != nil {
		return u, o.err
	}
	secret := models.Secret(strings.TrimSpace(token.value))
	if err := errors.Join(checkToken("token", secret), checkRate(rate.value)); err != nil {
		return u, err
	}
	switch {
	case token.given && secret == "":
		return u, invalid("token", codeInvalid, "must not be empty; DELETE /api/client/numbers/%d/upstream forgets the token", n.ID)
	case !token.given && !rate.given:
		return u, invalid("token", codeRequired, "or rate is required")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	defer cancel()
	var err error
	if token.given {
		if u.Style != line.StyleCloud { // as when it was connected
			if err := person(who); err != nil {
				return u, err
			}
		}
		if u, err = s.lines.Replace(ctx, who.Business, n.ID, secret); err != nil {
			return u, troubled(err)
		}
	}
	if rate.given {
		checked := u.Checked
		if u, err = s.lines.SetRate(ctx, who.Business, n.ID, rate.value); err != nil {
			return u, troubled(err)
		}
		if token.given {
			u.Checked = checked
		}
	}
	return u, nil
}

func (s *Server) handleNumberCheck(c *fiber.Ctx, who caller) error {
	n, _, err := s.reached(c, who)
	if err != nil {
		return err
	}
	if o := parseObject(c.Request().Body()); o.err != nil {
		return o.err
	}
	h, err := s.checkNumber(c.UserContext(), n)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string]*healthJSON{"health": healthView(h)})
}

func (s *Server) checkNumber(ctx context.Context, n models.Number) (models.UpstreamHealth, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	defer cancel()
	return s.lines.Check(ctx, n)
}

func (s *Server) handleUpstreamDelete(c *fiber.Ctx, who caller) error {
	n, _, err := s.reached(c, who)
	if err != nil {
		return err
	}
	if err := s.lines.Disconnect(c.UserContext(), who.Business, n.ID); err != nil {
		return err
	}
	return reply(c, http.StatusOK, message{"The token is forgotten: nothing is sent from this number any more. What comes for it is received as before."})
}
