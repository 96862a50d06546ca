package main

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wabagate/fanout"
	"wabagate/fanout/deliver"
	"wabagate/fanout/task"
	"wabagate/gateway/broadcast"
	"wabagate/gateway/line"
	"wabagate/gateway/sending"
	"wabagate/waba/graph"
)

// outbound is what calls the platform: on the numbers' behalf, or about them.
type outbound struct {
	client *graph.Client
	sender *sending.Sender
	lines  *line.Lines
	// broadcasts makes the messages of those that run.
	broadcasts *broadcast.Engine
}

// upstreamConns is how many idle connections to the platform are kept: as many as the fastest number has requests in flight.
const upstreamConns = 512

// upstreamTimeout bounds a request to the platform; what streams media bounds itself.
const upstreamTimeout = 5 * time.Minute

// newOutbound makes the parts that call the platform. leads says whether this process looks after the numbers.
func (a *App) newOutbound(guard *deliver.Guard, queue *task.Queue, news *fanout.Recorder, leads func() bool, registry prometheus.Registerer) (*outbound, error) {
	transport := deliver.NewTransport(guard, deliver.Options{Proxy: a.cfg.Proxy}, upstreamConns)
	a.onStop("connections to the platform", func() error { transport.CloseIdleConnections(); return nil })
	o := &outbound{client: graph.New(&http.Client{Transport: transport, Timeout: upstreamTimeout}, "wabagate")}
	o.sender = sending.New(sending.Options{Store: a.store, Client: o.client, Redis: a.redis, Enqueue: queue.Enqueue, Undecided: a.cfg.Undecided,
		Log: a.log, Metrics: sending.NewMetrics(registry)})
	a.onStop("sender", func() error { o.sender.Close(); return nil })
	o.broadcasts = broadcast.New(broadcast.Options{Store: a.store, Enqueue: queue.Enqueue, Close: news.CloseBroadcast, Log: a.log})
	var err error
	o.lines, err = line.New(line.Options{Store: a.store, Directory: a.directory, Client: o.client, PublicURL: a.cfg.PublicURL,
		CloudBase: a.cfg.GraphURL, Dialog360Base: a.cfg.Dialog360URL, News: news, Leads: leads, Log: a.log, Now: a.store.Now})
	return o, err
}

// workOutbound looks after messages and numbers until the program stops.
func (a *App) workOutbound(o *outbound) {
	a.wg.Go(func() { o.sender.Run(a.background) })
	a.wg.Go(func() { o.lines.Run(a.background) })
	a.wg.Go(func() { o.broadcasts.Run(a.background) })
}
