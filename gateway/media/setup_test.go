package media

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"wabagate/models"
	"wabagate/models/modelstest"
	"wabagate/waba/graph"
	"wabagate/waba/wabatest"
)

// bench is Files over a real store and a real directory, beside a platform on loopback.
type bench struct {
	*Files
	t      *testing.T
	store  *models.Store
	keep   *Directory
	dir    string
	sim    *wabatest.Server
	base   string // of the platform
	number models.Number
	calls  *calls
	news   *news
	clock  *clock
}

// onEachStore runs a test on both engines.
func onEachStore(t *testing.T, sim wabatest.Options, test func(*bench), changes ...func(*Options)) {
	for name, open := range map[string]func(testing.TB) *models.Store{"sqlite": modelstest.SQLite, "postgres": modelstest.Postgres} {
		t.Run(name, func(t *testing.T) { test(setup(t, open(t), sim, changes...)) })
	}
}

func setup(t *testing.T, store *models.Store, sim wabatest.Options, changes ...func(*Options)) *bench {
	t.Helper()
	b := &bench{t: t, store: store, sim: wabatest.New(sim), dir: t.TempDir(), calls: &calls{}, news: &news{}, clock: &clock{}}
	t.Cleanup(b.sim.Close)
	var err error
	b.base, err = b.sim.Start("127.0.0.1:0")
	require.NoError(t, err)
	business, err := store.CreateBusiness(t.Context(), "Bakery")
	require.NoError(t, err)
	b.number, err = store.CreateNumber(t.Context(), models.Number{BusinessID: business.ID, PhoneNumberID: wabatest.DefaultNumberID, WABAID: wabatest.DefaultWABAID})
	require.NoError(t, err)
	b.token(wabatest.DefaultToken)
	b.keep, err = OpenDirectory(b.dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.keep.Close() })
	b.Files = b.process(changes...)
	return b
}

// process is another process of the same gateway.
func (b *bench) process(changes ...func(*Options)) *Files {
	b.t.Helper()
	o := Options{Store: b.store, Client: graph.New(&http.Client{Transport: b.calls}, "wabagate/test"), Keep: b.keep, News: b.news,
		Links: NewLinks("https://gw.example", "a key"), Now: b.clock.now, Metrics: NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler)}
	for _, change := range changes {
		change(&o)
	}
	f, err := New(o)
	require.NoError(b.t, err)
	f.sweepEvery = 10 * time.Millisecond
	b.t.Cleanup(f.Close)
	return f
}

// token says how the number is reached.
func (b *bench) token(token models.Secret) {
	b.t.Helper()
	require.NoError(b.t, b.store.SetUpstream(b.t.Context(), b.number.BusinessID, models.Upstream{NumberID: b.number.ID, Style: "cloud", Base: b.base, Token: token}))
}

// file is one on the platform.
func (b *bench) file(m wabatest.Media) string {
	b.t.Helper()
	id, err := b.sim.AddMedia(m)
	require.NoError(b.t, err)
	return id
}

// came is a message with a file that came just now.
func (b *bench) came(mediaID, wamid, sum string) {
	b.t.Helper()
	require.NoError(b.t, b.store.Translate(b.t.Context(), func(tx models.Translation) error {
		return tx.Write(b.t.Context(), models.Changes{Media: []models.Media{{ID: b.store.NextID(), BusinessID: b.number.BusinessID, NumberID: b.number.ID, MediaID: mediaID,
			Wamid: wamid, Kind: "image", MimeType: "image/jpeg", ClaimedSHA256: sum, DueAt: b.clock.now()}}})
	}))
}

func (b *bench) open(mediaID string) (*File, error) {
	return b.Open(b.t.Context(), b.number.BusinessID, b.number.ID, mediaID)
}

// read opens a file and reads it.
func (b *bench) read(mediaID string) []byte {
	b.t.Helper()
	f, err := b.open(mediaID)
	require.NoError(b.t, err)
	return content(b.t, f)
}

func content(t testing.TB, f *File) []byte {
	t.Helper()
	r, err := f.Read(t.Context(), 0, f.Size)
	require.NoError(t, err)
	all, err := io.ReadAll(r)
	require.NoError(t, errors.Join(err, r.Close()))
	sum := sha256.Sum256(all)
	require.Equal(t, f.SHA256, hex.EncodeToString(sum[:]))
	return all
}

// refused is the refusal that opening a file ends with.
func (b *bench) refused(mediaID string) *models.MediaError {
	b.t.Helper()
	_, err := b.open(mediaID)
	return refusalOf(b.t, err)
}

func refusalOf(t testing.TB, err error) *models.MediaError {
	t.Helper()
	var e *models.MediaError
	require.ErrorAs(t, err, &e)
	return e
}

func (b *bench) row(mediaID string) models.Media {
	b.t.Helper()
	m, err := b.store.MediaOf(b.t.Context(), b.number.ID, mediaID)
	require.NoError(b.t, err)
	return m
}

// ahead makes the number fetch its files ahead, and starts the loop that does.
func (b *bench) ahead() (stop func()) {
	b.t.Helper()
	require.NoError(b.t, b.store.SetMediaAhead(b.t.Context(), b.number.BusinessID, b.number.ID, true))
	return b.run()
}

// run starts the loop.
func (b *bench) run() (stop func()) {
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	go func() { b.Run(ctx); close(done) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	b.t.Cleanup(stop)
	return stop
}

// eventually waits for something that happens soon.
func (b *bench) eventually(what func() bool) {
	b.t.Helper()
	require.Eventually(b.t, what, 20*time.Second, 5*time.Millisecond)
}

// calls counts what is asked of the platform.
type calls struct {
	mu    sync.Mutex
	paths []string
}

func (c *calls) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.paths = append(c.paths, r.Method+" "+r.URL.Path)
	c.mu.Unlock()
	return http.DefaultTransport.RoundTrip(r)
}

func (c *calls) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.paths)
}

// news remembers what was told; it fails as often as it is asked to.
type news struct {
	mu    sync.Mutex
	told  []models.Media
	fails int
}

func (n *news) TellMedia(_ context.Context, m models.Media) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fails > 0 {
		n.fails--
		return errors.New("the database is away")
	}
	n.told = append(n.told, m)
	return nil
}

func (n *news) all() []models.Media {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]models.Media(nil), n.told...)
}

// clock is the wall clock, which a test can put forward.
type clock struct {
	mu     sync.Mutex
	passed time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.passed)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed += d
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
