package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// parseRedis reads a Redis address: one host, several hosts or ?cluster=true (a Cluster), or Sentinels with
// ?master_name=.
func parseRedis(raw string) (*redis.UniversalOptions, error) {
	bad := errors.New("is not a Redis address: expected redis://user:password@host:6379/0 (rediss:// for TLS), several hosts separated by commas or ?cluster=true for a Cluster, or Sentinels with ?master_name=…")
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
	clustered := len(hosts) > 1
	if q.Has("cluster") {
		if clustered, err = strconv.ParseBool(q.Get("cluster")); err != nil {
			return nil, errors.New("says cluster=" + q.Get("cluster") + ": expected true or false")
		}
	}
	switch {
	case master != "" && q.Has("cluster"):
		return nil, errors.New("names a Cluster and, by master_name, Sentinels: a Cluster needs none")
	case master == "" && !clustered && len(hosts) > 1:
		return nil, errors.New("names several hosts, which are a Cluster, or Sentinels with ?master_name=…")
	}
	sentinelUser, sentinelPassword := q.Get("sentinel_username"), q.Get("sentinel_password")
	for _, k := range []string{"master_name", "sentinel_username", "sentinel_password", "cluster"} {
		q.Del(k)
	}
	u.RawQuery = q.Encode()
	one, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, bad
	}
	o := &redis.UniversalOptions{
		DB: one.DB, Username: one.Username, Password: one.Password, TLSConfig: one.TLSConfig, MasterName: master, IsClusterMode: clustered && master == "",
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
	for _, h := range hosts {
		if _, _, err := net.SplitHostPort(h); err != nil {
			h = net.JoinHostPort(strings.Trim(cmp.Or(h, "localhost"), "[]"), port)
		}
		o.Addrs = append(o.Addrs, h)
	}
	if o.IsClusterMode && o.DB != 0 {
		return nil, fmt.Errorf("names database %d: a Redis Cluster has only database 0", o.DB)
	}
	return o, nil
}

// lookAround is how often a client asks a Cluster who serves what. A node that is gone cannot say who took over; the
// library by itself would go on asking it for a minute.
const lookAround = time.Second

// newRedis makes a client of what an address names. It speaks RESP2: with RESP3 the library looks, before and after every
// command, for messages that nobody here subscribes to.
func newRedis(o *redis.UniversalOptions) redis.UniversalClient {
	o.Protocol = 2
	if !o.IsClusterMode {
		return redis.NewUniversalClient(o)
	}
	c := o.Cluster()
	c.ClusterStateReloadInterval = lookAround
	return redis.NewClusterClient(c)
}

// meetRedis says what is wrong with the Redis that an address names, if anything is: that it does not answer, or that it
// is of another kind than the address says.
func meetRedis(ctx context.Context, r redis.UniversalClient) error {
	if err := r.Ping(ctx).Err(); err != nil {
		if strings.Contains(err.Error(), "cluster support disabled") {
			return errors.New("REDIS_URL names a Cluster, but the Redis there is none: name one host, without cluster=true, or Sentinels with ?master_name=…")
		}
		return fmt.Errorf("connect to Redis: %w", err)
	}
	if _, clustered := r.(*redis.ClusterClient); clustered {
		return nil
	}
	// A node of a Cluster answers too, and refuses most keys later.
	if info, err := r.Info(ctx, "cluster").Result(); err == nil && strings.Contains(info, "cluster_enabled:1") {
		return errors.New("REDIS_URL names one node of a Redis Cluster: add ?cluster=true, or name several nodes separated by commas")
	}
	return nil
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
