package reply

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/models"
)

func TestCircuit(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Unix(1_800_000_000, 0).Add(time.Duration(s) * time.Second) }
	cs := circuits{known: map[endpoint]circuit{}}
	shop := endpointOf(1, models.Replies{Kind: models.RepliesByModel, URL: "https://ai.example/v1", Model: "m", Key: "k"})
	down := failed(true, "the model cannot be reached").downed()
	asks := func(s int) bool { t.Helper(); return cs.refusal(shop, at(s)) == nil }

	for range inARow - 1 {
		require.False(t, cs.tell(shop, down, at(0)))
	}
	cs.tell(shop, failed(true, "the model refused to answer"), at(0))
	for range inARow - 1 {
		require.False(t, cs.tell(shop, down, at(0)))
	}
	require.True(t, asks(0), "it answered in between")
	cs.tell(shop, nil, at(0))
	for n := range inARow {
		require.True(t, asks(0))
		require.Equal(t, n == inARow-1, cs.tell(shop, fmt.Errorf("asked: %w", down), at(0)), "told once")
	}
	require.EqualError(t, cs.refusal(shop, at(9)), "the model cannot be reached; it is not asked for a while, after 5 failures in a row")
	for name, change := range map[string]func(*endpoint){
		"another business": func(e *endpoint) { e.business = 2 }, "another key": func(e *endpoint) { e.key = "other" }, "another model": func(e *endpoint) { e.name = "n" }} {
		other := shop
		change(&other)
		require.Nil(t, cs.refusal(other, at(9)), name)
	}

	require.False(t, cs.tell(shop, down, at(5)), "one who asked before is late")
	require.True(t, asks(10), "the probe")
	require.False(t, asks(10), "one is enough")
	require.False(t, cs.tell(shop, context.Canceled, at(11)))
	require.True(t, asks(11), "the probe's process ended, and another makes it")
	require.False(t, cs.tell(shop, down, at(12)), "told before")
	require.False(t, asks(31), "twice as long")
	require.True(t, asks(32))
	for range 9 {
		cs.tell(shop, down, cs.known[shop].until)
	}
	until := cs.known[shop].until
	require.Equal(t, openMost, until.Sub(cs.known[shop].at), "and no longer than a minute")
	require.Nil(t, cs.refusal(shop, until))
	cs.tell(shop, nil, until)
	require.Empty(t, cs.known, "an answer closes it")

	for i := range manyCircuits + 1 {
		cs.tell(endpoint{business: int64(i)}, down, at(i))
	}
	require.Len(t, cs.known, manyCircuits+1)
	cs.tell(shop, down, at(manyCircuits+int(forgotten.Seconds())))
	require.Len(t, cs.known, 2, "what failed long ago is forgotten where there are many")
}

// An endpoint that fails everybody is given up for a while: conversations go to people at once, and all the same with words.
func TestAModelIsGivenUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(b.number, func(r *models.Replies) {
		r.URL, r.Timeout, r.Fallback = "http://127.0.0.1:1/v1", time.Second, "A colleague will answer."
	})
	for i := range inARow + 3 {
		b.hear(b.number, fmt.Sprintf("155501774%02d", i), "Hello")
	}
	b.work()
	handed := b.told(event.ConversationUpdated)
	require.Len(t, handed, inARow+3)
	for i, d := range handed {
		require.Equal(t, "failure", d.Conversation.AIReason)
		require.Contains(t, d.Conversation.AIDetail, "the model cannot be reached")
		if i >= inARow {
			require.Contains(t, d.Conversation.AIDetail, "it is not asked for a while")
		}
	}
	require.Len(t, b.byAI(), inARow+3)
	require.Empty(t, b.asked())

	b.set(b.number, func(r *models.Replies) { r.URL = b.base })
	b.hear(b.number, "15550177499", "Hello")
	b.work()
	require.Contains(t, b.byAI(), "You said: Hello (turn 1)", "another address has a chance of its own")
}

func TestApart(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	var failed []int
	do := func(ns []int) error {
		for _, n := range ns {
			if n == 2 {
				return boom
			}
		}
		return nil
	}
	fail := func(n int, err error) { require.ErrorIs(t, err, boom); failed = append(failed, n) }
	require.NoError(t, apart([]int{1, 3}, do, fail))
	require.Empty(t, failed)
	require.NoError(t, apart([]int{1, 2, 3}, do, fail))
	require.Equal(t, []int{2}, failed)
	require.ErrorIs(t, apart([]int{2}, do, fail), boom)
}
