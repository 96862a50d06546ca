package api_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// A look is kept in the browser, applied by the server, and asked for by our own pages only.
func TestLook(t *testing.T) {
	b := setup(t)
	post := func(body string, headers ...string) (int, string, []string) {
		status, _, head := b.call("POST", "/look", body, append([]string{"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin"}, headers...)...)
		return status, head.Get("Location"), head.Values("Set-Cookie")
	}
	status, to, cookies := post(url.Values{"theme": {"dark"}, "next": {"/webhooks?cursor=3"}}.Encode())
	require.Equal(t, 303, status)
	require.Equal(t, "/webhooks?cursor=3", to)
	require.Len(t, cookies, 1)
	require.Contains(t, cookies[0], "theme=dark;")
	require.Contains(t, cookies[0], "SameSite=Lax")
	_, _, cookies = post("dir=rtl")
	require.Contains(t, cookies[0], "dir=rtl;")

	for next, want := range map[string]string{"/login?next=%2Forders": "/login?next=%2Forders", "//evil.example": "/", "https://evil.example/login": "/", "": "/"} {
		_, to, _ = post(url.Values{"theme": {"light"}, "next": {next}}.Encode())
		require.Equal(t, want, to, next)
	}
	for _, body := range []string{"theme=pink", "dir=up", `dir=rtl"><script>`} {
		status, _, cookies = post(body)
		require.Equal(t, 400, status, body)
		require.Empty(t, cookies, body)
	}
	status, _, cookies = post("theme=dark", "Sec-Fetch-Site", "cross-site")
	require.Equal(t, 403, status)
	require.Empty(t, cookies)

	for cookie, want := range map[string]string{
		"":                      `<html lang="en" dir="ltr">`,
		"theme=dark; dir=rtl":   `<html lang="en" dir="rtl" data-theme="dark">`,
		"theme=light; dir=ltr":  `<html lang="en" dir="ltr" data-theme="light">`,
		"theme=system; dir=rtl": `<html lang="en" dir="rtl">`,
		`theme="x; dir=<b>`:     `<html lang="en" dir="ltr">`,
	} {
		for path, session := range map[string]string{"/login": "", "/webhooks": b.session + "; ", "/webhooks/999": b.session + "; "} {
			_, got, _ := b.call("GET", path, "", "Cookie", session+cookie, "Accept", "text/html")
			require.Contains(t, got, want, path+" with "+cookie)
		}
	}
}

// Each page says where it is: its section, whose it is, and the way back.
func TestShell(t *testing.T) {
	b := setup(t)
	w := b.webhook()
	for path, current := range map[string]string{"/": "/", "/guide": "/", "/webhooks": "/webhooks", "/webhooks/new": "/webhooks", "/webhooks/" + decimal(w.ID): "/webhooks"} {
		_, got := b.page(path)
		require.Contains(t, got, `<a href="`+current+`" aria-current="page">`, path)
		require.Contains(t, got, `dir="auto">Ours</b>`, path)
		require.Contains(t, got, `name="next" value="`+path+`"`, path)
		require.Contains(t, got, `href="/operations"`, "an operator's")
	}
	_, got, _ := b.call("GET", "/webhooks", "", "Cookie", b.theirUser, "Accept", "text/html")
	require.Contains(t, got, `dir="auto">Theirs</b>`)
	require.NotContains(t, got, `href="/operations"`)
	_, got = b.page("/webhooks/999")
	require.Contains(t, got, `<a href="/webhooks" aria-current="page">`, "a page that is missing has its navigation too")
}
