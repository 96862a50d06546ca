package wabatest_test

import (
	"testing"
	"time"

	"wabagate/waba"
	"wabagate/waba/simulator"
	"wabagate/waba/wabatest"
)

func TestCustomersAnswer(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{OpenWindow: true})
	b.sim.AddPersonas(wabatest.Persona{Customer: customer, Replies: []string{"first", "again {{text}}"}, Taps: true, Think: 10 * time.Millisecond})
	b.send(text(customer, "one"))
	b.settle()
	b.send(text(customer, "two"))
	b.send(text("15550170001", "nobody answers"))
	b.settle()
	buttons := b.send(`{"messaging_product":"whatsapp","to":"15550177321","type":"interactive","interactive":{"type":"button","body":{"text":"OK?"},"action":{"buttons":[{"type":"reply","reply":{"id":"y","title":"Yes"}}]}}}`)
	b.settle()
	b.send(`{"messaging_product":"whatsapp","to":"15550177321","type":"interactive","interactive":{"type":"list","body":{"text":"Pick"},"action":{"button":"Open","sections":[{"rows":[{"id":"s9","title":"09:00","description":"free"}]}]}}}`)
	b.settle()
	b.send(`{"messaging_product":"whatsapp","to":"15550177321","type":"template","template":{"name":"order_ready","language":{"code":"en_US"},"components":[{"type":"body","parameters":[{"type":"text","text":"Ada"}]},{"type":"button","sub_type":"quick_reply","index":"0","parameters":[{"type":"payload","payload":"CONFIRM"}]}]}}`)
	b.settle()
	got := b.messages()
	if len(got) != 5 || got[0].Text != "first" || got[1].Text != "again two" || got[2].Choice.ID != "y" || got[2].Context.ID != buttons ||
		got[3].Choice.ID != "s9" || got[4].Type != "button" || got[4].Choice.ID != "CONFIRM" {
		for _, m := range got {
			t.Errorf("%s", m.Raw)
		}
	}
}

// A bot answers at once and for ever; whoever answers it talks to it until the limit.
func TestBotCustomer(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{OpenWindow: true, Latency: wabatest.Latency{Read: wabatest.Delay{Median: time.Hour}, Sent: wabatest.Delay{Median: -1}}})
	b.sim.AddPersonas(wabatest.Persona{Bot: true, Limit: 20})
	b.send(text(customer, "hello"))
	for answered := 0; answered < 20; {
		deadline := time.Now().Add(5 * time.Second)
		for len(b.messages()) == answered && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		if len(b.messages()) == answered {
			t.Fatalf("the bot fell silent after %d answers", answered)
		}
		answered++
		b.send(text(customer, "a loop"))
	}
	time.Sleep(30 * time.Millisecond)
	if n := len(b.messages()); n != 20 {
		t.Errorf("%d answers", n)
	}
}

// Every kind of thing that WhatsApp sends can be had.
func TestReceive(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{})
	b.anything = true
	for _, kind := range simulator.Kinds() {
		if kind.OnPremises || kind.Field != waba.FieldMessages {
			continue
		}
		if _, err := b.sim.Receive(wabatest.Inbound{Kind: kind.Name}); err != nil {
			t.Errorf("%s: %v", kind.Name, err)
		}
	}
	id, err := b.sim.Receive(wabatest.Inbound{From: "+1 555-017-7321", Name: "Ada", Type: "location", Content: []byte(`{"latitude":1.5,"longitude":2,"name":"Pier / é"}`), ReplyTo: "wamid.OUT1"})
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for found := false; !found; {
		for _, m := range b.messages() {
			if m.ID == id {
				found = true
				if m.From != customer || m.Context.ID != "wamid.OUT1" || m.Context.From != wabatest.DefaultDisplay || m.Text == "" {
					t.Errorf("%s", m.Raw)
				}
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("it did not arrive")
		}
		time.Sleep(time.Millisecond)
	}
	for _, in := range []wabatest.Inbound{
		{}, {From: customer}, {From: "Ada", Text: "x"}, {From: customer, Content: []byte(`{}`)}, {From: customer, Type: "text", Content: []byte(`{`)},
		{PhoneNumberID: "404", From: customer, Text: "x"}, {Kind: "unheard of"},
	} {
		if _, err := b.sim.Receive(in); err == nil {
			t.Errorf("%+v was taken", in)
		}
	}
}
