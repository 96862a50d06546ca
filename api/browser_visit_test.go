package api_test

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// axe finds what is in the way of people who do not see, or use no mouse.
//
//go:embed testdata/axe/axe.min.js
var axe string

// browser starts the Chromium that WABAGATE_TEST_CHROMIUM names. Whatever the pages of its first tab complain about fails
// the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := os.Getenv("WABAGATE_TEST_CHROMIUM")
	if path == "" {
		t.Skip("WABAGATE_TEST_CHROMIUM names no browser")
	}
	limit, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	allocator, cancel := chromedp.NewExecAllocator(limit, append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.Headless,
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true), chromedp.WindowSize(1280, 900))...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx))
	complaints := listenTo(ctx)
	t.Cleanup(func() { require.Empty(t, complaints(), "the browser complained") })
	return ctx
}

// missing is a page that is not there, and is asked for all the same.
const missing = "/webhooks/999999"

// listenTo gathers what a tab has to complain about: failed scripts and requests, what the policy forbids.
func listenTo(ctx context.Context) func() []string {
	var mu sync.Mutex
	var texts []string
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if strings.HasSuffix(m.URL, missing) || m.Type != chromedp.ConsoleError && m.Type != chromedp.ConsoleException && m.Type != chromedp.ConsoleWarning {
				continue
			}
			mu.Lock()
			texts = append(texts, m.Text+" "+m.URL)
			mu.Unlock()
		}
	}()
	return func() []string { mu.Lock(); defer mu.Unlock(); return texts }
}

// enter logs our user in without the form, in every tab of the browser.
func (b *bundle) enter(ctx context.Context, base string) {
	b.t.Helper()
	_, token, _ := strings.Cut(b.session, "=")
	_, err := chromedp.Call(ctx, network.SetCookie, network.SetCookieParams{Name: "token", Value: token, URL: base})
	require.NoError(b.t, err)
}

// stop is a page that a visit looks at.
type stop struct {
	// name is that of its pictures.
	name, path string
	// do is a script that brings the page to where it is looked at; empty: as it opens. ready is a selector that is there
	// by then; empty: the content.
	do, ready string
	// refused says that a form comes back, with a status that browsers complain about.
	refused bool
}

// glance is one way to look at a page. Four cover both widths in both directions, and both themes at both widths.
type glance struct {
	width            int64
	direction, theme string
}

var glances = []glance{{1280, "ltr", "light"}, {1280, "rtl", "dark"}, {390, "ltr", "dark"}, {390, "rtl", "light"}}

// visit looks at pages of the server at base, each in a tab of its own, on a desk and on a phone, from left to right and
// from right to left, light and dark. Nothing may be wider than the screen, nothing may fail or be complained about, and
// axe may find nothing serious. Pictures for looking at go into the directory that WABAGATE_TEST_SCREENSHOTS names. Whose
// pages they are is said before, with enter or logIn.
func visit(t *testing.T, ctx context.Context, base string, stops ...stop) {
	t.Helper()
	for _, s := range stops {
		t.Run(s.name, func(t *testing.T) {
			tab, cancel := chromedp.NewContext(ctx)
			defer cancel()
			require.NoError(t, chromedp.Do(tab))
			complaints := listenTo(tab)
			do(t, tab, chromedp.EmulateViewport(glances[0].width, 900), chromedp.Navigate(base+s.path), chromedp.WaitVisible("#main"))
			if s.do != "" {
				_, _ = chromedp.Run(tab, chromedp.Evaluate[any](s.do))
			}
			if s.ready != "" {
				do(t, tab, chromedp.WaitVisible(s.ready))
			}
			_, err := chromedp.Run(tab, chromedp.Evaluate[any](axe+";0"))
			require.NoError(t, err)
			for _, g := range glances {
				look(t, tab, s, g)
			}
			for _, c := range complaints() {
				require.True(t, s.refused && strings.Contains(c, "responded with a status of 4"), "the browser complained: %s", c)
			}
		})
	}
}

// do takes steps in a tab, in a time that is enough for what is there.
func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	limit, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	require.NoError(t, chromedp.Do(limit, steps...))
}

func look(t *testing.T, tab context.Context, s stop, g glance) {
	t.Helper()
	name := fmt.Sprintf("%s-%d-%s-%s", s.name, g.width, g.direction, g.theme)
	_, err := chromedp.Run(tab, chromedp.Evaluate[any](fmt.Sprintf(`document.documentElement.dir = %q; document.documentElement.dataset.theme = %q; scrollTo(0, 0)`, g.direction, g.theme)))
	require.NoError(t, err)
	do(t, tab, chromedp.EmulateViewport(g.width, 900))
	if dir := os.Getenv("WABAGATE_TEST_SCREENSHOTS"); dir != "" {
		picture, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o600))
	}
	assert.Empty(t, found(t, tab, tooWide), "%s is wider than the screen", name)
	assert.Empty(t, found(t, tab, audit), name)
}

// found runs a script that lists what is wrong.
func found(t *testing.T, tab context.Context, script string) []string {
	t.Helper()
	list, err := chromedp.Run(tab, chromedp.Evaluate[[]string](script, chromedp.EvalAwaitPromise))
	require.NoError(t, err)
	return list
}

// tooWide lists what sticks out, when the page is wider than the screen.
const tooWide = `(() => {
	const root = document.documentElement;
	if (root.scrollWidth <= root.clientWidth) return [];
	return ["page: " + root.scrollWidth + " > " + root.clientWidth, ...[...document.querySelectorAll("body *")].filter((e) => {
		const r = e.getBoundingClientRect();
		return e.checkVisibility() && r.width > 0 && (r.right > root.clientWidth + 1 || r.left < -1);
	}).slice(0, 5).map((e) => e.tagName + "." + e.className + " " + e.textContent.trim().slice(0, 40))];
})()`

// audit lists what axe calls serious or critical.
const audit = `axe.run(document, { resultTypes: ["violations"] }).then((r) => r.violations.filter((v) => v.impact === "serious" || v.impact === "critical").map((v) =>
	v.id + ": " + v.help + ": " + v.nodes.slice(0, 4).map((n) => n.target.join(" ") + " (" + ((n.any[0] ?? n.all[0] ?? n.none[0])?.message ?? "") + ")").join("; ")))`
