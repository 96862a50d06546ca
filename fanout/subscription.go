package fanout

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/fanout/filter"
	"wabagate/fanout/signature"
	"wabagate/models"
)

// subscription is a webhook made ready: everything that one delivery needs and that is the same for the next.
type subscription struct {
	webhook  models.Webhook
	wants    event.Set
	filter   filter.Filter
	dialect  dialect.Dialect
	secrets  []signature.Secret // the present one and, if there is one, the previous
	timeout  time.Duration
	schedule []time.Duration
	header   http.Header // sent with every delivery
	// certificate is shown to a receiver that asks for one; nil: none.
	certificate *tls.Certificate
}

// signing are the secrets that sign an attempt made now: a subscription may be older than the end of an overlap.
func (s *subscription) signing(now time.Time) []signature.Secret {
	if len(s.secrets) > 1 && !s.webhook.Overlapping(now) {
		return s.secrets[:1]
	}
	return s.secrets
}

// wantsEvent says whether an event of a number (0: of none) goes to the webhook.
func (s *subscription) wantsEvent(typ string, numberID int64) bool {
	if s.webhook.NumberID != nil && *s.webhook.NumberID != numberID {
		return false
	}
	return s.wants.Has(typ) && s.dialect.Speaks(typ)
}

// ready says whether deliveries are made: the webhook is on and, where its dialect asks for it, its receiver has answered
// the challenge.
func (s *subscription) ready() bool {
	return s.webhook.Active && (s.webhook.Verified || !s.dialect.Manners.Challenge)
}

// holds says whether new deliveries are kept for later: the webhook is off, or what was held before them is still being
// delivered.
func (s *subscription) holds() bool { return !s.ready() || s.webhook.CatchingUp }

// ordered says whether the events of a conversation are delivered one at a time, in sequence.
func (s *subscription) ordered() bool { return s.webhook.Ordering == models.OrderConversation }

// subscriptions are the webhooks of one version of the routes.
type subscriptions struct {
	routes     *models.Routes
	byID       map[int64]*subscription
	ofBusiness map[int64][]*subscription
	apps       map[int64]models.App    // by id
	numbers    map[int64]models.Number // by id
}

// numberOf finds a number by its id.
func (s *subscriptions) numberOf(id int64) (models.Number, bool) {
	n, ok := s.numbers[id]
	return n, ok
}

// Subscriptions makes the webhooks of the routes ready, once per version. Safe for concurrent use.
type Subscriptions struct {
	routes func() *models.Routes
	log    *slog.Logger
	ready  atomic.Pointer[subscriptions]
}

// NewSubscriptions reads routes whenever they have changed.
func NewSubscriptions(routes func() *models.Routes, log *slog.Logger) *Subscriptions {
	return &Subscriptions{routes: routes, log: log}
}

func (s *Subscriptions) current() *subscriptions {
	routes := s.routes()
	if ready := s.ready.Load(); ready != nil && ready.routes == routes {
		return ready
	}
	next := &subscriptions{routes: routes, byID: make(map[int64]*subscription, len(routes.Webhooks)), ofBusiness: map[int64][]*subscription{},
		apps: make(map[int64]models.App, len(routes.Apps)), numbers: make(map[int64]models.Number, len(routes.Numbers))}
	for _, a := range routes.Apps {
		next.apps[a.ID] = a
	}
	for _, n := range routes.Numbers {
		next.numbers[n.ID] = n
	}
	for business, ids := range routes.OfBusiness {
		for _, id := range ids {
			sub, err := newSubscription(routes.Webhooks[id])
			if err != nil {
				// Only a row that did not come through the API can be like this.
				s.log.Error("webhook cannot be used", "webhook_id", id, "error", err)
				continue
			}
			next.byID[id] = sub
			next.ofBusiness[business] = append(next.ofBusiness[business], sub)
		}
	}
	s.ready.Store(next)
	return next
}

// UserAgent names the gateway to receivers.
const UserAgent = "wabagate/1 (+webhooks)"

func newSubscription(w models.Webhook) (*subscription, error) {
	s := &subscription{webhook: w, wants: event.NewSet(w.Events)}
	var ok bool
	if s.dialect, ok = dialect.Lookup(w.Dialect); !ok {
		return nil, fmt.Errorf("unknown dialect %q", w.Dialect)
	}
	if _, err := url.Parse(w.URL); err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	if len(w.Filter) > 0 {
		var err error
		if s.filter, err = filter.Parse(w.Filter); err != nil {
			return nil, fmt.Errorf("filter: %w", err)
		}
	}
	for _, secret := range w.Signing(time.Time{}) { // all that sign at some time, once and for all
		s.secrets = append(s.secrets, signature.NewSecret(secret.Text()))
	}
	s.timeout, s.schedule = s.dialect.Manners.Timeout, s.dialect.Manners.Schedule
	if w.Timeout > 0 {
		s.timeout = w.Timeout
	}
	if w.RetrySchedule != nil {
		s.schedule = w.RetrySchedule
	}
	s.header = http.Header{"Content-Type": {"application/json"}, "User-Agent": {UserAgent}}
	for k, v := range w.Headers {
		s.header.Set(k, v)
	}
	switch w.Auth.Kind {
	case models.AuthBasic:
		s.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(w.Auth.User+":"+w.Auth.Password.Text())))
	case models.AuthBearer:
		s.header.Set("Authorization", "Bearer "+w.Auth.Token.Text())
	}
	if w.Auth.Certificate != "" {
		pair, err := tls.X509KeyPair([]byte(w.Auth.Certificate), []byte(w.Auth.Key.Text()))
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		s.certificate = &pair
	}
	return s, nil
}
