package models

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Routes is everything that is needed on the way of a callback and changes once a day: apps, numbers, webhooks.
// A value never changes; a reload makes another.
type Routes struct {
	Version  int64
	Apps     map[string]App    // by name
	Numbers  map[string]Number // by phone number id
	ByToken  map[string]Number // by the token of the On-Premises style address, for numbers that have one
	Webhooks map[int64]Webhook // by id, the switched off ones too
	// OfBusiness lists the webhooks of a business by id.
	OfBusiness map[int64][]int64
	// Replying are the numbers that answer their customers by themselves, by id.
	Replying map[int64]bool
}

// LoadRoutes reads all of it.
func (s *Store) LoadRoutes(ctx context.Context) (*Routes, error) {
	r := &Routes{Numbers: map[string]Number{}, ByToken: map[string]Number{}, Webhooks: map[int64]Webhook{}, OfBusiness: map[int64][]int64{}}
	var err error
	// The version first: what changes while we read is then read again.
	if r.Version, err = s.RoutesVersion(ctx); err != nil {
		return nil, err
	}
	if r.Apps, err = s.loadApps(ctx); err != nil {
		return nil, err
	}
	ns, err := s.numbers(s.db.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	for _, n := range ns {
		r.Numbers[n.PhoneNumberID] = n
		if n.OnpremToken != "" {
			r.ByToken[n.OnpremToken.Text()] = n
		}
	}
	if r.Replying, err = s.replying(ctx); err != nil {
		return nil, err
	}
	var rows []webhookRow
	if err := s.db.WithContext(ctx).Order("id").Find(&rows).Error; err != nil {
		return nil, translate(err, "load webhooks")
	}
	ws, err := s.openWebhooks(rows)
	if err != nil {
		return nil, err
	}
	for _, w := range ws {
		r.Webhooks[w.ID] = w
		r.OfBusiness[w.BusinessID] = append(r.OfBusiness[w.BusinessID], w.ID)
	}
	return r, nil
}

// RoutesVersion is the number that every change of an app, a number, an upstream, of replies or a webhook raises.
func (s *Store) RoutesVersion(ctx context.Context) (int64, error) {
	if s.embedded {
		var v int64
		return v, translate(s.db.WithContext(ctx).Raw("SELECT version FROM routes_version").Scan(&v).Error, "routes version")
	}
	// Every process asks each second, which makes it the place to hear the time.
	var r struct {
		Version int64
		At      time.Time
	}
	asked := time.Now()
	err := s.db.WithContext(ctx).Raw("SELECT version, clock_timestamp() AS at FROM routes_version").Scan(&r).Error
	if err == nil {
		s.clock.hear(r.At, asked, time.Now())
	}
	return r.Version, translate(err, "routes version")
}

// Directory keeps the Routes of a process fresh: a change anywhere is seen within Interval, a change made by this
// process at once when Refresh is called.
type Directory struct {
	store  *Store
	log    *slog.Logger
	routes atomic.Pointer[Routes]
	mu     sync.Mutex
}

// NewDirectory loads the routes once; Run keeps them fresh.
func NewDirectory(ctx context.Context, s *Store, log *slog.Logger) (*Directory, error) {
	d := &Directory{store: s, log: log}
	return d, d.Refresh(ctx)
}

// Routes is the present state; never nil.
func (d *Directory) Routes() *Routes { return d.routes.Load() }

// App is the app of a name.
func (d *Directory) App(name string) (App, bool) {
	a, ok := d.routes.Load().Apps[name]
	return a, ok
}

// NumberByToken is the number whose On-Premises style address has the token. The empty token names none.
func (d *Directory) NumberByToken(token string) (Number, bool) {
	n, ok := d.routes.Load().ByToken[token]
	return n, ok
}

// Refresh reloads if anything changed.
func (d *Directory) Refresh(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.routes.Load(); r != nil {
		v, err := d.store.RoutesVersion(ctx)
		if err != nil {
			return err
		}
		if v == r.Version {
			return nil
		}
	}
	r, err := d.store.LoadRoutes(ctx)
	if err != nil {
		return fmt.Errorf("load routes: %w", err)
	}
	d.routes.Store(r)
	return nil
}

// Run refreshes every interval until ctx ends. While the database is away the last known routes stay in use.
func (d *Directory) Run(ctx context.Context, interval time.Duration) {
	t := time.NewTicker(interval)
	defer t.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		c, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := d.Refresh(c)
		cancel()
		if err != nil && !failing && ctx.Err() == nil {
			d.log.Warn("routes not refreshed; the last known stay in use", "error", err)
		}
		failing = err != nil
	}
}
