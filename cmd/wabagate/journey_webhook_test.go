package main

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"wabagate/api/browsertest"
	"wabagate/fanout/fanouttest"
	"wabagate/models"
)

// A webhook is made with a look at what it would get, tried, and gets what customers write.
func TestJourneyNewWebhook(t *testing.T) {
	travel(t, "new webhook", twoWays, func(t *testing.T, way browsertest.Glance) {
		c := shop(t)
		own := fanouttest.NewReceiver(t, nil)
		c.customer("15550177001", "أمل", "مرحبا، هل المتجر مفتوح؟") // something to try a filter on
		v := arrive(t, c.url, "new-webhook", way)

		v.menu("/webhooks", `.empty a[href^="/webhooks/new"]`)
		v.follow(`.empty a[href^="/webhooks/new"]`, `input[name=url]`)
		v.write(`input[name=name]`, "متجر CRM")
		v.write(`input[name=url]`, own.URL+"/hook")
		v.says(`#preview`, `"message.received"`)
		v.choose(`select[name=dialect]`, "twabot")
		v.says(`#preview`, `"timestamp"`)
		v.write(`textarea[name=filter]`, `{"field":"message.type","eq":"text"}`)
		v.says(`#matches`, "would come to this webhook")
		v.look()
		v.follow(`form.wide button.primary`, `#fresh-secret`)
		secret := v.text(`#fresh-secret`)
		v.follow(`#test form button`, `.trial.good`)

		c.customer("15550177002", "Ada", "Is it open today?")
		require.Eventually(t, func() bool { return len(genuine(own, secret)) >= 2 }, 10*time.Second, 20*time.Millisecond, "the test and the message, signed")
		v.follow(`nav a[href$="/deliveries"]`, `td a[href^="/deliveries/"]`)
		v.follow(`td a[href^="/deliveries/"]`, `.head .badge.succeeded`)
		v.says(`#main`, "Is it open today?")
	})
}

// A receiver is broken: the first page says so, the history shows what it answered, and once it is mended what failed is
// delivered after all: one by hand, the rest by a replay.
func TestJourneyFailingWebhook(t *testing.T) {
	travel(t, "failing webhook", twoWays, func(t *testing.T, way browsertest.Glance) {
		c := shop(t)
		var mended atomic.Bool
		own := fanouttest.NewReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ fanouttest.Delivery) {
			if !mended.Load() {
				http.Error(w, `{"error":"قاعدة البيانات مغلقة: no space left on device"}`, http.StatusInternalServerError)
			}
		})
		h := c.webhook(models.Webhook{Name: "Warehouse", URL: own.URL, Events: []string{"message.received"}, RetrySchedule: []time.Duration{}})
		for i := range 4 {
			c.customer(fmt.Sprintf("1555017700%d", i), "أمل", fmt.Sprintf("Order %d, please", i))
		}
		own.Wait(t, 4, 10*time.Second)
		v := arrive(t, c.url, "failing-webhook", way)

		v.says(`section[aria-labelledby=attention]`, "Warehouse")
		v.look()
		page := fmt.Sprintf("/webhooks/%d", h.ID)
		v.follow(`section[aria-labelledby=attention] a[href="`+page+`"]`, `.banner.bad a[href$="status=failed"]`)
		v.follow(`.banner.bad a[href$="status=failed"]`, `td a[href^="/deliveries/"]`)
		v.follow(`td a[href^="/deliveries/"]`, `.head .badge.failed`)
		v.says(`#main`, "no space left on device")

		mended.Store(true)
		v.do(chromedp.Click(`form[action$="/resend"] button`), chromedp.WaitVisible(`.notice`))
		require.Eventually(t, func() bool { return len(own.Got()) == 5 }, 10*time.Second, 20*time.Millisecond)
		v.do(chromedp.Reload(), chromedp.WaitVisible(`.head .badge.succeeded`))
		v.look()
		v.do(chromedp.Navigate(c.url+page+"/replay"), chromedp.WaitVisible(`form[method=get] button`))
		v.follow(`section.main .tabs a:first-child`, `#count form button.primary`)
		require.Contains(t, v.text(`#count`), "3")
		v.follow(`#count form button.primary`, `#job`)
		require.Eventually(t, func() bool { return len(own.Counts()) == 4 && len(own.Got()) >= 8 }, 15*time.Second, 50*time.Millisecond, "each of the four came again")
		v.says(`#job`, "3")
		v.do(chromedp.Navigate(c.url+page+"/deliveries?status=failed"), chromedp.WaitVisible(`.empty`))
		v.look()
		v.menu("/", `.lines`)
		require.False(t, v.holds(`[...document.querySelectorAll("section[aria-labelledby=attention] a")].some((a) => a.textContent.includes("Warehouse"))`), "nothing is wrong with it any more")
	})
}

// A secret is changed while messages come: the receiver verifies each with the one it has, the old and then the new one,
// and refuses nothing.
func TestJourneySecretRotation(t *testing.T) {
	travel(t, "secret rotation", twoWays, func(t *testing.T, way browsertest.Glance) {
		c := shop(t)
		own := fanouttest.NewReceiver(t, nil)
		h := c.webhook(models.Webhook{Name: "متجر", URL: own.URL, Events: []string{"message.received"}, Secret: models.Secret("whsec_b2xkIHNlY3JldCBvZiB0aGUgd2ViaG9vaw==")})
		old := h.Secret.Text()
		v := arrive(t, c.url, "secret-rotation", way)
		write := func(n int) {
			c.customer("15550177001", "أمل", fmt.Sprintf("رسالة %d", n))
			own.Wait(t, n, 10*time.Second)
		}
		write(1)
		v.menu("/webhooks", `#main a.cover`)
		v.follow(`#main a.cover`, `nav a[href$="/signing"]`)
		v.follow(`nav a[href$="/signing"]`, `form[action$="/secret/rotate"] button`)
		v.follow(`form[action$="/secret/rotate"] button`, `#overlap`)
		v.do(chromedp.Click(`button[data-reveal]`))
		v.says(`[data-secret]`, "whsec_")
		require.Eventually(t, func() bool { return v.text(`[data-secret]`) != "whsec_••••••••••••" }, 5*time.Second, 20*time.Millisecond)
		fresh := v.text(`[data-secret]`)
		require.NotEqual(t, old, fresh)
		write(2)
		require.Len(t, genuine(own, old), 2, "the old one verifies")
		require.Len(t, genuine(own, fresh), 1, "and so does the new one")
		v.look()
		v.do(chromedp.Click(`form[action$="/rotate/finish"] button`), chromedp.WaitNotPresent(`#overlap`))
		v.look()
		write(3)
		require.Len(t, genuine(own, old), 2, "the old one has ended")
		require.Len(t, genuine(own, fresh), 2)
	})
}

// A receiver was away for a while and its webhook off: what came meanwhile is delivered oldest first, with progress.
func TestJourneyCatchUp(t *testing.T) {
	travel(t, "catch-up", twoWays, func(t *testing.T, way browsertest.Glance) {
		c := shop(t)
		own := fanouttest.NewReceiver(t, nil)
		h := c.webhook(models.Webhook{Name: "Shipping متجر", URL: own.URL, Events: []string{"message.received"}, RateLimit: 5, Ordering: models.OrderConversation})
		v := arrive(t, c.url, "catch-up", way)
		v.menu("/webhooks", `#main a.cover`)
		page := fmt.Sprintf("/webhooks/%d", h.ID)
		v.follow(`#main a[href="`+page+`"]`, `nav a[href$="/danger"], form[action$="/active"]`)
		if v.holds(`!!document.querySelector('nav a[href$="/danger"]')`) {
			v.follow(`nav a[href$="/danger"]`, `form[action$="/active"] button`)
		}
		v.do(chromedp.Click(`form[action$="/active"] button`))
		v.says(`.notice`, "Webhook disabled")
		for i := range 20 {
			c.customer("15550177101", "Ada", fmt.Sprintf("held %d,", i))
			require.Eventually(t, func() bool { return c.held(h) == int64(i+1) }, 10*time.Second, 5*time.Millisecond)
		}
		require.Empty(t, own.Got())

		v.do(chromedp.Navigate(c.url + page))
		v.reach(`form[action$="/catch-up"] button[value=gap]`)
		v.says(`.banner.wait`, "20")
		v.follow(`form[action$="/catch-up"] button[value=gap]`, `#job`)
		got := own.Wait(t, 20, 15*time.Second)
		for i, d := range got[:20] {
			require.Contains(t, string(d.Body), fmt.Sprintf("held %d,", i), "oldest first")
		}
		v.do(chromedp.Navigate(c.url+page), chromedp.WaitNotPresent(`form[action$="/catch-up"]`))
		v.look()
		c.customer("15550177001", "Ada", "after all of it")
		own.Wait(t, 21, 10*time.Second)
	})
}
