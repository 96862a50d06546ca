package line

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"wabagate/gateway"
	"wabagate/models"
	"wabagate/waba/graph"
	"wabagate/waba/wabatest"
)

const (
	appName     = "acme"
	verifyToken = "the verify token"
	customer    = "15550177321"
	providerKey = "providers-key-1"
)

// bench is a gateway over a real store that takes callbacks on loopback, beside a platform on loopback.
type bench struct {
	*Lines
	t            testing.TB
	store        *models.Store
	directory    *models.Directory
	sim          *wabatest.Server
	base         string // of the platform
	public       string // of the gateway
	log          *logBuffer
	ours, theirs models.Business
}

// setup makes a bench. What changes the options of Lines comes last.
func setup(t testing.TB, sim wabatest.Options, changes ...func(*Options)) *bench {
	t.Helper()
	ctx := t.Context()
	b := &bench{t: t, log: &logBuffer{}, sim: wabatest.New(sim)}
	t.Cleanup(b.sim.Close)
	var err error
	b.base, err = b.sim.Start("127.0.0.1:0")
	require.NoError(t, err)
	b.store, err = models.Open(ctx, models.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.store.Close() })
	b.ours, err = b.store.CreateBusiness(ctx, "Ours")
	require.NoError(t, err)
	b.theirs, err = b.store.CreateBusiness(ctx, "Theirs")
	require.NoError(t, err)
	_, err = b.store.CreateApp(ctx, models.App{BusinessID: &b.ours.ID, Name: appName, VerifyToken: verifyToken, Secrets: []models.Secret{wabatest.DefaultAppSecret}})
	require.NoError(t, err)
	log := slog.New(slog.NewTextHandler(b.log, nil))
	b.directory, err = models.NewDirectory(ctx, b.store, log)
	require.NoError(t, err)
	b.public = b.listen(log)

	o := Options{Store: b.store, Directory: b.directory, Client: newClient(), PublicURL: b.public,
		CloudBase: b.base, Dialog360Base: b.base, Log: log}
	for _, change := range changes {
		change(&o)
	}
	b.Lines, err = New(o)
	require.NoError(t, err)
	return b
}

// listen takes callbacks as the gateway does.
func (b *bench) listen(log *slog.Logger) string {
	b.t.Helper()
	metrics := gateway.NewMetrics(prometheus.NewRegistry())
	acceptor := gateway.NewAcceptor(b.store, nil, discard{}, nil, log, metrics)
	b.t.Cleanup(acceptor.Close)
	app := fiber.New(fiber.Config{DisableStartupMessage: true, BodyLimit: gateway.MaxBody, DisablePreParseMultipartForm: true})
	gateway.Register(app, b.directory, acceptor, log, metrics)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b.t, err)
	go func() { _ = app.Listener(l) }()
	b.t.Cleanup(func() { _ = app.ShutdownWithTimeout(5 * time.Second) })
	return "http://" + l.Addr().String()
}

// newClient makes calls; those that a transport lets through, if one is given.
func newClient(through ...http.RoundTripper) *graph.Client {
	hc := &http.Client{Timeout: 5 * time.Second}
	if len(through) > 0 {
		hc.Transport = through[0]
	}
	return graph.New(hc, "wabagate/test")
}

// cut is a connection that breaks after some calls.
type cut struct{ left atomic.Int64 }

// failing lets calls through, and then none.
func failing(calls int) *cut {
	c := &cut{}
	c.left.Store(int64(calls))
	return c
}

func (c *cut) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.left.Add(-1) < 0 {
		return nil, errors.New("the connection broke")
	}
	return http.DefaultTransport.RoundTrip(r)
}

// tap passes requests on to another address and remembers them.
type tap struct {
	to    string
	heard logBuffer
}

func (p *tap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request, err := httputil.DumpRequest(r, true)
	to, parseErr := url.Parse(p.to)
	if err := errors.Join(err, parseErr); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = p.heard.Write(request)
	httputil.NewSingleHostReverseProxy(to).ServeHTTP(w, r)
}

func (p *tap) text() string { return p.heard.String() }

// discard is a queue for work that nobody does.
type discard struct{}

func (discard) Enqueue(context.Context, ...models.Work) error { return nil }

// request asks for the platform's default number, with everything that it takes.
func request() Request {
	return Request{Token: wabatest.DefaultToken, AppID: wabatest.DefaultAppID, WABAID: wabatest.DefaultWABAID, PhoneNumberID: wabatest.DefaultNumberID, Override: true}
}

func (b *bench) connect(r Request) Connected {
	b.t.Helper()
	c, err := b.Connect(b.t.Context(), b.ours.ID, r)
	require.NoError(b.t, err)
	return c
}

// trouble is what a request fails with.
func trouble(t testing.TB, err error) *Trouble {
	t.Helper()
	var found *Trouble
	require.ErrorAs(t, err, &found)
	return found
}

// numbers are those of our business.
func (b *bench) numbers() []models.Number {
	b.t.Helper()
	ns, err := b.store.Numbers(b.t.Context(), b.ours.ID)
	require.NoError(b.t, err)
	return ns
}

// callbacks is how many callbacks the gateway keeps once nothing travels any more.
func (b *bench) callbacks() (n int) {
	b.t.Helper()
	require.NoError(b.t, b.sim.Settle(b.t.Context()))
	ws, err := b.store.Unfinished(b.t.Context(), time.Now().Add(time.Hour), 0, 100)
	require.NoError(b.t, err)
	for _, w := range ws {
		if w.Kind != models.TranslateCallbacks {
			continue
		}
		cs, err := b.store.Callbacks(b.t.Context(), w.Members[0], w.Members[1])
		require.NoError(b.t, err)
		n += len(cs)
	}
	return n
}

// logBuffer is what was logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }
