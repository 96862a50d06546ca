package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/fanouttest"
	"wabagate/models/modelstest"
	"wabagate/waba/wabatest"
)

const springBroadcast = `{"name":"Spring","number_id":%d,"pace":%d,"template":{"name":"order_ready","language":"en_US","components":[{"type":"body","parameters":[{"type":"text","text":"{{name}}"}]}]}}`

// broadcastSeen is what the tests read of a broadcast.
type broadcastSeen struct {
	Status                        string
	Total                         int64 `json:"total_recipients"`
	Sent, Delivered, Read, Failed int64
	Plan                          struct{ Recipients, Waiting int64 }
}

// A broadcast from a table of recipients to its completion, with statuses, told in every dialect.
func TestBroadcast(t *testing.T) {
	t.Parallel()
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startConnected(t, config(t), wabatest.Options{OpenWindow: true, Throughput: 5000})
			c.everyDialect()
			for _, f := range []wabatest.Fault{{Kind: wabatest.FaultRefuse, Code: 131026, Recipient: "447700000003"}, {Kind: wabatest.FaultFail, Code: 131049, Recipient: "447700000007"}} {
				require.NoError(t, c.sim.AddFaults(f))
			}
			var made struct{ ID int64 }
			c.request(http.MethodPost, "/api/client/broadcasts", "Authorization", "Bearer "+c.made.APIKey, fmt.Appendf(nil, springBroadcast, c.numberID, 60), http.StatusCreated, &made)
			one := fmt.Sprintf("/api/client/broadcasts/%d", made.ID)
			added := upload(t, c.url+one+"/recipients", c.made.APIKey, recipientsOf(120)+"447700000001,Twice\nx,Nobody\n")
			require.Equal(t, uploaded{120, 1, 1}, added)
			c.call(http.MethodPost, one+"/start", map[string]any{}, http.StatusOK, nil)
			var seen struct{ Broadcast broadcastSeen }
			require.Eventually(t, func() bool {
				c.call(http.MethodGet, one, nil, http.StatusOK, &seen)
				return seen.Broadcast.Status == "completed" && seen.Broadcast.Read == 118 && seen.Broadcast.Failed == 2
			}, 3*time.Minute, 100*time.Millisecond, "%v", &seen)
			require.Equal(t, broadcastSeen{Status: "completed", Total: 120, Sent: 118, Delivered: 118, Read: 118, Failed: 2, Plan: seen.Broadcast.Plan}, seen.Broadcast)
			require.Equal(t, wabatest.Count{Messages: 119, Recipients: 119, Most: 1}, c.sim.Count(wabatest.Filter{}))
			for dialect, r := range c.receivers {
				switch dialect {
				case "digest", "cloud", "onprem": // of what the platform posts
					continue
				}
				require.Eventually(t, func() bool {
					completed, progress := map[string]bool{}, map[string]bool{}
					for _, d := range r.Got() { // one that answered late gets an event again
						if bytes.Contains(d.Body, []byte(`"broadcast.completed"`)) {
							completed[d.ID()] = true
						}
						if bytes.Contains(d.Body, []byte(`"broadcast.progress"`)) {
							progress[d.ID()] = true
						}
					}
					return len(completed) == 1 && len(progress) > 0
				}, time.Minute, 50*time.Millisecond, dialect)
			}
		})
	}
}

// uploaded is what the gateway says of a table.
type uploaded struct{ Added, Duplicate, Invalid int64 }

func upload(t *testing.T, address, key, table string) (said uploaded) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(table))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "text/csv")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.NoError(t, json.NewDecoder(res.Body).Decode(&said))
	return said
}

// A broadcast some of whose recipients cannot be reached, or only at the second try, while the process is killed three
// times: each recipient is sent to once, as the platform counts, and the totals say so. WABAGATE_TEST_BROADCAST is how many
// recipients there are; 100000 take ten minutes.
func TestBroadcastKilled(t *testing.T) {
	t.Parallel()
	n, rate := 800, 100
	if v, err := strconv.Atoi(os.Getenv("WABAGATE_TEST_BROADCAST")); err == nil {
		n, rate = v, 300
	}
	sim := wabatest.New(wabatest.Options{OpenWindow: true, Throughput: 5000, PairEvery: -1, Latency: wabatest.At(200 * time.Millisecond), CallbackURL: "http://127.0.0.1:1"})
	t.Cleanup(sim.Close)
	base, err := sim.Start("127.0.0.1:0")
	require.NoError(t, err)
	for _, f := range []wabatest.Fault{
		{Kind: wabatest.FaultRefuse, Code: 131026, Share: .03},           // cannot be reached
		{Kind: wabatest.FaultRefuse, Code: 131056, Share: .04, Times: 1}, // had too many: can be reached after a while
		{Kind: wabatest.FaultError, Share: .005, Times: 1},               // 500: nobody knows whether it was accepted, and it was not
		{Kind: wabatest.FaultClose, After: true, Share: .005, Times: 1},  // it was
	} {
		require.NoError(t, sim.AddFaults(f))
	}
	p := newProcess(t, []string{"DATABASE_URL=" + modelstest.PostgresURL(t), "REDIS_URL=" + fanouttest.RedisURL(t), "WABAGATE_GRAPH_URL=" + base, "WABAGATE_SEND_UNDECIDED=20s", "WABAGATE_LOG_LEVEL=error"})
	p.env = append(p.env, "WABAGATE_PUBLIC_URL="+p.url())
	made := p.bootstrap()
	sim.SetApp(wabatest.App{ID: wabatest.DefaultAppID, Secret: testSecret, CallbackURL: p.url() + "/webhooks/cloud/a"})
	p.run("admin", "connect", testPNID, "--business", fmt.Sprint(made.BusinessID), "--waba-id", testWABA, "--app-id", wabatest.DefaultAppID, "--token", wabatest.DefaultToken, "--rate", fmt.Sprint(rate))
	r := fanouttest.NewReceiver(t, nil)
	p.start()
	p.subscribe(made, map[string]any{"name": "CRM", "url": r.URL, "events": []string{"broadcast.*"}})

	var draft struct{ ID int64 }
	p.call(made, http.MethodPost, "/api/client/broadcasts", fmt.Sprintf(springBroadcast, made.NumberID, rate), http.StatusCreated, &draft)
	one := fmt.Sprintf("/api/client/broadcasts/%d", draft.ID)
	began := time.Now()
	require.Equal(t, uploaded{Added: int64(n)}, upload(t, p.url()+one+"/recipients", made.APIKey, recipientsOf(n)))
	t.Logf("%d recipients read in %v", n, time.Since(began).Round(time.Millisecond))
	p.call(made, http.MethodPost, one+"/start", "", http.StatusOK, nil)
	var deaths []time.Time
	peak := 0
	for _, share := range []float64{.2, .5, .8} {
		require.Eventually(t, func() bool { return float64(sim.Tally().Accepted) > share*float64(n) }, 20*time.Minute, 20*time.Millisecond)
		peak = max(peak, peakMemory(t, p.cmd.Process.Pid))
		deaths = append(deaths, time.Now())
		p.kill()
		p.start()
	}
	var seen struct{ Broadcast broadcastSeen }
	require.Eventually(t, func() bool {
		p.call(made, http.MethodGet, one, "", http.StatusOK, &seen)
		return seen.Broadcast.Status == "completed" && seen.Broadcast.Sent+seen.Broadcast.Failed == seen.Broadcast.Total
	}, 20*time.Minute, 500*time.Millisecond)
	peak = max(peak, peakMemory(t, p.cmd.Process.Pid))
	require.NoError(t, sim.Settle(t.Context()))

	tally, got := sim.Tally(), seen.Broadcast
	t.Logf("accepted %d for %d recipients, %d twice; refused %v; sent %d, failed %d of %d; peak memory %d MiB", tally.Accepted, tally.Recipients, tally.Duplicates, tally.Refused, got.Sent, got.Failed, got.Total, peak)
	require.Zero(t, tally.Duplicates)
	require.EqualValues(t, n, got.Total)
	require.EqualValues(t, tally.Recipients, got.Sent)
	require.EqualValues(t, n-tally.Recipients, got.Failed)
	require.InDelta(t, .03*float64(n), float64(got.Failed), .015*float64(n))
	require.Zero(t, tally.Refused[130429], "as many as the number may send, and no more")
	require.Less(t, peak, 256, "MiB")
	pace := steadyPace(sim.Messages(wabatest.Filter{}), deaths)
	t.Logf("%.1f/s of %d/s between the deaths", pace, rate)
	if n >= 20_000 { // fewer are over before it is steady
		accepted := float64(tally.Accepted) / float64(tally.Requests) // what is refused took its turn, too
		require.InEpsilon(t, float64(rate)*accepted, pace, .05)
	}
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(r.Got(), func(d fanouttest.Delivery) bool {
			return bytes.Contains(d.Body, []byte(`"broadcast.completed"`)) && bytes.Contains(d.Body, fmt.Appendf(nil, `"sent":%d`, got.Sent)) && bytes.Contains(d.Body, fmt.Appendf(nil, `"failed":%d`, got.Failed))
		})
	}, 30*time.Second, 100*time.Millisecond)
}

// recipientsOf is a table of as many recipients as wanted.
func recipientsOf(n int) string {
	var b strings.Builder
	b.WriteString("to,name\n")
	for i := range n {
		fmt.Fprintf(&b, "4477%08d,Person %d\n", i, i)
	}
	return b.String()
}

// call makes a request of a business's API and reads the answer.
func (p *process) call(made bootstrapped, method, path, body string, status int, answer any) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url()+path, strings.NewReader(body))
	require.NoError(p.t, err)
	req.Header.Set("Authorization", "Bearer "+made.APIKey)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(p.t, err)
	defer func() { _ = res.Body.Close() }()
	var b bytes.Buffer
	_, err = b.ReadFrom(res.Body)
	require.NoError(p.t, err)
	require.Equal(p.t, status, res.StatusCode, "%s %s: %s", method, path, &b)
	if answer != nil {
		require.NoError(p.t, json.Unmarshal(b.Bytes(), answer))
	}
}

// peakMemory is the most that a process ever had in memory, in MiB.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		if kib, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.Fields(kib)[0])
			require.NoError(t, err)
			return n >> 10
		}
	}
	t.Fatal("the kernel does not say")
	return 0
}

// steadyPace is how many messages were accepted per second: the median of those whole seconds that are not near a death,
// the beginning or the end.
func steadyPace(messages []wabatest.Message, deaths []time.Time) float64 {
	counts := map[int64]int{}
	for _, m := range messages {
		counts[m.At.Unix()]++
	}
	first, last := messages[0].At.Unix(), messages[len(messages)*9/10].At.Unix()
	var steady []int
	for at := first + 3; at < last; at++ {
		if !slices.ContainsFunc(deaths, func(d time.Time) bool { return at >= d.Unix()-1 && at <= d.Unix()+6 }) {
			steady = append(steady, counts[at])
		}
	}
	slices.Sort(steady)
	return float64(steady[len(steady)/2])
}
