package reply

import (
	"slices"
	"testing"
	"time"

	"wabagate/models"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// in and out are messages so long before noon; what the AI says is "ok".
func in(before time.Duration, text string) models.Message {
	return models.Message{Inbound: true, Type: "text", Text: text, SentAt: noon.Add(-before)}
}

func out(before time.Duration, by string) models.Message {
	return models.Message{Type: "text", Text: "ok", SentBy: by, SentAt: noon.Add(-before)}
}

// talk names messages by their place and asks for an answer to the last one.
func talk(ms ...models.Message) turn {
	for i := range ms {
		ms[i].Wamid = string(rune('a' + i))
	}
	t := turn{now: noon, recent: ms, key: "ai:evt_1", regrets: "ai:evt_1:fallback", asked: ms[len(ms)-1].Wamid}
	t.settings = models.Replies{Active: true, PerHour: 5, PerDay: 100, Keywords: []string{"agent", "موظف", "real person"}, Since: noon.Add(-48 * time.Hour)}
	t.conversation.LastInboundAt = noon.Add(-time.Second)
	t.conversation.Contact.WaID = "155"
	return t
}

// exchange is an AI that answers a second after each of n messages, one every so often; the last one is not answered.
func exchange(n int, every time.Duration, delay time.Duration, text func(i int) string) (ms []models.Message) {
	for i := range n {
		at := time.Duration(n-1-i) * every
		ms = append(ms, in(at, text(i)))
		if i < n-1 {
			ms = append(ms, out(at-every+delay, sentBy)) // the next message comes delay after it
		}
	}
	return ms
}

func different(i int) string { return string(rune('a' + i)) }
func same(int) string        { return "Hello!" }

func TestDecide(t *testing.T) {
	with := func(t turn, change func(*turn)) turn { change(&t); return t }
	hi := func() turn { return talk(in(time.Second, "hi")) }
	for name, c := range map[string]struct {
		turn turn
		want decision
	}{
		"a first message":              {hi(), decision{verdict: answer}},
		"by user id":                   {with(hi(), func(t *turn) { t.conversation.Contact.WaID, t.conversation.Contact.UserID = "", "US.1" }), decision{verdict: answer}},
		"switched off":                 {with(hi(), func(t *turn) { t.settings.Active = false }), silent(isOff)},
		"forgotten":                    {with(hi(), func(t *turn) { t.settings = models.Replies{} }), silent(isOff)},
		"a person has it":              {with(hi(), func(t *turn) { t.conversation.AI.Off = "keyword" }), silent(isTaken)},
		"answered before a crash":      {with(hi(), func(t *turn) { t.tally.Keys = []string{"ai:evt_1"} }), silent(isAnswered)},
		"another was answered":         {with(hi(), func(t *turn) { t.tally.Keys = []string{"ai:evt_2"} }), decision{verdict: answer}},
		"not there":                    {with(hi(), func(t *turn) { t.asked = "z" }), silent(isGone)},
		"deleted":                      {with(hi(), func(t *turn) { t.recent[0].DeletedAt = noon }), silent(isGone)},
		"nobody left to answer":        {with(hi(), func(t *turn) { t.conversation.Contact = models.Contact{} }), silent(isGone)},
		"the window is about to close": {with(hi(), func(t *turn) { t.conversation.LastInboundAt = noon.Add(time.Minute - models.ServiceWindow) }), silent(isClosed)},
		"a moment before": {with(hi(), func(t *turn) {
			t.conversation.LastInboundAt = noon.Add(time.Minute + time.Second - models.ServiceWindow)
		}), decision{verdict: answer}},
		"no window":                       {with(hi(), func(t *turn) { t.conversation.LastInboundAt = time.Time{} }), silent(isClosed)},
		"the customer wrote again":        {with(talk(in(3*time.Second, "hi"), in(time.Second, "there")), func(t *turn) { t.asked = "a" }), silent(isNewer)},
		"in the same second":              {with(talk(in(time.Second, "hi"), in(time.Second, "there")), func(t *turn) { t.asked = "a" }), silent(isNewer)},
		"and reacted":                     {with(talk(in(3*time.Second, "hi"), models.Message{Inbound: true, Type: "reaction", SentAt: noon}), func(t *turn) { t.asked = "a" }), decision{verdict: answer}},
		"and took the second back":        {with(talk(in(3*time.Second, "hi"), models.Message{Inbound: true, Type: "text", DeletedAt: noon}), func(t *turn) { t.asked = "a" }), decision{verdict: answer}},
		"an agent wrote":                  {talk(out(time.Hour, "agent"), in(0, "hi")), handsOver(byAgent)},
		"on the phone":                    {talk(out(time.Hour, "app"), in(0, "hi")), handsOver(byAgent)},
		"by the API":                      {talk(out(time.Hour, "api"), in(0, "hi")), handsOver(byAgent)},
		"while the AI thought":            {with(talk(in(3*time.Second, "hi"), out(0, "agent")), func(t *turn) { t.asked = "a" }), handsOver(byAgent)},
		"a system wrote":                  {talk(out(time.Hour, "system"), out(time.Hour, "broadcast"), in(0, "hi")), decision{verdict: answer}},
		"an agent before there was an AI": {talk(out(50*time.Hour, "agent"), in(0, "hi")), decision{verdict: answer}},
		"an agent before it was switched on again": {with(talk(out(time.Hour, "agent"), in(0, "hi")), func(t *turn) { t.conversation.AI.At = noon.Add(-time.Minute) }),
			decision{verdict: answer}},
		"asks for a person":             {talk(in(0, "Can I talk to an AGENT?")), handsOver(byKeyword)},
		"in Arabic, with marks":         {talk(in(0, "أريد مُوَظَّف!")), handsOver(byKeyword)},
		"in two words":                  {talk(in(0, "a real, person")), handsOver(byKeyword)},
		"a word that begins so":         {talk(in(0, "agents of change, agenta")), decision{verdict: answer}},
		"asked a moment ago":            {talk(in(5*time.Second, "agent"), in(0, "please")), handsOver(byKeyword)},
		"asked before the last answer":  {talk(in(time.Hour, "agent"), out(time.Hour, sentBy), in(0, "thanks")), decision{verdict: answer}},
		"says one thing three times":    {talk(exchange(3, 30*time.Second, 10*time.Second, same)...), handsOver(byRepeats)},
		"twice":                         {talk(exchange(2, 30*time.Second, 10*time.Second, same)...), decision{verdict: answer}},
		"three times on three days":     {talk(in(40*time.Hour, "hi"), in(20*time.Hour, "hi"), in(0, "hi")), decision{verdict: answer}},
		"three files without words":     {talk(in(2*time.Second, ""), in(time.Second, ""), in(0, "")), decision{verdict: answer}},
		"three times faster than types": {talk(exchange(4, 20*time.Second, time.Second, different)...), handsOver(bySpeed)},
		"twice faster":                  {talk(exchange(3, 20*time.Second, time.Second, different)...), decision{verdict: answer}},
		"as fast as a person":           {talk(exchange(4, 20*time.Second, 2*time.Second, different)...), decision{verdict: answer}},
		"ten answers in two minutes":    {talk(exchange(11, 11*time.Second, 5*time.Second, different)...), handsOver(byPingPong)},
		"ten answers in four minutes":   {talk(exchange(11, 24*time.Second, 5*time.Second, different)...), decision{verdict: answer}},
		"enough for the hour":           {with(hi(), func(t *turn) { t.tally.Hour = 5 }), handsOver(byHour)},
		"nearly":                        {with(hi(), func(t *turn) { t.tally.Hour, t.tally.Day = 4, 99 }), decision{verdict: answer}},
		"enough for the day":            {with(hi(), func(t *turn) { t.tally.Day = 100 }), handsOver(byDay)},
		"told that a person comes, and died": {with(hi(), func(t *turn) { t.tally.Keys = []string{"ai:evt_1:fallback"} }),
			decision{handOver, byFailure, "there was no answer"}},
	} {
		if got := decide(c.turn); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestLines(t *testing.T) {
	photo := models.Message{Inbound: true, Type: "image", SentAt: noon}
	heart := models.Message{Inbound: true, Type: "reaction", Text: "♥"}
	gone := models.Message{Inbound: true, Type: "text", Text: "", DeletedAt: noon}
	template := models.Message{Type: "image", SentBy: "system"}
	user, assistant, system := func(s string) line { return line{"user", s} }, func(s string) line { return line{"assistant", s} }, line{"system", "Be kind."}
	for name, c := range map[string]struct {
		prompt string
		most   int
		turn   turn
		want   []line
	}{
		"one":              {"Be kind.", 10, talk(in(0, "hi")), []line{system, user("hi")}},
		"without a prompt": {"", 10, talk(in(0, "hi")), []line{user("hi")}},
		"in turns":         {"", 10, talk(in(2, "a"), out(1, sentBy), in(0, "b")), []line{user("a"), assistant("ok"), user("b")}},
		"several in a row": {"", 10, talk(in(3, "a"), in(2, "b"), out(1, sentBy), out(1, "system"), in(0, "c")), []line{user("a\nb"), assistant("ok\nok"), user("c")}},
		"the last ones":    {"Be kind.", 2, talk(in(4, "a"), out(3, sentBy), in(2, "b"), out(1, sentBy), in(0, "c")), []line{system, user("c")}},
		"at least one":     {"", 0, talk(in(1, "a"), in(0, "b")), []line{user("b")}},
		"by kind":          {"", 10, talk(heart, gone, template, photo), []line{user("[image]")}},
		"not beyond":       {"", 10, func() turn { t := talk(in(2, "a"), out(1, "system")); t.asked = "a"; return t }(), []line{user("a")}},
	} {
		if got := lines(c.prompt, c.turn.recent, c.turn.asked, c.most); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// The platform counts whole seconds: who answers within the second wrote after what he answers.
func TestInTurn(t *testing.T) {
	at := func(ms int, by string) models.Message {
		m := models.Message{Wamid: by, SentAt: noon.Add(time.Duration(ms) * time.Millisecond), Inbound: by != "we"}
		return m
	}
	recent := []models.Message{at(0, "a"), at(0, "b"), at(400, "we"), at(1000, "c"), at(2300, "we"), at(3000, "d")}
	slices.SortStableFunc(recent, inTurn)
	var order []string
	for _, m := range recent {
		order = append(order, m.Wamid)
	}
	if want := []string{"we", "a", "b", "c", "we", "d"}; !slices.Equal(order, want) {
		t.Errorf("%v, want %v", order, want)
	}
}
