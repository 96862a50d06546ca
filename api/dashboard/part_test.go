package dashboard_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/api/dashboard"
)

// Parts show what strangers wrote as text, and say to everybody what colours and places say to those who see.
func TestParts(t *testing.T) {
	p, err := dashboard.New()
	require.NoError(t, err)
	const evil = `"><script>alert(1)</script>`
	now := time.Unix(1_800_000_000, 0)
	at := dashboard.NewWhen(now, now)
	for _, c := range []struct {
		part string
		data any
		want []string
		not  []string
	}{
		{part: "field", data: dashboard.Field{Name: "url", Label: evil, Type: "url", Value: evil, Hint: "a hint", Error: evil, Required: true, Max: 9},
			want: []string{`for="field-url"`, `aria-describedby="field-url-hint field-url-wrong"`, `id="field-url-hint"`, `id="field-url-wrong" role="alert"`, `aria-invalid="true"`, `maxlength="9"`, " required"}},
		{part: "field", data: dashboard.Field{Name: "note", Type: "textarea", Value: evil}, want: []string{`rows="3"`, `dir="auto"`}, not: []string{"aria-"}},
		{part: "field", data: dashboard.Field{Name: "n", Type: "select", Hint: "h", Options: []dashboard.Choice{{Value: "a", Label: evil, Chosen: true}, {Value: "b"}}},
			want: []string{`<option value="a" selected>`, `<option value="b">`, `aria-describedby="field-n-hint"`}},
		{part: "danger", data: dashboard.Danger{Summary: "Erase…", Text: evil, Button: "Erase", Action: "/contacts/3/erase", Word: evil}, want: []string{`action="/contacts/3/erase"`, `name="confirm" required`, `method="post"`}},
		{part: "danger", data: dashboard.Danger{Action: "javascript:alert(1)"}, want: []string{"#ZgotmplZ"}, not: []string{"confirm", "javascript"}},
		{part: "bubble", data: dashboard.Bubble{Out: true, Actor: evil, Text: evil, At: at, Status: "read"}, want: []string{`class="bubble out"`, `class="ticks read" aria-hidden="true"`, `<span class="only">read</span>`}},
		{part: "bubble", data: dashboard.Bubble{Kind: "location", At: at}, want: []string{"location"}, not: []string{"out", "ticks"}},
		{part: "bubble", data: dashboard.Bubble{Out: true, Text: "x", Status: "failed", Error: evil, At: at}, want: []string{"bubble out failed", "<span>failed</span>"}, not: []string{"ticks"}},
		{part: "steps", data: []dashboard.Step{{Tone: "bad", Title: evil, At: at, Answered: true, Note: evil, DetailLabel: "Answer", Detail: evil, Open: true}, {Tone: "good", Title: "done", Path: "/x", DetailLabel: "No body."}},
			want: []string{`<li class="bad">`, "no answer", `<details open>`, `<a href="/x">done</a>`, `<p class="dim">No body.</p>`}},
		{part: "progress", data: dashboard.Progress{Label: evil, Share: 12.5, Text: "1 of 8"}, want: []string{`value="12.5"`, "1 of 8"}},
		{part: "stats", data: []dashboard.Stat{{Label: "Failed", Value: "3", Path: "/x?status=failed", Bad: true, Note: evil}, {Label: "Rate", Value: "5 %", Meter: true, Share: 5}},
			want: []string{`<a class="card stat" href="/x?status=failed">`, `<b class="bad">`, `<meter min="0" max="100" value="5" aria-label="Rate">`}},
		{part: "chart", data: dashboard.NewChart(evil, [3]string{"Delivered", "Failed"}, []dashboard.Bar{{Label: evil, Succeeded: 3, Failed: 1}}),
			want: []string{`role="img"`, `<rect class="no"`, `<td class="num">3</td><td class="num">1</td></tr>`}, not: []string{"open"}},
		{part: "spark", data: dashboard.NewSpark(evil, []int64{1, 2}), want: []string{`role="img"`, "<polyline"}},
		{part: "spark", data: dashboard.NewSpark("x", nil), not: []string{"svg"}},
		{part: "pager", data: dashboard.Pager{Older: "/x?cursor=3"}, want: []string{"Older"}, not: []string{"Newest"}},
		{part: "pager", data: dashboard.Pager{}, not: []string{"nav"}},
		{part: "tabs", data: []dashboard.Tab{{Label: evil, Path: "/x", Current: true}, {Label: "b", Path: "/y"}}, want: []string{`<a href="/x" aria-current="true">`, `<a href="/y">`}},
		{part: "badge", data: dashboard.Badge{Tone: "wait", Text: evil}, want: []string{`class="badge wait" dir="auto"`}},
		{part: "command", data: evil, want: []string{"data-copy="}},
		{part: "crumbs", data: []dashboard.Crumb{{Label: evil, Path: "/x"}}, want: []string{`href="/x" dir="auto"`}},
	} {
		var b strings.Builder
		require.NoError(t, p.Part(&b, c.part, c.data), c.part)
		got := b.String()
		require.NotContains(t, got, "<script>", c.part)
		require.NotContains(t, got, " style=", c.part)
		for _, want := range c.want {
			require.Contains(t, got, want, c.part)
		}
		for _, not := range c.not {
			require.NotContains(t, got, not, c.part)
		}
	}
}
