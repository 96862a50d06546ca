package api_test

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"wabagate/api/browsertest"
)

// missing is a page that is not there, and is asked for all the same.
const missing = browsertest.Missing

// stop is a page that a visit looks at; see browsertest.Stop.
type stop struct {
	name, path, do, ready string
	refused               bool
	wrong                 string
}

// browser starts a browser. Whatever the pages of its first tab complain about fails the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	return browsertest.Open(t)
}

// enter logs our user in without the form, in every tab of the browser.
func (b *bundle) enter(ctx context.Context, base string) {
	b.t.Helper()
	_, token, _ := strings.Cut(b.session, "=")
	browsertest.SetCookie(b.t, ctx, base, "token", token)
}

// visit looks at pages of the server at base in every way; see browsertest.Visit.
func visit(t *testing.T, ctx context.Context, base string, stops ...stop) {
	t.Helper()
	for _, s := range stops {
		browsertest.Visit(t, ctx, base, browsertest.Stop{Name: s.name, Path: s.path, Do: s.do, Ready: s.ready, Refused: s.refused, Wrong: s.wrong})
	}
}

// do takes steps in a tab, in a time that is enough for what is there.
func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	browsertest.Do(t, ctx, steps...)
}
