package line

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"wabagate/models"
	"wabagate/waba/graph"
)

// What answers of the platform mean in a step, where the catalogue cannot know it.
var (
	adviceToken = map[int]string{190: "Make a new token for the system user, with both WhatsApp permissions, and give that."}
	adviceApp   = map[int]string{190: "Check app_id and app_secret: both are on the page of the app, under Settings, Basic.",
		101: "Check app_id: no app has it."}
	adviceNumber = map[int]string{100: "Check phone_number_id, and that the token's system user was given the WhatsApp account that the number belongs to."}
	adviceWABA   = map[int]string{100: "Check waba_id, and that the token's system user was given this WhatsApp account.",
		200: "Give the token's system user full control of the WhatsApp account, and make the token anew."}
	adviceOverride = map[int]string{2200: "The platform asked this gateway to prove the address and did not get the right answer: check that WABAGATE_PUBLIC_URL is " +
		"reachable from the internet over https, and that the app exists here.",
		100: "The platform does not take the address of this gateway: check that WABAGATE_PUBLIC_URL is an https address of the internet."}
)

// examined is what the platform said of a number and a token.
type examined struct {
	account graph.Account // with the ids that were found out
	token   graph.Token
	told    bool // token is what the platform said; otherwise it did not say anything
	number  graph.PhoneNumber
}

// expires is when the token ends, as far as it was told; zero: not.
func (e examined) expires() time.Time {
	first := e.token.ExpiresAt
	if access := e.token.DataAccessExpiresAt; first.IsZero() || !access.IsZero() && access.Before(first) {
		first = access
	}
	return first
}

// examine asks the platform about a token, what it may do, and its number. Nothing is changed there. guessed says that the
// secret of the account's app need not be the right one.
func (l *Lines) examine(ctx context.Context, a graph.Account, guessed bool) (examined, error) {
	e := examined{account: a}
	if err := l.examineToken(ctx, &e, guessed); err != nil {
		return e, err
	}
	if e.told {
		if err := e.permitted(); err != nil {
			return e, err
		}
	}
	var err error
	if e.number, err = l.o.Client.PhoneNumber(ctx, e.account); refusesToken(err) {
		return e, failed(StepToken, "token", "The token was not accepted", err, adviceToken)
	} else if err != nil {
		return e, failed(StepNumber, "phone_number_id", "The number could not be read", err, adviceNumber)
	}
	return e, nil
}

// examineToken asks about the token: with the token of its app when there is one, else with itself. Where the platform does
// not tell, what other calls answer has to do.
func (l *Lines) examineToken(ctx context.Context, e *examined, guessed bool) error {
	a := e.account
	asApp := a.AppID != "" && a.AppSecret != ""
	t, err := l.o.Client.DebugToken(ctx, a)
	if err != nil && asApp && guessed {
		a.AppSecret, asApp = "", false
		t, err = l.o.Client.DebugToken(ctx, a)
	}
	e.account.AppSecret = "" // nothing else is asked with it
	switch {
	case err != nil && asApp:
		return failed(StepApp, "app_secret", "The token could not be checked with the app's own", err, adviceApp)
	case refusesToken(err):
		return failed(StepToken, "token", "The token was not accepted", err, adviceToken)
	case err != nil:
		return nil
	case !t.Valid:
		return &Trouble{Step: StepToken, Field: "token", Message: "The platform says that the token is not valid: " + cmp.Or(strings.TrimSuffix(t.Problem, "."), "it does not say why") + ".", Advice: adviceToken[190]}
	case a.AppID != "" && t.AppID != "" && t.AppID != a.AppID:
		return &Trouble{Step: StepApp, Field: "app_id", Message: fmt.Sprintf("The token was made for the app %s, not for %s.", strings.TrimSpace(t.AppID+" "+t.Application), a.AppID),
			Advice: "Give the id of the token's own app, or a token of this one."}
	}
	e.token, e.told, e.account.AppID = t, true, t.AppID
	return nil
}

// permitted judges what a token may do, and finds the account out where it is for one only.
func (e *examined) permitted() error {
	if lacks := e.token.Lacks(); len(lacks) > 0 {
		return &Trouble{Step: StepPermissions, Field: "token", Message: "The token lacks the permission " + strings.Join(lacks, " and ") + ".",
			Advice: "Make the token anew and tick whatsapp_business_messaging and whatsapp_business_management."}
	}
	if of := e.token.Granular[graph.ScopeManagement]; e.account.WABAID == "" && len(of) == 1 {
		e.account.WABAID = of[0]
	}
	for _, scope := range []string{graph.ScopeMessaging, graph.ScopeManagement} {
		if of := e.token.Granular[scope]; e.account.WABAID != "" && len(of) > 0 && !slices.Contains(of, e.account.WABAID) {
			return &Trouble{Step: StepPermissions, Field: "waba_id", Message: fmt.Sprintf("The token has %s for other WhatsApp accounts (%s), not for %s.", scope, strings.Join(of, ", "), e.account.WABAID),
				Advice: "Give the id of the account that the token is for, or make the token for this account."}
		}
	}
	return nil
}

// belongs sees that the number is one of the account's, whose callbacks are about to be subscribed to.
func (l *Lines) belongs(ctx context.Context, a graph.Account) error {
	if a.WABAID == "" {
		return missing("waba_id", "Give the id of the WhatsApp account: it stands above the number in WhatsApp Manager.")
	}
	numbers, err := l.o.Client.PhoneNumbers(ctx, a)
	if err != nil {
		return failed(StepAccount, "waba_id", "The numbers of the WhatsApp account could not be read", err, adviceWABA)
	}
	if !slices.ContainsFunc(numbers, func(n graph.PhoneNumber) bool { return n.ID == a.PhoneNumberID }) {
		return &Trouble{Step: StepAccount, Field: "waba_id", Message: fmt.Sprintf("The number is not one of the WhatsApp account %s.", a.WABAID),
			Advice: "Give the id of the account that the number belongs to."}
	}
	return nil
}

// subscribe connects the token's app to the account, unless it is: to do so again would take away an address that somebody set.
func (l *Lines) subscribe(ctx context.Context, a graph.Account) error {
	const field = "waba_id"
	apps, err := l.o.Client.SubscribedApps(ctx, a)
	switch {
	case err != nil:
		return failed(StepSubscription, field, "The apps of the WhatsApp account could not be read", err, adviceWABA)
	case slices.ContainsFunc(apps, func(app graph.App) bool { return app.ID == a.AppID }):
		return nil
	case a.AppID == "" && len(apps) > 0:
		return &Trouble{Step: StepSubscription, Field: "app_id", Message: "The platform does not say which app the token is of, so it cannot be told whether that app gets the callbacks of the WhatsApp account.",
			Advice: "Give app_id and app_secret."}
	}
	if err := l.o.Client.Subscribe(ctx, a, "", ""); err != nil {
		return failed(StepSubscription, field, "The app could not be subscribed to the WhatsApp account", err, adviceWABA)
	}
	return nil
}

func (l *Lines) connectCloud(ctx context.Context, businessID int64, r Request) (Connected, error) {
	app, err := l.appOf(businessID, r)
	if err != nil {
		return Connected{}, err
	}
	base := cmp.Or(r.Base, l.o.CloudBase)
	believed := base == l.o.CloudBase
	trusted := believed || r.Operator // with the secrets of the gateway's app, which are not for an address that somebody chose
	u := models.Upstream{Style: StyleCloud, Base: base, Version: r.Version, Token: r.Token, AppID: r.AppID, Rate: r.Rate}
	a := Account(u, models.Number{PhoneNumberID: r.PhoneNumberID, WABAID: r.WABAID})
	a.AppSecret = r.AppSecret.Text()
	if r.AppSecret == "" && len(app.Secrets) > 0 && trusted {
		a.AppSecret = app.Secrets[0].Text()
	}
	e, err := l.examine(ctx, a, r.AppSecret == "")
	if err != nil {
		return Connected{}, err
	}
	if err := l.belongs(ctx, e.account); err != nil {
		return Connected{}, err
	}
	n, err := l.claim(businessID, r, believed)
	if err != nil {
		return Connected{}, err
	}
	wabaID, err := account(n, r, e.account.WABAID, believed)
	if err != nil {
		return Connected{}, err
	}
	if r.Override && !trusted {
		return Connected{}, &Trouble{Step: StepOverride, Field: "override", Message: "Callbacks are directed here at the platform's own address only.",
			Advice: "Leave base_url out, or ask an operator to connect the number."}
	}
	if err := l.subscribe(ctx, e.account); err != nil {
		return Connected{}, err
	}
	if r.Override {
		if err := l.o.Client.SetOverride(ctx, e.account, r.PublicURL+cloudPath+app.Name, app.VerifyToken.Text()); err != nil {
			return Connected{}, failed(StepOverride, "override", "The number's callbacks could not be directed here", err, adviceOverride, app.VerifyToken.Text())
		}
	}
	n.BusinessID, n.PhoneNumberID, n.WABAID = businessID, r.PhoneNumberID, wabaID
	n.Display, n.Name = cmp.Or(digits(e.number.DisplayPhoneNumber), r.Display), cmp.Or(r.Name, n.Name, e.number.VerifiedName)
	u.AppID, u.TokenExpiresAt = e.account.AppID, e.expires()
	return l.keep(ctx, n, u)
}

// replaceCloud examines the new token of a number and subscribes its app, which may be another one.
func (l *Lines) replaceCloud(ctx context.Context, n models.Number, u models.Upstream) (models.Upstream, error) {
	a := Account(u, n)
	a.AppID = ""
	e, err := l.examine(ctx, a, true)
	if err != nil {
		return u, err
	}
	if e.account.AppID == "" {
		e.account.AppID = u.AppID
	}
	if err := l.belongs(ctx, e.account); err != nil {
		return u, err
	}
	if err := l.subscribe(ctx, e.account); err != nil {
		return u, err
	}
	u.AppID, u.TokenExpiresAt = e.account.AppID, e.expires()
	return u, nil
}

// appOf finds the gateway's app of a request: the one that it names, or the only one that serves the business. Without one a
// number can be connected, but its callbacks cannot be directed here.
func (l *Lines) appOf(businessID int64, r Request) (models.App, error) {
	apps := l.o.Directory.Routes().Apps
	serves := func(a models.App) bool { return a.BusinessID == nil || *a.BusinessID == businessID }
	if r.App != "" {
		if app, ok := apps[r.App]; ok && serves(app) {
			return app, nil
		}
		return models.App{}, &Trouble{Step: StepApp, Field: "app", Message: fmt.Sprintf("There is no app %q that serves this business.", r.App),
			Advice: "Give the name under which the app was made here, or ask the operator to make it: wabagate admin app."}
	}
	var own, shared []models.App
	for _, app := range apps {
		switch {
		case app.BusinessID != nil && serves(app):
			own = append(own, app)
		case serves(app):
			shared = append(shared, app)
		}
	}
	if len(own) == 0 {
		own = shared
	}
	switch {
	case len(own) == 1:
		return own[0], nil
	case !r.Override:
		return models.App{}, nil
	case len(own) == 0:
		return models.App{}, &Trouble{Step: StepApp, Field: "app", Message: "No app of this gateway serves the business, so there is no address for the number's callbacks.",
			Advice: "Ask the operator to make one: wabagate admin app."}
	}
	names := make([]string, len(own))
	for i, app := range own {
		names[i] = app.Name
	}
	slices.Sort(names)
	return models.App{}, &Trouble{Step: StepApp, Field: "app", Message: "Several apps serve the business: " + strings.Join(names, ", ") + ".", Advice: "Give the one that the token was made for as app."}
}

// cloudPath begins the address of an app's callbacks.
const cloudPath = "/webhooks/cloud/"

// digits are those of a number as people write it.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}
