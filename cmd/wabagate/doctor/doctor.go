// Package doctor looks at a deployment and says what to fix: the stores and their settings, clocks, names, the guard on
// customers' addresses, queues, webhooks that will fail, numbers that will stop. It changes nothing. Probes gather facts,
// small pure functions judge them.
package doctor

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"time"

	"github.com/redis/go-redis/v9"

	"wabagate/fanout/deliver"
	"wabagate/fanout/task"
	"wabagate/models"
)

// Level is how bad a finding is.
type Level string

// The levels of findings.
const (
	OK      Level = "ok"
	Warning Level = "warning" // works, and will not always, or not well
	Wrong   Level = "wrong"   // something is lost, refused or stands still
)

// Finding is what one check found.
type Finding struct {
	Check string `json:"check"` // what was looked at, such as "redis eviction"
	Level Level  `json:"level"`
	Says  string `json:"says"`
	// Remedy is what to do; empty when it is OK.
	Remedy string `json:"remedy,omitempty"`
}

func fine(check, says string, args ...any) Finding {
	return Finding{Check: check, Level: OK, Says: fmt.Sprintf(says, args...)}
}

func warning(check, says, remedy string) Finding { return Finding{check, Warning, says, remedy} }

func wrong(check, says, remedy string) Finding { return Finding{check, Wrong, says, remedy} }

// Options are the deployment as its processes are configured.
type Options struct {
	Database models.Options
	// Redis is how Redis is reached; nil: the in-process queue, at which nobody else can look.
	Redis *redis.UniversalOptions
	// Layout is which queues there are.
	Layout task.Layout
	// Processes is how many share the database; 0: as many as are seen, one at least: those that work on the queues, or the
	// machines from which the database is used.
	Processes int
	// Conns is how many connections a process opens at most in each of its two pools.
	Conns int

	Allowed   deliver.Allowed
	AllowHTTP bool
	// Proxy is what deliveries go out through; nil: directly.
	Proxy *url.URL
	// Resolver finds names; nil: the system's.
	Resolver *net.Resolver
	// Roots are whom receivers' certificates are signed by; nil: the system's.
	Roots *x509.CertPool

	PublicURL string
	// Proxied says that reverse proxies are named whose X-Forwarded-For is believed.
	Proxied bool
	// Upstreams are the addresses of the platform and of providers that are called.
	Upstreams []string
	// Media tries whether files can be kept; nil: not tried. MediaPlace is where, for people.
	Media      func(context.Context) error
	MediaPlace string
	// MediaUnsaid says that MediaPlace is where nobody said otherwise: a directory of each process's own.
	MediaUnsaid bool
	// Disks are the directories whose disks are looked at.
	Disks []string

	// Now is this process's own clock; nil: time.Now.
	Now func() time.Time
}

// patience bounds each probe of a store.
const patience = 10 * time.Second

// Run looks at everything. A store that cannot be reached is a finding, and what needs it is left out.
func Run(ctx context.Context, o Options) []Finding {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	d := &doctor{Options: o, guard: deliver.NewGuard(o.Allowed, o.AllowHTTP).WithResolver(o.Resolver)}
	defer d.close()

	d.say(judgeStores(o.Database.DatabaseURL != "", o.Redis != nil)...)
	d.say(judgePublicURL(o.PublicURL, d.embedded(), o.Proxied)...)
	d.lookAtPublicURL(ctx)
	d.lookAtNames(ctx)
	d.lookAtRedis(ctx)
	d.lookAtDatabase(ctx)
	d.lookAtGuard(ctx)
	d.lookAtMedia(ctx)
	d.lookAtQueues(ctx)
	if d.usable {
		d.lookAtWebhooks(ctx)
		d.lookAtNumbers(ctx)
	}
	return d.findings
}

// doctor is one run.
type doctor struct {
	Options
	guard    *deliver.Guard
	findings []Finding

	store *models.Store // nil: cannot be opened
	// usable says that the schema is what this program expects, so that rows can be read.
	usable bool
	redis  redis.UniversalClient // nil: does not answer
	crew   *crew                 // who works on the queues; nil: not asked yet
}

func (d *doctor) say(fs ...Finding) { d.findings = append(d.findings, fs...) }

func (d *doctor) embedded() bool { return d.Database.DatabaseURL == "" && d.Redis == nil }

func (d *doctor) close() {
	if d.store != nil {
		_ = d.store.Close()
	}
	if d.redis != nil {
		_ = d.redis.Close()
	}
}

// judgeStores says what a deployment on these stores can be.
func judgeStores(postgres, redis bool) []Finding {
	const check = "stores"
	switch {
	case postgres && redis:
		return []Finding{fine(check, "PostgreSQL and Redis")}
	case postgres:
		return []Finding{warning(check, "PostgreSQL and an in-process queue: one process only, and callbacks are refused while PostgreSQL is down", "set REDIS_URL")}
	case redis:
		return []Finding{warning(check, "an embedded SQLite beside a Redis: one machine only", "set DATABASE_URL")}
	}
	return []Finding{warning(check, "embedded SQLite and an in-process queue: one process, about 1,000 tasks/s, no copy of the data", "for production set DATABASE_URL and REDIS_URL")}
}

// addresses are what a host name resolves to; the address itself when it is one.
func (d *doctor) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	found, err := d.Resolver.LookupNetIP(ctx, "ip", host)
	for i := range found {
		found[i] = found[i].Unmap()
	}
	return found, err
}

// plural counts things.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
