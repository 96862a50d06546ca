package samples_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/deploy/throwaway"
	"wabagate/fanout/dialect"
	"wabagate/waba"
)

const appSecret = "app-secret-1"

// gateway is the program itself, with one business.
type gateway struct {
	*throwaway.Program
	path    string
	environ []string
	key     string
}

// startGateway builds the program and runs it on the embedded stores until the test ends.
func startGateway(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{path: filepath.Join(t.TempDir(), "wabagate"),
		environ: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "WABAGATE_DATA=" + t.TempDir(), "WABAGATE_HOST=127.0.0.1", "WABAGATE_GRACE=1s"}}
	tool(t, "go", "build", "-o", g.path, filepath.Join("..", "..", "cmd", "wabagate"))
	var made struct {
		APIKey string `json:"api_key"`
	}
	require.NoError(t, json.Unmarshal(g.run(t, "admin", "bootstrap", "--json", "--business", "Bakery", "--email", "owner@example.com", "--password", "correct horse",
		"--app", "a", "--app-secret", appSecret, "--verify-token", "token-1", "--phone-number-id", "600700800900100", "--display-number", "+1 555 010 0200"), &made))
	g.key = made.APIKey
	program, err := throwaway.StartProgram(t.Context(), throwaway.ProgramOptions{Name: "wabagate", Path: g.path, Args: []string{"serve"}, Ready: "/readyz",
		Environ: func(port int) []string {
			return append(g.environ[:len(g.environ):len(g.environ)], fmt.Sprintf("PORT=%d", port))
		}})
	require.NoError(t, err)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		require.NoError(t, program.Stop())
	})
	g.Program = program
	return g
}

// run runs a command of the program and returns what it printed.
func (g *gateway) run(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), g.path, args...)
	cmd.Env = append(g.environ[:len(g.environ):len(g.environ)], "WABAGATE_KEY="+g.key)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err, "%v\n%s%s", args, out, errs.Bytes())
	return out
}

// call asks the business's API.
func (g *gateway) call(t *testing.T, method, path string, body, answer any) {
	t.Helper()
	sent, err := json.Marshal(body)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), method, g.URL()+path, bytes.NewReader(sent))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+g.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Less(t, res.StatusCode, 300, "%s %s: %s", method, path, got)
	require.NoError(t, json.Unmarshal(got, answer))
}

// deliversTo has a customer write twice: the gateway delivers the first message in the default dialect, and the second in all.
func (g *gateway) deliversTo(t *testing.T, r one) {
	webhooks := map[string]int64{}
	for i, name := range dialect.Names() {
		var created struct{ ID int64 }
		g.call(t, http.MethodPost, "/api/client/webhooks", map[string]any{"name": t.Name(), "url": r.address(name), "dialect": name,
			"secret": r.secret.Text(), "events": []string{"message.received"}}, &created)
		webhooks[name] = created.ID
		if i == 0 {
			// The command that README names. What it sends need not be subscribed to.
			g.run(t, "trigger", "order.created", "--url", g.URL(), "--webhook", fmt.Sprint(created.ID))
			r.WaitPrinted(t, ": 1250 SAR (a test)", soon)
			g.receive(t, "1", hello+" "+t.Name())
			r.WaitPrinted(t, `: 15550177321 wrote "`+hello+" "+t.Name()+`"`, soon)
		}
	}
	g.receive(t, "2", hello)
	for i, name := range dialect.Names() {
		want := int64(1)
		if i == 0 {
			want = 2
		}
		// Other languages' customers write too. To a receiver all these webhooks tell of the same events, which it handles once.
		var stats struct{ Successful, Failed int64 }
		require.Eventually(t, func() bool {
			g.call(t, http.MethodGet, fmt.Sprintf("/api/client/webhooks/%d/stats", webhooks[name]), nil, &stats)
			return stats.Successful >= want
		}, soon, 50*time.Millisecond, name)
		require.Zero(t, stats.Failed, name)
	}
	for _, id := range webhooks {
		g.call(t, http.MethodDelete, fmt.Sprintf("/api/client/webhooks/%d", id), nil, &struct{}{})
	}
}

// receive posts a message as the platform does.
func (g *gateway) receive(t *testing.T, wamid, text string) {
	t.Helper()
	body := fmt.Appendf(nil, `{"object":"whatsapp_business_account","entry":[{"id":"500100200300400","changes":[{"field":"messages","value":{`+
		`"messaging_product":"whatsapp","metadata":{"display_phone_number":"15550100200","phone_number_id":"600700800900100"},`+
		`"contacts":[{"profile":{"name":"Ada"},"wa_id":"15550177321"}],`+
		`"messages":[{"from":"15550177321","id":"wamid.%s.%s","timestamp":"%d","type":"text","text":{"body":%q}}]}}]}]}`,
		t.Name(), wamid, time.Now().Unix(), text)
	h := http.Header{"Content-Type": {"application/json"}}
	h.Set(waba.SignatureHeader, waba.Sign([]byte(appSecret), body))
	status, said := post(t, g.URL()+"/webhooks/cloud/a", h, body)
	require.Equal(t, http.StatusOK, status, said)
}
