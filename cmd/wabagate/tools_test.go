package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/cmd/wabagate/remote"
	"wabagate/cmd/wabagate/trigger"
	"wabagate/fanout"
	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/fanout/fanouttest"
	"wabagate/fanout/signature"
	"wabagate/models"
)

// command runs the program's command line in this process, and returns what it printed and what it said besides.
func command(t *testing.T, stdin string, args ...string) (out, said string, err error) {
	t.Helper()
	return commandWithin(t, t.Context(), stdin, args...)
}

func commandWithin(t *testing.T, ctx context.Context, stdin string, args ...string) (string, string, error) {
	t.Helper()
	cmd := newCommand()
	var out, said bytes.Buffer
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&said)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	return out.String(), said.String(), err
}

// Every type of the catalogue is triggered in every dialect that has a form for it, at a running gateway, and the receiver verifies
// what it gets; where a dialect has none, that is said and nothing is sent.
func TestTriggerCoversTheCatalogue(t *testing.T) {
	w := startWhole(t, testConfig(t, "", ""))
	client := newRemote(t, w.url, w.made.APIKey)
	secret := signature.NewRandomSecret()
	sent := 0
	for _, name := range dialect.Names() {
		d, _ := dialect.Lookup(name)
		receiver := fanouttest.NewReceiver(t, func(rw http.ResponseWriter, _ *http.Request, delivery fanouttest.Delivery) {
			results := signature.Verify(delivery.Header, delivery.Body, []signature.Secret{secret}, time.Now())
			for _, r := range results {
				if !r.OK {
					rw.WriteHeader(http.StatusUnauthorized)
				}
			}
			if len(results) == 0 {
				rw.WriteHeader(http.StatusUnauthorized)
			}
		})
		hook := w.webhook(models.Webhook{Name: name, URL: receiver.URL, Dialect: name, Secret: models.Secret(secret.Text()), Events: []string{"message.received"}})
		for _, typ := range event.Catalogue() {
			trial, err := trigger.Run(t.Context(), trigger.Options{Gateway: client, Webhook: hook.ID, Event: typ.Name})
			if !d.Speaks(typ.Name) {
				require.ErrorContains(t, err, "has no form in the dialect "+name, typ.Name)
				continue
			}
			require.NoError(t, err, "%s in %s", typ.Name, name)
			require.True(t, trial.Accepted(), "%s in %s: %s", typ.Name, name, trial.Outcome)
			require.Equal(t, typ.Name, trial.Event)
			sent++
			require.Equal(t, trial.Payload, string(receiver.Got()[len(receiver.Got())-1].Body))
		}
	}
	require.Greater(t, sent, 4*len(event.Catalogue()), "four dialects speak all of it")

	out, _, err := command(t, "", "trigger", "--list", "--url", w.url, "--key", w.made.APIKey)
	require.NoError(t, err)
	for _, typ := range event.Catalogue() {
		require.Contains(t, out, "\n"+typ.Name+" ")
	}
	out, _, err = command(t, "", "trigger", "--list", "--dialect", "digest", "--url", w.url, "--key", w.made.APIKey)
	require.NoError(t, err)
	require.Len(t, strings.Split(strings.TrimSpace(out), "\n"), 2, "a digest tells of incoming messages alone")
}

// What people see when something is wrong, at a real gateway.
func TestListenErrorsSayWhatToDo(t *testing.T) {
	for _, v := range remote.Variables() {
		t.Setenv(v, "")
	}
	w := startWhole(t, testConfig(t, "", ""))
	page := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "<html>a router</html>") }))
	t.Cleanup(page.Close)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	foreign := filepath.Join(t.TempDir(), "state.json")
	require.NoError(t, os.WriteFile(foreign, []byte(`{"url":"https://elsewhere.example.com","place":"x"}`), 0o600))
	torn := filepath.Join(t.TempDir(), "torn.json")
	require.NoError(t, os.WriteFile(torn, []byte(`{"url`), 0o600))
	here := []string{"--url", w.url, "--key", w.made.APIKey}
	for want, args := range map[string][]string{
		"give a business's API key with --key or in WABAGATE_KEY": {"--url", w.url},
		"the key is not accepted: check --key":                    {"--url", w.url, "--key", "wbk_wrong"},
		"opens one number only":                                   {"--url", w.url, "--key", w.made.NumberAPIKey},
		"holds something else than a key":                         {"--url", w.url, "--key", "wbk_ wrong"},
		"is the gateway running there?":                           {"--url", closed.URL, "--key", "wbk_1"},
		"does not speak the gateway's API":                        {"--url", page.URL, "--key", "wbk_1"},
		"is not an address: expected something like http":         {"--url", "gateway", "--key", "wbk_1"},
		"--events: there is no event":                             append([]string{"--events", "message.recieved"}, here...),
		"did you mean message.received":                           append([]string{"--events", "message.recieved"}, here...),
		"--after: is not a cursor of this gateway":                append([]string{"--after", "abc"}, here...),
		`--since "yesterday": expected how long ago`:              append([]string{"--since", "yesterday"}, here...),
		`--dialect "french" is none: there are wabagate, twabot`:  append([]string{"--dialect", "french"}, here...),
		`--number "4711" is none of the business's: there are`:    append([]string{"--number", "4711"}, here...),
		"--forward \"ftp://x\" is not an address":                 append([]string{"--forward", "ftp://x"}, here...),
		`--header "x": expected 'Name: value'`:                    append([]string{"--header", "x"}, here...),
		"is of the gateway at https://elsewhere.example.com":      append([]string{"--state", foreign}, here...),
		"is not a file of wabagate listen":                        append([]string{"--state", torn}, here...),
		"where to? Give --forward":                                append([]string{"resend", "evt_1"}, here...),
		"there is no event evt_00000000000000000000000000000001,": append([]string{"resend", "evt_00000000000000000000000000000001", "--forward", "localhost:1"}, here...),
		"which event? Give its id":                                append([]string{"resend"}, here...),
	} {
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
		_, said, err := commandWithin(t, ctx, "", append([]string{"listen"}, args...)...)
		stop()
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error()+said, "wbk_w", "no error repeats a key")
	}
}

// An event is forwarded once more with a command, and Ctrl-C says where to go on.
func TestListenFromTheCommandLine(t *testing.T) {
	w := startWhole(t, testConfig(t, "", ""))
	require.Equal(t, http.StatusOK, w.post("a", textCallback(testPNID, "15550177321", "wamid.again", "hello")))
	client := newRemote(t, w.url, w.made.APIKey)
	var ids []string
	require.Eventually(t, func() bool { ids = feedIDs(t, client); return len(ids) == 3 }, 20*time.Second, 20*time.Millisecond)
	status := http.StatusOK
	receiver := fanouttest.NewReceiver(t, func(rw http.ResponseWriter, _ *http.Request, _ fanouttest.Delivery) { rw.WriteHeader(status) })
	state := filepath.Join(t.TempDir(), "state.json")
	common := []string{"--url", w.url, "--key", w.made.APIKey, "--state", state}

	ctx, stop := context.WithCancel(t.Context())
	go func() {
		receiver.Wait(t, 1, 20*time.Second)
		time.Sleep(300 * time.Millisecond) // so that it is a moment without anything new
		stop()
	}()
	out, said, err := commandWithin(t, ctx, "", append([]string{"listen", "--after", "oldest", "--events", "message.*", "--number", "+1 (555) 010-0200", "--forward", strings.TrimPrefix(receiver.URL, "http://"), "--payload"}, common...)...)
	require.NoError(t, err)
	require.Regexp(t, `message\.received +`+ids[2]+`  → 200 OK  \d+ ms\n    \{`, out)
	require.NotContains(t, out, "\x1b", "nothing from strangers moves the cursor, and there is no colour where there is no terminal")
	require.Contains(t, said, "forwarding to http://127.0.0.1")
	require.Regexp(t, `Signed with the secret whsec_\S+ \(kept in `, said)
	require.Contains(t, said, "1 event, 0 of them not accepted")
	require.Contains(t, said, "the place is in "+state)

	// Again, from the state: nothing is new.
	ctx, stop = context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer stop()
	out, said, err = commandWithin(t, ctx, "", append([]string{"listen"}, common...)...)
	require.NoError(t, err)
	require.Empty(t, out)
	require.Contains(t, said, "(that of "+state+")")

	// Resent as the run would: same secret, same place, same id.
	out, _, err = command(t, "", append([]string{"listen", "resend", ids[2], ids[1], "--json"}, common...)...)
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(out, `"outcome":"delivered"`))
	got := receiver.Got()
	require.Len(t, got, 3)
	require.Equal(t, string(got[0].Body), string(got[1].Body))
	require.Equal(t, got[0].ID(), got[1].ID())
	status = http.StatusInternalServerError
	out, _, err = command(t, "", append([]string{"listen", "resend", ids[2]}, common...)...)
	require.ErrorContains(t, err, "1 of 1 were not accepted")
	require.Contains(t, out, "→ answered 500 Internal Server Error")
	receiver.Close()
	out, _, err = command(t, "", append([]string{"listen", "resend", ids[2]}, common...)...)
	require.Error(t, err)
	require.Contains(t, out, "connection refused: nothing listens at this address")
}

// The command reads what a receiver dumped, and exits as it says.
func TestVerifyCommand(t *testing.T) {
	secret := signature.NewRandomSecret()
	e, err := event.Sample("order.created", time.Now())
	require.NoError(t, err)
	d, _ := dialect.Lookup("twabot")
	body, err := d.Render(nil, e)
	require.NoError(t, err)
	header, err := fanout.Header(models.Webhook{Dialect: "twabot", Secret: models.Secret(secret.Text())}, e.ID, body, time.Now())
	require.NoError(t, err)
	var dump bytes.Buffer
	fmt.Fprintf(&dump, "POST /hook HTTP/1.1\r\n")
	require.NoError(t, header.Write(&dump))
	fmt.Fprintf(&dump, "\r\n%s", body)
	file := filepath.Join(t.TempDir(), "body.json")
	require.NoError(t, os.WriteFile(file, append(body, '\n'), 0o600))

	out, _, err := command(t, dump.String(), "verify", "--secret", secret.Text(), "--request", "-")
	require.NoError(t, err)
	require.Contains(t, out, "valid      X-Twabot-Signature (twabot) matches the body and the secret")
	require.Contains(t, out, "valid      webhook-signature (Standard Webhooks) matches the body and the secret; it was made")
	_, _, err = command(t, dump.String(), "verify", "--secret", secret.Text(), "--request", "-", "--dialect", "twabot")
	require.NoError(t, err)
	out, _, err = command(t, dump.String(), "verify", "--secret", "whsec_bm90IHRoaXMgb25l", "--request", "-")
	require.ErrorIs(t, err, errSaid)
	require.Contains(t, out, "NOT valid  X-Twabot-Signature (twabot)\n  wrong secret (likely): ")
	require.Contains(t, out, "  wrong secret, as above")
	out, _, err = command(t, "", "verify", "--secret", secret.Text(), "--dialect", "twabot", "--header", "X-TwaBot-Signature: "+header.Get("X-TwaBot-Signature"), "--body", file, "--json")
	require.ErrorIs(t, err, errSaid)
	require.Contains(t, out, `"mistake":"body cut or lengthened","certain":true`)
	for want, args := range map[string][]string{
		"which secret?":            {"--request", "-"},
		"which request?":           {"--secret", "x"},
		"cannot both be":           {"--secret", "x", "--request", "-", "--body", "-"},
		"--dialect \"french\" is":  {"--secret", "x", "--request", "-", "--dialect", "french"},
		"--at \"noon\" is":         {"--secret", "x", "--request", "-", "--at", "noon"},
		"no such file":             {"--secret", "x", "--request", filepath.Join(t.TempDir(), "none")},
		"--header: \"x\" is no":    {"--secret", "x", "--body", "-", "--header", "x"},
		"unknown flag: --sceret":   {"--sceret", "x"},
		"--request: \"{}x\" is no": {"--secret", "x", "--request", "-"},
	} {
		stdin := "{}x"
		if strings.Contains(want, "{}x") {
			stdin = "a: b\n{}x"
		}
		_, _, err := command(t, stdin, append([]string{"verify"}, args...)...)
		var own exitError
		require.True(t, errors.As(err, &own), "%s: %v", want, err)
		require.Equal(t, notJudged, own.status)
		require.ErrorContains(t, err, want)
	}
}

// Scripts for each shell, and the answers that they ask for.
func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		out, _, err := command(t, "", "completion", shell)
		require.NoError(t, err)
		require.Contains(t, out, "wabagate")
		if interpreter, err := exec.LookPath(shell); err == nil && shell != "powershell" {
			check := exec.Command(interpreter, "-n")
			check.Stdin = strings.NewReader(out)
			said, err := check.CombinedOutput()
			require.NoError(t, err, "%s: %s", shell, said)
		}
	}
	out, _, err := command(t, "", "--help")
	require.NoError(t, err)
	require.Regexp(t, `\n  completion +`, out, "it is not hidden")
	for _, c := range []struct {
		args []string
		want []string
		not  string
	}{
		{[]string{"trigger", "order."}, []string{"order.created\t", "order.status.updated\t"}, "message.received"},
		{[]string{"trigger", "order.created", ""}, []string{":4"}, "order"},
		{[]string{"listen", "--events", "message."}, []string{"message.*\t", "message.received\t"}, "order.created"},
		{[]string{"listen", "--events", "message.received,or"}, []string{"message.received,order.*\t", "message.received,order.created\t"}, "message.received,message"},
		{[]string{"listen", "--dialect", ""}, dialect.Names(), "message"},
		{[]string{"listen", "resend", "--dialect", "aw"}, []string{"awalchat"}, "cloud"},
		{[]string{"verify", "--dialect", "cl"}, []string{"cloud"}, "awalchat"},
		{[]string{"simulate", "--mix", ""}, []string{"text", "live", "all"}, "order"},
		{[]string{"serve", "--roles", "api,"}, []string{"api,ingress", "api,worker"}, "api,api"},
		{[]string{"list"}, []string{"listen\t"}, "trigger"},
	} {
		out, _, err := command(t, "", append([]string{"__complete"}, c.args...)...)
		require.NoError(t, err)
		for _, want := range c.want {
			require.Contains(t, out, want, c.args)
		}
		require.NotContains(t, out, c.not, c.args)
	}
}

// bash asks the program, and gets the event types.
func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	path, err := binary()
	require.NoError(t, err)
	// What the package bash-completion does for a line without quotes.
	script := `_get_comp_words_by_ref() { words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=${words[cword]}; prev=${words[cword-1]}; }
source <("$1" completion bash)
COMP_WORDS=("$1" trigger order.); COMP_CWORD=2; COMP_LINE="$1 trigger order."; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9
__start_wabagate
printf '%s\n' "${COMPREPLY[@]}"`
	out, err := exec.Command(bash, "-c", script, "bash", path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "order.")
	require.NotContains(t, string(out), "message.received")
}
