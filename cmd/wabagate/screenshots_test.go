package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"wabagate/api/browsertest"
	"wabagate/fanout/fanouttest"
	"wabagate/models"
	"wabagate/waba/wabatest"
)

// TestScreenshots makes the pictures of the README, from simulated data, in the directory that WABAGATE_SCREENSHOTS names
// (make screenshots). Without it there is nothing to do.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("WABAGATE_SCREENSHOTS")
	if dir == "" {
		t.Skip("WABAGATE_SCREENSHOTS names no directory")
	}
	require.NoError(t, os.MkdirAll(dir, 0o755))
	_, err := chromium()
	require.NoError(t, err)
	c := shop(t)
	talk, failed := c.bakery()
	var broadcast struct{ ID int64 }
	c.call(http.MethodPost, "/api/client/broadcasts", map[string]any{"name": "عروض الجمعة", "number_id": c.numberID, "pace": 25, "template": map[string]any{"name": "order_ready", "language": "en_US",
		"components": []any{map[string]any{"type": "body", "parameters": []any{map[string]any{"type": "text", "text": "{{name}}"}}}}}}, http.StatusCreated, &broadcast)
	upload(t, fmt.Sprintf("%s/api/client/broadcasts/%d/recipients", c.url, broadcast.ID), c.made.APIKey, recipientsOf(600))
	c.call(http.MethodPost, fmt.Sprintf("/api/client/broadcasts/%d/start", broadcast.ID), map[string]any{}, http.StatusOK, nil)

	desk, dark := arrive(t, c.url, "desk", deskRight), arrive(t, c.url, "dark", browsertest.Glance{Width: 1280, Direction: "ltr", Theme: "dark"})
	phone := arrive(t, c.url, "phone", phoneLeft)
	for _, p := range []struct {
		name   string
		v      *traveller
		path   string
		height int64
	}{
		{"home", desk, "/", 860},
		{"messages", desk, "/messages", 860},
		{"delivery", dark, "/deliveries/" + failed, 860},
		{"editor", desk, "/webhooks/1/edit#payload", 860},
		{"broadcast", desk, fmt.Sprintf("/broadcasts/%d", broadcast.ID), 700},
		{"conversation", phone, fmt.Sprintf("/conversations/%d", talk), 844},
		{"webhooks", phone, "/webhooks", 844},
	} {
		p.v.do(chromedp.EmulateViewport(p.v.way.Width, p.height), chromedp.Navigate(c.url+p.path), chromedp.WaitVisible(`#main h1`))
		time.Sleep(time.Second) // scripts fetch previews
		picture, err := chromedp.Run(p.v.tab, chromedp.CaptureScreenshot())
		require.NoError(t, err)
		require.Less(t, len(picture), 150<<10, p.name)
		require.NoError(t, os.WriteFile(filepath.Join(dir, p.name+".png"), picture, 0o644))
	}
}

// bakery lives through an hour in a minute: customers write, in Arabic and English, and are answered; one receiver of three
// is broken. It answers with a conversation, and a delivery that failed.
func (c *connected) bakery() (talk int64, failed string) {
	c.t.Helper()
	well := fanouttest.NewReceiver(c.t, func(w http.ResponseWriter, _ *http.Request, _ fanouttest.Delivery) {
		time.Sleep(12 * time.Millisecond)
		_, _ = w.Write([]byte(`{"ok":true}`))
	})
	broken := fanouttest.NewReceiver(c.t, func(w http.ResponseWriter, _ *http.Request, _ fanouttest.Delivery) {
		http.Error(w, `{"error":"could not connect to server: Connection refused"}`, http.StatusBadGateway)
	})
	c.webhook(models.Webhook{Name: "متجر الرياض CRM", Secret: "whsec_YSBzZWNyZXQgZm9yIHRoZSBwaWN0dXJlcyBhbG9uZQ==", Description: "Questions and orders of the main number", URL: well.URL + "/whatsapp",
		Events: []string{"message.*", "contact.*", "order.*", "broadcast.*"}})
	bad := c.webhook(models.Webhook{Name: "Warehouse", URL: broken.URL + "/orders", Events: []string{"order.*", "message.received"}, RetrySchedule: []time.Duration{}})
	c.webhook(models.Webhook{Name: "Analytics", URL: well.URL + "/v2/events", Events: []string{"*"}, Dialect: "twabot"})

	const leila = "966501234567"
	people := []struct{ phone, name, text string }{
		{"15550177001", "Ada Lovelace", "Do you deliver on Fridays?"}, {"966509876543", "محمد العتيبي", "كم سعر كعكة الشوكولاتة؟"}, {"447700900123", "Grace Hopper", "Thank you, it was delicious!"},
		{"966551112233", "نورة", "أريد طلبًا ليوم الخميس"}, {"15550177008", "Alan", "Is the bread vegan?"},
	}
	for i := range 40 {
		p := people[i%len(people)]
		c.customer(p.phone, p.name, p.text)
	}
	for _, kind := range []string{"order", "image", "location"} {
		_, err := c.sim.Receive(wabatest.Inbound{Kind: kind})
		require.NoError(c.t, err)
	}
	said := func(text string) { c.customer(leila, "ليلى حسن", text); time.Sleep(1100 * time.Millisecond) }
	answered := func(text string) {
		c.send("/v1/messages?wait=10", fmt.Appendf(nil, `{"messaging_product":"whatsapp","to":"%s","type":"text","text":{"body":%q}}`, leila, text), http.StatusOK)
		time.Sleep(1100 * time.Millisecond)
	}
	said("السلام عليكم، أين طلبي رقم 1042؟")
	answered("وعليكم السلام ليلى! طلبك خرج للتوصيل الساعة 4:30، ويصل خلال نصف ساعة.")
	said("شكرًا لكم! هل يمكن إضافة بطاقة تهنئة؟")
	answered("بالتأكيد. ماذا نكتب عليها؟")
	said("«عيد ميلاد سعيد يا أمي»")

	var talks struct{ Conversations []struct{ ID int64 } }
	c.call(http.MethodGet, "/api/client/conversations", nil, http.StatusOK, &talks)
	require.NotEmpty(c.t, talks.Conversations)
	require.Eventually(c.t, func() bool {
		state := models.Failed
		rows, err := c.store.Deliveries(c.t.Context(), bad.ID, models.DeliveryFilter{State: &state, Limit: 1})
		if err != nil || len(rows) == 0 {
			return false
		}
		failed = fmt.Sprintf("dlv_%d_%d", rows[0].EventID, bad.ID)
		return true
	}, 10*time.Second, 50*time.Millisecond)
	return talks.Conversations[0].ID, failed
}
