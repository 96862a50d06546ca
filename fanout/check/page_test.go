package check_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/check"
	"wabagate/fanout/fanouttest"
	"wabagate/fanout/signature"
)

// Receivers after the products' own pages, run for real: the check finds what those pages teach wrongly.
func TestReceiversOfThePages(t *testing.T) {
	for _, c := range []struct {
		dialect string
		command []string
		want    map[check.Name]check.Result
	}{
		// Those that compare by Node's timingSafeEqual throw, and answer 500, when the signature is missing.
		{"platform", []string{"node", "platform.js"}, map[check.Name]check.Result{check.NoSignature: check.Advice}},
		{"awalchat", []string{"node", "awalchat.js"}, map[check.Name]check.Result{check.NoSignature: check.Advice, check.RawBody: check.Warning}},
		{"twabot", []string{"node", "twabot.js"}, map[check.Name]check.Result{check.RawBody: check.Warning}},
		{"twabot", []string{"python3", "twabot.py"}, map[check.Name]check.Result{}},
		{"twabot", []string{"python3", "twabot.py", "sample"}, map[check.Name]check.Result{check.Delivery: check.Fatal, check.RawBody: check.Serious}},
		{"cloud", []string{"python3", "cloud.py"}, map[check.Name]check.Result{}},
	} {
		t.Run(c.command[len(c.command)-1], func(t *testing.T) {
			url := fanouttest.Program(t, filepath.Join("..", "dialect", "testdata", "receivers"), secret, c.command...)
			require.Equal(t, c.want, results(run(t, receiver(t, c.dialect, url))))
		})
	}
}

// The receiver that README shows gets what it promises.
func TestReceiverOfTheReadme(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(readme), "### A receiver that gets an A")
	require.True(t, ok)
	_, code, _ := strings.Cut(section, "```js\n")
	code, _, _ = strings.Cut(code, "```")
	require.Contains(t, code, ".listen(3000)")
	code = strings.Replace(code, ".listen(3000)", ".listen(0, '127.0.0.1', function () { console.log(`listening on ${this.address().port}`); })", 1)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "receiver.js"), []byte(code), 0o600))
	for _, text := range []string{secret, signature.NewRandomSecret().Text()} {
		url := fanouttest.Program(t, dir, text, "node", "receiver.js")
		// As many letters as a signature has, and more bytes: timingSafeEqual throws then, and ends the process of who lets it.
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("{}"))
		require.NoError(t, err)
		req.Header = http.Header{"Webhook-Id": {"evt_1"}, "Webhook-Timestamp": {strconv.FormatInt(time.Now().Unix(), 10)},
			"Webhook-Signature": {"v1," + strings.Repeat("\xe9", 44)}}
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusUnauthorized, res.StatusCode)

		r := receiver(t, "wabagate", url)
		r.Secrets = []signature.Secret{signature.NewSecret(text)}
		report := run(t, r)
		require.Empty(t, results(report))
		require.Equal(t, check.A, report.Grade)
	}
}
