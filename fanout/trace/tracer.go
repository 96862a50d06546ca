package trace

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options say where spans go. Endpoint, Log and Registry are needed.
type Options struct {
	// Endpoint is a collector's address for OTLP over HTTP, such as http://collector:4318; spans go to /v1/traces there.
	Endpoint string
	// Headers go with every request, such as a key.
	Headers map[string]string
	// Share is how many of all traces are kept, from 0 to 1.
	Share float64
	// Version and Instance say what program this is and which process of it.
	Version, Instance string
	Log               *slog.Logger
	Registry          prometheus.Registerer
}

const (
	// waiting is how many spans may wait for the collector; what comes beyond is dropped, so that a collector that is slow or
	// away costs the gateway nothing.
	waiting = 8192
	// batch is how many go in one request, and lingers how long the first of them waits for others.
	batch   = 512
	lingers = time.Second
	// exportTimeout bounds a request, closeTimeout all those that are left at the end.
	exportTimeout = 10 * time.Second
	closeTimeout  = 3 * time.Second
)

// Tracer sends spans to a collector. Make it with New and end it with Close; a nil one does nothing. Safe for concurrent use.
type Tracer struct {
	o     Options
	http  *http.Client
	spans chan Span
	log   *slog.Logger

	exported, dropped, failed prometheus.Counter

	closing   chan struct{}
	done      chan struct{}
	closeOnce sync.Once
}

// New starts a tracer.
func New(o Options) *Tracer {
	outcomes := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wabagate_trace_spans_total",
		Help: "Spans of traces, by outcome: exported, dropped (the collector is slower than the traffic), failed (it did not take them). Only while tracing is on."}, []string{"outcome"})
	o.Registry.MustRegister(outcomes)
	t := &Tracer{o: o, http: &http.Client{Timeout: exportTimeout}, spans: make(chan Span, waiting), log: o.Log.With("component", "trace"),
		exported: outcomes.WithLabelValues("exported"), dropped: outcomes.WithLabelValues("dropped"), failed: outcomes.WithLabelValues("failed"),
		closing: make(chan struct{}), done: make(chan struct{})}
	t.o.Endpoint = strings.TrimSuffix(o.Endpoint, "/") + "/v1/traces"
	go t.run()
	return t
}

// Traces says whether a trace is told of: whoever makes its spans need not when it is not.
func (t *Tracer) Traces(id ID) bool { return t != nil && sampled(id, t.o.Share) }

// Record tells of a step that is over. It does not wait.
func (t *Tracer) Record(s Span) {
	if !t.Traces(s.Trace) {
		return
	}
	select {
	case t.spans <- s:
	default:
		t.dropped.Inc()
	}
}

// Close sends what was recorded until now, for a moment at most.
func (t *Tracer) Close() error {
	if t == nil {
		return nil
	}
	t.closeOnce.Do(func() { close(t.closing) })
	select {
	case <-t.done:
	case <-time.After(closeTimeout):
	}
	t.http.CloseIdleConnections()
	return nil
}

func (t *Tracer) run() {
	defer close(t.done)
	var spans []Span
	var due <-chan time.Time
	failing := false
	send := func() {
		if len(spans) == 0 {
			return
		}
		err := t.export(spans)
		if err != nil {
			t.failed.Add(float64(len(spans)))
			if !failing {
				t.log.Warn("spans not taken; will go on trying with the next", "error", err)
			}
		} else {
			t.exported.Add(float64(len(spans)))
		}
		failing, spans, due = err != nil, spans[:0], nil
	}
	for {
		select {
		case s := <-t.spans:
			if spans = append(spans, s); len(spans) == batch {
				send()
			} else if due == nil {
				due = time.After(lingers)
			}
		case <-due:
			send()
		case <-t.closing:
			for {
				select {
				case s := <-t.spans:
					if spans = append(spans, s); len(spans) == batch {
						send()
					}
					continue
				default:
				}
				send()
				return
			}
		}
	}
}

func (t *Tracer) export(spans []Span) error {
	ctx, cancel := context.WithTimeout(context.Background(), exportTimeout)
	defer cancel()
	body, err := encode(t.o, spans)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.o.Endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range t.o.Headers {
		req.Header.Set(name, value)
	}
	res, err := t.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection is used again
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("the collector answers %s", res.Status)
	}
	return nil
}
