package api_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The document is given again only when it has changed, and its pages tell of every operation, to strangers too.
func TestDocs(t *testing.T) {
	b := setup(t)
	d := document(t, b)
	_, _, head := b.call("GET", "/openapi.json", "")
	status, got, _ := b.call("GET", "/openapi.json", "", "If-None-Match", head.Get("ETag"))
	require.Equal(t, []any{304, ""}, []any{status, got})

	for _, cookie := range []string{"", b.session} {
		status, list, _ := b.read(cookie, "/docs")
		require.Equal(t, 200, status)
		for _, id := range d.ids {
			o := d.operations[id]
			require.Contains(t, list, `href="/docs/`+id+`"`)
			status, got, _ := b.read(cookie, "/docs/"+id)
			require.Equal(t, 200, status, id)
			require.Contains(t, got, "<h1 class=\"mono\" dir=\"ltr\">"+o.Method+" "+o.Path+"</h1>")
			require.Contains(t, got, "curl -X "+o.Method)
			for _, p := range o.Parameters {
				require.Contains(t, got, `<code dir="ltr">`+p.Name+`</code>`, id)
			}
			for code := range o.Responses {
				require.Contains(t, got, `<b dir="ltr">`+code+`</b>`, id)
			}
		}
		require.Equal(t, cookie != "", strings.Contains(list, `action="/logout"`), "who is logged in has the way to the other pages")
	}
	_, got, _ = b.read("", "/docs?q=secret+rotate")
	require.Contains(t, got, `href="/docs/rotateSecret"`)
	require.NotContains(t, got, `href="/docs/listWebhooks"`)
	_, got, _ = b.read("", "/docs?q=%3Cscript%3E")
	require.Contains(t, got, "Nothing found")
	require.NotContains(t, got, "<script>")
	status, _, _ = b.read("", "/docs/nonsense")
	require.Equal(t, 404, status)
	status, _, _ = b.read("", "/docs?q="+strings.Repeat("x", 300))
	require.Equal(t, 400, status)

	_, got, _ = b.read("", "/docs/createWebhook")
	for _, part := range []string{"Authorization: Bearer wbk_…", `<code dir="ltr">auth.password</code>`, "One of none, conversation.", "<b>Required.</b>", `<code dir="ltr">events[]</code>`, `<code dir="ltr">verification.latency_ms</code>`} {
		require.Contains(t, got, part)
	}
	_, got = b.page("/team/keys")
	require.Contains(t, got, `href="/docs"`)
}

func TestDocsInBrowser(t *testing.T) {
	b := setup(t)
	base := b.listen()
	ctx := browser(t)
	visit(t, ctx, base, stop{name: "docs-stranger", path: "/docs"}, stop{name: "docs-nothing", path: "/docs?q=nothing+at+all"})
	b.enter(ctx, base)
	visit(t, ctx, base, stop{name: "docs", path: "/docs"}, stop{name: "docs-operation", path: "/docs/createWebhook"}, stop{name: "docs-list", path: "/docs/listEvents"})
}
