package graph_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"wabagate/waba/graph"
)

// judged lists every code of the platform's page with the status of HTTP that it is documented with, and what each means for
// a message. A range stands for its bounds.
var judged = map[graph.Decision]string{
	graph.Unauthorized: "0/401 190/401 0/400 190/400",
	graph.Retry:        "4/400 80007/400 130429/400 130429/429 131056/400 131057/500",
	graph.Undecided:    "1/400 2/503 3/500 131000/500 131016/500 131045/500 133000/500 133004/503 134101/400 2494100/503 2494100/400 131000/400 500/400 1000/500 1014/500",
	graph.Refused: "10/403 200-299/403 33/400 100/400 368/403 131031/403 130403/400 130472/400 130497/403 131005/403 131008/400 131009/400 131021/400 131026/400 " +
		"131030/400 131037/400 131020/400 131041/400 131201-131215/400 131042/400 131044/400 133010/400 131047/400 131048/400 131064/400 131049/400 131050/400 " +
		"131051/400 131052/400 131053/400 131055/400 131063/400 134100/400 131059/400 135000/400 131062/400 132000/400 132008/400 132012/400 132018/400 132001/404 " +
		"132005/400 132007/400 132015/400 132016/400 132068/400 132069/400 133005/400 133006/400 133008/400 133009/400 136024/400 133015/400 133016/400 134011/400 " +
		"134102/400 137000/400 138000-138018/400 139000-139004/400 139100-139103/400 147001-147005/400 2388019/400 2388039/400 2388040/400 2388047/400 " +
		"2388072/400 2388073/400 2388293/400 2388299/400 2593107-2593109/400 470/400 1013/400 1026/400 999999/400",
}

func TestJudgeCodes(t *testing.T) {
	t.Parallel()
	for decision, cases := range judged {
		for _, c := range strings.Fields(cases) {
			codes, status, _ := strings.Cut(c, "/")
			for code := range strings.SplitSeq(codes, "-") {
				n, _ := strconv.Atoi(code)
				s, _ := strconv.Atoi(status)
				if v := graph.Judge(fmt.Errorf("number 7: %w", &graph.Error{Status: s, Code: n, Coded: true})); v.Decision != decision {
					t.Errorf("%s/%s is %+v", code, status, v)
				}
			}
		}
	}
}

func TestJudgeStatuses(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]graph.Decision{
		200: graph.Undecided, 302: graph.Refused, 400: graph.Refused, 401: graph.Unauthorized, 403: graph.Refused, 404: graph.Refused, 408: graph.Undecided,
		413: graph.Refused, 429: graph.Retry, 500: graph.Undecided, 502: graph.Undecided, 503: graph.Undecided, 504: graph.Undecided,
	} {
		if v := graph.Judge(&graph.Error{Status: status}); v.Decision != want {
			t.Errorf("%d is %+v", status, v)
		}
	}
	if v := graph.Judge(&graph.Error{Status: 400, Transient: true}); v.Decision != graph.Undecided {
		t.Errorf("a transient error is %+v", v)
	}
	if v := graph.Judge(nil); v != (graph.Verdict{}) {
		t.Errorf("no error is %+v", v)
	}
	if v := graph.Judge(errors.New("of somebody else")); v.Decision != graph.Undecided {
		t.Errorf("an unknown error is %+v", v)
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code  int
		after time.Duration
		scope graph.Scope
		waits []time.Duration // before the first retry, the second …
	}{
		{4, 0, graph.ScopeApp, []time.Duration{2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute, time.Hour, time.Hour}},
		{80007, 0, graph.ScopeWABA, []time.Duration{2 * time.Minute, 4 * time.Minute}},
		{130429, 0, graph.ScopeNumber, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}},
		{130429, 3 * time.Second, graph.ScopeNumber, []time.Duration{3 * time.Second, 6 * time.Second}},
		{131057, 0, graph.ScopeNumber, []time.Duration{15 * time.Second, 30 * time.Second, time.Minute}},
		{131056, 0, graph.ScopeRecipient, []time.Duration{4 * time.Second, 16 * time.Second, 64 * time.Second, 256 * time.Second, 1024 * time.Second, time.Hour, time.Hour}},
		{131056, 2 * time.Hour, graph.ScopeRecipient, []time.Duration{2 * time.Hour, 2 * time.Hour}},
	} {
		v := graph.Judge(&graph.Error{Status: 400, Code: tc.code, Coded: true, RetryAfter: tc.after})
		if v.Scope != tc.scope {
			t.Errorf("%d slows %s", tc.code, v.Scope)
		}
		for i, want := range tc.waits {
			if got := v.Wait(i + 1); got != want {
				t.Errorf("%d waits %s before retry %d", tc.code, got, i+1)
			}
		}
	}
	if got := (graph.Verdict{Decision: graph.Retry, After: time.Second}).Wait(1 << 40); got != time.Hour {
		t.Errorf("the last wait is %s", got)
	}
}

// behind starts a server of bare connections.
func behind(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				serve(conn)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// reset closes a connection so that the other side sees a reset.
func reset(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0) }

// TestJudgeTransport breaks real connections at every point of a send.
func TestJudgeTransport(t *testing.T) {
	t.Parallel()
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, refused.Close())
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = nil
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	whole := func(conn net.Conn) {
		if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tc := range map[string]struct {
		ctx  context.Context // nil: the test's
		base string
		want graph.Decision
	}{
		"nobody listens":        {base: "http://" + refused.Addr().String(), want: graph.Retry},
		"no such name":          {base: "http://does-not-exist.invalid", want: graph.Retry},
		"certificate of nobody": {base: untrusted.URL, want: graph.Retry},
		"given up before":       {ctx: canceled, base: "http://127.0.0.1:1", want: graph.Retry},
		"reset before the body": {base: behind(t, func(conn net.Conn) { _, _ = conn.Read(make([]byte, 10)); reset(conn) }), want: graph.Undecided},
		"reset after the body":  {base: behind(t, func(conn net.Conn) { whole(conn); reset(conn) }), want: graph.Undecided},
		"closed at once":        {base: behind(t, func(net.Conn) {}), want: graph.Undecided},
		"closed after the body": {base: behind(t, whole), want: graph.Undecided},
		"no answer in time":     {base: behind(t, func(conn net.Conn) { whole(conn); _, _ = conn.Read(make([]byte, 1)) }), want: graph.Undecided},
		"half a header":         {base: behind(t, func(conn net.Conn) { whole(conn); _, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Le") }), want: graph.Undecided},
		"half an answer": {base: behind(t, func(conn net.Conn) {
			whole(conn)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"messages\":[{\"id\"")
		}), want: graph.Undecided},
		"half a refusal": {base: behind(t, func(conn net.Conn) {
			whole(conn)
			_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 90\r\n\r\n{\"error\":{\"code\":13")
		}), want: graph.Undecided},
		"half an answer, stuck": {base: behind(t, func(conn net.Conn) {
			whole(conn)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{")
			_, _ = conn.Read(make([]byte, 1))
		}), want: graph.Undecided},
		"no HTTP": {base: behind(t, func(conn net.Conn) { whole(conn); _, _ = io.WriteString(conn, "SSH-2.0-OpenSSH_9.2\r\n") }), want: graph.Undecided},
		"TLS to a plain port": {base: strings.Replace(behind(t, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 10))
			_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}), "http:", "https:", 1), want: graph.Retry},
		"an endless header": {base: behind(t, func(conn net.Conn) {
			whole(conn)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("a", 2<<20))
		}), want: graph.Undecided},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := tc.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			c := graph.New(&http.Client{Timeout: time.Second, Transport: &http.Transport{}}, "")
			_, err := c.Send(ctx, graph.Account{Base: tc.base, Token: token, PhoneNumberID: "1"}, []byte(`{"to":"15550177321"}`))
			var transport *graph.TransportError
			if !errors.As(err, &transport) {
				t.Fatalf("%#v", err)
			}
			if v := graph.Judge(err); v.Decision != tc.want || (v.After > 0) != (tc.want == graph.Retry) {
				t.Errorf("%v is %+v", err, v)
			}
			if strings.Contains(err.Error(), "/messages") {
				t.Errorf("the address stands in %v", err)
			}
			leaksNothing(t, err)
		})
	}
}

// TestJudgeKeptConnection breaks a connection that served a message before: the proof of a fresh one does not hold for it.
func TestJudgeKeptConnection(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	base := behind(t, func(conn net.Conn) {
		connections.Add(1)
		r := bufio.NewReader(conn)
		for first := true; ; first = false {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			if !first {
				reset(conn)
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\n"+`{"messages":[{"id":"w.A1"}]}`)
		}
	})
	c := graph.New(&http.Client{Timeout: time.Second, Transport: &http.Transport{}}, "")
	a := graph.Account{Base: base, Token: token, PhoneNumberID: "1"}
	_, err := c.Send(t.Context(), a, []byte(`{}`))
	must(t, err)
	_, err = c.Send(t.Context(), a, []byte(`{}`))
	if v := graph.Judge(err); v.Decision != graph.Undecided || connections.Load() != 1 {
		t.Errorf("%v over %d connections is %+v", err, connections.Load(), v)
	}
}

// TestJudgeForeignErrors has errors of other HTTP clients, and a transport that tells nothing of its connections.
func TestJudgeForeignErrors(t *testing.T) {
	t.Parallel()
	dial := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	for err, want := range map[error]graph.Decision{
		dial: graph.Retry,
		&net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}: graph.Undecided,
		context.DeadlineExceeded:             graph.Undecided,
		tls.RecordHeaderError{Msg: "no TLS"}: graph.Undecided,
	} {
		if v := graph.Judge(fmt.Errorf("send: %w", err)); v.Decision != want {
			t.Errorf("%v is %+v", err, v)
		}
	}
	c := graph.New(&http.Client{Transport: silent{}}, "")
	_, err := c.Send(t.Context(), graph.Account{Token: token, PhoneNumberID: "1"}, []byte(`{}`))
	if v := graph.Judge(err); v.Decision != graph.Undecided {
		t.Errorf("%v is %+v", err, v)
	}
}

// silent is a transport without connections.
type silent struct{}

func (silent) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }
