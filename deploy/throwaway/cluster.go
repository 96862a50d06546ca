package throwaway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// ClusterOptions say how to start a Redis Cluster. The zero value is three masters with a replica each, which keep
// nothing on disk.
type ClusterOptions struct {
	// Masters share the slots evenly; 0: three, the fewest that can agree that one of them is gone.
	Masters int
	// Replicas of each master; 0: one. They take over from a master that is gone.
	Replicas int
	// Timeout is how long a node may be silent before the others give it up; 0: a second.
	Timeout time.Duration
	// AOF has every node write an append-only file, as RedisOptions say.
	AOF bool
}

// Cluster is a running throw-away Redis Cluster.
type Cluster struct{ nodes []*Redis }

const clusterSlots = 16384

// StartCluster starts the nodes and returns once all of them agree on who serves what and every replica follows its
// master. ctx bounds the start only: the nodes run until Stop.
func StartCluster(ctx context.Context, o ClusterOptions) (*Cluster, error) {
	if o.Masters == 0 {
		o.Masters = 3
	}
	if o.Replicas == 0 {
		o.Replicas = 1
	}
	if o.Timeout == 0 {
		o.Timeout = time.Second
	}
	c := &Cluster{}
	for i := range o.Masters * (1 + o.Replicas) {
		r, err := StartRedis(ctx, RedisOptions{AOF: o.AOF, Settings: following, name: fmt.Sprintf("redis-%d", i+1), clustered: o.Timeout})
		if err != nil {
			return nil, errors.Join(err, c.Stop())
		}
		c.nodes = append(c.nodes, r)
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := c.form(ctx, o.Masters); err != nil {
		return nil, errors.Join(fmt.Errorf("form a Redis Cluster: %w", err), c.Stop())
	}
	return c, nil
}

// following are the settings of servers that copy one another: a copy begins at once, rather than wait for others that
// might want one, and a master that is to halt does not wait for its replicas, which may be gone.
var following = map[string]string{"repl-diskless-sync-delay": "0", "shutdown-timeout": "0"}

// form makes a Cluster of nodes that know nothing of each other: the first of them are its masters.
func (c *Cluster) form(ctx context.Context, masters int) error {
	clients := clientsOf(c.nodes)
	defer closeAll(clients)
	ids := make([]string, len(clients))
	for i, client := range clients {
		if err := client.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(); err != nil {
			return err
		}
		if i < masters {
			if err := client.ClusterAddSlotsRange(ctx, i*clusterSlots/masters, (i+1)*clusterSlots/masters-1).Err(); err != nil {
				return err
			}
		}
		if i > 0 {
			port := c.nodes[i].port
			if err := clients[0].Do(ctx, "CLUSTER", "MEET", host, port, port+busOffset).Err(); err != nil {
				return err
			}
		}
		var err error
		if ids[i], err = client.ClusterMyID(ctx).Result(); err != nil {
			return err
		}
	}
	for i := masters; i < len(clients); i++ {
		// Refused until word of the master has got around.
		if err := eventually(ctx, func() error { return clients[i].ClusterReplicate(ctx, ids[i%masters]).Err() }); err != nil {
			return err
		}
	}
	var g errgroup.Group
	for i, client := range clients {
		g.Go(func() error {
			return eventually(ctx, func() error { return settled(ctx, client, i >= masters, masters, len(clients)) })
		})
	}
	return g.Wait()
}

// settled says why a node is not yet a full member of its Cluster.
func settled(ctx context.Context, client *redis.Client, replica bool, masters, nodes int) error {
	info, err := client.ClusterInfo(ctx).Result()
	if err != nil {
		return err
	}
	for _, want := range []string{"cluster_state:ok", fmt.Sprintf("cluster_slots_ok:%d", clusterSlots), fmt.Sprintf("cluster_known_nodes:%d", nodes)} {
		if !strings.Contains(info, want+"\r\n") {
			return fmt.Errorf("not yet %s", want)
		}
	}
	list, err := client.ClusterNodes(ctx).Result()
	if err != nil {
		return err
	}
	if following := strings.Count(list, "slave "); following != nodes-masters {
		return fmt.Errorf("%d of %d replicas are known as such", following, nodes-masters)
	}
	if replica {
		return followsItsMaster(ctx, client)
	}
	return nil
}

// followsItsMaster says why a replica has not yet copied its master.
func followsItsMaster(ctx context.Context, client *redis.Client) error {
	info, err := client.Info(ctx, "replication").Result()
	if err == nil && !strings.Contains(info, "master_link_status:up\r\n") {
		err = errors.New("a replica has not copied its master yet")
	}
	return err
}

// URL names every node, as REDIS_URL does.
func (c *Cluster) URL() string {
	addresses := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		addresses[i] = n.Addr()
	}
	return "redis://" + strings.Join(addresses, ",")
}

// Nodes are all of them, masters first as the Cluster was made. Each can be killed, halted, signalled and resumed.
func (c *Cluster) Nodes() []*Redis { return c.nodes }

// Node is the one at an address, as Redis names it; nil when none is.
func (c *Cluster) Node(addr string) *Redis {
	for _, n := range c.nodes {
		if n.Addr() == addr {
			return n
		}
	}
	return nil
}

// Stop ends every node and removes what it kept.
func (c *Cluster) Stop() error { return stopAll(c.nodes) }

// stopAll does not ask: a Redis does not end in order while it begins an append-only file, as a replica does that has
// just copied its master.
func stopAll(servers []*Redis) error {
	var errs []error
	for _, s := range servers {
		errs = append(errs, s.Kill(), s.Stop())
	}
	return errors.Join(errs...)
}

func clientsOf(servers []*Redis) []*redis.Client {
	clients := make([]*redis.Client, len(servers))
	for i, s := range servers {
		clients[i] = redis.NewClient(&redis.Options{Addr: s.Addr(), PoolSize: 1})
	}
	return clients
}

func closeAll(clients []*redis.Client) {
	for _, c := range clients {
		_ = c.Close()
	}
}

// eventually looks until there is nothing to complain about. What it complains about last is why ctx ended it.
func eventually(ctx context.Context, look func() error) error {
	for {
		complaint := look()
		if complaint == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), complaint)
		case <-time.After(pollEvery):
		}
	}
}
