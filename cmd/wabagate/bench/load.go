package bench

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/valyala/fasthttp"

	"wabagate/waba"
)

// load posts callbacks over a number of connections, each of which waits for its answer.
type load struct {
	address     string
	connections int
	rate        int           // per second, whatever the answers do; 0: the next as soon as one is answered
	atMost      time.Duration // then no more are posted; 0: no bound
	cycle       bool          // starts over after the last, until atMost
	header      string        // that carries what is in signatures; empty: the platform's signature
	status      int           // of an answer that acknowledges; 0: 200
}

// posted is what came of a load.
type posted struct {
	posts, acknowledged int
	refused             map[int]int // by status; 0: no answer
	first, last         time.Time   // first post, last answer
	latency             *hdrhistogram.Histogram
}

func (p posted) perSecond() float64 {
	return float64(p.acknowledged) / p.last.Sub(p.first).Seconds()
}

// check complains of refusals: no figure is worth anything with them.
func (p posted) check() error {
	if len(p.refused) > 0 {
		return fmt.Errorf("of %d posts %d were not acknowledged (by status, 0 is no answer: %v)", p.posts, p.posts-p.acknowledged, p.refused)
	}
	return nil
}

// warmUp is the share of posts that latencies leave out.
const warmUp = 0.05

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, time.Minute.Microseconds(), 3)
}

func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(max(d.Microseconds(), 1), h.HighestTrackableValue()))
}

// quantile is in milliseconds.
func quantile(h *hdrhistogram.Histogram, q float64) float64 {
	return float64(h.ValueAtQuantile(q)) / 1000
}

// fire posts until everything is posted, the time is over or ctx ends.
func (l load) fire(ctx context.Context, cs *callbacks) posted {
	client := &fasthttp.HostClient{Addr: addressOf(l.address), MaxConns: l.connections, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		MaxIdemponentCallAttempts: 1, NoDefaultUserAgentHeader: true}
	defer client.CloseIdleConnections()
	var (
		next    atomic.Int64
		workers sync.WaitGroup
		mu      sync.Mutex
		total   = posted{refused: map[int]int{}, latency: newHistogram(), first: time.Now()}
	)
	until := total.first.Add(time.Hour)
	if l.atMost > 0 {
		until = total.first.Add(l.atMost)
	}
	skip := int64(warmUp * float64(len(cs.bodies)))
	for range l.connections {
		workers.Go(func() {
			p := posted{refused: map[int]int{}, latency: newHistogram()}
			req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
			defer fasthttp.ReleaseRequest(req)
			defer fasthttp.ReleaseResponse(res)
			req.Header.SetMethod(fasthttp.MethodPost)
			req.SetRequestURI(l.address)
			req.Header.SetContentType("application/json")
			for ctx.Err() == nil {
				n := next.Add(1) - 1
				if n >= int64(len(cs.bodies)) && !l.cycle {
					break
				}
				began := time.Now()
				if l.rate > 0 {
					began = total.first.Add(time.Duration(n) * time.Second / time.Duration(l.rate))
					time.Sleep(time.Until(began))
				}
				if began.After(until) {
					break
				}
				i := n % int64(len(cs.bodies))
				cs.sent[i].Store(began.UnixNano())
				status := l.post(client, req, res, cs, int(i))
				p.last = time.Now()
				p.posts++
				if status != cmp.Or(l.status, http.StatusOK) {
					p.refused[status]++
					continue
				}
				p.acknowledged++
				cs.acked[i].Store(true)
				if n >= skip {
					record(p.latency, p.last.Sub(began))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			total.posts, total.acknowledged = total.posts+p.posts, total.acknowledged+p.acknowledged
			for status, n := range p.refused {
				total.refused[status] += n
			}
			if p.last.After(total.last) {
				total.last = p.last
			}
			total.latency.Merge(p.latency)
		})
	}
	workers.Wait()
	return total
}

func (l load) post(client *fasthttp.HostClient, req *fasthttp.Request, res *fasthttp.Response, cs *callbacks, i int) int {
	req.Header.Set(cmp.Or(l.header, waba.SignatureHeader), cs.signatures[i])
	req.SetBodyRaw(cs.bodies[i])
	if client.Do(req, res) != nil {
		return 0
	}
	return res.StatusCode()
}

// addressOf is the host and port of an http address.
func addressOf(address string) string {
	u := fasthttp.AcquireURI()
	defer fasthttp.ReleaseURI(u)
	if u.Parse(nil, []byte(address)) != nil {
		return ""
	}
	return string(u.Host())
}
