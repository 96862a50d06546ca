package dialect

import (
	"strings"
	"testing"
	"time"
)

func TestSummary(t *testing.T) {
	message := func(direction, typ, text, at string) DigestMessage {
		moment, err := time.Parse("2006-01-02 15:04", at)
		if err != nil {
			t.Fatal(err)
		}
		return DigestMessage{Direction: direction, Type: typ, Text: text, Timestamp: moment.Unix()}
	}
	in := func(text, at string) DigestMessage { return message("inbound", "text", text, "2026-11-01 "+at) }
	out := func(text, at string) DigestMessage { return message("outbound", "text", text, "2026-11-01 "+at) }
	yesterday := message("outbound", "text", "Good night", "2026-10-31 23:59")
	long := strings.Repeat("word ", 40)
	for _, c := range []struct {
		name     string
		messages []DigestMessage
		system   *DigestMessage
		want     string
	}{
		{"Layla", []DigestMessage{in("Hi", "10:30")}, nil, "Layla wrote at 10:30: “Hi”. We have not answered yet."},
		{"", []DigestMessage{in("Hi", "10:30")}, nil, "The customer wrote at 10:30: “Hi”. We have not answered yet."},
		{"Layla", []DigestMessage{in("Hi", "10:30"), in("Hello?", "10:31"), in("Anyone?", "10:40")}, nil,
			"Layla wrote 3 messages since 10:30; the last: “Anyone?”. We have not answered yet."},
		{"Layla", []DigestMessage{in("Hi", "10:00"), out("Hello!", "10:20"), in("A", "10:30"), in("B", "10:31")}, nil,
			"Layla wrote 2 messages since 10:30; the last: “B”. We last wrote at 10:20: “Hello!”."},
		{"Layla", []DigestMessage{in("Hi", "10:00"), out("Hello!", "10:20")}, nil, "Layla last wrote at 10:00: “Hi”. We last wrote at 10:20: “Hello!”."},
		{"Layla", []DigestMessage{in("Hi", "00:01")}, &yesterday, "Layla wrote at 00:01: “Hi”. We last wrote on 31 October 2026 at 23:59: “Good night”."},
		{"Layla", []DigestMessage{message("inbound", "text", "Late", "2026-10-31 22:00"), in("Hi", "09:00")}, nil,
			"Layla wrote 2 messages since 31 October 2026 at 22:00; the last: “Hi”. We have not answered yet."},
		{"Layla", []DigestMessage{message("inbound", "text", "Hi", "2026-10-30 09:00"), out("Hello!", "10:20")}, nil,
			"Layla last wrote on 30 October 2026 at 09:00: “Hi”. We last wrote at 10:20: “Hello!”."},
		{"Layla", []DigestMessage{message("inbound", "image", "", "2026-11-01 10:30")}, nil, "Layla wrote at 10:30: an image. We have not answered yet."},
		{"Layla", []DigestMessage{message("inbound", "hologram", "", "2026-11-01 10:30")}, nil, "Layla wrote at 10:30: a message without text. We have not answered yet."},
		{"Layla", []DigestMessage{in(" one\n\ntwo\t three ", "10:30")}, nil, "Layla wrote at 10:30: “one two three”. We have not answered yet."},
		{"Layla", []DigestMessage{in(long, "10:30")}, nil, "Layla wrote at 10:30: “" + strings.TrimSpace(long[:80]) + "…”. We have not answered yet."},
		{"Layla", []DigestMessage{in(strings.Repeat("ي", 80), "10:30")}, nil, "Layla wrote at 10:30: “" + strings.Repeat("ي", 80) + "”. We have not answered yet."},
		{"Layla", []DigestMessage{out("Hello!", "10:20")}, nil, "We last wrote at 10:20: “Hello!”."},
		{"Layla", nil, nil, "We have not answered yet."},
	} {
		system := c.system
		if system == nil {
			system = last(c.messages, "outbound")
		}
		if got := summary(c.name, c.messages, system); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
