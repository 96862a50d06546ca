package line

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"wabagate/models"
	"wabagate/waba/graph"
)

// Options is what Lines are made of. Store, Directory and Client must be set.
type Options struct {
	Store *models.Store
	// Directory has apps and numbers, and is refreshed after every change.
	Directory *models.Directory
	// Client makes the calls. Addresses that a business chose are among those it is given: whoever does not trust them all
	// gives it a transport that refuses private ones.
	Client *graph.Client
	// PublicURL is where upstreams reach this gateway, such as https://wabagate.example.com; empty: nowhere, so that callbacks
	// cannot be directed here.
	PublicURL string
	// CloudBase and Dialog360Base take the place of the platform's and of 360dialog's own addresses, for requests that name
	// none and in what is believed of numbers: those of a simulated platform. Empty: the real ones.
	CloudBase, Dialog360Base string
	// News hears of numbers that were connected; nil: nobody does.
	News News
	// Leads says whether this process is the one that checks the numbers; nil: it is.
	Leads func() bool
	// Metrics says how the numbers are; nil: nothing does.
	Metrics *Metrics
	// Log is where a number's troubles go; nil discards.
	Log *slog.Logger
	// Now is the clock; nil is the wall clock.
	Now func() time.Time
}

// News tells the business that a number was connected, once however often it is told of the same moment; a *fanout.Recorder
// does.
type News interface {
	TellConnected(ctx context.Context, n models.Number, at time.Time) error
}

// Lines connects numbers and looks after them. Make it with New; safe for concurrent use.
type Lines struct {
	o Options
	// changing keeps two changes of this process from undoing one another.
	changing sync.Mutex
}

// New makes Lines. It starts nothing.
func New(o Options) (*Lines, error) {
	if o.Store == nil || o.Directory == nil || o.Client == nil {
		return nil, errors.New("line: Options need Store, Directory and Client")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Log = o.Log.With("component", "line")
	o.PublicURL = strings.TrimSuffix(o.PublicURL, "/")
	return &Lines{o: o}, nil
}

// The styles of an upstream, as models.Upstream has them.
const (
	StyleCloud      = "cloud"     // the Graph API
	Style360dialog  = "360dialog" // a provider with a key for each number, in front of the Graph API
	StyleOnPremises = "onprem"    // a provider that kept the On-Premises API, such as cBot
)

// Styles lists them, the usual one first.
func Styles() []string { return []string{StyleCloud, Style360dialog, StyleOnPremises} }

// Account is what calls for a number are made with.
func Account(u models.Upstream, n models.Number) graph.Account {
	a := graph.Account{Style: graph.Style(u.Style), Base: u.Base, Version: u.Version, Token: u.Token.Text(), PhoneNumberID: n.PhoneNumberID, WABAID: n.WABAID, AppID: u.AppID}
	if u.Style == StyleOnPremises {
		a.Style = graph.OnPremises
	}
	return a
}

// Request asks for a number to be connected.
type Request struct {
	Style   string        // empty: StyleCloud
	Base    string        // address of the API; empty: the platform's or 360dialog's own. StyleOnPremises has none of its own
	Version string        // of the Graph API; empty: that of this build
	Token   models.Secret // or the provider's key
	// AppID and AppSecret are Meta's of the app that the token was made for. Without the secret those of the gateway's app
	// are tried, without either the token is asked about itself.
	AppID     string
	AppSecret models.Secret
	// App is the gateway's name of that app, whose address and verify token Override needs; empty: the one app that serves
	// the business.
	App           string
	WABAID        string // empty: found out, where the token is for one account only
	PhoneNumberID string // empty: found out, at 360dialog
	// Display and Name are used where the upstream does not say them.
	Display, Name string
	// Override has the platform post the number's callbacks to this gateway, whatever its app and its account say. A provider
	// is always told.
	Override  bool
	PublicURL string // where callbacks are to go; empty: Options.PublicURL
	Rate      int    // messages per second; 0: what was kept before, or the usual
	// Operator says that the asker may connect a number without proof.
	Operator bool
}

// Connected is a number whose connection is kept.
type Connected struct {
	Number   models.Number
	New      bool // it was not connected before
	Upstream models.Upstream
}

// Connect examines a number's token or key, has its callbacks posted here, and keeps number and token; a number of the
// business that is connected already is brought up to date. Whatever is wrong with the number or its token is a *Trouble,
// and nothing is kept then; any other error is the gateway's own.
func (l *Lines) Connect(ctx context.Context, businessID int64, r Request) (Connected, error) {
	if r.Style == "" {
		r.Style = StyleCloud
	}
	if r.PublicURL = strings.TrimSuffix(r.PublicURL, "/"); r.PublicURL == "" {
		r.PublicURL = l.o.PublicURL
	}
	if err := r.check(); err != nil {
		return Connected{}, err
	}
	r.Base = r.address()
	if err := l.o.Directory.Refresh(ctx); err != nil {
		return Connected{}, err
	}
	if r.Style == StyleCloud {
		return l.connectCloud(ctx, businessID, r)
	}
	return l.connectProvider(ctx, businessID, r)
}

// address is where the upstream is, as it is kept: none for the platform's own and for 360dialog's, so that naming it is the
// same as naming none.
func (r Request) address() string {
	base := strings.TrimRight(r.Base, "/")
	if r.Style == StyleCloud && base == graph.CloudBase || r.Style == Style360dialog && base == graph.Dialog360Base {
		return ""
	}
	return base
}

// check finds what can be known to be wrong without asking anybody.
func (r Request) check() error {
	switch {
	case !slices.Contains(Styles(), r.Style):
		return missing("style", "The style must be one of "+strings.Join(Styles(), ", ")+".")
	case r.Token == "" && r.Style == StyleCloud:
		return missing("token", "Give the access token of a system user that was given the WhatsApp account.")
	case r.Token == "":
		return missing("token", "Give the API key of the number at its provider.")
	case r.PhoneNumberID == "" && r.Style == StyleCloud:
		return missing("phone_number_id", "Give the platform's id of the number: it stands beside the number in WhatsApp Manager.")
	case r.Base == "" && r.Style == StyleOnPremises:
		return missing("base_url", "Give the address of the provider's API, without /v1.")
	case r.PublicURL == "" && (r.Override || r.Style != StyleCloud):
		return missing("public_url", "Set WABAGATE_PUBLIC_URL to the address under which the gateway is reached from outside.")
	}
	return nil
}

// Replace gives a business's number another token or key. The number works with the one before until the new one was found
// in order and kept. models.ErrNotFound when the number is not the business's, or nobody said how it is reached.
func (l *Lines) Replace(ctx context.Context, businessID, numberID int64, token models.Secret) (models.Upstream, error) {
	n, u, err := l.find(ctx, businessID, numberID)
	if err != nil {
		return u, err
	}
	if token == "" {
		return u, missing("token", "Give the new token.")
	}
	u.Token, u.TokenExpiresAt = token, time.Time{}
	replace := l.replaceProvider
	if u.Style == StyleCloud {
		replace = l.replaceCloud
	}
	found, err := replace(ctx, n, u)
	if err != nil {
		return u, err
	}
	kept, err := l.change(ctx, businessID, numberID, func(u *models.Upstream) {
		u.Token, u.TokenExpiresAt, u.AppID = found.Token, found.TokenExpiresAt, found.AppID
	})
	if err != nil {
		return kept, err
	}
	kept.Checked, err = l.Check(ctx, n)
	return kept, err
}

// SetRate says how many messages per second a business's number may send; 0: the usual. models.ErrNotFound as with Replace.
func (l *Lines) SetRate(ctx context.Context, businessID, numberID int64, rate int) (models.Upstream, error) {
	return l.change(ctx, businessID, numberID, func(u *models.Upstream) { u.Rate = rate })
}

// change changes what is kept of how a number is reached.
func (l *Lines) change(ctx context.Context, businessID, numberID int64, change func(*models.Upstream)) (models.Upstream, error) {
	l.changing.Lock()
	defer l.changing.Unlock()
	_, u, err := l.find(ctx, businessID, numberID)
	if err != nil {
		return u, err
	}
	change(&u)
	checked := u.Checked
	u.Checked = models.UpstreamHealth{} // a check may be at work on it; what is kept stays
	err = l.o.Store.SetUpstream(ctx, businessID, u)
	u.Checked = checked
	return u, err
}

// Disconnect forgets the token of a business's number: nothing is sent any more, what comes is received as before.
// models.ErrNotFound when there is none.
func (l *Lines) Disconnect(ctx context.Context, businessID, numberID int64) error {
	l.changing.Lock()
	defer l.changing.Unlock()
	return l.o.Store.DropUpstream(ctx, businessID, numberID)
}

// Upstream reads how a business's number is reached, and how it was there the last time. models.ErrNotFound as with Replace.
func (l *Lines) Upstream(ctx context.Context, businessID, numberID int64) (models.Upstream, error) {
	_, u, err := l.find(ctx, businessID, numberID)
	return u, err
}

func (l *Lines) find(ctx context.Context, businessID, numberID int64) (models.Number, models.Upstream, error) {
	ns, err := l.o.Store.Numbers(ctx, businessID)
	if err != nil {
		return models.Number{}, models.Upstream{}, err
	}
	i := slices.IndexFunc(ns, func(n models.Number) bool { return n.ID == numberID })
	if i < 0 {
		return models.Number{}, models.Upstream{}, fmt.Errorf("number %d: %w", numberID, models.ErrNotFound)
	}
	u, err := l.o.Store.UpstreamOf(ctx, numberID)
	return ns[i], u, err
}

// claim finds the number that a business connects, the zero one when it is new, and refuses one that is another's or that
// nothing proves.
func (l *Lines) claim(businessID int64, r Request, proven bool) (models.Number, error) {
	n, known := l.o.Directory.Routes().Numbers[r.PhoneNumberID]
	switch {
	case known && n.BusinessID != businessID:
		return n, &Trouble{Step: StepClaim, Taken: true, Field: "phone_number_id", Message: "The number is connected to another business of this gateway.",
			Advice: "Ask the operator which business it belongs to."}
	case known || proven || r.Operator:
		return n, nil
	}
	return n, &Trouble{Step: StepClaim, Field: "phone_number_id", Message: "Nothing proves that the number is yours: only the platform's own address, or 360dialog's, is believed.",
		Advice: "Connect the number there, or ask an operator to connect it."}
}

// account is the WhatsApp account that a number is kept with. What happens on the account is told to the number's business, so
// that another account than before takes a word that is believed, or an operator. said is what the upstream said, if anything.
func account(n models.Number, r Request, said string, believed bool) (string, error) {
	asked := cmp.Or(said, r.WABAID)
	switch {
	case said != "" && r.WABAID != "" && said != r.WABAID:
		return "", &Trouble{Step: StepAccount, Field: "waba_id", Message: fmt.Sprintf("The number is of the WhatsApp account %s, not %s.", said, r.WABAID),
			Advice: "Give the id of the account that the number belongs to, or leave it out."}
	case asked == "" || asked == n.WABAID:
		return n.WABAID, nil
	case said != "" && believed || r.Operator:
		return asked, nil
	}
	return "", &Trouble{Step: StepClaim, Field: "waba_id", Message: "Nothing proves that the WhatsApp account is yours: only the platform's own address, or 360dialog's, is believed.",
		Advice: "Leave waba_id out, or ask an operator to connect the number."}
}

// keep creates the number or brings it up to date, keeps how it is reached, and tells of one that was not reached before.
func (l *Lines) keep(ctx context.Context, n models.Number, u models.Upstream) (Connected, error) {
	c := Connected{Number: n, New: n.ID == 0, Upstream: u}
	reached := false
	var err error
	if c.New {
		c.Number, err = l.o.Store.CreateNumber(ctx, n)
	} else {
		err = l.o.Store.UpdateNumber(ctx, n)
		if before, beforeErr := l.o.Store.UpstreamOf(ctx, n.ID); beforeErr == nil {
			reached, c.Upstream.Rate = true, cmp.Or(u.Rate, before.Rate)
		}
	}
	if errors.Is(err, models.ErrConflict) { // somebody connected it in this very moment
		return c, &Trouble{Step: StepClaim, Taken: true, Field: "phone_number_id", Message: "The number was connected by somebody else just now.", Advice: "Look at your list of numbers."}
	}
	if err != nil {
		return c, err
	}
	c.Upstream.NumberID = c.Number.ID
	if err := l.o.Store.SetUpstream(ctx, c.Number.BusinessID, c.Upstream); err != nil {
		return c, err
	}
	l.refresh(ctx)
	if l.o.News != nil && !reached {
		if err := l.o.News.TellConnected(ctx, c.Number, l.o.Now()); err != nil { // the number works: that is no reason to say that it does not
			l.o.Log.Warn("nobody was told that a number was connected", "number_id", c.Number.ID, "error", err)
		}
	}
	c.Upstream.Checked, err = l.Check(ctx, c.Number)
	return c, err
}

// refresh makes a change known to this process at once. Others see it within their interval, and so does this one if it
// fails here.
func (l *Lines) refresh(ctx context.Context) {
	if err := l.o.Directory.Refresh(ctx); err != nil {
		l.o.Log.Warn("routes not refreshed yet", "error", err)
	}
}
