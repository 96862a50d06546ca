package deliver_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/deliver"
)

func loopback(t *testing.T) *deliver.Client {
	return client(t, allow(t, "127.0.0.0/8"), deliver.Options{})
}

func client(t *testing.T, g *deliver.Guard, o deliver.Options) *deliver.Client {
	c := deliver.NewClient(g, o)
	t.Cleanup(c.Close)
	return c
}

// allow is a guard with a list of exceptions.
func allow(t *testing.T, list string) *deliver.Guard {
	t.Helper()
	a, err := deliver.ParseAllowed(list)
	require.NoError(t, err)
	return deliver.NewGuard(a, false)
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
			a := post(t, loopback(t), tc.to, time.Second)
			require.Error(t, a.Err)
			v := deliver.JudgeError(a.Err, time.Second)
			require.Equal(t, tc.want, v.Outcome, "%v", a.Err)
			require.NotEmpty(t, v.Reason)
			require.NotContains(t, v.Reason, "dial tcp", "the reason is for people")
			require.NotContains(t, v.Reason, "Make sure", "nor is it advice for programmers")
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
			_, _ = w.Write(bytes.Repeat([]byte("HTTP/1.1 500 no\r\n\r\n"), 2200)[:40000])
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

// A redirect into the operator's network is an answer, not a way in.
func TestARedirectInside(t *testing.T) {
	reached, port := private(t)
	for _, to := range []string{"http://127.0.0.1:" + port, "http://[::ffff:127.0.0.1]:" + port, "//169.254.169.254/latest/meta-data/"} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			from := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", to); w.WriteHeader(status) })
			a := post(t, loopback(t), from, time.Second)
			require.NoError(t, a.Err)
			require.Equal(t, status, a.Status)
		}
	}
	require.Zero(t, reached.Load())
}

// accept serves each connection with h until the test ends.
func accept(t *testing.T, h func(net.Conn)) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer func() { _ = conn.Close() }(); h(conn) }()
		}
	}()
	return l.Addr().String()
}

// Receivers that take their time end at the request's limit, whatever it is that they are slow at.
func TestSlowReceiversEndAtTheLimit(t *testing.T) {
	drip := func(answer string) func(net.Conn) {
		return func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 4096))
			for i := range answer {
				if _, err := conn.Write([]byte{answer[i]}); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
	}
	end := make(chan struct{})
	t.Cleanup(func() { close(end) })
	silent := func(net.Conn) { <-end }
	var all sync.WaitGroup
	body := bytes.Repeat([]byte("x"), 16<<20) // more than the connection holds
	for name, to := range map[string]string{
		"header byte by byte": "http://" + accept(t, drip("HTTP/1.1 200 OK\r\nX-Long: "+strings.Repeat("a", 1000)+"\r\n\r\n")),
		"body byte by byte":   "http://" + accept(t, drip("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"+strings.Repeat("a", 1000))),
		"never reads":         "http://" + accept(t, silent),
		"no handshake":        "https://" + accept(t, silent),
	} {
		for _, limit := range []time.Duration{400 * time.Millisecond, 5200 * time.Millisecond} { // below and above the connection's own
			all.Go(func() {
				began := time.Now()
				a := loopback(t).Post(t.Context(), deliver.Request{URL: to, Body: body, Timeout: limit})
				if v := deliver.JudgeError(a.Err, limit); a.Err == nil || v.Outcome != deliver.Timeout {
					t.Errorf("%s, %s: %v, judged as %s", name, limit, a.Err, v.Outcome)
				}
				if took := time.Since(began); took > limit+3*time.Second {
					t.Errorf("%s, %s: took %s", name, limit, took)
				}
			})
		}
	}
	all.Wait()
}

// Of 100 MB little more is taken than is kept.
func TestALongAnswerIsNotRead(t *testing.T) {
	const size = 100 << 20
	sent := make(chan int, 1)
	to := "http://" + accept(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
		n, chunk := 0, bytes.Repeat([]byte("x"), 64<<10)
		for n < size {
			w, err := conn.Write(chunk)
			n += w
			if err != nil {
				break
			}
		}
		sent <- n
	})
	a := post(t, loopback(t), to, 10*time.Second)
	require.NoError(t, a.Err)
	require.Equal(t, http.StatusOK, a.Status)
	require.Len(t, a.Body, deliver.AnswerKept)
	require.Less(t, <-sent, size/4, "what the kernel took in before the connection was closed")
}
