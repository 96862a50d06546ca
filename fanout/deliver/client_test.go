package deliver_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/deliver"
)

func loopback(t *testing.T) *deliver.Client {
	c := deliver.NewClient(deliver.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, false))
	t.Cleanup(c.Close)
	return c
}

func post(t *testing.T, c *deliver.Client, to string, timeout time.Duration) deliver.Answer {
	t.Helper()
	return c.Post(context.Background(), deliver.Request{URL: to, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"a":1}`), Timeout: timeout})
}

func serve(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL
}

func TestPost(t *testing.T) {
	var body bytes.Buffer
	to := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = body.ReadFrom(r.Body)
		require.Equal(t, int64(7), r.ContentLength)
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte("thanks"))
	})
	a := post(t, loopback(t), to, time.Second)
	require.NoError(t, a.Err)
	require.Equal(t, http.StatusAccepted, a.Status)
	require.Equal(t, "thanks", string(a.Body))
	require.Equal(t, `{"a":1}`, body.String())
	require.Positive(t, a.Duration)
}

// What goes wrong on the way, and what it is called.
func TestPostTroubles(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	raw := func(answer string) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Read(make([]byte, 4096))
				_, _ = conn.Write([]byte(answer))
				_ = conn.Close()
			}
		}()
		return "http://" + l.Addr().String()
	}
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = nil
	t.Cleanup(untrusted.Close)
	hang := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // until then the server does not notice that the client left
		<-r.Context().Done()
	}
	for name, tc := range map[string]struct {
		to   string
		want deliver.Outcome
	}{
		"nobody listens":         {"http://" + closed.Addr().String(), deliver.Refused},
		"never answers":          {serve(t, hang), deliver.Timeout},
		"closes without answer":  {raw(""), deliver.Broken},
		"does not speak HTTP":    {raw("SSH-2.0-OpenSSH_9.2\r\n"), deliver.Broken},
		"endless header":         {raw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 100<<10)), deliver.Broken},
		"certificate of nobody":  {untrusted.URL, deliver.BadTLS},
		"https to a plain port":  {strings.Replace(serve(t, hang), "http://", "https://", 1), deliver.BadTLS},
		"name that is not there": {"http://does-not-exist.invalid/", deliver.NoName},
		"private address":        {"http://10.0.0.1/", deliver.Forbidden},
		"metadata address":       {"http://169.254.169.254/latest/meta-data/", deliver.Forbidden},
		"mapped private address": {"http://[::ffff:10.0.0.1]/", deliver.Forbidden},
	} {
		t.Run(name, func(t *testing.T) {
			a := post(t, loopback(t), tc.to, 300*time.Millisecond)
			require.Error(t, a.Err)
			v := deliver.JudgeError(a.Err, 300*time.Millisecond)
			require.Equal(t, tc.want, v.Outcome, "%v", a.Err)
			require.NotEmpty(t, v.Reason)
			require.NotContains(t, v.Reason, "dial tcp", "the reason is for people")
		})
	}
}

func TestRedirectsAreAnswers(t *testing.T) {
	visited := false
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { visited = true })
	to := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, http.StatusFound) })
	a := post(t, loopback(t), to, time.Second)
	require.NoError(t, a.Err)
	require.Equal(t, http.StatusFound, a.Status)
	require.False(t, visited)
}

// A receiver that never stops talking costs what is kept and no more.
func TestTheAnswerIsClipped(t *testing.T) {
	to := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		chunk := bytes.Repeat([]byte("x"), 32<<10)
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	a := post(t, loopback(t), to, 5*time.Second)
	require.NoError(t, a.Err)
	require.Len(t, a.Body, deliver.AnswerKept)
	require.Less(t, a.Duration, 3*time.Second)
}

// Headers at once and then a body that drips: the limit is for all of it.
func TestADrippingBodyEndsAtTheLimit(t *testing.T) {
	to := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusOK)
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	})
	a := post(t, loopback(t), to, 300*time.Millisecond)
	require.Error(t, a.Err)
	require.Equal(t, deliver.Timeout, deliver.JudgeError(a.Err, time.Second).Outcome)
	require.Less(t, a.Duration, 2*time.Second)
}

// A connection whose answer was clipped is not used again: the rest of one answer is never the beginning of the next.
func TestNothingIsLeftOnTheConnection(t *testing.T) {
	var n int
	to := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch n++; n % 4 {
		case 1: // with a length
			w.Header().Set("Content-Length", "40000")
			_, _ = w.Write(bytes.Repeat([]byte("HTTP/1.1 500 no\r\n\r\n"), 2000)[:40000])
		case 2: // chunked
			for range 40 {
				_, _ = w.Write(bytes.Repeat([]byte("HTTP/1.1 500 no\r\n\r\n"), 50))
				w.(http.Flusher).Flush()
			}
		case 3:
			_, _ = w.Write([]byte("short"))
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	c := loopback(t)
	for i := range 40 {
		a := post(t, c, to, 5*time.Second)
		require.NoError(t, a.Err, "request %d", i)
		require.Less(t, a.Status, 300, "request %d", i)
		require.LessOrEqual(t, len(a.Body), deliver.AnswerKept)
	}
}

// An answer without a length ends with its connection; however long it is, the status counts.
func TestAnAnswerWithoutALength(t *testing.T) {
	for _, size := range []int{0, 10, 100 << 10} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Read(make([]byte, 4096))
				_, _ = conn.Write(append([]byte("HTTP/1.0 200 OK\r\n\r\n"), bytes.Repeat([]byte("x"), size)...))
				_ = conn.Close()
			}
		}()
		a := post(t, loopback(t), "http://"+l.Addr().String(), 2*time.Second)
		require.NoError(t, a.Err, "%d bytes", size)
		require.Equal(t, http.StatusOK, a.Status)
	}
}

// A receiver that closes kept connections while nobody looks costs no attempt.
func TestAConnectionThatWentStale(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer s.Close()
	c := loopback(t)
	for range 5 {
		a := post(t, c, s.URL, time.Second)
		require.NoError(t, a.Err)
		require.Equal(t, http.StatusOK, a.Status)
		s.CloseClientConnections()
	}
}
