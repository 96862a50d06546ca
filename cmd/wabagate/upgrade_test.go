package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"wabagate/fanout/fanouttest"
	"wabagate/models/modelstest"
)

// asNewer is in the environment of a test program that is to be the gateway in a version to come.
const asNewer = "TEST_AS_NEWER"

// runAsNewer is the program with the migrations of a version to come: serve --roles …, or migrate.
func runAsNewer() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg, err := loadConfig(os.Environ())
	cfg.Migrations = modelstest.Newer()
	switch {
	case err != nil:
	case os.Args[1] == "migrate":
		err = migrate(ctx, cfg, os.Stdout, false)
	default:
		if cfg.Roles, err = parseRoles(os.Args[3]); err == nil {
			err = serve(ctx, cfg, nil)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// starter makes processes of a version, by what they do.
type starter func(roles string) *process

// newerVersion are processes of a version to come.
func newerVersion(t *testing.T, env []string) starter {
	path, err := os.Executable()
	require.NoError(t, err)
	return func(roles string) *process {
		p := newProcess(t, append(slices.Clone(env), asNewer+"=1"), "--roles", roles)
		p.path = path
		return p
	}
}

// presentVersion are processes of this one.
func presentVersion(t *testing.T, env []string) starter {
	return func(roles string) *process { return newProcess(t, env, "--roles", roles) }
}

// An upgrade to a version to come, whose migrations do all that migrations may.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	env := upgradeStores(t)
	applied := upgrade(t, env, presentVersion(t, env), newerVersion(t, env))
	require.Contains(t, applied, "99013_leaf.sql")
}

// An upgrade from an earlier version, built from the commit that UPGRADE_FROM names, to this one.
func TestRollingUpgradeFromCommit(t *testing.T) {
	commit := os.Getenv("UPGRADE_FROM")
	if commit == "" {
		t.Skip("UPGRADE_FROM names no commit to upgrade from")
	}
	env := upgradeStores(t)
	tree := filepath.Join(t.TempDir(), "tree")
	git := func(args ...string) {
		out, err := exec.Command("git", args...).CombinedOutput()
		require.NoError(t, err, "git %v: %s", args, out)
	}
	git("worktree", "add", "--detach", tree, commit)
	t.Cleanup(func() { git("worktree", "remove", "--force", tree) })
	path := filepath.Join(t.TempDir(), "wabagate")
	build := exec.Command("go", "build", "-o", path, "./cmd/wabagate")
	build.Dir = tree
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	earlier := func(roles string) *process {
		p := newProcess(t, env, "--roles", roles)
		p.path = path
		return p
	}
	t.Log(upgrade(t, env, earlier, presentVersion(t, env)))
}

func upgradeStores(t *testing.T) []string {
	return []string{"DATABASE_URL=" + startPostgres(t).URL(), "REDIS_URL=" + fanouttest.RedisURL(t), "WABAGATE_MASTER_KEY=a long and random text"}
}

// upgrade brings a gateway under load from one version to the next as the README says, while somebody holds a table: both
// versions work beside each other, one of the older begins again on the newer schema, and no answer and no line of a log
// tells of it. That includes that no callback took refuge in Redis, as those do that wait for two seconds.
func upgrade(t *testing.T, env []string, older, newer starter) (applied string) {
	old := []*process{older("ingress"), older("api"), older("worker")}
	old[0].run("migrate")
	made := old[0].bootstrap()
	for _, p := range old {
		p.start()
	}
	c := &tally{n: map[string]int{}}
	r := fanouttest.NewReceiver(t, c.answer)
	old[1].subscribe(made, map[string]any{"name": "crm", "url": r.URL, "events": []string{"message.received"}})
	time.Sleep(1200 * time.Millisecond) // the others look for changed routes once a second

	u := newUpstream(old[0].url(), "u")
	stop := u.load(16, 200)
	pages := browse(t, made, old[1])
	time.Sleep(time.Second)

	// The newer version does not begin before its migrations are there; they wait for whoever holds a table.
	early := newer("worker")
	cmd := exec.Command(early.path, early.args...)
	cmd.Env = early.env
	said, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(said), "run: wabagate migrate")
	release := holdTable(t, env, "outbox") // into which every callback is written
	done := make(chan string)
	go func() { done <- string(newer("worker").run("migrate")) }()
	before, _ := u.counts()
	time.Sleep(2 * time.Second)
	during, _ := u.counts()
	require.Greater(t, during-before, 50, "callbacks were held up by a migration that waits")
	release()
	applied = <-done

	// Both work; then one of the older begins again, as one does that was moved to another machine.
	fresh := []*process{newer("ingress"), newer("api"), newer("worker")}
	for _, p := range fresh {
		p.start()
	}
	pages.add(fresh[1])
	time.Sleep(1500 * time.Millisecond)
	old[2].end()
	old[2].start()
	require.Contains(t, string(old[2].run("migrate")), "nothing to apply")
	u.turnTo(fresh[0].url())
	time.Sleep(time.Second)
	pages.drop(old[1])
	for _, p := range old {
		p.end()
	}
	time.Sleep(time.Second)
	stop()
	pages.stop()

	doubled := c.requireAll(t, u, 60*time.Second)
	acked, refused := u.counts()
	t.Logf("%d callbacks acknowledged, all delivered; %d doubled; %d pages", acked, doubled, pages.read)
	require.Empty(t, refused)
	require.Zero(t, doubled)
	require.Empty(t, pages.failed)
	require.Greater(t, pages.read, 50)
	for _, p := range slices.Concat(old, fresh) {
		require.Empty(t, p.troubles(), "%v", p.args)
	}
	return applied
}

// holdTable reads a table in a transaction that stays open until release is called, as a backup does.
func holdTable(t *testing.T, env []string, table string) (release func()) {
	t.Helper()
	db, err := sql.Open("pgx", strings.TrimPrefix(env[0], "DATABASE_URL="))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "SELECT count(*) FROM "+table)
	require.NoError(t, err)
	return func() { require.NoError(t, tx.Rollback()) }
}

// troubles are the warnings and errors in a process's log.
func (p *process) troubles() (lines []string) {
	log, err := os.Open(p.log.Name())
	require.NoError(p.t, err)
	defer func() { _ = log.Close() }()
	for s := bufio.NewScanner(log); s.Scan(); {
		var line struct{ Level string }
		if err := json.Unmarshal(s.Bytes(), &line); err != nil || line.Level == "WARN" || line.Level == "ERROR" {
			lines = append(lines, s.Text())
		}
	}
	return lines
}

// browser reads a business's pages again and again.
type browser struct {
	mu     sync.Mutex
	from   []*process
	read   int
	failed []string
	stop   func()
}

// browse reads from a process until stopped.
func browse(t *testing.T, made bootstrapped, p *process) *browser {
	b := &browser{from: []*process{p}}
	ctx, cancel := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	reading.Go(func() {
		for ctx.Err() == nil {
			for _, path := range []string{"webhooks", "events", "deliveries", "conversations", "contacts", "numbers", "orders", "keys", "broadcasts", "me", "webhooks/1", "webhooks/1/stats"} {
				b.mu.Lock() // a process that is to end is not asked
				for _, p := range b.from {
					b.readOne(p.url()+"/api/client/"+path, made.APIKey)
				}
				b.mu.Unlock()
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	b.stop = func() { cancel(); reading.Wait() }
	return b
}

func (b *browser) readOne(url, key string) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err == nil {
		req.Header.Set("Authorization", "Bearer "+key)
		var res *http.Response
		if res, err = http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode != http.StatusOK {
				err = fmt.Errorf("answered %d", res.StatusCode)
			}
		}
	}
	if b.read++; err != nil {
		b.failed = append(b.failed, fmt.Sprintf("%s: %v", url, err))
	}
}

func (b *browser) add(p *process) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.from = append(b.from, p)
}

func (b *browser) drop(p *process) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.from = slices.DeleteFunc(b.from, func(one *process) bool { return one == p })
}
