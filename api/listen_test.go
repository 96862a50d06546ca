package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/fanout/dialect"
)

// happened is an event of a stream, with the place after it.
type happened struct {
	ID, Type, Dialect, Note string
	Body                    *string
	place                   string
}

// listening reads a stream of events.
type listening struct {
	t     *testing.T
	lines *bufio.Scanner
	end   context.CancelFunc
}

// open opens a stream of events and returns its status.
func (b *bundle) open(t *testing.T, base, key, query string) (int, *listening) {
	t.Helper()
	ctx, end := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(end)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/api/client/events/stream?"+query, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	l := &listening{t: t, lines: bufio.NewScanner(res.Body), end: end}
	l.lines.Buffer(nil, 1<<20)
	return res.StatusCode, l
}

// next waits for the next event, or for the first place where none is to come.
func (l *listening) next(kind string) (happened, bool) {
	l.t.Helper()
	var h happened
	name := ""
	for l.lines.Scan() {
		line := l.lines.Text()
		if n, ok := strings.CutPrefix(line, "event: "); ok {
			name = n
		}
		if place, ok := strings.CutPrefix(line, "id: "); ok {
			h.place = place
		}
		if data, ok := strings.CutPrefix(line, "data:"); ok && name == kind {
			if kind == "event" {
				require.NoError(l.t, json.Unmarshal([]byte(data), &h))
			}
			return h, true
		}
	}
	return h, false
}

func TestEventStream(t *testing.T) {
	t.Parallel()
	b := setup(t)
	base, key := b.listen(), b.key.Text()
	before := b.happen("message.received")
	status, l := b.open(t, base, key, "after=now")
	require.Equal(t, 200, status)
	first, ok := l.next("place")
	require.True(t, ok, "a place at once, so that nothing is missed from here on")

	// Each event within a moment, byte for byte as a webhook gets it.
	for _, typ := range []string{"message.received", "order.created", "message.report"} {
		began := time.Now()
		e := b.happen(typ)
		h, ok := l.next("event")
		require.True(t, ok)
		require.Less(t, time.Since(began), 2*time.Second)
		require.Equal(t, []string{eventID(e), typ, "wabagate"}, []string{h.ID, h.Type, h.Dialect})
		payload, err := b.courier.Payload(b.webhook(), e)
		require.NoError(t, err)
		require.Equal(t, string(payload), *h.Body)
	}
	l.end()

	// From the place after any event it goes on with the next one.
	_, l = b.open(t, base, key, "after="+first.place)
	var all []happened
	for range 3 {
		h, _ := l.next("event")
		all = append(all, h)
	}
	l.end()
	for i := range 2 {
		_, l = b.open(t, base, key, "after="+all[i].place)
		h, _ := l.next("event")
		require.Equal(t, all[i+1].ID, h.ID)
		l.end()
	}
	_, l = b.open(t, base, key, "")
	h, _ := l.next("event")
	require.Equal(t, eventID(before), h.ID, "without a place: from the oldest")
	l.end()

	// Narrowed, in another dialect.
	_, l = b.open(t, base, key, "after="+first.place+"&types=order.*&dialect=twabot")
	h, _ = l.next("event")
	require.Equal(t, []string{all[1].ID, "twabot"}, []string{h.ID, h.Dialect})
	require.Contains(t, *h.Body, `"event":"order.created"`)
	_, l = b.open(t, base, key, "after="+first.place+"&dialect=cloud")
	h, _ = l.next("event")
	require.Nil(t, h.Body)
	require.Contains(t, h.Note, "no form in the dialect cloud")
	_, l = b.open(t, base, key, "since="+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+"&number_id="+decimal(b.number.ID))
	_, ok = l.next("place")
	require.True(t, ok)

	_, l = b.open(t, base, b.theirKey.Text(), "")
	b.happen("message.received")
	_, ok = l.next("place")
	require.True(t, ok)
	l.end()
	_, ok = l.next("event")
	require.False(t, ok, "another business hears nothing")
}

func TestEventStreamRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	base := b.listen()
	for query, field := range map[string]string{"after=abc": "after", "types=message.recieved": "types", "number_id=x": "number_id", "since=yesterday": "since", "dialect=french": "dialect"} {
		status, body := b.api("GET", "/events/stream?"+query, "")
		require.Equal(t, http.StatusBadRequest, status, query)
		require.Equal(t, field, decode[struct{ Error api.Error }](t, body).Error.Field, query)
	}
	status, _ := b.open(t, base, "wbk_wrong", "")
	require.Equal(t, http.StatusUnauthorized, status)
	var all []*listening
	for range 8 {
		status, l := b.open(t, base, b.key.Text(), "after=now")
		require.Equal(t, http.StatusOK, status)
		all = append(all, l)
	}
	status, _ = b.open(t, base, b.key.Text(), "after=now")
	require.Equal(t, http.StatusTooManyRequests, status)
	status, _ = b.open(t, base, b.theirKey.Text(), "after=now")
	require.Equal(t, http.StatusOK, status, "another business has places of its own")
	all[0].end()
	require.Eventually(t, func() bool {
		status, _ = b.open(t, base, b.key.Text(), "after=now")
		return status == http.StatusOK
	}, 20*time.Second, 50*time.Millisecond, "a place that was left is free again")
}

// A key that is deleted ends its streams.
func TestEventStreamOfADeletedKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	base := b.listen()
	made, key, err := b.store.CreateAPIKey(t.Context(), b.ours.ID, nil, "short-lived")
	require.NoError(t, err)
	_, l := b.open(t, base, key.Text(), "after=now")
	_, ok := l.next("place")
	require.True(t, ok)
	status, body := b.api("DELETE", "/keys/"+decimal(made.ID), "")
	require.Equal(t, http.StatusOK, status, body)
	_, ok = l.next("event")
	require.False(t, ok)
}

func TestEventPayload(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := b.happen("order.created")
	for _, name := range dialect.Names() {
		status, body := b.api("GET", "/events/"+eventID(e)+"/payload?dialect="+name, "")
		require.Equal(t, http.StatusOK, status, body)
		h := decode[happened](t, body)
		require.Equal(t, []string{eventID(e), "order.created", name}, []string{h.ID, h.Type, h.Dialect})
		if d, _ := dialect.Lookup(name); !d.Speaks(e.Type) {
			require.Nil(t, h.Body)
			require.NotEmpty(t, h.Note)
			continue
		}
		payload, err := b.courier.Payload(b.webhook(), e)
		require.NoError(t, err)
		if name == "wabagate" {
			require.Equal(t, string(payload), *h.Body)
		}
	}
	status, _ := b.foreign("GET", "/events/"+eventID(e)+"/payload", "")
	require.Equal(t, http.StatusNotFound, status)
	status, _ = b.api("GET", "/events/evt_0/payload", "")
	require.Equal(t, http.StatusNotFound, status)
	status, body := b.api("GET", "/events/"+eventID(e)+"/payload?dialect=french", "")
	require.Equal(t, http.StatusBadRequest, status, body)
}
