package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wabagate/fanout"
	"wabagate/fanout/deliver"
	"wabagate/fanout/task"
	"wabagate/gateway/broadcast"
	"wabagate/gateway/line"
	"wabagate/gateway/media"
	"wabagate/gateway/reply"
	"wabagate/gateway/sending"
	"wabagate/waba/graph"
)

// outbound is what calls the platform: on the numbers' behalf, or about them.
type outbound struct {
	client *graph.Client
	sender *sending.Sender
	lines  *line.Lines
	files  *media.Files
	// replies answers customers by itself.
	replies *reply.Responder
	// broadcasts makes the messages of those that run.
	broadcasts *broadcast.Engine
}

// upstreamConns is how many idle connections to the platform are kept: as many as the fastest number has requests in flight.
const upstreamConns = 512

// upstreamTimeout bounds a request to the platform; what streams media bounds itself.
const upstreamTimeout = 5 * time.Minute

// newOutbound makes the parts that call the platform. leads says whether this process looks after the numbers.
func (a *App) newOutbound(guard *deliver.Guard, queue *task.Queue, news *fanout.Recorder, links *media.Links, leads func() bool, registry prometheus.Registerer) (*outbound, error) {
	transport := deliver.NewTransport(guard, deliver.Options{Proxy: a.cfg.Proxy}, upstreamConns)
	a.onStop("connections to the platform", func() error { transport.CloseIdleConnections(); return nil })
	o := &outbound{client: graph.New(&http.Client{Transport: transport, Timeout: upstreamTimeout}, "wabagate")}
	o.sender = sending.New(sending.Options{Store: a.store, Client: o.client, Redis: a.redis, Enqueue: queue.Enqueue, Undecided: a.cfg.Undecided,
		Log: a.log, Metrics: sending.NewMetrics(registry)})
	a.onStop("sender", func() error { o.sender.Close(); return nil })
	o.broadcasts = broadcast.New(broadcast.Options{Store: a.store, Enqueue: queue.Enqueue, Close: news.CloseBroadcast, Metrics: broadcast.NewMetrics(registry), Log: a.log})
	var err error
	o.lines, err = line.New(line.Options{Store: a.store, Directory: a.directory, Client: o.client, PublicURL: a.cfg.PublicURL,
		CloudBase: a.cfg.GraphURL, Dialog360Base: a.cfg.Dialog360URL, News: news, Leads: leads, Metrics: line.NewMetrics(registry), Log: a.log, Now: a.store.Now})
	if err != nil {
		return nil, err
	}
	// Its time is each number's own.
	o.replies = reply.New(reply.Options{Store: a.store, HTTP: &http.Client{Transport: transport}, Send: o.sender.Queue, Recorder: news, Now: a.store.Now, Log: a.log, Metrics: reply.NewMetrics(registry)})
	a.onStop("replies", func() error { o.replies.Close(); return nil })
	o.files, err = a.newFiles(transport, news, links, registry)
	return o, err
}

// newLinks makes what opens files without a key.
func (a *App) newLinks(ctx context.Context) (*media.Links, error) {
	key, err := a.store.LinkKey(ctx)
	if err != nil {
		return nil, err
	}
	return media.NewLinks(a.cfg.PublicURL, key), nil
}

// newFiles makes what keeps media, in the configured place.
func (a *App) newFiles(transport *http.Transport, news *fanout.Recorder, links *media.Links, registry prometheus.Registerer) (*media.Files, error) {
	keep, err := a.openKeeper()
	if err != nil {
		return nil, err
	}
	patient := transport.Clone()
	patient.ResponseHeaderTimeout = mediaAnswer
	a.onStop("connections for media", func() error { patient.CloseIdleConnections(); return nil })
	// No timeout for the whole of a request: a large file may take long, as long as it moves.
	files, err := media.New(media.Options{Store: a.store, Client: graph.New(&http.Client{Transport: patient}, "wabagate"), Keep: keep, Links: links, News: news,
		Limit: a.cfg.Media.Limit, Retention: a.cfg.Media.Retention, Metrics: media.NewMetrics(registry), Log: a.log})
	if err != nil {
		return nil, err
	}
	a.onStop("media", func() error { files.Close(); return nil })
	return files, nil
}

// mediaAnswer is how long the platform may take to begin with a file.
const mediaAnswer = time.Minute

// openKeeper opens the directory or the bucket of media.
func (a *App) openKeeper() (media.Keeper, error) {
	m := a.cfg.Media
	if m.Bucket.Bucket == "" {
		d, err := media.OpenDirectory(cmp.Or(m.Dir, filepath.Join(a.cfg.Data, "media")))
		if err != nil {
			return nil, err
		}
		a.onStop("directory of media", d.Close)
		return d, nil
	}
	b, err := openBucket(m)
	if err != nil {
		return nil, fmt.Errorf("WABAGATE_MEDIA: %w", err)
	}
	ctx, cancel := context.WithTimeout(a.background, 10*time.Second)
	defer cancel()
	if err := b.Check(ctx); err != nil {
		return nil, fmt.Errorf("WABAGATE_MEDIA: %w", err)
	}
	return b, nil
}

// openBucket opens the bucket that is named.
func openBucket(m Media) (*media.Bucket, error) {
	o := m.Bucket
	o.Key, o.Secret = m.Key, m.Secret
	o.Client = &http.Client{Transport: &http.Transport{Proxy: nil, ResponseHeaderTimeout: mediaAnswer, MaxIdleConnsPerHost: 16, IdleConnTimeout: 90 * time.Second}}
	return media.NewBucket(o)
}

// workOutbound looks after messages and numbers until the program stops.
func (a *App) workOutbound(o *outbound) {
	a.wg.Go(func() { o.sender.Run(a.background) })
	a.wg.Go(func() { o.lines.Run(a.background) })
	a.wg.Go(func() { o.broadcasts.Run(a.background) })
	a.wg.Go(func() { o.files.Run(a.background) })
}
