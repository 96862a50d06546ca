//go:build unix

package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/waba"
)

// What the plan makes is what the product reads: each callback says its facts and nothing else, ids never collide, and
// the mixture has messages, every status, batches, repetitions and both numbers.
func TestPlan(t *testing.T) {
	p := newPlan("atest", [numberCount]string{"1", "2", "3"}, 1)
	seen, words := map[fact]bool{}, map[string]int{}
	var repeated, batched int
	var numbers [numberCount]int
	const callbacks = 3000
	for range callbacks {
		c := p.next()
		cb, err := waba.Parse(c.body)
		require.NoError(t, err)
		var said []fact
		for _, change := range cb.Changes {
			require.Equal(t, p.numbers[c.number], change.PhoneNumberID)
			for _, m := range change.Messages {
				said = append(said, fact{m.ID, ""})
			}
			for _, s := range change.Statuses {
				said = append(said, fact{s.ID, s.Status})
			}
		}
		require.Equal(t, c.facts, said)
		numbers[c.number]++
		if len(c.facts) > 1 {
			batched++
		}
		if seen[c.facts[0]] {
			repeated++
			continue
		}
		for _, f := range c.facts {
			require.False(t, seen[f], f)
			seen[f] = true
			words[f.status]++
		}
	}
	for _, word := range []string{"", "sent", "delivered", "read", "played", "failed"} {
		require.Positive(t, words[word], word)
	}
	for _, one := range []struct {
		n     int
		share float64
	}{{repeated, repeatedShare}, {batched, batchedShare}, {numbers[sideNumber], sideShare}, {numbers[walledNumber], walledShare}} {
		require.InDelta(t, one.share, float64(one.n)/callbacks, 0.03)
	}
}

// A callback that is not answered 200 comes again, to the other ingress, until it is; only then it counts.
func TestUpstreamSendsAgain(t *testing.T) {
	var first, second atomic.Int64
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		first.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer refusing.Close()
	taking := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { second.Add(1) }))
	defer taking.Close()
	b := newBook("atest", nil, nil)
	u := newUpstream([]string{refusing.URL, taking.URL}, "secret", b)
	c := callback{facts: []fact{{"wamid.1", ""}}, body: []byte("{}")}
	u.deliver(t.Context(), c, 0)
	require.EqualValues(t, 1, first.Load())
	require.EqualValues(t, 1, second.Load())
	require.Equal(t, map[int]int{503: 1}, b.l.answers)
	require.Equal(t, 1, b.l.callbacks)
	require.True(t, b.l.accepted[fact{"wamid.1", ""}])

	u.targets = u.targets[:1]
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	u.deliver(ctx, callback{facts: []fact{{"wamid.2", ""}}}, 0)
	require.Equal(t, 1, b.l.stuck)
	require.False(t, b.l.accepted[fact{"wamid.2", ""}])
}
