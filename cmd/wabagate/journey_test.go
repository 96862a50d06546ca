package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"wabagate/api/browsertest"
	"wabagate/fanout/fanouttest"
	"wabagate/fanout/signature"
	"wabagate/waba/wabatest"
)

// chromium is one browser for all journeys, each of which has a window of its own; opened is the same once it was started.
var (
	chromium = sync.OnceValues(func() (*browsertest.Browser, error) {
		b, err := browsertest.Start()
		if err == nil {
			opened.Store(b)
		}
		return b, err
	})
	opened atomic.Pointer[browsertest.Browser]
)

// The ways to go on a journey: all four for short ones, two that cover everything for long ones.
var (
	deskRight  = browsertest.Glance{Width: 1280, Direction: "ltr", Theme: "light"}
	deskLeft   = browsertest.Glance{Width: 1280, Direction: "rtl", Theme: "dark"}
	phoneRight = browsertest.Glance{Width: 390, Direction: "ltr", Theme: "dark"}
	phoneLeft  = browsertest.Glance{Width: 390, Direction: "rtl", Theme: "light"}

	everyWay = []browsertest.Glance{deskRight, deskLeft, phoneRight, phoneLeft}
	twoWays  = []browsertest.Glance{deskRight, phoneLeft}
)

// ownerEmail and ownerPassword log in whoever goes on a journey.
const (
	ownerEmail    = "owner@example.com"
	ownerPassword = "correct horse"
)

// traveller is a person in front of the dashboard.
type traveller struct {
	t    *testing.T
	tab  context.Context
	base string
	way  browsertest.Glance
	name string
	seen int
}

// travel goes on a journey in each of the ways.
func travel(t *testing.T, name string, ways []browsertest.Glance, journey func(t *testing.T, way browsertest.Glance)) {
	t.Helper()
	if _, err := chromium(); errors.Is(err, browsertest.ErrMissing) {
		t.Skip(err)
	}
	for _, way := range ways {
		t.Run(fmt.Sprintf("%d %s", way.Width, way.Direction), func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			journey(t, way)
			t.Logf("%s took %v", name, time.Since(began).Round(time.Millisecond))
		})
	}
}

// arrive opens the dashboard at base in a window of one's own, and logs in. Forms at addresses that end as refused does may
// be answered with an error.
func arrive(t *testing.T, base, name string, way browsertest.Glance, refused ...string) *traveller {
	t.Helper()
	return arriveAs(t, base, name, way, ownerEmail, ownerPassword, refused...)
}

func arriveAs(t *testing.T, base, name string, way browsertest.Glance, email, password string, refused ...string) *traveller {
	t.Helper()
	b, err := chromium()
	require.NoError(t, err)
	v := &traveller{t: t, tab: b.Window(t, refused...), base: base, way: way, name: name + "-" + way.String()}
	browsertest.SetCookie(t, v.tab, base, "dir", way.Direction)
	browsertest.SetCookie(t, v.tab, base, "theme", way.Theme)
	v.do(chromedp.EmulateViewport(way.Width, 900), chromedp.Navigate(base+"/"), chromedp.WaitVisible(`.gate`))
	v.look()
	v.do(chromedp.SendKeys(`input[name=email]`, email), chromedp.SendKeys(`input[name=password]`, password), chromedp.Click(`form[action="/login"] button`), chromedp.WaitVisible(`.app #main`))
	return v
}

// do takes steps.
func (v *traveller) do(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	browsertest.Do(v.t, v.tab, steps...)
}

// look checks the page that one has come to, as it is.
func (v *traveller) look() {
	v.t.Helper()
	v.seen++
	browsertest.Check(v.t, v.tab, fmt.Sprintf("%s-%02d", v.name, v.seen))
}

// reach waits for something on the page and looks around.
func (v *traveller) reach(selector string) {
	v.t.Helper()
	v.do(chromedp.WaitVisible(selector))
	v.look()
}

// follow clicks on something and looks around where it leads, as soon as the other selector is there.
func (v *traveller) follow(selector, reached string) {
	v.t.Helper()
	v.do(chromedp.ScrollIntoView(selector))
	v.leave(selector)
	v.reach(reached)
}

// leave clicks on something, and waits for the next page if that is where it leads: what one looks for may be on this page too.
func (v *traveller) leave(selector string) {
	v.t.Helper()
	leads := v.holds(fmt.Sprintf(`(() => {
		const e = document.querySelector(%q), link = e.closest("a[href]");
		return window.leaving = link ? !link.hasAttribute("download") && !link.getAttribute("href").startsWith("#") : e.type === "submit" && !!e.form;
	})()`, selector))
	v.do(chromedp.Click(selector))
	if leads {
		v.until(`!window.leaving && document.readyState !== "loading"`, "the page after "+selector)
	}
}

// menu opens a section from wherever one is: beside the page on a desk, behind a button on a phone.
func (v *traveller) menu(path, reached string) {
	v.t.Helper()
	if v.holds(`getComputedStyle(document.querySelector(".top")).display !== "none"`) {
		v.do(chromedp.Click(`.menu > summary`), chromedp.WaitVisible(`.menu .nav a[href="`+path+`"]`))
		v.leave(`.menu .nav a[href="` + path + `"]`)
	} else {
		v.leave(`.side .nav a[href="` + path + `"]`)
	}
	v.reach(reached)
}

// unfold opens a disclosure that is closed.
func (v *traveller) unfold(selector string) {
	v.t.Helper()
	v.holds(fmt.Sprintf(`(() => { const d = document.querySelector(%q).closest("details"); if (d && !d.open) d.querySelector("summary").click(); return true })()`, selector))
	v.do(chromedp.WaitVisible(selector))
}

// write replaces what a field says.
func (v *traveller) write(selector, text string) {
	v.t.Helper()
	v.do(chromedp.WaitVisible(selector))
	v.holds(fmt.Sprintf(`(() => { document.querySelector(%q).value = ""; return true })()`, selector))
	v.do(chromedp.SendKeys(selector, text))
}

// choose picks one of a select's options.
func (v *traveller) choose(selector, value string) {
	v.t.Helper()
	v.do(chromedp.WaitVisible(selector))
	require.True(v.t, v.holds(fmt.Sprintf(`(() => { const s = document.querySelector(%q); s.value = %q; s.dispatchEvent(new Event("input", {bubbles: true})); s.dispatchEvent(new Event("change", {bubbles: true})); return s.value === %[2]q })()`, selector, value)))
}

// text is what is to be read in an element.
func (v *traveller) text(selector string) string {
	v.t.Helper()
	return browsertest.Text(v.t, v.tab, selector)
}

// holds answers what a script says.
func (v *traveller) holds(script string) bool {
	v.t.Helper()
	got, err := chromedp.Run(v.tab, chromedp.Evaluate[bool](script))
	require.NoError(v.t, err)
	return got
}

// says waits until an element's text holds some words, on whatever page one is by then.
func (v *traveller) says(selector, words string) {
	v.t.Helper()
	v.until(fmt.Sprintf(`[...document.querySelectorAll(%q)].some((e) => e.textContent.includes(%q))`, selector, words), selector+" says "+words)
}

// until waits until a script answers true, on whatever page one is by then.
func (v *traveller) until(script, what string) {
	v.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		holds, err := chromedp.Run(v.tab, chromedp.Evaluate[bool](script)) // fails while one page gives way to another
		if err == nil && holds {
			return
		}
		if time.Now().After(deadline) {
			require.FailNow(v.t, "never so", "%s (%v); the page: %.2000s", what, err, v.text("#main"))
		}
	}
}

// shop is a gateway on PostgreSQL and Redis in front of a simulated platform, whose business has an owner.
func shop(t *testing.T) *connected {
	t.Helper()
	c := startConnected(t, stores["postgres and redis"](t), wabatest.Options{OpenWindow: true})
	_, err := c.store.CreateUser(t.Context(), c.made.BusinessID, ownerEmail, ownerPassword, false)
	require.NoError(t, err)
	return c
}

// customer writes a message, and answers its id.
func (c *connected) customer(phone, name, text string) string {
	c.t.Helper()
	wamid, err := c.sim.Receive(wabatest.Inbound{From: phone, Name: name, Text: text})
	require.NoError(c.t, err)
	return wamid
}

// genuine are the deliveries that a receiver got and whose signature fits a secret.
func genuine(r *fanouttest.Receiver, secret string) (ds []fanouttest.Delivery) {
	for _, d := range r.Got() {
		for _, res := range signature.Verify(d.Header, d.Body, []signature.Secret{signature.NewSecret(secret)}, d.At) {
			if res.OK {
				ds = append(ds, d)
				break
			}
		}
	}
	return ds
}
