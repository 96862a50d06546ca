package simulate

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"wabagate/models"
	"wabagate/waba/simulator"
)

// Options say what is posted where. Only URL and Secret must be set, or URL and OnPremises.
type Options struct {
	URL    string        // callback address; with OnPremises any address of the gateway
	Secret models.Secret // app secret that signs; empty with OnPremises, where nothing does

	// OnPremises is the token of a number. Bodies of the On-Premises style are then posted to its address,
	// /webhooks/onprem/TOKEN. Empty for callbacks of the Cloud API.
	OnPremises models.Secret

	Count       int           // callbacks of new facts; 0 or less → 100
	Rate        float64       // callbacks per second, whatever the answers do; 0 → as fast as the answers come
	Connections int           // requests under way at a time; 0 or less → 16
	Batch       int           // facts in a callback at most; 0 or less → 1
	Duplicates  float64       // share of the callbacks whose facts are sent again, 0 to 1
	Shuffle     bool          // lets callbacks overtake each other
	Large       bool          // makes one callback in a hundred, the first included, as large as can be: 3 MB of the past
	RetryFor    time.Duration // how long a callback that is not answered 200 is sent again; 0 → it is not

	// Kinds are sent instead of the simulator's stream, in this order, one fact of each; [AllKinds] stands for every one.
	// Count follows from them. Nil for the stream.
	Kinds []string

	Simulator simulator.Options // whom the facts are about; a zero Seed → 1

	Facts    io.Writer // gets one JSON line for each fact at its first acknowledgement; nil → nothing
	Progress io.Writer // gets a bar, or lines unless Terminal; nil → nothing
	Terminal bool      // Progress is a terminal
}

func (o *Options) validate() error {
	if err := o.address(); err != nil {
		return err
	}
	if o.Duplicates < 0 || o.Duplicates > 1 {
		return fmt.Errorf("--duplicates %v: expected a share from 0 to 1", o.Duplicates)
	}
	if o.Rate < 0 {
		return fmt.Errorf("--rate %v: expected callbacks per second, or 0 for as fast as the answers come", o.Rate)
	}
	if o.Batch > maxBatch {
		return fmt.Errorf("--batch %d: the platform puts at most %d facts into a callback", o.Batch, maxBatch)
	}
	defaults(&o.Count, 100)
	defaults(&o.Connections, 16)
	defaults(&o.Batch, 1)
	if err := o.expandKinds(); err != nil {
		return err
	}
	if o.Simulator.Seed == 0 {
		o.Simulator.Seed = 1
	}
	return nil
}

// address checks where callbacks go and what makes them genuine there.
func (o *Options) address() error {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("--url %q is not a callback address: expected something like http://localhost:8080/webhooks/cloud/APP", o.URL)
	}
	switch {
	case o.OnPremises == "" && o.Secret == "":
		return fmt.Errorf("--secret is empty: it is the app secret that the callbacks are signed with")
	case o.OnPremises == "":
		return nil
	case o.Secret != "":
		return fmt.Errorf("--secret does not go with --onprem: the token in the address is all that makes such bodies genuine")
	case o.Large:
		return fmt.Errorf("--large does not go with --onprem: the past, which makes callbacks large, has no On-Premises form")
	}
	o.Simulator.OnPremises = true
	o.URL = (&url.URL{Scheme: u.Scheme, Host: u.Host}).JoinPath("webhooks", "onprem", o.OnPremises.Text()).String()
	return nil
}

func defaults(field *int, value int) {
	if *field <= 0 {
		*field = value
	}
}

const (
	// maxBatch is the platform's own limit.
	maxBatch = 1000
	// arrears is how many callbacks of a paced run may wait for a free connection.
	arrears = 10_000
	// farewell is how long requests that are under way at an interrupt may take.
	farewell = 5 * time.Second
)

// Run posts until everything is acknowledged or given up, or parent ends; then it finishes what is under way. The error
// says why a run made no sense (an address where nothing takes callbacks, a secret that does not fit); callbacks that
// were not acknowledged are in the tally.
func Run(parent context.Context, o Options) (Tally, error) {
	if err := o.validate(); err != nil {
		return Tally{}, err
	}
	ctx, abort := context.WithCancelCause(parent)
	defer abort(nil)
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(farewell, cancel) })()

	sim := simulator.New(o.Simulator)
	given, err := factsOf(sim, o.Kinds)
	if err != nil {
		return Tally{}, err
	}
	transport := &http.Transport{
		MaxConnsPerHost: o.Connections, MaxIdleConnsPerHost: o.Connections, MaxIdleConns: o.Connections, DisableCompression: true,
	}
	defer transport.CloseIdleConnections()
	p := &poster{
		o: o, sim: sim, counts: newCounts(), abort: abort, requests: requests, stop: ctx, waiting: make(chan struct{}, maxWaiting),
		client: &http.Client{Transport: transport, Timeout: requestTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	finished := make(chan struct{})
	var shown sync.WaitGroup
	if o.Progress != nil {
		shown.Go(func() { showProgress(o, p.counts, finished) })
	}
	p.counts.begin()
	planner := newPlanner(o, sim, given)
	p.run(planner)
	tally := p.counts.tally()
	close(finished)
	shown.Wait()
	if parent.Err() != nil {
		return tally, nil // interrupted; the tally says how far it came
	}
	return tally, context.Cause(ctx)
}

// run has the planner's callbacks posted, and returns when the last answer is in.
func (p *poster) run(planner *planner) {
	backlog := 0
	if p.o.Rate > 0 {
		backlog = arrears
	}
	queue := make(chan job, backlog)
	var workers sync.WaitGroup
	for range p.o.Connections {
		workers.Go(func() {
			for j := range queue {
				if p.stop.Err() == nil {
					p.post(j)
				}
			}
		})
	}
	start := time.Now()
	for n := 0; p.stop.Err() == nil; n++ {
		c, ok := planner.next()
		if !ok {
			break
		}
		j := job{callback: c}
		if p.o.Rate > 0 {
			j.due = start.Add(time.Duration(float64(n) / p.o.Rate * float64(time.Second)))
			p.sleep(time.Until(j.due))
		}
		select {
		case queue <- j:
		case <-p.stop.Done():
		}
	}
	close(queue)
	workers.Wait()
	p.retries.Wait()
}
