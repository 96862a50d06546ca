package dashboard_test

import (
	"html"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/api/dashboard"
)

// Every page draws from an empty view too: a forgotten field is no failure in front of a customer.
func TestEveryPageRendersEmpty(t *testing.T) {
	p, err := dashboard.New()
	require.NoError(t, err)
	for _, v := range dashboard.Views() {
		var b strings.Builder
		require.NoError(t, p.Render(&b, v))
		require.Contains(t, b.String(), "</html>")
		require.NotContains(t, b.String(), "ZgotmplZ")
	}
}

func TestPretty(t *testing.T) {
	plain := func(s string) string {
		return html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(s, ""))
	}
	for _, c := range []struct{ text, want string }{
		{`{"a":1}`, "{\n  \"a\": 1\n}"},
		{`[]`, `[]`},
		{`"<b>\"x\\"`, `"<b>\"x\\"`},
		{`{"a":"b:c","d":[true,null,-1.5e3,{}]}`, "{\n  \"a\": \"b:c\",\n  \"d\": [\n    true,\n    null,\n    -1.5e3,\n    {}\n  ]\n}"},
		{`{"نص":"مرحبا"}`, "{\n  \"نص\": \"مرحبا\"\n}"},
		{`not <json>`, `not <json>`},
		{``, ``},
		{`{"cut`, `{"cut`},
	} {
		got := string(dashboard.Pretty(c.text))
		require.Equal(t, c.want, plain(got), c.text)
		require.NotContains(t, got, "<json>")
		require.NotContains(t, got, "<b>")
	}
	require.Contains(t, string(dashboard.Pretty(`{"k":"v"}`)), `<span class="jk">&#34;k&#34;</span>: <bdi class="js">&#34;v&#34;</bdi>`)
}

func FuzzPretty(f *testing.F) {
	for _, seed := range []string{`{"a":[1,"x\"",null]}`, `"\\"`, `<script>`, `{"a":"<"}`, `[[[`, `1`} {
		f.Add(seed)
	}
	tags := regexp.MustCompile(`</?(span|bdi)( class="j[kns]")?>`)
	f.Fuzz(func(t *testing.T, text string) {
		if rest := tags.ReplaceAllString(string(dashboard.Pretty(text)), ""); strings.ContainsAny(rest, "<>\"") {
			t.Errorf("%q left markup: %q", text, rest)
		}
	})
}

func TestWhen(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for ahead, want := range map[time.Duration]string{0: "now", -time.Second: "now", -30 * time.Second: "30 s ago", -5 * time.Minute: "5 min ago", -3 * time.Hour: "3 h ago",
		-72 * time.Hour: "3 days ago", 90 * time.Second: "in 90 s", 24 * time.Hour: "in 24 h"} {
		require.Equal(t, want, dashboard.NewWhen(now.Add(ahead), now).Ago)
	}
	require.Equal(t, "never", dashboard.NewWhen(time.Time{}, now).Ago)
}

// A field of a view that is called like one of the shell would stand in its place in the layout.
func TestViewsLeaveTheShellAlone(t *testing.T) {
	shell := reflect.TypeFor[dashboard.Shell]()
	for _, v := range dashboard.Views() {
		view := reflect.TypeOf(v)
		for i := range shell.NumField() {
			found, ok := view.FieldByName(shell.Field(i).Name)
			require.True(t, ok)
			require.Len(t, found.Index, 2, "%s.%s", view.Name(), found.Name)
		}
	}
}
