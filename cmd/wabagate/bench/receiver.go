package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"wabagate/fanout/signature"
)

// receiver is the customer's server. It answers 200 at once and writes down when which message arrived.
type receiver struct {
	server  *http.Server
	base    string
	waiting atomic.Pointer[arrivals]
	tally   atomic.Pointer[tally]
	release atomic.Pointer[chan struct{}] // closed: nothing hangs any longer
}

// hangFor is how long the hanging webhook keeps a request.
const hangFor = 10 * time.Second

func newReceiver() (*receiver, error) {
	l, err := net.Listen("tcp4", loopback+":0")
	if err != nil {
		return nil, fmt.Errorf("listen for deliveries: %w", err)
	}
	r := &receiver{base: "http://" + l.Addr().String()}
	r.rearm()
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
	go func() { _ = r.server.Serve(l) }() // until close
	return r, nil
}

func (r *receiver) close() {
	r.letGo()
	_ = r.server.Close()
}

func (r *receiver) rearm() {
	c := make(chan struct{})
	r.release.Store(&c)
}

// letGo answers what hangs.
func (r *receiver) letGo() {
	select {
	case <-*r.release.Load():
	default:
		close(*r.release.Load())
	}
}

func (r *receiver) address(hook int) string { return r.base + "/hook/" + strconv.Itoa(hook) }

func (r *receiver) hanging() string { return r.base + "/hang" }

// counting is the address whose deliveries are counted by event, whatever they say.
func (r *receiver) counting() string { return r.base + countingPath }

// slow is an address that does the same, but takes its time.
func (r *receiver) slow() string { return r.base + slowPath }

const (
	countingPath = "/event"
	slowPath     = "/slow"
)

// slowFor is how long the slow webhook takes to answer.
const slowFor = 2 * time.Second

// refusing is an address at which connections are refused: that of our end of a connection to ourselves, which holds the
// port and listens to nobody. It refuses until release is called.
func (r *receiver) refusing() (address string, release func(), err error) {
	conn, err := net.Dial("tcp4", strings.TrimPrefix(r.base, "http://"))
	if err != nil {
		return "", nil, err
	}
	return "http://" + conn.LocalAddr().String() + "/dead", func() { _ = conn.Close() }, nil
}

var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

var wamidStart = []byte(`"wamid.`)

func (r *receiver) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	buf := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(buf)
	buf.Reset()
	if _, err := io.Copy(buf, req.Body); err != nil {
		return
	}
	if req.URL.Path == slowPath {
		select {
		case <-time.After(slowFor):
		case <-req.Context().Done():
			return
		}
	}
	if req.URL.Path == countingPath || req.URL.Path == slowPath {
		if t := r.tally.Load(); t != nil {
			t.arrived(req.Header.Get(signature.HeaderID), time.Now())
		}
		return
	}
	path, hook := strings.CutPrefix(req.URL.Path, "/hook/")
	if !hook {
		select {
		case <-time.After(hangFor):
		case <-req.Context().Done():
		case <-*r.release.Load():
		}
		return
	}
	a := r.waiting.Load()
	n, err := strconv.Atoi(path)
	if a == nil || err != nil {
		return
	}
	now := time.Now().UnixNano()
	body := buf.Bytes()
	start := bytes.Index(body, wamidStart)
	if start < 0 {
		return
	}
	id := body[start+1:]
	if end := bytes.IndexByte(id, '"'); end > 0 {
		if id = id[:end]; bytes.IndexByte(id, '\\') >= 0 { // a limit posts callbacks as they came, with "/" escaped
			id = bytes.ReplaceAll(id, []byte{'\\'}, nil)
		}
		a.arrived(n, id, now)
	}
}

// expect counts from now on what arrives of the callbacks, at hooks 0 to hooks-1.
func (r *receiver) expect(cs *callbacks, hooks int) *arrivals {
	a := &arrivals{cs: cs, hooks: hooks, at: make([]atomic.Int64, hooks*len(cs.bodies))}
	r.waiting.Store(a)
	return a
}

// arrivals are the deliveries of some callbacks.
type arrivals struct {
	cs         *callbacks
	hooks      int
	at         []atomic.Int64 // first arrival by hook and callback, nanoseconds since 1970; 0: not yet
	unique     atomic.Int64
	duplicates atomic.Int64
	last       atomic.Int64 // the latest first arrival
}

func (a *arrivals) arrived(hook int, wamid []byte, now int64) {
	i, known := a.cs.index[string(wamid)]
	if !known || hook < 0 || hook >= a.hooks {
		return
	}
	if !a.at[hook*len(a.cs.bodies)+i].CompareAndSwap(0, now) {
		a.duplicates.Add(1)
		return
	}
	for last := a.last.Load(); now > last && !a.last.CompareAndSwap(last, now); {
		last = a.last.Load()
	}
	a.unique.Add(1)
}

var errSlow = errors.New("not everything was delivered in time")

// await waits until n first arrivals are there, at most for the given time; errSlow says that they are not.
func (a *arrivals) await(ctx context.Context, n int, atMost time.Duration) error {
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for deadline := time.Now().Add(atMost); a.unique.Load() < int64(n); {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case now := <-t.C:
			if now.After(deadline) {
				return errSlow
			}
		}
	}
	return nil
}

// span is the time from a moment to the last first arrival.
func (a *arrivals) span(from time.Time) time.Duration { return time.Unix(0, a.last.Load()).Sub(from) }

// lost is how many acknowledged callbacks did not arrive at hooks from the given one on.
func (a *arrivals) lost(from int) int {
	n := 0
	for hook := from; hook < a.hooks; hook++ {
		for i := range a.cs.acked {
			if a.cs.acked[i].Load() && a.at[hook*len(a.cs.bodies)+i].Load() == 0 {
				n++
			}
		}
	}
	return n
}

// latencies are from the post, or when it was due, to the first arrival, at hooks from the given one on.
func (a *arrivals) latencies(from int) *hdrhistogram.Histogram {
	h := newHistogram()
	count := len(a.cs.bodies)
	for hook := from; hook < a.hooks; hook++ {
		for i := int(warmUp * float64(count)); i < count; i++ {
			if at, sent := a.at[hook*count+i].Load(), a.cs.sent[i].Load(); at > 0 && sent > 0 {
				record(h, time.Duration(at-sent))
			}
		}
	}
	return h
}

// firstAt is when the first delivery arrived; now when none did.
func (a *arrivals) firstAt() time.Time {
	first := time.Now().UnixNano()
	for i := range a.at {
		if at := a.at[i].Load(); at > 0 {
			first = min(first, at)
		}
	}
	return time.Unix(0, first)
}
