package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// binary builds the program once per test run, without the race detector: these tests are about processes.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "wabagate-test-bin")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "wabagate")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	if os.Getenv(asNewer) != "" {
		os.Exit(runAsNewer())
	}
	flag.Parse()
	// Tests that may run side by side mostly wait: for retries, or for what takes a minute by design.
	if f := flag.Lookup("test.parallel"); f.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = f.Value.Set("4")
	}
	code := m.Run()
	if path, err := binary(); err == nil && code == 0 {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	if b := opened.Load(); b != nil {
		b.Close()
	}
	os.Exit(code)
}

// process is the program in a process of its own, which can be killed and started again.
type process struct {
	t    *testing.T
	path string
	env  []string
	port int
	args []string
	cmd  *exec.Cmd
	log  *os.File
}

// newProcess prepares the program on a free port; env is added to a bare environment.
func newProcess(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	log, err := os.CreateTemp(t.TempDir(), "log")
	require.NoError(t, err)
	p := &process{t: t, path: path, port: port, args: append([]string{"serve"}, args...), log: log,
		env: append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), fmt.Sprintf("PORT=%d", port), "WABAGATE_HOST=127.0.0.1",
			"WABAGATE_ALLOW_PRIVATE=127.0.0.0/8", "WABAGATE_DATA=" + t.TempDir()}, env...)}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			b, _ := os.ReadFile(log.Name())
			t.Logf("the program's log:\n%s", b[max(0, len(b)-6000):])
		}
	})
	return p
}

func (p *process) url() string { return fmt.Sprintf("http://127.0.0.1:%d", p.port) }

// start starts the program and returns when it is ready.
func (p *process) start() {
	p.t.Helper()
	p.cmd = exec.Command(p.path, p.args...)
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = p.env, p.log, p.log
	require.NoError(p.t, p.cmd.Start())
	require.Eventually(p.t, func() bool {
		res, err := http.Get(p.url() + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, 20*time.Second, 10*time.Millisecond, "the program is not ready")
}

// end ends the program in order.
func (p *process) end() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(p.t, p.cmd.Wait(), "the program did not exit cleanly")
	p.cmd = nil
}

// kill ends the program as a crash would.
func (p *process) kill() {
	if p.cmd != nil && p.cmd.Process != nil {
		_ = p.cmd.Process.Signal(syscall.SIGKILL)
		_ = p.cmd.Wait()
		p.cmd = nil
	}
}

// run runs another command of the program in the same environment and returns what it printed.
func (p *process) run(args ...string) []byte {
	p.t.Helper()
	cmd := exec.Command(p.path, args...)
	cmd.Env = p.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(p.t, err, "%v: %s", args, stderr.String())
	return out
}

// bootstrap makes the business and returns what was printed.
func (p *process) bootstrap() bootstrapped {
	p.t.Helper()
	var made bootstrapped
	require.NoError(p.t, json.Unmarshal(p.run("admin", "bootstrap", "--json", "--business", "Bakery", "--email", "owner@example.com", "--password", "correct horse",
		"--app", "a", "--app-secret", testSecret, "--verify-token", "token-1", "--phone-number-id", testPNID, "--display-number", "15550100200"), &made))
	return made
}

// subscribe makes a webhook through the API and returns its id.
func (p *process) subscribe(made bootstrapped, body map[string]any) int64 {
	p.t.Helper()
	b, err := json.Marshal(body)
	require.NoError(p.t, err)
	req, err := http.NewRequest(http.MethodPost, p.url()+"/api/client/webhooks", bytes.NewReader(b))
	require.NoError(p.t, err)
	req.Header.Set("Authorization", "Bearer "+made.APIKey)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(p.t, err)
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		ID    int64 `json:"id"`
		Error any   `json:"error"`
	}
	require.NoError(p.t, json.NewDecoder(res.Body).Decode(&answer))
	require.Equal(p.t, http.StatusCreated, res.StatusCode, "%v", answer.Error)
	return answer.ID
}

// upstream posts callbacks of one text message each, and posts again what was not acknowledged, as the platform does.
type upstream struct {
	url    string
	prefix string

	mu      sync.Mutex
	next    int
	again   []string
	acked   map[string]bool
	refused map[int]int // answers that were not 200, by status; 0: no answer
}

func newUpstream(url, prefix string) *upstream {
	return &upstream{url: url + "/webhooks/cloud/a", prefix: prefix, acked: map[string]bool{}, refused: map[int]int{}}
}

// run posts with n connections at most rate callbacks per second in all, until ctx ends.
func (u *upstream) run(ctx context.Context, n, rate int) {
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			t := time.NewTicker(time.Duration(n) * time.Second / time.Duration(rate))
			defer t.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-t.C:
				}
				u.postOne(u.take())
			}
		})
	}
	wg.Wait()
}

// load is run beside the test, until the returned function stops it and waits for what is under way.
func (u *upstream) load(n, rate int) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var load sync.WaitGroup
	load.Go(func() { u.run(ctx, n, rate) })
	return func() { cancel(); load.Wait() }
}

// turnTo posts to another process from now on.
func (u *upstream) turnTo(url string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.url = url + "/webhooks/cloud/a"
}

func (u *upstream) take() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if n := len(u.again); n > 0 {
		id := u.again[n-1]
		u.again = u.again[:n-1]
		return id
	}
	u.next++
	return fmt.Sprintf("wamid.%s%06d", u.prefix, u.next)
}

func (u *upstream) postOne(id string) {
	from := fmt.Sprintf("1555017%04d", len(id)*7919%50+int(id[len(id)-1]))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	u.mu.Lock()
	url := u.url
	u.mu.Unlock()
	status, err := postSigned(ctx, url, testSecret, textCallback(testPNID, from, id, "hello "+id))
	u.mu.Lock()
	defer u.mu.Unlock()
	if err == nil && status == http.StatusOK {
		u.acked[id] = true
		return
	}
	u.refused[status]++
	u.again = append(u.again, id)
}

func (u *upstream) counts() (acked int, refused map[int]int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	r := map[int]int{}
	for k, v := range u.refused {
		r[k] = v
	}
	return len(u.acked), r
}
