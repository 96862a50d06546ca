package samples_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/dialect"
	"wabagate/fanout/signature"
)

// README's table, read as instructions, makes the signatures that deliveries carry.
func TestWhatReadmeSaysIsSigned(t *testing.T) {
	const key, id, body = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "evt_1", `{"a":"é"}`
	secret := signature.NewSecret("whsec_" + key)
	at := time.Unix(1793491200, 0)
	var listed []string
	for _, row := range rows(t, "## What is signed") {
		name, path, header, signed, with, written := row[0], row[1], row[2], row[3], row[4], row[5]
		listed = append(listed, name)
		d := must(t, name)
		h := http.Header{}
		d.Headers(h, signature.Message{ID: id, Timestamp: at, Body: []byte(body)}, []signature.Secret{secret})

		stamp := h.Get("webhook-timestamp")
		carried := 3
		if d.SignsOnce() {
			carried++
			require.Equal(t, "/webhooks/"+name, path)
		} else {
			require.Equal(t, "/webhooks", path)
		}
		if strings.Contains(signed, "timestamp") && d.SignsOnce() {
			carried++
			stamp = h.Get("X-Awal-Webhook-Timestamp")
		}
		require.Len(t, h, carried, "%s has a header that README does not name", name)

		mac := hmac.New(sha256.New, []byte(secret.Text()))
		if with == "decoded" {
			decoded, err := base64.StdEncoding.DecodeString(key)
			require.NoError(t, err)
			mac = hmac.New(sha256.New, decoded)
		} else {
			require.Equal(t, "text", with)
		}
		mac.Write([]byte(strings.NewReplacer("id", id, "timestamp", stamp, "body", body).Replace(signed)))
		prefix, coding, found := strings.Cut(written, " ")
		if !found {
			prefix, coding = "", written
		}
		want := prefix + hex.EncodeToString(mac.Sum(nil))
		if coding == "base64" {
			want = prefix + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		}
		require.Equal(t, want, h.Get(header), name)
	}
	require.ElementsMatch(t, dialect.Names(), listed)
}

// README names every sample, and how it is started.
func TestReadmeNamesEverySample(t *testing.T) {
	all := rows(t, "# Receivers to copy")
	require.Len(t, all, len(languages))
	readme := text(t)
	for _, l := range languages {
		require.Contains(t, readme, "`"+l.run+"`")
		require.Contains(t, readme, "("+l.file+")")
		source, err := os.ReadFile(l.file)
		require.NoError(t, err)
		require.True(t, strings.Contains(string(source), l.constant), "%s compares otherwise", l.file)
		for _, hint := range []string{"webhook-id", "data.sequence", "x-wabagate-skipped", "x-wabagate-test"} {
			require.True(t, strings.Contains(strings.ToLower(string(source)), hint), "%s says nothing of %s", l.file, hint)
		}
	}
}

func text(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("README.md")
	require.NoError(t, err)
	return string(b)
}

// rows are those of the first table after a heading, their cells without the marks of code.
func rows(t *testing.T, heading string) [][]string {
	t.Helper()
	_, after, ok := strings.Cut(text(t), heading+"\n")
	require.True(t, ok, heading)
	_, table, ok := strings.Cut(after, "--- |\n")
	require.True(t, ok, heading)
	table, _, _ = strings.Cut(table, "\n\n")
	var all [][]string
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.ReplaceAll(strings.TrimSpace(cells[i]), "`", "")
		}
		all = append(all, cells)
	}
	return all
}
