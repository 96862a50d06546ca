package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"wabagate/fanout/trace"
)

// Tracing is where traces go.
type Tracing struct {
	Endpoint string // empty: nowhere
	Headers  map[string]string
	// Share is how many of all callbacks are traced, from 0 to 1.
	Share float64
}

// newTracer starts the tracer, if traces are to go anywhere; else it is nil.
func (a *App) newTracer(r prometheus.Registerer) *trace.Tracer {
	if a.cfg.Tracing.Endpoint == "" {
		return nil
	}
	t := trace.New(trace.Options{Endpoint: a.cfg.Tracing.Endpoint, Headers: a.cfg.Tracing.Headers, Share: a.cfg.Tracing.Share, Version: version(), Instance: workerName(), Log: a.log, Registry: r})
	a.onStop("tracer", t.Close)
	return t
}

// headerPairs reads headers as OpenTelemetry writes them: name=value, separated by commas, values escaped as in URLs. Its error repeats no value.
func headerPairs(v string) (map[string]string, error) {
	pairs := map[string]string{}
	for part := range strings.SplitSeq(v, ",") {
		name, escaped, ok := strings.Cut(strings.TrimSpace(part), "=")
		value, err := url.PathUnescape(escaped)
		if !ok || err != nil || name == "" || strings.ContainsAny(name, " :\r\n") || strings.ContainsAny(value, "\r\n") {
			return nil, fmt.Errorf("is not a list of headers: expected name=value, separated by commas")
		}
		pairs[name] = value
	}
	return pairs, nil
}
