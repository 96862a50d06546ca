package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/waba"
	"wabagate/waba/wabatest"
)

// The simulated platform in a process of its own: it says where it is, takes a message, posts what becomes of it, and tells the
// tally when it is interrupted.
func TestSimulateGraph(t *testing.T) {
	t.Parallel()
	callbacks := make(chan waba.Status, 10)
	gateway := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		callback, err := waba.Parse(body)
		if err != nil || !waba.Verify(body, r.Header.Get(waba.SignatureHeader), []byte("s3cret")) {
			t.Errorf("%v: %s", err, body)
			return
		}
		for _, c := range callback.Changes {
			for _, s := range c.Statuses {
				callbacks <- s
			}
		}
	}))
	t.Cleanup(gateway.Close)
	path, err := binary()
	require.NoError(t, err)
	cmd := exec.Command(path, "simulate", "graph", "--addr", "127.0.0.1:0", "--callback", gateway.URL, "--secret", "s3cret", "--token", "tok-1", "--instant",
		"--open-window", "--fault", "refuse,code=131056,next=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var stderr safeBuffer
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })

	said := bufio.NewReader(out)
	var base string
	for found := regexp.MustCompile(`Graph API +(\S+)`); base == ""; {
		line, err := said.ReadString('\n')
		require.NoError(t, err, stderr.String())
		if m := found.FindStringSubmatch(line); m != nil {
			base = m[1]
		}
	}
	send := func() (int, string) {
		req, err := http.NewRequest("POST", base+"/v26.0/"+wabatest.DefaultNumberID+"/messages",
			strings.NewReader(`{"messaging_product":"whatsapp","to":"15550177321","text":{"body":"Hi"},"biz_opaque_callback_data":"order-7"}`))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer tok-1")
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer func() { _ = res.Body.Close() }()
		var body struct{ Messages []struct{ ID string } }
		require.NoError(t, json.NewDecoder(res.Body).Decode(&body))
		if len(body.Messages) == 0 {
			return res.StatusCode, ""
		}
		return res.StatusCode, body.Messages[0].ID
	}
	status, _ := send()
	require.Equal(t, 400, status)
	status, id := send()
	require.Equal(t, 200, status)
	words := map[string]bool{}
	for range 3 {
		select {
		case s := <-callbacks:
			require.Equal(t, id, s.ID)
			require.Equal(t, "order-7", s.Tracking)
			words[s.Status] = true
		case <-time.After(10 * time.Second):
			t.Fatalf("only %v came back", words)
		}
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	rest, err := io.ReadAll(said)
	require.NoError(t, err)
	require.NoError(t, cmd.Wait(), stderr.String())
	require.Contains(t, string(rest), "accepted    1 to 1 recipients, 0 duplicates")
	require.Contains(t, string(rest), "refused     131056 1")
}

func TestSimulateGraphFlags(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"--provider moon":             {"--provider", "moon"},
		"--key is that of a provider": {"--key", "k"},
		"--instant does not go with":  {"--instant", "--latency", "1s"},
		"--customer cat":              {"--customer", "cat"},
		`"colour" is none of`:         {"--fault", "fail,colour=red"},
		`fault "explode" at messages`: {"--fault", "explode", "--addr", "127.0.0.1:0"},
		`expected HOST:PORT`:          {"--addr", "8090"},
	} {
		cmd := newCommand()
		cmd.SetArgs(append([]string{"simulate", "graph"}, args...))
		cmd.SetOut(io.Discard)
		cmd.SetErr(io.Discard)
		require.ErrorContains(t, cmd.ExecuteContext(t.Context()), want)
	}
}
