package throwaway

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// RedisOptions say how to start a Redis. The zero value is one on a free port that keeps nothing.
type RedisOptions struct {
	// Dir holds the append-only file and the log, and is kept. Empty: a temporary directory that Stop removes.
	Dir string
	// AOF writes an append-only file, flushed to disk every second, as production should: the data survives Halt and,
	// but for the last second, Kill. False: nothing is written, and Resume starts empty.
	AOF bool
	// Port on loopback; 0: a free one.
	Port int
	// Password is asked of clients; empty: none.
	Password string
	// Settings are further lines of redis.conf, values written as they would be there; they win over the ones made
	// here.
	Settings map[string]string

	name      string        // of errors and the log file; empty: redis
	clustered time.Duration // it is a node of a Cluster that gives up another after so long; 0: it is not
}

// Redis is a running throw-away Redis.
type Redis struct {
	server
	password string
}

// StartRedis starts a server and returns once it answers. ctx bounds the start only: the server runs until Stop.
func StartRedis(ctx context.Context, o RedisOptions) (*Redis, error) {
	program, err := Find("redis-server")
	if err != nil {
		return nil, err
	}
	if err := checkPort(o.Port); err != nil {
		return nil, fmt.Errorf("start redis: %w", err)
	}
	name := cmp.Or(o.name, "redis")
	dir, temp, err := openDir(o.Dir, name, nil)
	if err != nil {
		return nil, err
	}
	r := &Redis{server{name: name, dir: dir, temp: temp, stop: syscall.SIGTERM}, o.Password}
	r.ready = r.answer
	r.command = func(port int) *exec.Cmd {
		// The configuration goes through standard input: a password on the command line is for everyone to see.
		cmd := exec.Command(program, "-")
		cmd.Stdin = strings.NewReader(o.config(port))
		cmd.SysProcAttr = attributes(nil, syscall.SIGKILL)
		return cmd
	}
	if err := r.start(ctx, o.Port); err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	return r, nil
}

// URL addresses database 0, with the password if there is one.
func (r *Redis) URL() string {
	u := url.URL{Scheme: "redis", Host: r.Addr(), Path: "/0"}
	if r.password != "" {
		u.User = url.UserPassword("", r.password)
	}
	return u.String()
}

// answer asks the server once for its process id, as it may be another's that has the port. While an append-only file
// is being read, Redis listens but answers with an error.
func (r *Redis) answer(ctx context.Context, pid int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", r.Addr())
	if err != nil {
		return err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	requests := request("INFO", "server")
	if r.password != "" {
		requests = append(request("AUTH", r.password), requests...)
	}
	if _, err := conn.Write(requests); err != nil {
		return err
	}
	want := "process_id:" + strconv.Itoa(pid)
	for replies := bufio.NewScanner(conn); replies.Scan(); {
		switch line := replies.Text(); {
		case line == want:
			return nil
		case strings.HasPrefix(line, "-"), strings.HasPrefix(line, "process_id:"):
			return fmt.Errorf("redis answered %q", line)
		}
	}
	return errors.New("redis closed the connection")
}

// request encodes a command in the protocol of Redis.
func request(words ...string) []byte {
	b := fmt.Appendf(nil, "*%d\r\n", len(words))
	for _, w := range words {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(w), w)
	}
	return b
}

func (o RedisOptions) config(port int) string {
	settings := map[string]string{
		"bind":        host,
		"port":        strconv.Itoa(port),
		"save":        `""`,
		"appendonly":  "no",
		"appendfsync": "everysec",
	}
	if o.AOF {
		settings["appendonly"] = "yes"
	}
	if o.clustered > 0 {
		settings["cluster-enabled"] = "yes"
		settings["cluster-port"] = strconv.Itoa(port + busOffset)
		settings["cluster-node-timeout"] = strconv.FormatInt(o.clustered.Milliseconds(), 10)
	}
	if o.Password != "" {
		settings["requirepass"] = quote(o.Password)
	}
	maps.Copy(settings, o.Settings)
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s %s\n", key, settings[key])
	}
	return b.String()
}

// quote writes any text as one value of redis.conf.
func quote(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, `\x%02x`, c)
	}
	return `"` + b.String() + `"`
}
