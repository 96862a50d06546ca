package main

import (
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"wabagate/api/browsertest"
	"wabagate/fanout/fanouttest"
)

// From make run to a webhook of one's own that gets a message, by nothing but what is on the screen.
func TestJourneyFirstRun(t *testing.T) {
	travel(t, "first run", everyWay, func(t *testing.T, way browsertest.Glance) {
		p := newProcess(t, nil)
		p.args = []string{"demo"}
		p.env = append(p.env[:len(p.env):len(p.env)], "WABAGATE_ALLOW_PRIVATE=") // what the embedded default allows by itself
		p.start()
		var login []string
		require.Eventually(t, func() bool {
			printed, err := os.ReadFile(p.log.Name())
			login = regexp.MustCompile(`Login +(\S+) / (\S+)`).FindStringSubmatch(string(printed))
			return err == nil && login != nil
		}, 10*time.Second, 10*time.Millisecond)
		own := fanouttest.NewReceiver(t, nil)

		v := arriveAs(t, p.url(), "first-run", way, login[1], login[2])
		v.says("#main", "Four steps to your first event")
		v.look()
		v.follow(`.guide a[href^="/webhooks/new"]`, `input[name=url]`)
		v.write(`input[name=name]`, "متجر الرياض")
		v.write(`input[name=url]`, own.URL+"/hook")
		v.follow(`.head button[form=webhook]`, `#fresh-secret`)
		secret := v.text(`#fresh-secret`)

		v.follow(`.banner a[href="/guide"]`, `.guide > li:nth-child(3).now`)
		v.says(`.guide`, "متجر الرياض")
		v.do(chromedp.Click(`#simulate`), chromedp.WaitVisible(`.guide > li:nth-child(4).done`))
		v.says(`.guide`, "Everything works.")
		v.look()
		own.Wait(t, 1, 10*time.Second)
		require.NotEmpty(t, genuine(own, secret), "signed with the secret that was shown")
		v.follow(`.guide > li:nth-child(4) a[href^="/deliveries/"]`, `.head .badge.succeeded`)
		v.menu("/", `.lines`)
		v.says(`#main`, "message.received")
	})
}
