package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/gateway/line"
	"wabagate/waba/wabatest"
)

// admin runs a command for operators with in on the standard input, and returns what it prints and what it complains of.
func (p *process) admin(in string, args ...string) (out, complaint string, err error) {
	p.t.Helper()
	cmd := exec.Command(p.path, append([]string{"admin"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = p.env, strings.NewReader(in), &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// A number is connected from a shell beside a gateway that goes on, which proves its address to the platform.
func TestAdminConnect(t *testing.T) {
	t.Parallel()
	sim := wabatest.New(wabatest.Options{OpenWindow: true, Numbers: []wabatest.Number{{ID: wabatest.DefaultNumberID, Display: "15550100200", VerifiedName: "Demo Bakery"}, {ID: "601", Display: "15550100201"}},
		Keys: []wabatest.Key{{Value: "providers-key-1", PhoneNumberID: "601", OnPremises: true}}})
	t.Cleanup(sim.Close)
	base, err := sim.Start("127.0.0.1:0")
	require.NoError(t, err)
	p := newProcess(t, nil)
	p.env = append(p.env, "WABAGATE_PUBLIC_URL="+p.url())
	p.start()
	var made bootstrapped
	require.NoError(t, json.Unmarshal(p.run("admin", "bootstrap", "--json", "--business", "Ours", "--email", "we@example.com", "--password", "correct horse", "--app", "acme",
		"--app-secret", wabatest.DefaultAppSecret, "--verify-token", "the verify token", "--phone-number-id", "600", "--display-number", "15550100999"), &made))
	require.Eventually(t, func() bool { // the gateway sees what was made beside it within a moment
		res, err := http.Get(p.url() + "/webhooks/cloud/acme?hub.mode=subscribe&hub.challenge=1&hub.verify_token=the+verify+token")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, 10*time.Second, 50*time.Millisecond)
	business := strconv.FormatInt(made.BusinessID, 10)
	cloud := []string{"connect", wabatest.DefaultNumberID, "--business", business, "--base-url", base, "--waba-id", wabatest.DefaultWABAID, "--override", "--token"}

	for _, c := range []struct {
		name, in string
		args     []string
		says     string
	}{
		{"no token", "", append(cloud, ""), "--token is empty: give it, or - and the text on the standard input"},
		{"nothing on the standard input", "", append(cloud, "-"), "--token is empty"},
		{"a token that never was", "made-up-token", append(cloud, "-"), "not connected (token): The token was not accepted: the answer is 190"},
		{"no such business", "", append(cloud, wabatest.DefaultToken, "--business", "99"), "not found"},
		{"an app that is not here", "", append(cloud, wabatest.DefaultToken, "--app", "emca"), `not connected (app): There is no app "emca" that serves this business.`},
		{"no number", wabatest.DefaultToken, []string{"connect", "--business", business, "--token", "-"}, "not connected (request): phone_number_id is missing or wrong."},
	} {
		out, complaint, err := p.admin(c.in, c.args...)
		require.Error(t, err, c.name)
		t.Log(complaint)
		require.Contains(t, complaint, c.says, c.name)
		require.NotContains(t, out+complaint, "made-up-token")
		require.NotContains(t, out+complaint, wabatest.DefaultToken)
	}

	heard := make(chan string, 10)
	crm := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		heard <- string(body)
	}))
	t.Cleanup(crm.Close)
	p.subscribe(made, map[string]any{"name": "crm", "url": crm.URL, "events": []string{"number.connected"}})
	out, complaint, err := p.admin(wabatest.DefaultToken+"\n", append(cloud, "-")...)
	require.NoError(t, err, complaint)
	require.Regexp(t, `^number \d+\t15550100200\tDemo Bakery\n$`, out)
	select {
	case body := <-heard:
		require.Contains(t, body, `"type":"number.connected"`)
		require.Contains(t, body, `"phone_number_id":"`+wabatest.DefaultNumberID+`"`)
	case <-time.After(time.Minute):
		t.Error("the business did not hear of its number")
	}
	out, complaint, err = p.admin("providers-key-1", "connect", "601", "--business", business, "--style", line.StyleOnPremises, "--base-url", base, "--token", "-", "--display-number", "+1 555 010 0201")
	require.NoError(t, err, complaint)
	require.Regexp(t, `^number \d+\t15550100201\t\n$`, out)
	listed := string(p.run("admin", "list"))
	require.Contains(t, listed, wabatest.DefaultNumberID)
	require.NotContains(t, listed, wabatest.DefaultToken)
}
