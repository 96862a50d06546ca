package api_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// listen serves the app on a free port and returns its address.
func (b *bundle) listen() string {
	b.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b.t, err)
	go func() { _ = b.app.Listener(l) }()
	b.t.Cleanup(func() {
		require.NoError(b.t, b.app.ShutdownWithTimeout(5*time.Second), "a live stream holds up the shutdown")
	})
	return "http://" + l.Addr().String()
}

// create makes a webhook of ours through the API, so that the server knows it at once.
func (b *bundle) create(url string) int64 {
	b.t.Helper()
	status, got := b.api("POST", "/webhooks", `{"name":"Inspector","url":"`+url+`","events":["*"]}`)
	require.Equal(b.t, 201, status, got)
	return decode[struct{ ID int64 }](b.t, got).ID
}

func TestInspectorTakes(t *testing.T) {
	b := setup(t)
	status, _, _ := b.call("POST", "/inspect/bin", "x")
	require.Equal(t, 404, status, "a bin that no webhook points at takes nothing")
	b.create("http://127.0.0.1:1/inspect/bin?status=500")
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/inspect/bin", `{"type":"message.received"}`, 200, `{"received":true}`},
		{"/inspect/bin?status=503", "", 503, `{"received":true}`},
		{"/inspect/bin?delay=1ms", "not json <b>", 200, `{"received":true}`},
		{"/inspect/bin", `{"type":"verification","challenge":"abc"}`, 200, `{"received":true,"challenge":"abc"}`},
		{"/inspect/bin", `{"type":"other","challenge":"abc"}`, 200, `{"received":true}`},
		{"/inspect/bin", strings.Repeat("x", 1<<20), 200, `{"received":true}`},
		{"/inspect/bin", strings.Repeat("x", 1<<20+1), 413, "body_too_large"},
		{"/inspect/bin?status=99", "", 400, "status"},
		{"/inspect/bin?status=700", "", 400, "status"},
		{"/inspect/bin?delay=31s", "", 400, "delay"},
		{"/inspect/bin?delay=-1s", "", 400, "delay"},
		{"/inspect/other", "", 404, "inspector"},
	} {
		status, got, _ := b.call("POST", c.path, c.body, "Authorization", "Bearer hush", "X-Own", "a")
		require.Equal(t, c.status, status, c.path)
		require.Contains(t, got, c.want, c.path)
	}
	began := time.Now()
	_, _, _ = b.call("POST", "/inspect/bin?delay=1", "")
	require.GreaterOrEqual(t, time.Since(began), time.Second)

	status, page := b.page("/inspect/bin")
	require.Equal(t, 200, status)
	require.NotContains(t, page, "hush")
	require.NotContains(t, page, "<b>json")
	require.Contains(t, page, "not json &lt;b&gt;")
	require.Contains(t, page, "unsigned")
	status, _, head := b.call("GET", "/inspect/bin", "", "Accept", "text/html")
	require.Equal(t, 303, status)
	require.Equal(t, "/login?next=%2Finspect%2Fbin", head.Get("Location"))
}

func TestBinBelongsToTheOldestWebhook(t *testing.T) {
	b := setup(t)
	first := b.create("http://127.0.0.1:1/inspect/shared")
	status, got := b.foreign("POST", "/webhooks", `{"name":"Spy","url":"http://127.0.0.1:1/inspect/shared","events":["*"]}`)
	require.Equal(t, 201, status, got)
	_, _, _ = b.call("POST", "/inspect/shared", "private words")
	spy := func() (int, string) {
		status, got, _ := b.call("GET", "/inspect/shared", "", "Cookie", b.theirUser)
		return status, got
	}
	status, _ = spy()
	require.Equal(t, 404, status)
	status, _ = b.api("DELETE", "/webhooks/"+decimal(first), "")
	require.Equal(t, 200, status)
	status, got = spy()
	require.Equal(t, 200, status, "the bin is theirs now")
	require.NotContains(t, got, "private words", "what came before is not")
}

func TestInspectorVerifies(t *testing.T) {
	b := setup(t)
	base := b.listen()
	id := b.create(base + "/inspect/verified")
	status, got := b.api("POST", "/webhooks/"+decimal(id)+"/test", `{}`)
	require.Equal(t, 200, status)
	require.Contains(t, got, `"outcome":"delivered"`)
	_, page := b.page("/inspect/verified")
	require.Contains(t, page, "standard verified")
	require.Contains(t, page, "message.received")

	_, _ = b.api("PUT", "/webhooks/"+decimal(id), `{"secret":"another","dialect":"twabot"}`)
	_, page = b.page("/inspect/verified")
	require.Contains(t, page, "does not match body and secret")
	_, _ = b.api("POST", "/webhooks/"+decimal(id)+"/test", `{}`)
	_, page = b.page("/inspect/verified")
	require.Contains(t, page, "twabot verified")
}

// events reads server-sent events until the context ends.
func events(t *testing.T, ctx context.Context, url, cookie, last string) <-chan string {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	require.NoError(t, err)
	r.Header.Set("Cookie", cookie)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	out := make(chan string, 100)
	go func() {
		defer close(out)
		defer func() { _ = res.Body.Close() }()
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 4<<20)
		event := ""
		for lines.Scan() {
			if lines.Text() != "" {
				event += lines.Text() + "\n"
				continue
			}
			if strings.HasPrefix(event, "event: arrival\n") {
				out <- event
			}
			event = ""
		}
	}()
	return out
}

func next(t *testing.T, from <-chan string) string {
	t.Helper()
	select {
	case e := <-from:
		return e
	case <-time.After(10 * time.Second):
		t.Fatal("nothing arrived")
		return ""
	}
}

func TestInspectorStream(t *testing.T) {
	b := setup(t)
	// Ends after the shutdown, which the second stream must not hold up.
	staying, end := context.WithCancel(context.Background())
	t.Cleanup(end)
	base := b.listen()
	b.create(base + "/inspect/live")
	post := func(body string) {
		res, err := http.Post(base+"/inspect/live", "application/json", strings.NewReader(body))
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	ctx, leave := context.WithCancel(t.Context())
	live := events(t, ctx, base+"/inspect/live/stream?after=0", b.session, "")
	post(`{"type":"one","text":"a\r\n\r\nevent: arrival"}`)
	one := next(t, live)
	require.Contains(t, one, "<h2><bdi>one</bdi></h2>")
	post(`{"type":"two"}`)
	require.Contains(t, next(t, live), "<h2><bdi>two</bdi></h2>")

	// The reader goes and comes back; it gets what it has not seen and nothing twice.
	_, id, _ := strings.Cut(one, "id: ")
	id, _, _ = strings.Cut(id, "\n")
	leave()
	for range live {
		continue // until it has ended
	}
	require.Eventually(t, func() bool { return b.server.Watching() == 0 }, 15*time.Second, 50*time.Millisecond, "the stream of a reader who left is freed")
	post(`{"type":"three"}`)
	again := events(t, staying, base+"/inspect/live/stream?after=0", b.session, id)
	require.Contains(t, next(t, again), "<h2><bdi>two</bdi></h2>")
	require.Contains(t, next(t, again), "<h2><bdi>three</bdi></h2>")

}
