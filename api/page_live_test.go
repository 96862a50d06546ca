package api_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/models"
)

func eventID(e models.Event) string { return event.Key(e.Key).EventID() }

// watcher reads a live stream as EventSource does.
type watcher struct {
	t      *testing.T
	lines  *bufio.Scanner
	id     string // of the last block
	cancel context.CancelFunc
}

func (b *bundle) watch(t *testing.T, base, path, lastID string) *watcher {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	require.NoError(t, err)
	r.Header.Set("Cookie", b.session)
	if lastID != "" {
		r.Header.Set("Last-Event-Id", lastID)
	}
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	w := &watcher{t: t, lines: bufio.NewScanner(res.Body), id: lastID, cancel: cancel}
	w.lines.Buffer(nil, 1<<20)
	return w
}

// next waits until the place moves, and says which events and names came before it.
func (w *watcher) next() (ids, names []string) {
	w.t.Helper()
	for w.lines.Scan() {
		line := w.lines.Text()
		if _, rest, found := strings.Cut(line, `data-event="`); found {
			id, _, _ := strings.Cut(rest, `"`)
			ids = append(ids, id)
		}
		if name, found := strings.CutPrefix(line, "event: "); found {
			names = append(names, name)
		}
		if id, found := strings.CutPrefix(line, "id: "); found {
			w.id = id
			if len(names) > 0 {
				return ids, names
			}
		}
	}
	require.NoError(w.t, w.lines.Err())
	return ids, names
}

// streamOf is the address that a live page streams from.
func streamOf(t *testing.T, page string) string {
	t.Helper()
	_, after, found := strings.Cut(page, `data-stream="`)
	require.True(t, found)
	path, _, _ := strings.Cut(after, `"`)
	return strings.ReplaceAll(path, "&amp;", "&")
}

func TestLiveStream(t *testing.T) {
	t.Parallel()
	b := setup(t)
	base := b.listen()
	before := b.happen("message.received")
	_, page := b.page("/live")
	require.Contains(t, page, `data-event="`+eventID(before)+`"`)
	meanwhile := b.happen("order.created") // between the page and its stream
	w := b.watch(t, base, streamOf(t, page), "")
	ids, _ := w.next()
	require.Equal(t, []string{eventID(meanwhile)}, ids)
	now := b.happen("message.report")
	ids, _ = w.next()
	require.Equal(t, []string{eventID(now)}, ids)

	// Who comes back gets what happened meanwhile, and nothing else.
	place := w.id
	w.cancel()
	var missed []string
	for range 5 {
		missed = append(missed, eventID(b.happen("message.received")))
	}
	w = b.watch(t, base, streamOf(t, page), place)
	ids, _ = w.next()
	require.Equal(t, missed, ids)
	place = w.id
	w.cancel()
	w = b.watch(t, base, streamOf(t, page), place)
	last := b.happen("message.received")
	ids, _ = w.next()
	require.Equal(t, []string{eventID(last)}, ids)

	// A filter holds for the page and its stream.
	_, page = b.page("/live?event=order.*&number_id=" + decimal(b.number.ID))
	require.Equal(t, 1, strings.Count(page, "data-event="))
	w = b.watch(t, base, streamOf(t, page), "")
	b.happen("message.received")
	order := b.happen("order.status.updated")
	ids, _ = w.next()
	require.Equal(t, []string{eventID(order)}, ids)

	for path, want := range map[string]int{"/live/stream": 400, "/live/stream?after=x": 400, "/live?event=nonsense": 400, "/live?number_id=x": 400} {
		status, _ := b.page(path)
		require.Equal(t, want, status, path)
	}
	_, theirs, _ := b.call("GET", "/live", "", "Cookie", b.theirUser, "Accept", "text/html")
	require.NotContains(t, theirs, "data-event=")
	require.Contains(t, theirs, "No events yet")
	status, _, _ := b.call("GET", "/live/stream", "", "Accept", "text/html")
	require.Equal(t, 303, status)
}

// Who was away for longer than a page can show goes on with the newest, and is told so.
func TestLiveJumps(t *testing.T) {
	t.Parallel()
	b := setup(t)
	base := b.listen()
	_, page := b.page("/live")
	var events []models.Event
	for i := range 2300 {
		e := models.Event{ID: b.store.NextID(), Key: event.NewKey(decimal(int64(i))), BusinessID: b.ours.ID, NumberID: b.number.ID, Type: "message.received", CreatedAt: time.Now(), Data: []byte(`{"business_id":1}`)}
		events = append(events, e)
	}
	require.NoError(t, b.store.Translate(t.Context(), func(tx models.Translation) error { return tx.Write(t.Context(), models.Changes{Events: events}) }))
	w := b.watch(t, base, streamOf(t, page), "")
	ids, names := w.next()
	require.Equal(t, "jumped", names[0])
	require.Len(t, ids, 200)
	require.Equal(t, eventID(events[2100]), ids[0], "oldest first")
	require.Equal(t, eventID(events[2299]), ids[199])
	last := b.happen("message.received")
	ids, _ = w.next()
	require.Equal(t, []string{eventID(last)}, ids)
}

// wire is a proxy whose connections a test can cut.
type wire struct {
	mu    sync.Mutex
	conns []net.Conn
}

func (l *wire) through(t *testing.T, to string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close(); l.cut() })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			l.mu.Lock()
			l.conns = append(l.conns, near, far)
			l.mu.Unlock()
			go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
			go func() { _, _ = io.Copy(near, far); _ = near.Close() }()
		}
	}()
	return "http://" + listener.Addr().String()
}

func (l *wire) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}

func TestLiveInBrowser(t *testing.T) {
	t.Parallel()
	b := setup(t)
	direct := b.listen()
	var l wire
	base := l.through(t, strings.TrimPrefix(direct, "http://"))
	ctx := browser(t)
	b.enter(ctx, direct)
	b.enter(ctx, base)
	visit(t, ctx, direct, stop{name: "live-none", path: "/live"})
	all := ctx
	ctx, cancel := chromedp.NewContext(all) // a tab of its own: it complains of the line that breaks
	defer cancel()
	require.NoError(t, chromedp.Do(ctx))
	shown := func(e models.Event) string { return `#live > [data-event="` + eventID(e) + `"]` }
	count := func() int {
		n, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.querySelectorAll("#live > li").length`))
		require.NoError(t, err)
		return n
	}
	do(t, ctx, chromedp.Navigate(base+"/live"), chromedp.WaitVisible(`.live.on`), chromedp.WaitVisible(`[data-waiting]`), chromedp.WaitNotVisible(`[data-still]`))
	first := b.happen("message.received")
	do(t, ctx, chromedp.WaitVisible(shown(first)), chromedp.WaitNotVisible(`[data-waiting]`))
	do(t, ctx, chromedp.Click(shown(first)+" summary"))
	do(t, ctx, chromedp.WaitVisible(shown(first)+" pre[data-pane=pretty]"))

	// Paused, it counts and does not move; resumed, the newest stands on top.
	do(t, ctx, chromedp.Click(`[data-pause]`))
	second, third := b.happen("order.created"), b.happen("message.report")
	require.Eventually(t, func() bool { return text(t, ctx, "[data-tail]") == "paused, 2 new" }, 10*time.Second, 50*time.Millisecond)
	require.Equal(t, 1, count())
	do(t, ctx, chromedp.Click(`[data-pause]`))
	do(t, ctx, chromedp.WaitVisible(`#live > li:nth-child(1)[data-event="`+eventID(third)+`"]`), chromedp.WaitVisible(`#live > li:nth-child(2)[data-event="`+eventID(second)+`"]`),
		chromedp.WaitVisible(`.live.on`), chromedp.WaitVisible(shown(first)+" details[open]"))

	// The line breaks: what happens meanwhile comes later, each once.
	l.cut()
	var meanwhile []models.Event
	for range 3 {
		meanwhile = append(meanwhile, b.happen("message.received"))
	}
	for _, e := range meanwhile {
		do(t, ctx, chromedp.WaitVisible(shown(e)))
	}
	do(t, ctx, chromedp.WaitVisible(`.live.on`))
	require.Equal(t, 6, count())

	// Many: two hundred are kept.
	for range 210 {
		b.happen("message.received")
	}
	last := b.happen("contact.created")
	do(t, ctx, chromedp.WaitVisible(shown(last)))
	require.Equal(t, 200, count())

	w := b.webhook()
	b.arrive("wamid.1", "ليلى حداد", arabic, models.Succeeded, []models.Attempt{delivered}, w)
	b.arrive("wamid.2", strings.Repeat("اسم طويل ", 30), rude, models.Succeeded, []models.Attempt{delivered}, w)
	visit(t, all, direct, stop{name: "live", path: "/live?event=message.received", do: `document.querySelector("#live details").open = true`, ready: "#live details[open] pre[data-pane=pretty]"},
		stop{name: "live-nothing", path: "/live?event=broadcast.progress"})
}
