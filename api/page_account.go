package api

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/models"
)

// registerAccountPages adds the page of one's own account.
func (s *Server) registerAccountPages(app *fiber.App) {
	app.Get("/account", s.page(s.pageAccount))
	app.Post("/account", s.fence, s.page(s.submitAccount))
	app.Post("/account/password", s.fence, s.page(s.submitPassword))
	// A form that came back stands under this address.
	app.Get("/account/password", func(c *fiber.Ctx) error { return back(c, "/account", "") })
	app.Post("/account/sessions/delete", s.fence, s.page(s.submitSessionsEnd))
	app.Post("/account/sessions/:id/delete", s.fence, s.page(s.submitSessionEnd))
}

func (s *Server) pageAccount(c *fiber.Ctx, who caller) error {
	return s.showAccount(c, who, typedForm{values: map[string]string{"name": who.User.Name}}, typedForm{})
}

// showAccount draws the account, with one of its forms as it came back.
func (s *Server) showAccount(c *fiber.Ctx, who caller, name, password typedForm) error {
	list, err := s.store.Sessions(c.UserContext(), who.User.ID)
	if err != nil {
		return err
	}
	view := dashboard.Account{Shell: shell(who, "Your account"), Who: s.teammate(who, *who.User), Role: roleText(who.User.Role), Others: len(list) > 1}
	if list, view.Pager, err = stretch(c, "/account", list); err != nil {
		return err
	}
	current := models.SessionID(ownToken(c))
	view.Sessions = views(list, func(one models.Session) dashboard.Session {
		return dashboard.Session{ID: one.ID, Device: deviceText(one.Agent), Agent: one.Agent, IP: one.IP, Current: one.ID == current,
			Began: dashboard.NewWhen(one.CreatedAt, s.now()), Ends: dashboard.NewWhen(one.ExpiresAt, s.now())}
	})
	view.Name = name.fields(dashboard.Field{Name: "name", Label: "What others see", Complete: "name", Required: true, Max: maxName})
	view.Password = password.fields(dashboard.Field{Name: "current_password", Label: "Present password", Type: "password", Complete: "current-password", Required: true, Max: maxLogin},
		dashboard.Field{Name: "new_password", Label: "New password", Type: "password", Complete: "new-password", Required: true, Max: maxLogin, Hint: "At least 8 characters."})
	view.NameError, view.PasswordError = name.general(view.Name), password.general(view.Password)
	return s.render(c, max(name.status(), password.status()), view)
}

func (s *Server) submitAccount(c *fiber.Ctx, who caller) error {
	in := readForm(c, "name")
	if err := s.setOwnName(c.UserContext(), who, in.values["name"]); err != nil {
		if err := in.refuse(err); err != nil {
			return err
		}
		return s.showAccount(c, who, in, typedForm{})
	}
	return back(c, "/account", "name-changed")
}

func (s *Server) submitPassword(c *fiber.Ctx, who caller) error {
	in := readForm(c, "current_password", "new_password")
	if err := s.changePassword(c, who, models.Secret(in.values["current_password"]), models.Secret(in.values["new_password"])); err != nil {
		if err := in.refuse(err); err != nil {
			return err
		}
		return s.showAccount(c, who, typedForm{values: map[string]string{"name": who.User.Name}}, in)
	}
	return back(c, "/account", "password")
}

func (s *Server) submitSessionEnd(c *fiber.Ctx, who caller) error {
	if err := s.store.EndSessionOf(c.UserContext(), who.User.ID, strings.Clone(c.Params("id"))); err != nil {
		return err
	}
	return back(c, "/account", "session-ended")
}

func (s *Server) submitSessionsEnd(c *fiber.Ctx, who caller) error {
	if _, err := s.endOthers(c, who); err != nil {
		return err
	}
	return back(c, "/account", "sessions-ended")
}

// devices and browsers are told apart by what they put into their User-Agent, the first that fits: most say that they are
// several.
var (
	browsers = [][2]string{{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"}, {"CriOS/", "Chrome"},
		{"HeadlessChrome/", "Headless Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"}, {"python-requests/", "a Python program"}, {"Go-http-client/", "a Go program"},
		{"PostmanRuntime/", "Postman"}, {"axios/", "a JavaScript program"}, {"node", "a JavaScript program"}}
	devices = [][2]string{{"iPhone", "an iPhone"}, {"iPad", "an iPad"}, {"Android", "Android"}, {"CrOS", "a Chromebook"}, {"Windows", "Windows"}, {"Macintosh", "a Mac"}, {"Linux", "Linux"}}
)

// deviceText is a User-Agent in words, such as Chrome on Windows.
func deviceText(agent string) string {
	find := func(table [][2]string) string {
		for _, row := range table {
			if strings.Contains(agent, row[0]) {
				return row[1]
			}
		}
		return ""
	}
	browser, device := find(browsers), find(devices)
	switch {
	case browser != "" && device != "":
		return capital(browser, "") + " on " + device
	case browser != "":
		return capital(browser, "")
	case device != "":
		return "A browser on " + device
	}
	return "An unknown browser"
}
