package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
)

// shellLocal is where a request keeps the shell, for the page of an error that comes later.
const shellLocal = "shell"

// shell is what a page has around it, under a title of its own.
func shell(who caller, title string) dashboard.Shell {
	sh := who.shell
	sh.Title = title
	return sh
}

// shellOf is the shell of the page that is asked for.
func (s *Server) shellOf(c *fiber.Ctx, who caller) (dashboard.Shell, error) {
	b, err := s.store.Business(c.UserContext(), who.Business)
	if err != nil {
		return dashboard.Shell{}, err
	}
	sh := gateShell(c, "")
	sh.Section, sh.User, sh.Business, sh.Operations = sectionOf(c.Path()), who.User.Email, b.Name, string(who.User.Operations())
	sh.CanChange, sh.IsOwner = who.may(workers), who.may(owners)
	sh.Notice = notices[c.Query("done")]
	return sh, nil
}

// gateShell is the shell of a page that stands before the login.
func gateShell(c *fiber.Ctx, title string) dashboard.Shell {
	here := "/"
	if c.Method() == http.MethodGet { // the address of a form that was sent shows something else when it is opened
		here = strings.Clone(c.OriginalURL())
	}
	return dashboard.Shell{Title: title, Look: lookOf(c), Here: here}
}

// failureShell is the shell of a page that says what went wrong: that of the page, as far as it came.
func failureShell(c *fiber.Ctx, title string) dashboard.Shell {
	sh, ok := c.Locals(shellLocal).(dashboard.Shell)
	if !ok {
		sh = gateShell(c, title)
	}
	sh.Title, sh.Notice = title, ""
	return sh
}

// sectionOf is the name of the section that a path belongs to; empty for none.
func sectionOf(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "", "guide":
		return "home"
	case "inspect":
		return "webhooks"
	case "erasures":
		return "contacts"
	case "opt-outs":
		return "broadcasts"
	case "deliveries", "events", "timeline":
		return "messages"
	}
	for _, sec := range dashboard.Sections() {
		if strings.Trim(sec.Path, "/") == first {
			return sec.Name
		}
	}
	return ""
}

// The cookies that keep how somebody likes pages, and what they may say.
const (
	themeCookie     = "theme"
	directionCookie = "dir"
	lookLength      = 365 * 24 * time.Hour
)

// looks are the values of each cookie; the first is what there is without one.
func looks() map[string][]string {
	return map[string][]string{themeCookie: {"system", "light", "dark"}, directionCookie: {"ltr", "rtl"}}
}

// lookOf is how the browser's cookies want pages to look. What they may not say counts as nothing.
func lookOf(c *fiber.Ctx) dashboard.Look {
	chosen := func(name string) string {
		value := c.Cookies(name)
		if values := looks()[name]; value == values[0] || !slices.Contains(values, value) {
			return ""
		}
		return strings.Clone(value)
	}
	return dashboard.Look{Theme: chosen(themeCookie), Direction: chosen(directionCookie)}
}

// submitLook keeps a choice of theme or direction in the browser. It needs no login, and changes nothing here.
func (s *Server) submitLook(c *fiber.Ctx) error {
	for name, values := range looks() {
		value := strings.Clone(c.FormValue(name))
		if value == "" {
			continue
		}
		if !slices.Contains(values, value) {
			return invalid(name, codeInvalid, "must be one of %s", strings.Join(values, ", "))
		}
		c.Cookie(&fiber.Cookie{Name: name, Value: value, Path: "/", Expires: s.now().Add(lookLength), HTTPOnly: true, Secure: s.secure, SameSite: fiber.CookieSameSiteLaxMode})
	}
	return c.Redirect(pagePath(c.FormValue("next")), http.StatusSeeOther)
}

// pagePath is localPath for who stays where they are, at the login too.
func pagePath(next string) string {
	if u, err := url.Parse(next); err == nil && u.Path == "/login" && u.Scheme == "" && u.Host == "" {
		return "/login?" + u.RawQuery
	}
	return localPath(next)
}

// confirmed refuses a form whose field confirm is not the word that had to be typed. White space need not be the same: an
// input keeps no line breaks, and pages show one space for many.
func confirmed(c *fiber.Ctx, word string) error {
	if !slices.Equal(strings.Fields(c.FormValue("confirm")), strings.Fields(word)) {
		return invalid("confirm", codeInvalid, "must be %q, as the page says, to go on", word)
	}
	return nil
}

// pagerOf leads through a list by cursor. later says that this is not its first page; older is the cursor of the next,
// empty on the last; query is what narrows the list, and goes along.
func pagerOf(path string, query url.Values, later bool, older string) dashboard.Pager {
	link := func(cursor string) string {
		q := url.Values{}
		for name, values := range query {
			if name != "cursor" && name != "done" {
				q[name] = values
			}
		}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		if len(q) == 0 {
			return path
		}
		return path + "?" + q.Encode()
	}
	var p dashboard.Pager
	if later {
		p.Newest = link("")
	}
	if older != "" {
		p.Older = link(older)
	}
	return p
}
