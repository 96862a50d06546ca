package api

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/gateway/line"
	"wabagate/gateway/sending"
	"wabagate/models"
)

func (s *Server) registerNumberPages(app *fiber.App) {
	app.Get("/numbers", s.page(s.pageNumbers))
	app.Get("/numbers/new", s.page(s.pageNumberNew))
	app.Post("/numbers/new", s.fence, s.page(s.submitNumberNew))
	const one = "/numbers/:id<int>"
	app.Get(one, s.page(s.pageNumber))
	app.Post(one+"/check", s.fence, s.page(s.submitNumberCheck))
	app.Get(one+"/token", s.page(s.pageNumberToken))
	app.Post(one+"/token", s.fence, s.page(s.submitNumberToken))
	app.Post(one+"/upstream/delete", s.fence, s.page(s.submitDisconnect))
	app.Post(one+"/media/edit", s.fence, s.page(s.submitMediaSettings))
	app.Post(one+"/onprem-token", s.fence, s.page(s.submitAddress))
	app.Post(one+"/onprem-token/delete", s.fence, s.page(s.submitAddressDelete))
	app.Post(one+"/keys/new", s.fence, s.page(s.submitKeyNew))
	app.Post(one+"/keys/:key<int>/regenerate", s.fence, s.page(s.submitKeyRegenerate))
	app.Post(one+"/keys/:key<int>/delete", s.fence, s.page(s.submitKeyDelete))
	app.Get(one+"/replies", s.page(s.pageReplies))
	app.Post(one+"/replies/edit", s.fence, s.page(s.submitReplies))
	app.Post(one+"/replies/delete", s.fence, s.page(s.submitRepliesDelete))
	app.Post(one+"/replies/try", s.fence, s.page(s.submitRepliesTry))
	app.Get(one+"/report", s.page(s.pageReport))
	// What is shown once, or was tried, stands under these addresses; who comes back to them later has only the page to see.
	for _, gone := range []string{"/onprem-token", "/keys/new", "/keys/:key<int>/regenerate"} {
		app.Get(one+gone, func(c *fiber.Ctx) error { return back(c, "/numbers/"+c.Params("id"), "") })
	}
	for _, gone := range []string{"/replies/try", "/replies/edit"} {
		app.Get(one+gone, func(c *fiber.Ctx) error { return back(c, "/numbers/"+c.Params("id")+"/replies", "") })
	}
}

// numbersPage is how many numbers one page lists.
const numbersPage = 50

func numberPath(id int64) string { return "/numbers/" + strconv.FormatInt(id, 10) }

func (s *Server) pageNumbers(c *fiber.Ctx, who caller) error {
	after, err := cursor(c.Query("cursor"))
	if err != nil {
		return err
	}
	ns, err := s.store.Numbers(c.UserContext(), who.Business)
	if err != nil {
		return err
	}
	ns = slices.DeleteFunc(ns, func(n models.Number) bool { return n.ID <= after })
	ns, next := cut(ns, numbersPage, func(n models.Number) int64 { return n.ID })
	view := dashboard.Numbers{Shell: shell(who, "Numbers"), Pager: pagerOf("/numbers", nil, after > 0, next)}
	view.Items, err = s.numberItems(c.UserContext(), who.Business, ns)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, view)
}

// numberItems are numbers and how they are.
func (s *Server) numberItems(ctx context.Context, businessID int64, ns []models.Number) ([]dashboard.NumberItem, error) {
	pulses, silent, err := s.store.Pulses(ctx, businessID)
	if err != nil {
		return nil, err
	}
	items := make([]dashboard.NumberItem, len(ns))
	for i, n := range ns {
		u, err := s.store.UpstreamOf(ctx, n.ID)
		reached := err == nil
		if err != nil && !errors.Is(err, models.ErrNotFound) {
			return nil, err
		}
		items[i] = dashboard.NumberItem{ID: n.ID, Name: n.Name, Phone: cmp.Or(phoneText(n.Display), n.PhoneNumberID), PhoneNumberID: n.PhoneNumberID, WABAID: n.WABAID, CanCheck: reached && s.lines != nil,
			Health: numberHealth(u, reached, pulses[n.ID].LastAt, silent[n.ID], s.now())}
	}
	return items, nil
}

// limitText says in words what the platform calls TIER_10K: how many customers a number may begin to write to in a day. What
// reads otherwise is left as it is.
func limitText(limit string) string {
	tier, ok := strings.CutPrefix(limit, "TIER_")
	thousands, cut := strings.CutSuffix(tier, "K")
	n, err := strconv.ParseInt(thousands, 10, 64)
	switch {
	case ok && tier == "UNLIMITED":
		return "unlimited"
	case !ok || err != nil:
		return limit
	case cut:
		n *= 1000
	}
	return grouped(n) + " customers a day"
}

// tokenWarning is how long before its end a token wants to be replaced.
const tokenWarning = 14 * day

// numberHealth says how a number is. reached says that there is a token, heard when the last callback came and silentSince that
// nothing has come since although it should have; both may be zero.
func numberHealth(u models.Upstream, reached bool, heard, silentSince, now time.Time) dashboard.NumberHealth {
	good, bad, wait := func(text string) dashboard.Badge { return dashboard.Badge{Tone: "good", Text: text} },
		func(text string) dashboard.Badge { return dashboard.Badge{Tone: "bad", Text: text} },
		func(text string) dashboard.Badge { return dashboard.Badge{Tone: "wait", Text: text} }
	unknown := dashboard.Badge{Text: "not known"}
	h := dashboard.NumberHealth{Badge: good("well"), Token: good("valid"), TokenEnds: dashboard.NewWhen(u.TokenExpiresAt, now), Subscribed: unknown, Quality: unknown,
		Limit: limitText(u.Checked.MessagesLimit), Throughput: u.Checked.Throughput, LastCallback: dashboard.NewWhen(heard, now), Checked: dashboard.NewWhen(u.Checked.At, now)}
	checked := !u.Checked.At.IsZero()
	if checked {
		h.Subscribed = good("yes")
		if !u.Checked.Subscribed {
			h.Subscribed = bad("no")
		}
	}
	switch u.Checked.Quality {
	case "":
	case "GREEN":
		h.Quality = good("high")
	case "YELLOW":
		h.Quality = wait("medium")
	case "RED":
		h.Quality = bad("low")
	default:
		h.Quality = dashboard.Badge{Text: u.Checked.Quality}
	}
	ends := u.TokenExpiresAt
	switch {
	case !reached:
		h.Token, h.Badge = wait("none"), wait("receives only")
		h.Texts = append(h.Texts, "Nobody gave this number's token yet: it receives, and nothing can be sent from it. Connect it with its token.")
		h.Subscribed = unknown
	case !ends.IsZero() && !ends.After(now):
		h.Token, h.Badge = bad("ended"), bad("token ended")
		h.Texts = append(h.Texts, "The token has ended: nothing can be sent. Make a new one for the system user, best one that never ends, and replace it here.")
	case !ends.IsZero() && ends.Before(now.Add(tokenWarning)):
		h.Token, h.Badge = wait("ends soon"), wait("token ends soon")
	case ends.IsZero() && checked:
		h.Token = good("does not end")
	case !checked:
		h.Token, h.Badge = unknown, dashboard.Badge{Text: "not checked yet"}
	}
	switch {
	case u.Checked.Trouble == "":
	case u.Checked.OK:
		h.Badge, h.Texts = wait("needs attention"), append(h.Texts, u.Checked.Trouble)
	default:
		h.Badge, h.Texts = bad("not working"), append(h.Texts, u.Checked.Trouble)
	}
	if !silentSince.IsZero() {
		h.Badge = bad("silent")
		h.Texts = append(h.Texts, "Nothing has come for this number for longer than usual. See at Meta whether the callback address is still this gateway's and messages are subscribed, then check the number.")
	}
	return h
}

// numberHead is what stands above the pages of a number that a request is about.
func (s *Server) numberHead(ctx context.Context, who caller, n models.Number, tab string) (dashboard.NumberHead, error) {
	items, err := s.numberItems(ctx, who.Business, []models.Number{n})
	if err != nil {
		return dashboard.NumberHead{}, err
	}
	head := dashboard.NumberHead{Item: items[0], Above: []dashboard.Crumb{{Label: "Numbers", Path: "/numbers"}}, CanChange: who.may(workers), IsOwner: who.may(owners)}
	for _, t := range []dashboard.Tab{{Label: "Overview", Path: ""}, {Label: "Automatic replies", Path: "/replies"}, {Label: "Daily report", Path: "/report"}} {
		t.Current = t.Path == tab
		t.Path = numberPath(n.ID) + t.Path
		head.Tabs = append(head.Tabs, t)
	}
	return head, nil
}

// pathNumber reads the number that a page is about and how it is reached; nil: nobody said.
func (s *Server) pathNumber(c *fiber.Ctx, who caller) (models.Number, *models.Upstream, error) {
	id, err := pathID(c, "id")
	if err != nil {
		return models.Number{}, nil, err
	}
	return s.ownNumber(c.UserContext(), who.Business, id)
}

func (s *Server) pageNumber(c *fiber.Ctx, who caller) error {
	return s.showNumber(c, who, http.StatusOK, func(*dashboard.Number) {})
}

// showNumber draws a number's page, with what a change has just made.
func (s *Server) showNumber(c *fiber.Ctx, who caller, status int, with func(*dashboard.Number)) error {
	ctx := c.UserContext()
	n, u, err := s.pathNumber(c, who)
	if err != nil {
		return err
	}
	view := dashboard.Number{Shell: shell(who, numberText(n)), Created: dashboard.NewWhen(n.CreatedAt, s.now()), OnPremises: n.OnpremToken != "",
		Callbacks: s.callbackAddresses(c, who), KeyName: dashboard.Field{Name: "name", Label: "Name of a new key", Max: maxName, Placeholder: "Helpdesk", Required: true}}
	if view.Head, err = s.numberHead(ctx, who, n, ""); err != nil {
		return err
	}
	if u != nil {
		view.Style, view.Base, view.AppID = styleText(u.Style), u.Base, u.AppID
		view.Rate = grouped(int64(sending.RateOf(*u))) + " messages per second"
		view.Disconnect = dashboard.Danger{Summary: "Disconnect…", Button: "Forget the token", Action: numberPath(n.ID) + "/upstream/delete", Word: n.PhoneNumberID,
			Text: "The token is forgotten: nothing is sent from this number any more, broadcasts among it. What comes for it is received as before, and everything kept stays."}
	}
	if view.FetchAhead, err = s.store.MediaAhead(ctx, who.Business, n.ID); err != nil {
		return err
	}
	keys, err := s.store.APIKeys(ctx, who.Business)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.NumberID != nil && *k.NumberID == n.ID {
			view.Keys = append(view.Keys, s.numberKey(n.ID, k))
		}
	}
	with(&view)
	return s.render(c, status, view)
}

func styleText(style string) string {
	switch style {
	case line.Style360dialog:
		return "360dialog"
	case line.StyleOnPremises:
		return "On-Premises style"
	}
	return "Meta's Cloud API"
}

// callbackAddresses are those of the apps that serve a business. The verify token of its own apps is for owners; one of an app
// that serves everybody is for operators.
func (s *Server) callbackAddresses(c *fiber.Ctx, who caller) []dashboard.CallbackAddress {
	apps := s.directory.Routes().Apps
	var list []dashboard.CallbackAddress
	for _, name := range slices.Sorted(maps.Keys(apps)) {
		app := apps[name]
		own := app.BusinessID != nil
		if own && *app.BusinessID != who.Business {
			continue
		}
		a := dashboard.CallbackAddress{App: name, URL: s.base(c) + "/webhooks/cloud/" + name}
		if own && who.may(owners) || who.operator() {
			a.VerifyToken = app.VerifyToken.Text()
		}
		list = append(list, a)
	}
	return list
}

func (s *Server) submitNumberCheck(c *fiber.Ctx, who caller) error {
	n, _, err := s.reached(c, who)
	if err != nil {
		return err
	}
	h, err := s.checkNumber(c.UserContext(), n)
	if err != nil {
		return err
	}
	done := "number-well"
	if h.Trouble != "" {
		done = "number-unwell"
	}
	if c.FormValue("to") == "list" {
		return back(c, "/numbers", done)
	}
	return back(c, numberPath(n.ID), done)
}

func (s *Server) submitDisconnect(c *fiber.Ctx, who caller) error {
	n, _, err := s.reached(c, who)
	if err != nil {
		return err
	}
	if err := confirmed(c, n.PhoneNumberID); err != nil {
		return err
	}
	if err := s.lines.Disconnect(c.UserContext(), who.Business, n.ID); err != nil {
		return err
	}
	return back(c, numberPath(n.ID), "disconnected")
}

func (s *Server) submitMediaSettings(c *fiber.Ctx, who caller) error {
	n, _, err := s.pathNumber(c, who)
	if err != nil {
		return err
	}
	if err := s.setMediaAhead(c.UserContext(), who.Business, n.ID, c.FormValue("fetch_ahead") != ""); err != nil {
		return err
	}
	return back(c, numberPath(n.ID), "updated")
}

func (s *Server) submitAddress(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	token, err := s.setAddress(c.UserContext(), who.Business, id, addressToken())
	if err != nil {
		return err
	}
	return s.showNumber(c, who, http.StatusOK, func(v *dashboard.Number) { v.Address = s.base(c) + "/webhooks/onprem/" + token.Text() })
}

func (s *Server) submitAddressDelete(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if _, err := s.setAddress(c.UserContext(), who.Business, id, ""); err != nil {
		return err
	}
	return back(c, numberPath(id), "address-ended")
}
