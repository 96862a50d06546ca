package listen

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/cmd/wabagate/remote"
	"wabagate/fanout/signature"
)

func TestMessages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stream string
		want   []message
	}{
		"an event and a place":       {"event: event\nid: a\ndata: {}\n\nevent: place\nid: b\ndata:\n\n", []message{{"event", "a", "{}"}, {"place", "b", ""}}},
		"comments and retries":       {"retry: 1000\n\n: alive\n\nevent: place\nid: b\n\n: alive\n\n", []message{{"place", "b", ""}}},
		"a comment within":           {"event: place\n: alive\nid: b\n\n", []message{{"place", "b", ""}}},
		"cut off before its end":     {"event: event\nid: a\ndata: {}\n\nevent: event\nid: b\ndata: {\"x\":", []message{{"event", "a", "{}"}}},
		"cut off before its line":    {"event: event\nid: a\ndata: {}\n", nil},
		"without a space and as DOS": {"event:place\r\nid:b\r\n\r\n", []message{{"place", "b", ""}}},
	} {
		var got []message
		require.NoError(t, messages(strings.NewReader(c.stream), func() {}, func(m message) error {
			got = append(got, m)
			return nil
		}), name)
		require.Equal(t, c.want, got, name)
	}
}

func TestFinal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		err    error
		first  bool // whether it ends listening before the gateway has taken it once
		opened bool // and after that
	}{
		{"nobody there", os.ErrDeadlineExceeded, true, false},
		{"a wrong key", &remote.RefusalError{Status: 401, Message: "log in"}, true, true},
		{"a wrong filter", &remote.RefusalError{Status: 400, Message: "is none", Field: "types"}, true, true},
		{"busy", &remote.RefusalError{Status: 429, Message: "too many"}, true, false},
		{"its database is away", &remote.RefusalError{Status: 500, Message: "internal error"}, true, false},
		{"a proxy for it", &remote.RefusalError{Status: 502}, true, false},
		{"a proxy that knows nothing", &remote.RefusalError{Status: 404}, true, false},
		{"an older version of it", &remote.RefusalError{Status: 404, Message: "there is nothing at this address"}, true, false},
		{"a page instead", &remote.RefusalError{Message: "does not speak the API"}, true, false},
		{"another language", errForeign, true, true},
	} {
		require.Equal(t, c.first, (&source{}).final(c.err), c.name)
		require.Equal(t, c.opened, (&source{opened: true}).final(c.err), c.name)
	}
}

func TestParseSince(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{"": {}, "10m": now.Add(-10 * time.Minute), "3d": now.AddDate(0, 0, -3), "2026-11-20T10:00:00Z": time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)} {
		got, err := parseSince(text, now)
		require.NoError(t, err, text)
		require.True(t, want.Equal(got), "%s: %s", text, got)
	}
	for _, text := range []string{"yesterday", "-1h", "0d", "10", "d"} {
		_, err := parseSince(text, now)
		require.ErrorContains(t, err, "expected how long ago", text)
	}
}

func TestReceiverURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"localhost:3000": "http://localhost:3000", "localhost:3000/hook?a=1": "http://localhost:3000/hook?a=1", "https://crm.test/x": "https://crm.test/x"} {
		got, err := receiverURL(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"ftp://x", "http://", "://x", "/hook"} {
		_, err := receiverURL(text)
		require.ErrorContains(t, err, "is not an address", text)
	}
}

func TestState(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.json")
	s, err := readState(path)
	require.NoError(t, err)
	require.Equal(t, State{}, s)
	want := State{URL: "http://gw", Place: "abc", Secret: "whsec_x", Forward: "http://localhost:3000", Dialect: "twabot"}
	require.NoError(t, want.write(path))
	s, err = readState(path)
	require.NoError(t, err)
	require.Equal(t, want, s)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "it holds a secret")
	require.ErrorContains(t, want.write(filepath.Join(path, "below")), "--state")
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing is left lying around")
}

// What the receiver answers decides what becomes of an event: not there, and it waits; any answer, and the next one comes.
func TestPost(t *testing.T) {
	t.Parallel()
	answer := http.NewServeMux()
	for path, status := range map[string]int{"/ok": 200, "/created": 201, "/moved": 302, "/broken": 500, "/busy": 503} {
		answer.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	release := make(chan struct{})
	answer.HandleFunc("/slow", func(http.ResponseWriter, *http.Request) { <-release })
	answer.HandleFunc("/crash", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	plainServer := httptest.NewServer(answer)
	t.Cleanup(plainServer.Close)
	secure := httptest.NewTLSServer(answer)
	t.Cleanup(secure.Close)
	t.Cleanup(func() { close(release) }) // before the servers wait for their handlers
	closed := httptest.NewServer(answer)
	closed.Close()
	for _, c := range []struct {
		url, dialect string
		skip         bool
		outcome      string
		down         bool
	}{
		{plainServer.URL + "/ok", "twabot", false, "delivered", false},
		{plainServer.URL + "/created", "wabagate", false, "delivered", false},
		{plainServer.URL + "/created", "twabot", false, "rejected", false}, // only 200 counts
		{plainServer.URL + "/moved", "wabagate", false, "redirect", false},
		{plainServer.URL + "/broken", "wabagate", false, "rejected", false},
		{plainServer.URL + "/busy", "wabagate", false, "busy", false},
		{plainServer.URL + "/slow", "wabagate", false, "timeout", false},
		{plainServer.URL + "/crash", "wabagate", false, "broken", true},
		{closed.URL, "wabagate", false, "refused", true},
		{secure.URL + "/ok", "wabagate", false, "bad_tls", false},
		{secure.URL + "/ok", "wabagate", true, "delivered", false},
	} {
		f, err := newForwarder(Receiver{URL: c.url, Dialect: c.dialect, Secret: signature.NewRandomSecret(), SkipVerify: c.skip, Timeout: 300 * time.Millisecond})
		require.NoError(t, err)
		a, err := f.post(t.Context(), "evt_1", []byte(`{"a":1}`))
		require.NoError(t, err)
		require.Equal(t, c.outcome, string(a.outcome), c.url)
		require.Equal(t, c.down, a.down(), c.url)
		require.Contains(t, a.schemes, "standard")
	}
}

func TestPrint(t *testing.T) {
	t.Parallel()
	body := `{"text":"` + "\u009b31m" + `"}`
	e := &Event{ID: "evt_1", Type: "message.received", CreatedAt: time.Now(), Body: &body}
	for name, c := range map[string]struct {
		p    printer
		l    line
		want string
	}{
		"printed only":   {printer{}, newLine(e, "p"), `^\d\d:\d\d:\d\d\.\d{3}  message\.received          evt_1\n$`},
		"taken":          {printer{}, newLine(e, "p").answered(answer{status: 200, outcome: "delivered", took: 12 * time.Millisecond}, 1), `  → 200 OK  12 ms\n$`},
		"not taken":      {printer{}, newLine(e, "p").answered(answer{status: 500, outcome: "rejected", reason: "answered 500"}, 1), `  → answered 500  0 ms\n$`},
		"without a form": {printer{}, newLine(&Event{ID: "evt_1", CreatedAt: time.Now(), Note: "it has no form"}, "p"), `  not forwarded: it has no form\n$`},
		"in colour":      {printer{colour: true}, newLine(e, "p").answered(answer{status: 200, outcome: "delivered"}, 1), "\x1b\\[32m→ 200 OK\x1b\\[0m"},
		"with payloads":  {printer{payloads: true}, newLine(e, "p"), "\n    \\{\n      \"text\": \"\ufffd31m\"\n    \\}\n$"},
		"as JSON":        {printer{json: true}, newLine(e, "p"), `"id":"evt_1","place":"p","forwarded":false,"payload":"\{\\"text\\":`},
		"of another day": {printer{}, newLine(&Event{ID: "evt_1", CreatedAt: time.Now().AddDate(0, 0, -2)}, "p"), `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  `},
	} {
		var out strings.Builder
		c.p.out, c.p.now = &out, time.Now
		require.NoError(t, c.p.print(c.l))
		require.Regexp(t, c.want, out.String(), name)
	}
}
