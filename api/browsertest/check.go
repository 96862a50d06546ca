package browsertest

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// axe finds what is in the way of people who do not see, or use no mouse.
//
//go:embed axe/axe.min.js
var axe string

// Glance is one way to look at a page.
type Glance struct {
	Width            int64  // of the screen
	Direction, Theme string // ltr or rtl, light or dark
}

func (g Glance) String() string { return fmt.Sprintf("%d-%s-%s", g.Width, g.Direction, g.Theme) }

// Glances are both widths in both directions, and both themes at both widths.
var Glances = []Glance{{1280, "ltr", "light"}, {390, "rtl", "light"}, {1280, "rtl", "dark"}, {390, "ltr", "dark"}}

// glancesAt are the ways to look at the page of a place in a visit: both widths in opposite directions, light at one page and
// dark at the next. WABAGATE_TEST_GLANCES=all makes it all of them, in twice the time.
func glancesAt(place int) []Glance {
	if os.Getenv("WABAGATE_TEST_GLANCES") == "all" {
		return Glances
	}
	first := place % 2 * 2
	return Glances[first : first+2]
}

// Stop is a page that a visit looks at.
type Stop struct {
	// Name is that of its pictures.
	Name, Path string
	// Do is a script that brings the page to where it is looked at; empty: as it opens. Ready is a selector that is there
	// by then; empty: the content.
	Do, Ready string
	// Refused says that a form comes back, with a status that browsers complain about.
	Refused bool
	// Wrong is a script that lists what else is wrong; empty: nothing else is asked.
	Wrong string
}

// Visit looks at pages of the server at base, each in a tab of its own, on a desk and on a phone, from left to right and
// from right to left, light and dark. Nothing may be wider than the screen, nothing may fail or be complained about, and
// axe may find nothing serious. Whose pages they are is said before, by a login.
func Visit(t *testing.T, ctx context.Context, base string, stops ...Stop) {
	t.Helper()
	for i, s := range stops {
		t.Run(s.Name, func(t *testing.T) {
			tab, cancel := chromedp.NewContext(ctx)
			defer cancel()
			require.NoError(t, chromedp.Do(tab))
			complaints := Listen(tab)
			Do(t, tab, chromedp.EmulateViewport(Glances[0].Width, 900), chromedp.Navigate(base+s.Path), chromedp.WaitVisible("#main"))
			if s.Do != "" {
				_, _ = chromedp.Run(tab, chromedp.Evaluate[any](s.Do))
			}
			if s.Ready != "" {
				Do(t, tab, chromedp.WaitVisible(s.Ready))
			}
			for _, g := range glancesAt(i) {
				Turn(t, tab, g)
				Check(t, tab, s.Name+"-"+g.String())
				if s.Wrong != "" {
					assert.Empty(t, found(t, tab, s.Wrong), "%s-%s", s.Name, g)
				}
			}
			for _, c := range complaints() {
				require.True(t, s.Refused && strings.Contains(c, "responded with a status of 4"), "the browser complained: %s", c)
			}
		})
	}
}

// Turn makes an open page one to look at in another way.
func Turn(t testing.TB, tab context.Context, g Glance) {
	t.Helper()
	_, err := chromedp.Run(tab, chromedp.Evaluate[any](fmt.Sprintf(`document.documentElement.dir = %q; document.documentElement.dataset.theme = %q; scrollTo(0, 0)`, g.Direction, g.Theme)))
	require.NoError(t, err)
	Do(t, tab, chromedp.EmulateViewport(g.Width, 900))
}

// Check looks at a page as it is: it may not be wider than the screen, and axe may find nothing serious. A picture for
// looking at goes under its name into the directory that WABAGATE_TEST_SCREENSHOTS names.
func Check(t testing.TB, tab context.Context, name string) {
	t.Helper()
	if dir := os.Getenv("WABAGATE_TEST_SCREENSHOTS"); dir != "" {
		picture, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o600))
	}
	assert.Empty(t, found(t, tab, tooWide), "%s is wider than the screen", name)
	known, err := chromedp.Run(tab, chromedp.Evaluate[bool](`typeof axe === "object"`))
	require.NoError(t, err)
	if !known {
		_, err = chromedp.Run(tab, chromedp.Evaluate[any](axe+";0"))
		require.NoError(t, err)
	}
	assert.Empty(t, found(t, tab, audit), name)
}

// found runs a script that lists what is wrong.
func found(t testing.TB, tab context.Context, script string) []string {
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
