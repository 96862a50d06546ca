package throwaway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// SentinelOptions say how to start a Redis that Sentinels watch. The zero value is a master with two replicas and three
// Sentinels, which keep nothing on disk.
type SentinelOptions struct {
	// Replicas of the master; 0: two.
	Replicas int
	// Timeout is how long the master may be silent before it is given up; 0: a second.
	Timeout time.Duration
	// AOF has every server write an append-only file, as RedisOptions say.
	AOF bool
}

// Sentinel is a running throw-away Redis that Sentinels watch.
type Sentinel struct{ servers, sentinels []*Redis }

const (
	masterName = "wabagate"
	// sentinels there are; two of them agree that the master is gone.
	sentinels, quorum = 3, 2
)

// StartSentinel starts the servers and their Sentinels, and returns once every replica follows the master and all
// Sentinels know of each other and of the replicas. ctx bounds the start only: they run until Stop.
func StartSentinel(ctx context.Context, o SentinelOptions) (*Sentinel, error) {
	if o.Replicas == 0 {
		o.Replicas = 2
	}
	if o.Timeout == 0 {
		o.Timeout = time.Second
	}
	s := &Sentinel{}
	if err := s.begin(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("start a Redis with Sentinels: %w", err), s.Stop())
	}
	return s, nil
}

func (s *Sentinel) begin(ctx context.Context, o SentinelOptions) error {
	for i := range 1 + o.Replicas {
		r, err := StartRedis(ctx, RedisOptions{AOF: o.AOF, Settings: following, name: fmt.Sprintf("redis-%d", i+1)})
		if err != nil {
			return err
		}
		s.servers = append(s.servers, r)
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	clients := clientsOf(s.servers)
	defer closeAll(clients)
	for _, c := range clients[1:] {
		if err := c.ReplicaOf(ctx, host, strconv.Itoa(s.servers[0].port)).Err(); err != nil {
			return err
		}
	}
	for _, c := range clients[1:] {
		if err := eventually(ctx, func() error { return followsItsMaster(ctx, c) }); err != nil {
			return err
		}
	}
	// Sentinels find the replicas when they begin to watch, and again every ten seconds only: hence after them.
	for i := range sentinels {
		r, err := startSentinel(ctx, fmt.Sprintf("sentinel-%d", i+1), s.servers[0].port, o.Timeout)
		if err != nil {
			return err
		}
		s.sentinels = append(s.sentinels, r)
	}
	watching := clientsOf(s.sentinels)
	defer closeAll(watching)
	var g errgroup.Group
	for _, c := range watching {
		g.Go(func() error { return eventually(ctx, func() error { return knowsAll(ctx, c, o.Replicas) }) })
	}
	return g.Wait()
}

// startSentinel starts one Sentinel. It keeps what it learns in its configuration, which therefore is a file, and which
// is written once: a Sentinel that comes back goes on from what it knew.
func startSentinel(ctx context.Context, name string, master int, timeout time.Duration) (*Redis, error) {
	program, err := Find("redis-server")
	if err != nil {
		return nil, err
	}
	dir, temp, err := openDir("", name, nil)
	if err != nil {
		return nil, err
	}
	r := &Redis{server: server{name: name, dir: dir, temp: temp, stop: syscall.SIGTERM}}
	file := filepath.Join(dir, "sentinel.conf")
	config := fmt.Sprintf("bind %s\nsentinel monitor %s %s %d %d\nsentinel down-after-milliseconds %s %d\nsentinel failover-timeout %s %d\n",
		host, masterName, host, master, quorum, masterName, timeout.Milliseconds(), masterName, 3*timeout.Milliseconds())
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	r.ready = r.answer
	r.command = func(port int) *exec.Cmd {
		cmd := exec.Command(program, file, "--sentinel", "--port", strconv.Itoa(port))
		cmd.SysProcAttr = attributes(nil, syscall.SIGKILL)
		return cmd
	}
	if err := r.start(ctx, 0); err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	return r, nil
}

// knowsAll says why a Sentinel could not yet bring about a failover.
func knowsAll(ctx context.Context, client *redis.Client, replicas int) error {
	master := redis.NewMapStringStringCmd(ctx, "SENTINEL", "MASTER", masterName)
	if err := client.Process(ctx, master); err != nil {
		return err
	}
	for what, want := range map[string]int{"num-slaves": replicas, "num-other-sentinels": sentinels - 1} {
		if got := master.Val()[what]; got != strconv.Itoa(want) {
			return fmt.Errorf("%s is %s, not yet %d", what, got, want)
		}
	}
	return nil
}

// URL names the Sentinels, as REDIS_URL does.
func (s *Sentinel) URL() string {
	addresses := make([]string, len(s.sentinels))
	for i, n := range s.sentinels {
		addresses[i] = n.Addr()
	}
	return "redis://" + strings.Join(addresses, ",") + "/0?master_name=" + masterName
}

// Servers are all of them, the first master first. Each can be killed, halted, signalled and resumed.
func (s *Sentinel) Servers() []*Redis { return s.servers }

// Master is the server that a Sentinel names as the master; another may hear of a failover a moment earlier. It is nil
// when none that was started here is named.
func (s *Sentinel) Master(ctx context.Context) (*Redis, error) {
	clients := clientsOf(s.sentinels)
	defer closeAll(clients)
	var errs []error
	for _, c := range clients {
		at := redis.NewStringSliceCmd(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName)
		if err := c.Process(ctx, at); err != nil {
			errs = append(errs, err) // that Sentinel may be down
			continue
		}
		for _, r := range s.servers {
			if strings.Join(at.Val(), ":") == r.Addr() {
				return r, nil
			}
		}
		return nil, nil
	}
	return nil, fmt.Errorf("ask the Sentinels for the master: %w", errors.Join(errs...))
}

// Stop ends the Sentinels and then the servers, so that nobody takes over from one that stops, and removes what they kept.
func (s *Sentinel) Stop() error { return errors.Join(stopAll(s.sentinels), stopAll(s.servers)) }
