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
)

// A customer wants to be forgotten: the contact is found, the word typed, and the receipt says what went. Nobody is found
// under the number any more.
func TestJourneyEraseContact(t *testing.T) {
	travel(t, "erase a contact", twoWays, func(t *testing.T, way browsertest.Glance) {
		const phone = "15550177009"
		c := shop(t)
		own := fanouttest.NewReceiver(t, nil)
		c.webhook(models.Webhook{Name: "CRM", URL: own.URL, Events: []string{"message.received"}})
		c.customer(phone, "ليلى حسن", "من فضلكم احذفوا بياناتي")
		c.customer("15550177010", "Ada", "Hello")
		own.Wait(t, 2, 10*time.Second)
		v := arrive(t, c.url, "erase-contact", way, "/erase")

		v.menu("/conversations", `#chats a[href^="/conversations/"]`)
		v.menu("/contacts", `input[name=search]`)
		v.write(`input[name=search]`, phone)
		v.follow(`form.search button`, `td a[href^="/contacts/"]`)
		require.Contains(t, v.text(`tbody`), "ليلى حسن")
		v.follow(`td a[href^="/contacts/"]`, `section.zone summary`)
		v.do(chromedp.Click(`section.zone summary`), chromedp.WaitVisible(`section.zone input[name=confirm]`))
		word := v.text(`section.zone label bdi`)
		v.write(`section.zone input[name=confirm]`, "not the word")
		v.follow(`section.zone button.danger`, `.wrong, .banner.bad`)
		v.unfold(`section.zone input[name=confirm]`)
		v.write(`section.zone input[name=confirm]`, word)
		v.do(chromedp.Click(`section.zone button.danger`))
		v.says(`#main`, "What was erased")
		v.says(`h1`, "erased")
		v.look()
		require.NotContains(t, v.text(`#main`), "ليلى", "the receipt has nothing personal")

		v.menu("/contacts", `input[name=search]`)
		v.write(`input[name=search]`, phone)
		v.follow(`form.search button`, `.empty`)
		v.menu("/contacts", `tbody`)
		require.NotContains(t, v.text(`tbody`), "ليلى")
		require.Contains(t, v.text(`tbody`), "Ada")
	})
}

// A customer asks after a message that nobody answered: it is found by the phone number, and followed from the callback to
// what the receiver said.
func TestJourneyLostMessage(t *testing.T) {
	travel(t, "lost message", twoWays, func(t *testing.T, way browsertest.Glance) {
		const phone = "15550177009"
		c := shop(t)
		full := fanouttest.NewReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ fanouttest.Delivery) {
			http.Error(w, "الصندوق ممتلئ: the inbox is full", http.StatusServiceUnavailable)
		})
		c.webhook(models.Webhook{Name: "صندوق الوارد", URL: full.URL, Events: []string{"message.received"}, RetrySchedule: []time.Duration{}})
		for i := range 5 {
			c.customer(fmt.Sprintf("1555017710%d", i), "Ada", "Hello")
		}
		wamid := c.customer(phone, "ليلى حسن", "أين طلبي رقم 1042؟")
		full.Wait(t, 6, 10*time.Second)
		v := arrive(t, c.url, "lost-message", way)

		v.menu("/messages", `input[name=q]`)
		v.write(`input[name=q]`, "+1 555 017-7009")
		v.follow(`form.search button.primary`, `td a[href^="/deliveries/"]`)
		v.until(`document.querySelectorAll("tbody tr").length === 1`, "only what is about the phone is listed")
		v.follow(`td a[href^="/deliveries/"]`, `.head .badge.failed`)
		v.says(`#main`, "the inbox is full")
		v.follow(`#main a[href^="/events/"]`, `section[aria-labelledby=deliveries] td a`)
		v.says(`#main`, "أين طلبي رقم 1042؟")
		v.follow(`#main a[href^="/timeline/"]`, `#timeline`)
		v.says(`#main`, wamid)
		v.says(`#timeline`, "صندوق الوارد")
	})
}

// A broadcast is written, gets its list, is started, and is watched until everybody has it.
func TestJourneyBroadcast(t *testing.T) {
	travel(t, "broadcast", twoWays, func(t *testing.T, way browsertest.Glance) {
		const people = 60
		c := shop(t)
		list := filepath.Join(t.TempDir(), "customers.csv")
		require.NoError(t, os.WriteFile(list, []byte(recipientsOf(people)), 0o600))
		v := arrive(t, c.url, "broadcast", way)

		v.menu("/broadcasts", `#main a[href="/broadcasts/new"].primary`)
		v.follow(`#main a[href="/broadcasts/new"].primary`, `input[name=template_name]`)
		v.write(`input[name=name]`, "عروض الربيع")
		v.write(`input[name=template_name]`, "order_ready")
		v.write(`input[name=template_language]`, "en_US")
		v.write(`textarea[name=values]`, "{{name}}")
		v.write(`input[name=pace]`, "20")
		v.follow(`form[action="/broadcasts/new"] button.primary`, `input[type=file]`)
		v.do(chromedp.SetUploadFiles(`input[type=file]`, []string{list}))
		v.follow(`form[action$="/recipients#recipients"] button`, `#recipients .banner`)
		require.Contains(t, v.text(`#recipients .banner`), fmt.Sprint(people, " added"))
		v.do(chromedp.Click(`form[action$="/start"] button.primary`))
		v.reach(`#state progress, #state meter, #state [role=progressbar]`)
		v.says(`#state .badge`, "completed")
		v.look()
		require.Equal(t, people, c.sim.Tally().Recipients)
		require.Zero(t, c.sim.Tally().Duplicates)
	})
}
