package sending

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"wabagate/models"
	"wabagate/models/modelstest"
	"wabagate/waba"
	"wabagate/waba/wabatest"
)

// A message goes out with the gateway's tracking string, is told of once, and its statuses follow.
func TestOneMessage(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(t *testing.T, b *bench) {
		p := b.start()
		id := p.queued(b.text(customer))[0]
		v, err := p.Await(t.Context(), id, 10*time.Second)
		require.NoError(t, err)
		require.Equal(t, models.SendAccepted, v.State)
		require.Equal(t, []any{1, customer, "order-7"}, []any{v.Attempts, v.WaID, v.Tracking})
		require.NotEmpty(t, v.UserID)
		sent := b.sim.Messages(wabatest.Filter{})
		require.Len(t, sent, 1)
		require.Equal(t, v.Wamid, sent[0].ID)
		require.Equal(t, waba.Tracking{Origin: "api", Send: id}, waba.ParseTracking(sent[0].Tracking))
		b.tells(map[string]int{"message.sent": 1, "sent": 1, "delivered": 1, "read": 1})
		require.Equal(t, 1.0, p.metric("attempts_total", "accepted"))
		require.Zero(t, p.metric("requests_in_flight", ""))
	})
}

// Two processes send messages at the number's rate: no second holds more than the platform takes, and hardly less. On a
// machine that is too busy to be punctual a few are refused, which slows the number down; there is no storm of them.
func TestPace(t *testing.T) {
	const rate, n = 80, 600
	onEachStore(t, wabatest.Options{Throughput: rate, Delivered: -1}, func(t *testing.T, b *bench) {
		p, other := b.start(), b.start()
		ask := stalls()
		sends := b.texts(n)
		var ids []int64
		for i, some := range slices.Collect(slices.Chunk(sends, 20)) { // whoever looks first has a piece of work
			ids = append(ids, []*process{p, other}[i%2].queued(some...)...)
		}
		b.wait(2*time.Minute, ids, isAccepted)
		tally := b.sim.Tally()
		require.Equal(t, []int{n, n, 0}, []int{tally.Accepted, tally.Recipients, tally.Duplicates})
		sent := b.sim.Messages(wabatest.Filter{})
		pace := (n - 1) / sent[n-1].At.Sub(sent[0].At).Seconds()
		stall, punctual := ask()
		t.Logf("%.1f messages per second of %d, refused %v; the machine stalled for %v, and was punctual for %.0f %% of the time", pace, rate, tally.Refused, stall, 100*punctual)
		if stall < punctuality {
			require.Empty(t, tally.Refused)
			require.InEpsilon(t, rate, pace, 0.05)
		}
		require.LessOrEqual(t, tally.Refused[130429], n/100)
		// On any machine: half of what its own timer would have managed, and half of that for each refusal.
		require.GreaterOrEqual(t, pace, rate*punctual/2/math.Exp2(float64(tally.Refused[130429])))
		require.LessOrEqual(t, pace, float64(rate))
		for _, one := range []*process{p, other} {
			require.Positive(t, one.metric("attempts_total", "accepted"), "both take part")
		}
		b.tells(map[string]int{"message.sent": n, "sent": n})
	})
}

// Processes die while messages are under way, and others take over: everybody gets the message once, however far it was.
func TestProcessesDie(t *testing.T) {
	const n = 500
	onEachStore(t, wabatest.Options{Throughput: 100, Latency: wabatest.At(50 * time.Millisecond)}, func(t *testing.T, b *bench) {
		require.NoError(t, b.sim.AddFaults(wabatest.Fault{Kind: wabatest.FaultSlow, Delay: 100 * time.Millisecond}))
		first, second := b.start(), b.start()
		ids := first.queued(b.texts(n)...)
		sent := func(n int) {
			require.Eventually(t, func() bool { return b.sim.Tally().Accepted >= n }, 20*time.Second, time.Millisecond)
		}
		sent(60)
		first.kill()
		sent(150)
		second.kill()
		underway := 0
		for _, v := range b.read(ids...) {
			if v.State == models.SendUnderway {
				underway++
			}
		}
		require.Positive(t, underway, "killed in the middle")
		third := b.start()
		sent(300)
		third.kill()
		b.start()
		b.wait(40*time.Second, ids, isAccepted)
		require.Equal(t, wabatest.Count{Messages: n, Recipients: n, Most: 1}, b.sim.Count(wabatest.Filter{}))
		b.tells(map[string]int{"message.sent": n, "sent": n, "delivered": n, "read": n})
	})
}

// A process that ends in order leaves nothing open: what was under way is kept, the rest waits for another.
func TestClose(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(t *testing.T, b *bench) {
		require.NoError(t, b.sim.AddFaults(wabatest.Fault{Kind: wabatest.FaultSlow, Delay: 300 * time.Millisecond}))
		p := b.start()
		ids := p.queued(b.texts(100)...)
		require.Eventually(t, func() bool { return b.sim.Tally().Accepted > 20 }, 10*time.Second, time.Millisecond)
		p.stop()
		counts := map[models.SendState]int{}
		for _, v := range b.read(ids...) {
			counts[v.State]++
		}
		require.Equal(t, b.sim.Tally().Accepted, counts[models.SendAccepted])
		require.Equal(t, 100, counts[models.SendAccepted]+counts[models.SendWaiting], "%v", counts)
		require.Positive(t, counts[models.SendWaiting])
		require.ErrorIs(t, p.Do(t.Context(), models.Work{ID: 1, Kind: models.SendMessages, WebhookID: b.number.ID, Members: ids}, nil), errClosed)
		b.start()
		b.wait(20*time.Second, ids, isAccepted)
		require.Equal(t, 100, b.sim.Tally().Accepted)
	})
}

// Work that another process has by now is left to it.
func TestWorkThatIsNoLongerHeld(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(t *testing.T, b *bench) {
		p := b.start()
		p.rest() // no queue hands in anything
		kept, work, err := b.store.CreateSends(t.Context(), []models.Send{b.text(customer)})
		require.NoError(t, err)
		require.NoError(t, p.Do(t.Context(), work[0], func() bool { return false }))
		require.Equal(t, models.SendWaiting, b.read(kept[0].ID)[0].State)
		require.NoError(t, p.Do(t.Context(), work[0], nil))
		b.wait(10*time.Second, []int64{kept[0].ID}, isAccepted)
		require.NoError(t, p.Do(t.Context(), work[0], nil), "once more, with nothing left to do")
		require.Equal(t, 1, b.sim.Tally().Requests)
	})
}

// A broadcast of a slow number holds up neither a chat of the same number nor another number, and one recipient's many
// messages hold up nobody else's.
func TestAChatDoesNotWait(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(t *testing.T, b *bench) {
		const n = 600
		p := b.start(func(o *Options) { o.Workers = 4 })
		slow := b.another()
		slow.connect(b.base, wabatest.DefaultToken, 20)
		broadcast := slow.texts(n)
		for i := range broadcast {
			broadcast[i].BroadcastID, broadcast[i].Place, broadcast[i].SentBy = 7, int64(i+1), "broadcast"
		}
		p.queued(broadcast...)
		require.Eventually(t, func() bool { return b.sim.Tally().Accepted > 10 }, 10*time.Second, time.Millisecond)
		began := time.Now()
		for _, of := range []*bench{slow, b} {
			v, err := p.Await(t.Context(), p.queued(of.text(customer))[0], 10*time.Second)
			require.NoError(t, err)
			require.Equal(t, models.SendAccepted, v.State)
		}
		require.Less(t, time.Since(began), 3*time.Second, "the broadcast takes half a minute")
		require.Less(t, b.sim.Tally().Accepted, n/4)
		require.Positive(t, p.metric("put_off_total", "pace"))
	})
}

func TestOneRecipientHasABurst(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(t *testing.T, b *bench) {
		p := b.start()
		sends := make([]models.Send, pairBurst+2)
		for i := range sends {
			sends[i] = b.text(customer)
		}
		ids := p.queued(sends...)
		other, err := p.Await(t.Context(), p.queued(b.text("15550177322"))[0], 10*time.Second)
		require.NoError(t, err)
		require.Equal(t, models.SendAccepted, other.State)
		b.wait(20*time.Second, ids[:pairBurst], isAccepted)
		for _, v := range b.wait(40*time.Second, ids, isAccepted) {
			require.Equal(t, 1, v.Attempts, "what has to wait for its recipient uses up no attempt")
		}
		require.Empty(t, b.sim.Tally().Refused)
		require.GreaterOrEqual(t, p.metric("put_off_total", "pair"), 2.0)
	})
}

// Redis goes away: messages go on, more slowly, and nothing is lost or doubled when it is back.
func TestRedisGoesAway(t *testing.T) {
	m := miniredis.RunT(t)
	b := setup(t, modelstest.SQLite(t), "redis://"+m.Addr()+"?max_retries=-1&dial_timeout=100ms", wabatest.Options{})
	p := b.start()
	ids := p.queued(b.texts(300)...)
	sent := func(n int) {
		require.Eventually(t, func() bool { return b.sim.Tally().Accepted >= n }, 20*time.Second, time.Millisecond)
	}
	sent(50)
	m.Close()
	sent(100)
	require.NoError(t, m.Restart())
	b.wait(20*time.Second, ids, isAccepted)
	require.Equal(t, wabatest.Count{Messages: 300, Recipients: 300, Most: 1}, b.sim.Count(wabatest.Filter{}))
	require.LessOrEqual(t, b.sim.Tally().Refused[130429], 2, "no burst, whoever gives out the slots")
}

func TestAwait(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(t *testing.T, b *bench) {
		p, other := b.start(), b.start()
		p.rest()
		require.NoError(t, b.sim.AddFaults(wabatest.Fault{Kind: wabatest.FaultSlow, Delay: 300 * time.Millisecond}))
		id := p.queued(b.text(customer))[0]
		v, err := p.Await(t.Context(), id, 0)
		require.NoError(t, err)
		require.Equal(t, models.SendWaiting, v.State, "as it stands")
		_, err = p.Await(t.Context(), 4711, time.Second)
		require.ErrorIs(t, err, models.ErrNotFound)
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = p.Await(canceled, id, time.Second)
		require.ErrorIs(t, err, context.Canceled)
		v, err = p.Await(t.Context(), id, 10*time.Second)
		require.NoError(t, err)
		require.Equal(t, models.SendAccepted, v.State, "what another process did")
		v, err = other.Await(t.Context(), id, time.Minute)
		require.NoError(t, err)
		require.Equal(t, models.SendAccepted, v.State)
		require.Empty(t, p.waiters.of)
	})
}
