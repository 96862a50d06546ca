package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// gateway is the program under test, serving.
type gateway struct {
	*child
	base string // address of everything HTTP
}

const (
	readyFor = 30 * time.Second
	// stopFor is longer than the gateway's own grace.
	stopFor = 30 * time.Second
)

// serve starts a gateway on a setting and waits until it is ready.
func (b *bench) serve(ctx context.Context, name string, st *setting, roles string) (*gateway, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	env := append(st.env(), "PORT="+port, "WABAGATE_HOST="+loopback, "WABAGATE_ALLOW_PRIVATE=127.0.0.0/8", "WABAGATE_METRICS_OPEN=true", "WABAGATE_LOG_LEVEL=warn", "WABAGATE_LOG_FORMAT=text")
	if b.o.Profile != "" {
		env = append(env, "WABAGATE_TEST_PROFILE="+filepath.Join(b.o.Profile, name+".pprof"))
	}
	c, err := b.start("gateway-"+name, nil, env, "serve", "--roles", roles)
	if err != nil {
		return nil, err
	}
	g := &gateway{child: c, base: "http://" + loopback + ":" + port}
	if err := awaitHTTP(ctx, c, g.base+"/readyz"); err != nil {
		return nil, err
	}
	return g, nil
}

// awaitHTTP waits until a child answers 200 at an address, and ends it if it does not.
func awaitHTTP(ctx context.Context, c *child, address string) error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(readyFor); ; {
		res, err := client.Get(address)
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-c.done:
			return c.failure("ended before it was ready")
		case <-ctx.Done():
			c.kill()
			return context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			c.kill()
			return c.failure(fmt.Sprintf("was not ready within %v", readyFor))
		}
	}
}

// ending stops a gateway on every way out of a stage; the error of the stage goes first.
func (g *gateway) ending(err *error) {
	if g.ended() {
		if *err == nil {
			*err = g.failure("ended while it was measured")
		}
		return
	}
	if *err != nil {
		g.kill()
		return
	}
	*err = g.stop(stopFor)
}

// reading is what a gateway has used up to a moment.
type reading struct {
	at            time.Time
	cpu           time.Duration
	bytes, allocs float64 // allocated so far
	measured      bool    // cpu is known
	counted       bool    // bytes and allocs are known
}

func (g *gateway) read(ctx context.Context) reading {
	var r reading
	r.bytes, r.allocs, r.counted = allocationsOf(g.metrics(ctx))
	r.cpu, r.measured = cpuOf(g.pid())
	r.at = time.Now()
	return r
}

// metrics asks for the gateway's metrics without labels, by name; none when it does not answer.
func (g *gateway) metrics(ctx context.Context) map[string]float64 {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.base+"/metrics", nil)
	if err != nil {
		return nil
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil
	}
	defer func() { _ = res.Body.Close() }()
	return parseMetrics(res.Body)
}

func parseMetrics(r io.Reader) map[string]float64 {
	values := map[string]float64{}
	for lines := bufio.NewScanner(r); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			values[name] = v
		}
	}
	return values
}

func allocationsOf(metrics map[string]float64) (bytes, allocs float64, ok bool) {
	bytes, hasBytes := metrics["go_memstats_alloc_bytes_total"]
	allocs, hasAllocs := metrics["go_memstats_mallocs_total"]
	return bytes, allocs, hasBytes && hasAllocs
}

// workLeft says whether anything accepted waits or is under way, retries included; it is assumed when the gateway does
// not tell.
func workLeft(metrics map[string]float64) bool {
	callbacks, told := metrics["wabagate_backlog_callback_groups"]
	deliveries, toldToo := metrics["wabagate_backlog_delivery_groups"]
	return !told || !toldToo || callbacks != 0 || deliveries != 0 || metrics["wabagate_backlog_send_groups"] != 0 // -1 while the database is away
}

// finish waits until a gateway that gets nothing more has no work left, at most for the given time; errSlow says that it
// has. The gateway is asked only while nothing arrives at the tally, so as not to be in its way.
func (g *gateway) finish(ctx context.Context, t *tally, atMost time.Duration) error {
	const quiet = 100 * time.Millisecond
	tick := time.NewTicker(quiet)
	defer tick.Stop()
	for deadline := time.Now().Add(atMost); ; {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-g.done:
			return nil // ending complains
		case now := <-tick.C:
			if now.Sub(t.latest()) >= quiet && !workLeft(g.metrics(ctx)) {
				return nil
			}
			if now.After(deadline) {
				return errSlow
			}
		}
	}
}
