package verify

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadRequest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ dump, id, body string }{
		"as it went over the wire":   {"POST /hook HTTP/1.1\r\nHost: crm\r\nwebhook-id: evt_1\r\n\r\n{\"a\":1}", "evt_1", `{"a":1}`},
		"with line breaks of Unix":   {"webhook-id: evt_1\nother: x\n\n{\"a\":1}", "evt_1", `{"a":1}`},
		"as curl -v prints it":       {"> POST /hook HTTP/1.1\n> Webhook-Id: evt_1\n>\n{\"a\":1}", "evt_1", `{"a":1}`},
		"names as PHP has them":      {"HTTP_WEBHOOK_ID: evt_1\n\nx", "evt_1", "x"},
		"names with underscores":     {"webhook_id: evt_1\n\nx", "evt_1", "x"},
		"an editor's line break":     {"webhook-id: evt_1\nContent-Length: 7\n\n{\"a\":1}\n", "evt_1", `{"a":1}`},
		"a body with empty lines":    {"webhook-id: evt_1\n\nx\n\ny", "evt_1", "x\n\ny"},
		"without a body":             {"webhook-id: evt_1\n", "evt_1", ""},
		"an empty line before":       {"\nwebhook-id: evt_1\n\nx", "evt_1", "x"},
		"a byte order mark":          {"\ufeffwebhook-id: evt_1\n\nx", "evt_1", "x"},
		"in chunks":                  {"webhook-id: evt_1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n3\r\n:1}\r\n0\r\n\r\n", "evt_1", `{"a":1}`},
		"said to be in chunks":       {"webhook-id: evt_1\r\nTransfer-Encoding: chunked\r\n\r\n{\"a\":1}", "evt_1", `{"a":1}`},
		"white space around a value": {"webhook-id:   evt_1  \n\nx", "evt_1", "x"},
	} {
		r, err := ReadRequest([]byte(c.dump))
		require.NoError(t, err, name)
		require.Equal(t, []string{c.id, c.body}, []string{r.Header.Get("webhook-id"), string(r.Body)}, name)
	}
	for dump, want := range map[string]string{`{"id":"evt_1"}`: "begins with the body", "hello there\n\nx": "is no header", "a b: c\n\nx": "is no header",
		strings.Repeat("x", 200): "…"} {
		_, err := ReadRequest([]byte(dump))
		require.ErrorContains(t, err, want)
	}
}
