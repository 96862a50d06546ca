package main

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/waba/wabatest"
)

// everyMessage has a body of each type that a business can send, without its recipient.
var everyMessage = map[string]string{
	"text":        `"text":{"body":"مرحبا <b>"}`,
	"image":       `"image":{"link":"https://example.com/a.jpg","caption":"roof"}`,
	"video":       `"video":{"link":"https://example.com/a.mp4"}`,
	"audio":       `"audio":{"link":"https://example.com/a.ogg"}`,
	"document":    `"document":{"link":"https://example.com/a.pdf","filename":"a.pdf"}`,
	"sticker":     `"sticker":{"link":"https://example.com/a.webp"}`,
	"location":    `"location":{"latitude":1.29,"longitude":103.85,"name":"Pier","address":"1 Quay"}`,
	"contacts":    `"contacts":[{"name":{"formatted_name":"Bo Li","first_name":"Bo"},"phones":[{"phone":"+15550179000"}]}]`,
	"template":    `"template":{"name":"order_ready","language":{"code":"en_US"},"components":[{"type":"body","parameters":[{"type":"text","text":"Ada"}]}]}`,
	"interactive": `"interactive":{"type":"button","body":{"text":"OK?"},"action":{"buttons":[{"type":"reply","reply":{"id":"y","title":"Yes"}}]}}`,
}

// From empty stores: a number is connected by its token, every type of message is sent through it, its statuses come back,
// and webhooks of every dialect are told.
func TestSending(t *testing.T) {
	t.Parallel()
	for name, config := range everyRedis {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startConnected(t, config(t), wabatest.Options{OpenWindow: true, PairEvery: -1})
			c.everyDialect()
			sent := map[string]string{}
			to := 15550177300
			for kind, member := range everyMessage {
				to++
				body := fmt.Appendf(nil, `{"messaging_product":"whatsapp","to":"%d","type":%q,%s,"biz_opaque_callback_data":"order-7"}`, to, kind, member)
				wamid := c.send("/v1/messages?wait=10", body, http.StatusOK)
				require.Contains(t, wamid, "wamid.", kind)
				sent[kind] = wamid
			}
			for kind, wamid := range sent {
				t.Log(kind)
				c.toldOf(wamid, map[string]int{"message.sent": 1, "message.report sent": 1, "message.report delivered": 1, "message.report read": 1})
			}
			for dialect, r := range c.receivers {
				if dialect == "digest" { // one POST for each message of a customer
					require.Empty(t, r.Got())
					continue
				}
				for kind, wamid := range sent {
					require.Eventually(t, func() bool {
						for _, d := range r.Got() {
							if bytes.Contains(d.Body, []byte(wamid)) {
								return true
							}
						}
						return false
					}, time.Minute, 20*time.Millisecond, "%s was told nothing of the %s", dialect, kind)
				}
			}
			require.Zero(t, c.sim.Tally().Duplicates)
			for _, m := range c.sim.Messages(wabatest.Filter{}) {
				require.Contains(t, m.Tracking, "send=")
			}
		})
	}
}

// What goes wrong between the gateway and the platform: each message reaches its recipient once, and the business is told
// once. Only where the platform gives no way to know is a message sent a second time, and then never a third.
func TestSendingTroubles(t *testing.T) {
	t.Parallel()
	whole := map[string]int{"message.sent": 1, "message.report sent": 1, "message.report delivered": 1, "message.report read": 1}
	cases := map[string]struct {
		faults   []wabatest.Fault
		accepted int            // by the platform
		told     map[string]int // of the message that the gateway names in the end
	}{
		"nothing goes wrong":              {nil, 1, whole},
		"a status before the answer":      {[]wabatest.Fault{{Kind: wabatest.FaultEarly}}, 1, whole},
		"closed before it was accepted":   {[]wabatest.Fault{{Kind: wabatest.FaultClose, Times: 1}}, 1, whole},
		"closed after it was accepted":    {[]wabatest.Fault{{Kind: wabatest.FaultClose, After: true, Times: 1}}, 1, whole},
		"half an answer":                  {[]wabatest.Fault{{Kind: wabatest.FaultHalf, After: true, Times: 1}}, 1, whole},
		"no answer within the time":       {[]wabatest.Fault{{Kind: wabatest.FaultHang, After: true, Times: 1}}, 1, whole},
		"500 before it was accepted":      {[]wabatest.Fault{{Kind: wabatest.FaultError, Times: 1}}, 1, whole},
		"500 after it was accepted":       {[]wabatest.Fault{{Kind: wabatest.FaultError, After: true, Times: 1}}, 1, whole},
		"a page of a proxy":               {[]wabatest.Fault{{Kind: wabatest.FaultHTML, Times: 1}}, 1, whole},
		"200 and no JSON":                 {[]wabatest.Fault{{Kind: wabatest.FaultGarbage, After: true, Times: 1}}, 1, whole},
		"429":                             {[]wabatest.Fault{{Kind: wabatest.FaultRefuse, Code: 130429, Status: 429, Times: 1}}, 1, whole},
		"too many to one recipient":       {[]wabatest.Fault{{Kind: wabatest.FaultRefuse, Code: 131056, Times: 1}}, 1, whole},
		"refused for good":                {[]wabatest.Fault{{Kind: wabatest.FaultRefuse, Code: 131026}}, 0, map[string]int{"message.report failed": 1}},
		"accepted and then failed":        {[]wabatest.Fault{{Kind: wabatest.FaultFail, Code: 131047}}, 1, map[string]int{"message.sent": 1, "message.report failed": 1}},
		"no answer, and no status":        {[]wabatest.Fault{{Kind: wabatest.FaultClose, After: true, Times: 1}, {Kind: wabatest.FaultSilence}}, 2, map[string]int{"message.sent": 1}},
		"no answer, and no status, twice": {[]wabatest.Fault{{Kind: wabatest.FaultClose, After: true}, {Kind: wabatest.FaultSilence}}, 2, map[string]int{"message.report failed": 1}},
	}
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t)
			cfg.Undecided = 3 * time.Second
			c := startConnected(t, cfg, wabatest.Options{OpenWindow: true, PairEvery: -1})
			c.everyDialect()
			recipients, ids, next := map[string]string{}, map[string]string{}, 15550177400
			for name, one := range cases {
				next++
				recipients[name] = fmt.Sprint(next)
				for _, f := range one.faults {
					f.Recipient = recipients[name]
					require.NoError(t, c.sim.AddFaults(f), name)
				}
			}
			for name, to := range recipients {
				ids[name] = c.send("/v1/messages", fmt.Appendf(nil, `{"messaging_product":"whatsapp","to":%q,"text":{"body":%q}}`, to, name), http.StatusAccepted)
				require.Contains(t, ids[name], "snd_")
				// A number rests while its upstream does nothing but fail, each time for longer: it does not do that here.
				next++
				c.send("/v1/messages?wait=20", fmt.Appendf(nil, `{"messaging_product":"whatsapp","to":"%d","text":{"body":"Hi"}}`, next), http.StatusOK)
			}
			for name, id := range ids {
				m := c.settled(id, 2*time.Minute)
				t.Logf("%s: %s is %s", name, id, m.Status)
				c.toldOf(m.name(), cases[name].told)
				require.Equal(t, cases[name].accepted, c.sim.Count(wabatest.Filter{To: recipients[name]}).Messages, name)
			}
		})
	}
}

// sent is what the number's API says of a message.
type sent struct {
	ID     string
	Wamid  string
	Status string
}

// name is how events call the message: by the platform's name, or by the gateway's own when it has none.
func (m sent) name() string { return cmp.Or(m.Wamid, m.ID) }

// settled waits until it is known what became of a message, and answers what the API says of it then.
func (c *connected) settled(id string, limit time.Duration) (m sent) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		var answer struct{ Message sent }
		c.request(http.MethodGet, "/v1/messages/"+id, "D360-API-KEY", c.numberKey, nil, http.StatusOK, &answer)
		m = answer.Message
		return m.Status != "queued" && m.Status != "sending" && m.Status != "undecided"
	}, limit, 50*time.Millisecond, id)
	return m
}

// A token that ended stops its number and costs no message: they go out, each once, as soon as the number has another.
func TestSendingWithAnEndedToken(t *testing.T) {
	t.Parallel()
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startConnected(t, config(t), wabatest.Options{OpenWindow: true, PairEvery: -1})
			c.everyDialect()
			c.sim.SetToken(wabatest.Token{Value: wabatest.DefaultToken, Expires: time.Now().Add(-time.Hour)})
			var ids []string
			for i := range 5 {
				ids = append(ids, c.send("/v1/messages", fmt.Appendf(nil, `{"messaging_product":"whatsapp","to":"1555017750%d","text":{"body":"Hi"}}`, i), http.StatusAccepted))
			}
			require.Eventually(t, func() bool { return c.sim.Tally().Refused[190] > 0 }, time.Minute, 20*time.Millisecond)
			var problem struct{ Error struct{ Message string } }
			c.request(http.MethodPut, fmt.Sprintf("/api/client/numbers/%d", c.numberID), "Authorization", "Bearer "+c.made.APIKey, []byte(`{"token":"another"}`), http.StatusUnprocessableEntity, &problem)
			t.Log(problem.Error.Message)
			c.sim.SetToken(wabatest.Token{Value: "another"})
			c.call(http.MethodPut, fmt.Sprintf("/api/client/numbers/%d", c.numberID), map[string]any{"token": "another"}, http.StatusOK, nil)
			for _, id := range ids {
				require.NotEmpty(t, c.settled(id, 2*time.Minute).Wamid)
			}
			require.Equal(t, 5, c.sim.Tally().Accepted)
			require.Less(t, c.sim.Tally().Refused[190], 5, "a refused token is not tried for every message")
		})
	}
}
