package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What make run promises: the printed command makes an event appear in the inspector, signed and verified; the same
// after a restart, with the same login and nothing forgotten.
func TestDemo(t *testing.T) {
	p := newProcess(t, nil)
	p.args = []string{"demo"}
	p.env = append(p.env[:len(p.env):len(p.env)], "WABAGATE_ALLOW_PRIVATE=") // what the embedded default allows by itself
	var login string
	for round := 1; round <= 2; round++ {
		require.NoError(t, p.log.Truncate(0))
		p.start()
		var printed string
		require.Eventually(t, func() bool {
			b, err := os.ReadFile(p.log.Name())
			printed = string(b)
			return err == nil && strings.Contains(printed, "simulate --url")
		}, 10*time.Second, 10*time.Millisecond)
		find := func(pattern string) []string {
			found := regexp.MustCompile(pattern).FindStringSubmatch(printed)
			require.NotNil(t, found, "%s in\n%s", pattern, printed)
			return found[1:]
		}
		account := find(`Login +(\S+) / (\S+)`)
		inspector := find(`Inspector +(\S+)`)[0]
		if round == 1 {
			login = account[1]
		}
		require.Equal(t, login, account[1], "a restart keeps the login")
		args := strings.Fields(find(`(simulate --url .*--count) 20`)[0])
		out, err := exec.Command(p.path, append(args, "3", "--messages-only", "--quiet")...).CombinedOutput()
		require.NoError(t, err, string(out))

		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		client := &http.Client{Jar: jar}
		res, err := client.Post(strings.Replace(p.url(), "127.0.0.1", "localhost", 1)+"/api/client/login", "application/json",
			strings.NewReader(`{"email":"`+account[0]+`","password":"`+account[1]+`"}`))
		require.NoError(t, err)
		_ = res.Body.Close()
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.Eventually(t, func() bool {
			res, err := client.Get(inspector)
			if err != nil {
				return false
			}
			defer func() { _ = res.Body.Close() }()
			page, err := io.ReadAll(res.Body)
			return err == nil && strings.Count(string(page), "standard verified") >= 3*round && strings.Contains(string(page), "message.received")
		}, 15*time.Second, 100*time.Millisecond)
		simulateInDashboard(t, client, strings.Replace(p.url(), "127.0.0.1", "localhost", 1))
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
		require.NoError(t, p.cmd.Wait())
		p.cmd = nil
	}
}

// simulateInDashboard does what the guide says, for a receiver of one's own on localhost.
func simulateInDashboard(t *testing.T, client *http.Client, base string) {
	got := make(chan string, 64)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
	}))
	defer receiver.Close()
	ask := func(answer *http.Response, err error) string {
		t.Helper()
		require.NoError(t, err)
		defer func() { _ = answer.Body.Close() }()
		page, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, answer.StatusCode, string(page))
		return string(page)
	}
	require.Contains(t, ask(client.Get(base+"/guide")), `action="/simulate"`)
	own := strings.Replace(receiver.URL, "127.0.0.1", "localhost", 1)
	ask(client.PostForm(base+"/webhooks/new", url.Values{"name": {"Mine"}, "url": {own}, "events": {"message.received"}, "dialect": {"wabagate"}, "secret_mode": {"generate"}}))
	require.Contains(t, ask(client.PostForm(base+"/simulate", nil)), "A made-up customer has written to your number.")
	select {
	case body := <-got:
		require.Contains(t, body, `"type":"message.received"`)
	case <-time.After(15 * time.Second):
		require.Fail(t, "the simulated message did not arrive")
	}
	require.Eventually(t, func() bool { return strings.Contains(ask(client.Get(base+"/guide")), "Everything works.") }, 15*time.Second, 100*time.Millisecond)
}
