package api

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

func TestLimiter(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := newLimiter(func() time.Time { return now })
	for range loginFailures {
		require.Zero(t, l.take("a"))
		now = now.Add(time.Second)
	}
	require.Equal(t, loginWindow-loginFailures*time.Second, l.take("a"))
	require.Zero(t, l.take("b"))
	l.forget("a")
	require.Zero(t, l.take("a"))

	for i := range 2 * loginsKnown {
		now = now.Add(time.Millisecond)
		require.Zero(t, l.take(fmt.Sprint(i)))
	}
	require.Len(t, l.windows, loginsKnown, "memory is bounded")
	now = now.Add(loginWindow)
	require.Zero(t, l.take("fresh"))
	require.Less(t, len(l.windows), loginsKnown, "what has expired goes when room is needed")
}

func TestNearEvents(t *testing.T) {
	for wrong, want := range map[string]string{
		"message.recieved": "message.received", "messages.received": "message.received", "Message.Received": "message.received", "contact": "contact.created",
		"conversation.create": "conversation.created", "message_received": "message.received", "broadcast.complete": "broadcast.completed",
	} {
		near := nearEvents(wrong)
		require.NotEmpty(t, near, wrong)
		require.Equal(t, want, near[0], wrong)
		require.LessOrEqual(t, len(near), 3)
	}
	for _, wrong := range []string{"", "   ", "zzzzzzzzzz", string(make([]byte, 10_000))} {
		require.Empty(t, nearEvents(wrong))
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "axc", 1}, {"abc", "ac", 1}, {"kitten", "sitting", 3}, {"abcdef", "fedcba", 6}} {
		require.Equal(t, c.want, distance(c.a, c.b), c.a+" "+c.b)
	}
}

func TestBinOf(t *testing.T) {
	for url, want := range map[string]string{
		"http://localhost:8080/inspect/demo": "demo", "https://gate.example.com/inspect/a_B-9?status=503": "a_B-9", "https://gate.example.com/under/inspect/x": "x",
		"https://gate.example.com/inspect/": "", "https://gate.example.com/inspect/a/b": "", "https://gate.example.com/inspect": "", "https://gate.example.com/xinspect/a": "",
		"https://gate.example.com/inspect/a%2Fb": "", "https://gate.example.com/inspect/a%20b": "", "": "", "::": "",
	} {
		name, ok := binOf(url)
		require.Equal(t, want != "", ok, url)
		if ok {
			require.Equal(t, want, name, url)
		}
	}
}

func TestWaits(t *testing.T) {
	for text, want := range map[string][]time.Duration{
		"5s": {5 * time.Second}, "5": {5 * time.Second}, "1m, 90s 2h,1d\n7d": {time.Minute, 90 * time.Second, 2 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour}, " NONE ": {},
	} {
		got, err := parseSchedule(text)
		require.NoError(t, err, text)
		require.Equal(t, schedule(want), got.value, text)
	}
	for _, text := range []string{"0s", "-1s", "8d", "500ms", "1.5s", "x", "-1d", "99999999999d", "1m;2m"} {
		_, err := parseSchedule(text)
		require.Error(t, err, text)
	}
	blank, err := parseSchedule("")
	require.NoError(t, err)
	require.True(t, blank.null)
	require.Equal(t, "5s, 90s, 1m, 2h, 26h, 1d", waitsText([]time.Duration{5 * time.Second, 90 * time.Second, time.Minute, 2 * time.Hour, 26 * time.Hour, 24 * time.Hour}))
}

func TestSuccessRate(t *testing.T) {
	for _, c := range []struct {
		ok, failed int64
		want       float64
		decided    bool
	}{{0, 0, 0, false}, {1, 0, 1, true}, {0, 5, 0, true}, {999_999, 1, 0.9999, true}, {1, 1, 0.5, true}} {
		rate, decided := successRate(models.Stats{Succeeded: c.ok, Failed: c.failed, Pending: 9})
		require.Equal(t, c.decided, decided)
		require.InDelta(t, c.want, rate, 1e-9)
	}
}

func TestTexts(t *testing.T) {
	require.Equal(t, "1\u202f234\u202f567", grouped(1234567))
	require.Equal(t, "999", grouped(999))
	for d, want := range map[time.Duration]string{0: "–", 1500 * time.Microsecond: "1.5 ms", 42 * time.Millisecond: "42 ms", 2500 * time.Millisecond: "2.5 s"} {
		require.Equal(t, want, latencyText(d))
	}
	require.Equal(t, "Must be text.", sentence(&Error{Message: "must be text"}))
}

func TestOptionsSayWhatIsMissing(t *testing.T) {
	_, err := New(Options{})
	for _, name := range []string{"Store", "Directory", "Courier", "Queue", "Guard"} {
		require.ErrorContains(t, err, "Options."+name)
	}
}
