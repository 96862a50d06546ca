package main

import (
	"bytes"
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
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
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
					}, 10*time.Second, 20*time.Millisecond, "%s was told nothing of the %s", dialect, kind)
				}
			}
			require.Zero(t, c.sim.Tally().Duplicates)
			for _, m := range c.sim.Messages(wabatest.Filter{}) {
				require.Contains(t, m.Tracking, "send=")
			}
		})
	}
}
