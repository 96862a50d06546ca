package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// parseRedis reads a Redis address: one host, several hosts (a Cluster), or Sentinels with ?master_name=.
func parseRedis(raw string) (*redis.UniversalOptions, error) {
	bad := fmt.Errorf("is not a Redis address: expected redis://user:password@host:6379/0 (rediss:// for TLS), several hosts separated by commas for a Cluster, or Sentinels with ?master_name=…")
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return nil, bad
	}
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	user := ""
	if i := strings.LastIndex(authority, "@"); i >= 0 {
		user, authority = authority[:i+1], authority[i+1:]
	}
	hosts := strings.Split(authority, ",")
	u, err := url.Parse(scheme + "://" + user + hosts[0] + tail)
	if err != nil {
		return nil, bad
	}
	q := u.Query()
	master := q.Get("master_name")
	sentinelUser, sentinelPassword := q.Get("sentinel_username"), q.Get("sentinel_password")
	for _, k := range []string{"master_name", "sentinel_username", "sentinel_password"} {
		q.Del(k)
	}
	u.RawQuery = q.Encode()
	one, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, bad
	}
	o := &redis.UniversalOptions{
		Addrs: []string{one.Addr}, DB: one.DB, Username: one.Username, Password: one.Password, TLSConfig: one.TLSConfig, MasterName: master,
		SentinelUsername: sentinelUser, SentinelPassword: sentinelPassword, PoolSize: one.PoolSize,
		DialTimeout: 3 * time.Second, ReadTimeout: one.ReadTimeout, WriteTimeout: one.WriteTimeout,
	}
	if o.ReadTimeout == 0 {
		o.ReadTimeout, o.WriteTimeout = 3*time.Second, 3*time.Second
	}
	port := "6379"
	if master != "" {
		port = "26379"
	}
	for _, h := range hosts[1:] {
		if !strings.Contains(h, ":") {
			h += ":" + port
		}
		o.Addrs = append(o.Addrs, h)
	}
	o.IsClusterMode = master == "" && len(o.Addrs) > 1
	if o.IsClusterMode && o.DB != 0 {
		return nil, fmt.Errorf("names database %s: a Redis Cluster has only database 0", strconv.Itoa(o.DB))
	}
	return o, nil
}

// embeddedRedis is a Redis inside the process, for the embedded default. Nothing in it outlives the process: the
// reconciler fills it again from the database.
type embeddedRedis struct {
	server *miniredis.Miniredis
	stop   chan struct{}
	done   chan struct{}
}

func startEmbeddedRedis() (*embeddedRedis, *redis.UniversalOptions, error) {
	secret := make([]byte, 16)
	_, _ = rand.Read(secret) // never fails
	password := hex.EncodeToString(secret)
	m := miniredis.NewMiniRedis()
	m.RequireAuth(password) // it listens on loopback, where others may be
	if err := m.Start(); err != nil {
		return nil, nil, fmt.Errorf("start the in-process queue: %w", err)
	}
	e := &embeddedRedis{server: m, stop: make(chan struct{}), done: make(chan struct{})}
	go e.tick()
	return e, &redis.UniversalOptions{Addrs: []string{m.Addr()}, Password: password}, nil
}

// tick lets time pass: without it nothing in the in-process Redis would ever expire.
func (e *embeddedRedis) tick() {
	defer close(e.done)
	t := time.NewTicker(time.Second)
	defer t.Stop()
	last := time.Now()
	for {
		select {
		case <-e.stop:
			return
		case now := <-t.C:
			e.server.FastForward(now.Sub(last))
			last = now
		}
	}
}

func (e *embeddedRedis) close() {
	close(e.stop)
	<-e.done
	e.server.Close()
}
