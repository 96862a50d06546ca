package api

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/models"
)

func TestLimiter(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := newLimiter(func() time.Time { return now })
	for range loginFailures {
		require.Zero(t, l.take(allowance{"a", loginFailures}))
		now = now.Add(time.Second)
	}
	require.Equal(t, loginWindow-loginFailures*time.Second, l.take(allowance{"a", loginFailures}))
	require.Zero(t, l.take(allowance{"b", loginFailures}))
	l.forget("a")
	require.Zero(t, l.take(allowance{"a", loginFailures}))

	for i := range 2 * loginsKnown {
		now = now.Add(time.Millisecond)
		require.Zero(t, l.take(allowance{fmt.Sprint(i), loginFailures}))
	}
	require.Len(t, l.windows, loginsKnown, "memory is bounded")
	now = now.Add(loginWindow)
	require.Zero(t, l.take(allowance{"fresh", loginFailures}))
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

// What a receiver answered is kept even if it took longer than a request may.
func TestAfterwards(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	ctx, cancel := afterwards(over)
	defer cancel()
	require.NoError(t, ctx.Err())
	_, bounded := ctx.Deadline()
	require.True(t, bounded)
}

func TestAsksAgain(t *testing.T) {
	awalchat := func(url string, active, verified bool) models.Webhook {
		return models.Webhook{URL: url, Dialect: "awalchat", Active: active, Verified: verified}
	}
	for name, c := range map[string]struct {
		before, after models.Webhook
		want          bool
	}{
		"nothing":               {awalchat("a", true, true), awalchat("a", true, true), false},
		"nothing, unverified":   {awalchat("a", true, false), awalchat("a", true, false), false},
		"URL":                   {awalchat("a", true, true), awalchat("b", true, true), true},
		"URL while off":         {awalchat("a", false, true), awalchat("b", false, true), true},
		"off":                   {awalchat("a", true, false), awalchat("a", false, false), false},
		"on":                    {awalchat("a", false, true), awalchat("a", true, true), false},
		"on, unverified":        {awalchat("a", false, false), awalchat("a", true, false), true},
		"from another dialect":  {models.Webhook{URL: "a", Dialect: "wabagate", Active: true}, awalchat("a", true, false), true},
		"to another dialect":    {awalchat("a", true, true), models.Webhook{URL: "a", Dialect: "wabagate", Active: true}, false},
		"URL without challenge": {models.Webhook{URL: "a", Dialect: "twabot"}, models.Webhook{URL: "b", Dialect: "twabot", Active: true}, false},
	} {
		require.Equal(t, c.want, asksAgain(c.before, c.after), name)
	}
}

func TestUnproven(t *testing.T) {
	kept := models.Webhook{URL: "a", Dialect: "awalchat", Verified: true}
	w := kept
	unproven(kept, &w)
	require.Equal(t, kept, w, "nothing that was proven has changed")
	w.URL = "b"
	unproven(kept, &w)
	require.False(t, w.Verified)
	require.Equal(t, unasked, w.VerifyReason)
	w = kept
	w.Dialect = "wabagate"
	unproven(kept, &w)
	require.False(t, w.Verified)
	require.Empty(t, w.VerifyReason)
}

// The boxes of the form cover the catalogue, each once, and every one of them can be subscribed to.
func TestEventGroups(t *testing.T) {
	groups, more := eventGroups([]string{"message.received", "template.*", "messages", "message.incoming"})
	require.Equal(t, []string{"messages", "message.incoming"}, more)
	seen := map[string]bool{}
	chosen := 0
	for _, g := range groups {
		require.NotEmpty(t, g.Events, g.Name)
		for _, e := range g.Events {
			require.False(t, seen[e.Value], e.Value)
			seen[e.Value] = true
			_, ok := event.Resolve(e.Value)
			require.True(t, ok, e.Value)
			require.Equal(t, strings.HasSuffix(e.Value, "*"), e.Whole, e.Value)
			if e.Chosen {
				chosen++
			}
		}
	}
	require.Equal(t, 2, chosen)
	for _, typ := range event.Catalogue() {
		require.True(t, seen[typ.Name], typ.Name)
		word, _, _ := strings.Cut(typ.Name, ".")
		require.True(t, slices.ContainsFunc(families(), func(f family) bool { return slices.Contains(f.words, word) }), "%s has no family", typ.Name)
	}
	for _, want := range []string{"*", "message.*", "contact.*", "group.*"} {
		require.True(t, seen[want], want)
	}
	require.False(t, seen["ai.*"], "one type needs no wildcard")
}

func TestWholeMoments(t *testing.T) {
	at := func(seconds ...int) (ms []models.Message) {
		for _, s := range seconds {
			ms = append(ms, models.Message{SentAt: time.Unix(int64(s), 0)})
		}
		return ms
	}
	for _, c := range []struct {
		ms   []models.Message
		want int
	}{{nil, 0}, {at(5), 0}, {at(5, 5, 5), 0}, {at(5, 4), 1}, {at(5, 5, 4, 4), 2}} {
		require.Equal(t, c.want, wholeMoments(c.ms))
	}
}

func TestParseConversation(t *testing.T) {
	kept := models.ConversationSettings{Status: "open", Labels: []string{"vip"}, Note: "n", Assignee: "a"}
	labels := func(n int) string { return `{"labels":[` + strings.TrimSuffix(strings.Repeat(`"l%d",`, n), ",") + `]}` }
	numbered := func(n int) string {
		args := make([]any, n)
		for i := range args {
			args[i] = i
		}
		return fmt.Sprintf(labels(n), args...)
	}
	for body, want := range map[string]models.ConversationSettings{
		`{}`:                  kept,
		``:                    kept,
		`{"status":"closed"}`: {Status: "closed", Labels: kept.Labels, Note: "n", Assignee: "a"},
		`{"labels":[" عميل ","x","x"],"note":null,"assignee":" b "}`: {Status: "open", Labels: []string{"عميل", "x"}, Assignee: "b"},
		`{"labels":[]}`:   {Status: "open", Note: "n", Assignee: "a"},
		`{"labels":null}`: {Status: "open", Note: "n", Assignee: "a"},
		`{"note":"` + strings.Repeat("ه", maxNote) + `"}`: {Status: "open", Labels: kept.Labels, Note: strings.Repeat("ه", maxNote), Assignee: "a"},
	} {
		ch, err := parseConversation([]byte(body))
		require.NoError(t, err, body)
		got := kept
		ch.apply(&got)
		require.Equal(t, want, got, body)
	}
	_, err := parseConversation([]byte(numbered(maxLabels)))
	require.NoError(t, err)
	for body, says := range map[string]string{
		`{"status":"done"}`: "must be open or closed", `{"status":null}`: "must be open or closed", `{"state":"open"}`: "known are status, labels, note, assignee, ai", `{"ai":null}`: "must be true or false", `{"ai":"off"}`: "true or false",
		`{"labels":"vip"}`: "a list of texts", `{"labels":[1]}`: "a list of texts", `{"labels":[" "]}`: "empty label", numbered(maxLabels + 1): "at most 50",
		`{"labels":["` + strings.Repeat("x", maxLabel+1) + `"]}`: "at most 60", `{"note":"` + strings.Repeat("x", maxNote+1) + `"}`: "at most 4000",
		`{"assignee":"` + strings.Repeat("x", maxAssignee+1) + `"}`: "at most 200", `{"note":5}`: "must be text",
	} {
		_, err := parseConversation([]byte(body))
		require.ErrorContains(t, err, says, body)
	}
}

func TestParseOrderAndBroadcast(t *testing.T) {
	kept := models.Order{Status: "pending", Reference: "r"}
	for body, want := range map[string]models.Order{
		`{}`: kept, `{"status":"partially_shipped"}`: {Status: "partially_shipped", Reference: "r"}, `{"reference":" q "}`: {Status: "pending", Reference: "q"}, `{"reference":null}`: {Status: "pending"},
	} {
		ch, err := parseOrder([]byte(body))
		require.NoError(t, err, body)
		got := kept
		ch.apply(&got)
		require.Equal(t, want, got, body)
	}
	for body, says := range map[string]string{
		`{"status":"lost"}`: "pending, accepted, processing, partially_shipped, shipped, completed, canceled", `{"status":null}`: "must be one of", `{"total":1}`: "known are status, reference",
		`{"reference":"` + strings.Repeat("x", maxReference+1) + `"}`: "at most 100",
	} {
		_, err := parseOrder([]byte(body))
		require.ErrorContains(t, err, says, body)
	}

	b, err := parseBroadcast([]byte(`{"reference":" eid-89 ","name":"عيد","template_name":"eid","total_recipients":3,"number_id":7}`))
	require.NoError(t, err)
	require.Equal(t, models.Broadcast{Reference: "eid-89", Name: "عيد", TemplateName: "eid", Total: 3, NumberID: 7}, b)
	for body, says := range map[string]string{
		`{"total_recipients":1}`: "reference: is required", `{"reference":"a"}`: "total_recipients: is required", `{"reference":"a","total_recipients":0}`: "from 1",
		`{"reference":"a;b","total_recipients":1}`: "semicolon", `{"reference":"a","total_recipients":1.5}`: "whole number", `{"reference":"a","total_recipients":1,"status":"x"}`: "known are",
	} {
		_, err := parseBroadcast([]byte(body))
		require.ErrorContains(t, err, says, body)
	}
}

func TestOptionsSayWhatIsMissing(t *testing.T) {
	_, err := New(Options{})
	for _, name := range []string{"Store", "Directory", "Courier", "Recorder", "Queue", "Guard"} {
		require.ErrorContains(t, err, "Options."+name)
	}
}
