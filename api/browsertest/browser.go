// Package browsertest has tests look at pages in a real browser, as people do who have a phone or a desk, read from left or
// from right, and may not see. It is for tests alone.
package browsertest

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// ErrMissing says that WABAGATE_TEST_CHROMIUM names no browser.
var ErrMissing = errors.New("WABAGATE_TEST_CHROMIUM names no browser")

// Missing is a page that is not there, and may be asked for all the same.
const Missing = "/webhooks/999999"

// Browser is a running Chromium. Make it with Start.
type Browser struct {
	ctx    context.Context
	cancel context.CancelFunc
}

// Start starts the Chromium that WABAGATE_TEST_CHROMIUM names.
func Start() (*Browser, error) {
	path := os.Getenv("WABAGATE_TEST_CHROMIUM")
	if path == "" {
		return nil, ErrMissing
	}
	allocator, end := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.Headless,
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true), chromedp.WindowSize(1280, 900))...)
	ctx, cancel := chromedp.NewContext(allocator)
	b := &Browser{ctx, func() { cancel(); end() }}
	if err := chromedp.Do(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Close ends it.
func (b *Browser) Close() { b.cancel() }

// Window opens a tab that shares no cookies with other windows, for as long as the test runs and three minutes at most.
// Whatever its pages complain about fails the test, but for what addresses that end as refused does answer.
func (b *Browser) Window(t *testing.T, refused ...string) context.Context {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx))
	ctx, end := context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(end)
	complaints := Listen(ctx, refused...)
	t.Cleanup(func() { require.Empty(t, complaints(), "the browser complained") })
	return ctx
}

// Open is a window of a browser of the test's own. Without a browser the test is skipped.
func Open(t *testing.T) context.Context {
	t.Helper()
	b, err := Start()
	if errors.Is(err, ErrMissing) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b.Window(t)
}

// Listen gathers what a tab has to complain about: failed scripts and requests, what the policy forbids. Addresses that end as
// refused does may fail, and so may Missing.
func Listen(ctx context.Context, refused ...string) func() []string {
	refused = append(slices.Clone(refused), Missing)
	var mu sync.Mutex
	var texts []string
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if slices.ContainsFunc(refused, func(end string) bool { return strings.HasSuffix(m.URL, end) }) || m.Type != chromedp.ConsoleError && m.Type != chromedp.ConsoleException && m.Type != chromedp.ConsoleWarning {
				continue
			}
			mu.Lock()
			texts = append(texts, m.Text+" "+m.URL)
			mu.Unlock()
		}
	}()
	return func() []string { mu.Lock(); defer mu.Unlock(); return texts }
}

// SetCookie gives the tabs of a window a cookie of the server at base.
func SetCookie(t testing.TB, ctx context.Context, base, name, value string) {
	t.Helper()
	_, err := chromedp.Call(ctx, network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: base})
	require.NoError(t, err)
}

// Do takes steps in a tab, in a time that is enough for what is there.
func Do(t testing.TB, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	limit, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	require.NoError(t, chromedp.Do(limit, steps...))
}

// Text is what is to be read in an element.
func Text(t testing.TB, ctx context.Context, selector string) string {
	t.Helper()
	got, err := chromedp.Run(ctx, chromedp.Text(selector))
	require.NoError(t, err)
	return got
}
