package api

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout/task"
	"wabagate/models"
)

func (s *Server) registerPages(app *fiber.App) {
	app.Use(s.m.observe("pages")) // what comes here is no other part's
	app.Get("/static/:name", s.handleAsset)
	app.Get("/login", s.pageLogin)
	app.Post("/login", s.fence, s.submitLogin)
	app.Post("/logout", s.fence, s.submitLogout)

	app.Post("/look", s.fence, s.submitLook)

	app.Get("/", s.page(s.pageHome))
	app.Get("/guide", s.page(s.pageGuide))
	app.Post("/simulate", s.fence, s.page(s.submitSimulate))

	s.registerWebhookPages(app)
	s.registerDeliveryPages(app)
	s.registerPeoplePages(app)
	s.registerNumberPages(app)
	s.registerTeamPages(app)
	s.registerBroadcastPages(app)
	s.registerUsagePages(app)
	s.registerLive(app)
}

// page lets a logged-in person through to h and sends everybody else to the login.
func (s *Server) page(h handler) fiber.Handler {
	inner := s.client(func(c *fiber.Ctx, who caller) error {
		if who.User == nil {
			return errUnauthenticated // a key opens the API and no pages
		}
		var err error
		if who.shell, err = s.shellOf(c, who); err != nil {
			return err
		}
		c.Locals(shellLocal, who.shell)
		return h(c, who)
	})
	return func(c *fiber.Ctx) error {
		err := inner(c)
		if !errors.Is(err, errUnauthenticated) {
			return err
		}
		next := "/"
		if c.Method() == http.MethodGet {
			next = strings.Clone(c.OriginalURL())
		}
		return c.Redirect("/login?next="+url.QueryEscape(next), http.StatusSeeOther)
	}
}

// render answers with a page.
func (s *Server) render(c *fiber.Ctx, status int, v dashboard.View) error {
	return render(c, s.pages, status, v)
}

func render(c *fiber.Ctx, pages *dashboard.Pages, status int, v dashboard.View) error {
	var b bytes.Buffer
	if err := pages.Render(&b, v); err != nil {
		return err
	}
	pageHeaders(c)
	return c.Status(status).Send(b.Bytes())
}

// pageHeaders says how browsers are to treat a page.
func pageHeaders(c *fiber.Ctx) {
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Set(fiber.HeaderContentSecurityPolicy, dashboard.Policy)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	// The origin of our own forms must stay visible: see fence.
	c.Set(fiber.HeaderReferrerPolicy, "same-origin")
	c.Set(fiber.HeaderCacheControl, "no-store")
}

// notices are what a page can say after a redirect. The URL carries the key and never the text.
var notices = map[string]string{
	"updated":     "Changes saved.",
	"enabled":     "Webhook enabled.",
	"off":         "Webhook disabled. Events are held until you enable it.",
	"catching-up": "What was held follows, oldest first.",
	"from-now":    "The webhook goes on from now; what was held is given up, and each can still be resent.",
	"cancelled":   "Cancelled. What was handed out already is still delivered.",
	"deleted":     "Webhook deleted.",
	"simulated":   "A made-up customer has written to your number.",
	"rotated":     "The signing secret is new. Update your receiver.",
	"finished":    "The old secret has ended.",
	"overlapping": "The signing secret is new, and the old one signs too until the overlap ends.",
	"resent":      "Queued. The attempt shows here in a moment.",

	"verified":   "Verified: events are delivered from now on.",
	"replaying":  "The replay has begun.",
	"job-over":   "The job had ended before.",
	"unverified": "The receiver was asked again and is still not verified.",

	"opted-out":        "Kept: broadcasts leave this contact out.",
	"opted-in":         "Kept: this contact gets broadcasts again.",
	"order-saved":      "Order saved. Webhooks are told what changed.",
	"sent":             "WhatsApp took the message.",
	"queued":           "The message is on its way. It shows here once WhatsApp took it.",
	"number-well":      "Checked: the number is well.",
	"number-unwell":    "Checked: the number needs attention, as it says below.",
	"connected":        "Number connected. What customers write to it becomes events from now on.",
	"connected-unwell": "Kept. The number needs attention, as it says below.",
	"token-replaced":   "The new token serves from now on.",
	"disconnected":     "The token is forgotten: nothing is sent from this number any more. What comes for it is received as before.",
	"address-ended":    "The On-Premises address has ended.",
	"key-deleted":      "The key has ended.",
	"replies-saved":    "Saved.",
	"replies-deleted":  "The number does not answer by itself any more. Its key is forgotten.",

	"joined":         "Welcome. You are logged in.",
	"revoked":        "Invitation revoked. Its link opens nothing any more.",
	"role-changed":   "Role changed. It counts from their next click on.",
	"removed":        "Removed, and logged out everywhere. Keys that they made go on.",
	"key-renamed":    "Key renamed.",
	"key-ended":      "Key ended. Programs that still use it are turned away.",
	"name-changed":   "Name changed.",
	"password":       "Password changed. Your other sessions have ended.",
	"session-ended":  "Session ended.",
	"sessions-ended": "All your other sessions have ended.",

	"queue-paused":      "Paused. Workers finish what they have in hand, and take no more.",
	"queue-resumed":     "It goes on.",
	"task-run":          doneTexts[task.Run],
	"task-archive":      doneTexts[task.Archive],
	"task-delete":       doneTexts[task.Delete],
	"business-made":     "Business made. Add its first user: wabagate admin user EMAIL --business ID.",
	"business-renamed":  "Business renamed.",
	"app-made":          "App added. Enter its callback address and verify token at Meta.",
	"token-rotated":     "The verify token is new. The one before ends at once.",
	"app-secret-added":  "Added: callbacks signed with it are taken from now on, those with the others too.",
	"app-secrets-ended": "Only the newest secret is valid now.",

	"drafted":             "Kept as a draft. Add recipients, and start it when all is well.",
	"registered":          "Registered: what becomes of its messages is counted here.",
	"started":             "Started.",
	"paused":              "Paused. What is on its way to WhatsApp goes out.",
	"resumed":             "It goes on.",
	"broadcast-cancelled": "Cancelled. What is on its way to WhatsApp goes out.",
	"opt-out-added":       "Added: no broadcast goes there any more.",
	"opted-out-already":   "They had opted out already.",
	"opt-out-removed":     "Removed: broadcasts go there again.",
}

func back(c *fiber.Ctx, path, done string) error {
	if done != "" {
		path += "?done=" + done
	}
	return c.Redirect(path, http.StatusSeeOther)
}

func (s *Server) handleAsset(c *fiber.Ctx) error {
	a, ok := s.pages.Asset(c.Params("name"))
	if !ok {
		return ofStatus(http.StatusNotFound)
	}
	c.Set(fiber.HeaderContentType, a.Type)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderCacheControl, "no-cache")
	if c.Query("v") == a.Version {
		c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	}
	return c.Send(a.Content)
}

func (s *Server) pageLogin(c *fiber.Ctx) error {
	next := localPath(c.Query("next"))
	if _, err := s.sessionUser(c); err == nil {
		return c.Redirect(next, http.StatusSeeOther)
	}
	return s.render(c, http.StatusOK, dashboard.Login{Shell: gateShell(c, "Log in"), Next: next})
}

func (s *Server) submitLogin(c *fiber.Ctx) error {
	next, email := localPath(c.FormValue("next")), strings.Clone(c.FormValue("email"))
	_, err := s.login(c, email, models.Secret(strings.Clone(c.FormValue("password"))))
	if err == nil {
		return c.Redirect(next, http.StatusSeeOther)
	}
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	if e.RetryAfter > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(e.RetryAfter.Seconds())+1))
	}
	return s.render(c, e.Status, dashboard.Login{Shell: gateShell(c, "Log in"), Next: next, Email: email, Error: sentence(e), Field: e.Field})
}

func (s *Server) submitLogout(c *fiber.Ctx) error {
	if err := s.logout(c); err != nil {
		return err
	}
	return c.Redirect("/login", http.StatusSeeOther)
}

// localPath is a path of this server to go on to; anything that could lead elsewhere becomes the first page.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsAny(next, "\\\r\n\t") || strings.HasPrefix(u.Path, "/login") {
		return "/"
	}
	return strings.Clone(next)
}

// sentence is an error's message as a line of its own on a page.
func sentence(e *Error) string {
	text := e.Message
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}

// grouped writes a count with thin gaps between thousands.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

// plural counts something in words.
func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// latencyText writes how long a request took; nothing was measured when it took nothing.
func latencyText(d time.Duration) string {
	switch {
	case d <= 0:
		return "–"
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func bytesText(n int) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/1024)
}
