//go:build unix

package main

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const sampleBody = `{"id":"evt_1","data":{"sequence":3,"conversation":{"id":5},"status":{"message_id":"wamid.atest1","status":"read"}}}`

// postTo posts the sample and returns the status and how many bytes came back; the error when no answer did.
func postTo(t *testing.T, r *receiver) (status int, size int64, err error) {
	t.Helper()
	client := &http.Client{Timeout: time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequest(http.MethodPost, r.base, strings.NewReader(sampleBody))
	require.NoError(t, err)
	req.Header.Set("Webhook-Id", "evt_1")
	req.Header.Set(skippedHeader, "1, 2")
	res, err := client.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = res.Body.Close() }()
	size, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, size, err
}

func testReceiver(t *testing.T, h hook) (*receiver, *book) {
	t.Helper()
	r, err := newReceiver(0, h, "http://127.0.0.2:1/trap")
	require.NoError(t, err)
	t.Cleanup(r.close)
	b := newBook("atest", []hook{h}, nil)
	r.book.Store(b)
	return r, b
}

func TestMoods(t *testing.T) {
	for _, tt := range []struct {
		mood   mood
		status int // 0: no answer
		answer answer
	}{
		{good, 200, acknowledged}, {erring, 500, failed}, {hanging, 0, failed}, {resetting, 0, broken},
		{dripping, 0, failed}, {elsewhere, 307, failed}, {endless, 200, acknowledged},
	} {
		r, b := testReceiver(t, hook{kind: moody})
		r.mood.Store(int32(tt.mood))
		status, size, err := postTo(t, r)
		require.Equal(t, tt.status, status, tt.mood)
		require.Equal(t, tt.status == 0, err != nil, "%d: %v", tt.mood, err)
		if tt.mood == endless {
			require.GreaterOrEqual(t, size, int64(endlessBytes))
		}
		l := b.snapshot()
		require.NotEmpty(t, l.arrivals)
		a := l.arrivals[0]
		require.Equal(t, arrival{event: "evt_1", fact: fact{"wamid.atest1", "read"}, conversation: 5, sequence: 3, sum: a.sum, at: a.at, answer: tt.answer, skipped: []int64{1, 2}}, a)
	}
}

func TestStubbornRefusesOnce(t *testing.T) {
	r, b := testReceiver(t, hook{kind: stubborn})
	require.True(t, refuses("evt_1"))
	require.False(t, refuses("evt_f"))
	for _, want := range []int{500, 200, 200} {
		status, _, err := postTo(t, r)
		require.NoError(t, err)
		require.Equal(t, want, status)
	}
	b.tag = "other" // what is of another row is not written down
	_, _, err := postTo(t, r)
	require.NoError(t, err)
	require.Len(t, b.snapshot().arrivals, 3)
}

// Whoever connects is noted, whether he says something or not.
func TestTraps(t *testing.T) {
	traps, err := newTraps()
	if err != nil {
		t.Skip(err)
	}
	defer traps.close()
	b := newBook("atest", nil, nil)
	traps.book.Store(b)
	for _, address := range traps.addresses {
		u, err := url.Parse(address)
		require.NoError(t, err)
		conn, err := net.Dial("tcp", u.Host)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
	require.Eventually(t, func() bool { return len(b.snapshot().trapped) == len(traps.addresses) }, 5*time.Second, 10*time.Millisecond)
}
