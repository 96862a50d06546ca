package doctor

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisNode is what one Redis server says of itself.
type redisNode struct {
	Addr    string
	Version string
	// Role is master or slave, in Redis's own words.
	Role    string
	Cluster bool // cluster mode is enabled

	MaxMemory, UsedMemory int64 // bytes; MaxMemory 0: no limit
	Policy                string
	Evicted               int64 // since the server started

	AOF bool
	// Fsync is always, everysec or no; empty: the server does not tell.
	Fsync                                           string
	AOFWriteFailed, AOFRewriteFailed, RDBSaveFailed bool
	// Saves says that snapshots are taken by themselves; writes are refused once one has failed.
	Saves   bool
	Loading bool

	Replicas            int
	Clients, MaxClients int
	Time                time.Time
}

// redisTopology is what several servers are together.
type redisTopology struct {
	// Named is how REDIS_URL names it: "one", "sentinel" or "cluster".
	Named string
	// ClusterState is what a cluster says: ok or fail; empty: none. SlotsCovered of 16384 are served.
	ClusterState string
	SlotsCovered int
	Spread       int // queues of each kind

	Sentinels []sentinel
}

// sentinel is what one Sentinel says of the master.
type sentinel struct {
	Addr   string
	Err    string // it cannot be asked
	Quorum string // what it has against a failover; empty: it could
	Others int    // Sentinels that it knows besides itself
	Flags  string // of the master
}

// lookAtRedis finds out which servers there are, and what is wrong with each.
func (d *doctor) lookAtRedis(ctx context.Context) {
	if d.Redis == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	o := *d.Redis
	o.MaxRetries, o.DialerRetries = 1, 1 // what does not answer now is a finding
	client := redis.NewUniversalClient(&o)
	if err := client.Ping(ctx).Err(); err != nil && !answersNotNow(err) {
		_ = client.Close()
		d.say(judgeUnreachable(err, o.IsClusterMode))
		return
	}
	d.redis = client
	topology := redisTopology{Named: "one", Spread: d.Layout.Spread}
	nodes, err := redisNodes(ctx, client)
	if err != nil {
		d.say(wrong("redis", "does not say what it is: "+err.Error(), "let the user of REDIS_URL run INFO: ACL SETUSER … +info +time +config|get"))
		return
	}
	switch c := client.(type) {
	case *redis.ClusterClient:
		topology.Named = "cluster"
		info := parseInfo(c.ClusterInfo(ctx).Val())
		topology.ClusterState, topology.SlotsCovered = info["cluster_state"], int(number(info["cluster_slots_ok"]))
	default:
		if o.MasterName != "" {
			topology.Named = "sentinel"
			topology.Sentinels = lookAtSentinels(ctx, o)
		}
	}
	for _, n := range nodes {
		d.say(judgeRedis(n)...)
	}
	d.say(judgeTopology(topology, nodes)...)
	for _, n := range nodes {
		d.say(judgeClock("redis clock", "Redis at "+n.Addr, n.Time, d.Now()))
	}
}

// answersNotNow says whether a refusal is that of a server which takes no writes for the moment and says why in its INFO:
// because it is reading its data, or cannot write them.
func answersNotNow(err error) bool {
	return strings.HasPrefix(err.Error(), "MISCONF") || strings.HasPrefix(err.Error(), "LOADING")
}

// redisNodes asks every server that takes writes.
func redisNodes(ctx context.Context, client redis.UniversalClient) (nodes []redisNode, err error) {
	switch c := client.(type) {
	case *redis.ClusterClient:
		var mu sync.Mutex
		err = c.ForEachMaster(ctx, func(ctx context.Context, one *redis.Client) error {
			n, err := redisFacts(ctx, one)
			mu.Lock()
			defer mu.Unlock()
			nodes = append(nodes, n)
			return err
		})
		return nodes, err
	case *redis.Client:
		n, err := redisFacts(ctx, c)
		return []redisNode{n}, err
	}
	return nil, fmt.Errorf("a client of an unknown kind")
}

// redisFacts asks one server. What it does not tell stays zero: managed servers refuse CONFIG.
func redisFacts(ctx context.Context, c *redis.Client) (redisNode, error) {
	n := redisNode{Addr: c.Options().Addr}
	if n.Addr == "FailoverClient" { // what the client calls whom the Sentinels name
		n.Addr = "the master"
	}
	text, err := c.Info(ctx).Result()
	if err != nil {
		return n, err
	}
	if n.Time, err = c.Time(ctx).Result(); err != nil {
		return n, err
	}
	info := parseInfo(text)
	n.Version, n.Role, n.Cluster = info["redis_version"], info["role"], info["cluster_enabled"] == "1"
	n.MaxMemory, n.UsedMemory, n.Policy, n.Evicted = number(info["maxmemory"]), number(info["used_memory"]), info["maxmemory_policy"], number(info["evicted_keys"])
	n.AOF, n.Loading = info["aof_enabled"] == "1", info["loading"] == "1"
	failed := func(key string) bool { return info[key] != "" && info[key] != "ok" }
	n.AOFWriteFailed, n.AOFRewriteFailed, n.RDBSaveFailed = failed("aof_last_write_status"), failed("aof_last_bgrewrite_status"), failed("rdb_last_bgsave_status")
	n.Replicas, n.Clients, n.MaxClients = int(number(info["connected_slaves"])), int(number(info["connected_clients"])), int(number(info["maxclients"]))
	n.Fsync = c.ConfigGet(ctx, "appendfsync").Val()["appendfsync"]
	n.Saves = c.ConfigGet(ctx, "save").Val()["save"] != "" && c.ConfigGet(ctx, "stop-writes-on-bgsave-error").Val()["stop-writes-on-bgsave-error"] != "no"
	return n, nil
}

// lookAtSentinels asks each Sentinel that REDIS_URL names.
func lookAtSentinels(ctx context.Context, o redis.UniversalOptions) []sentinel {
	var found []sentinel
	for _, addr := range o.Addrs {
		s := sentinel{Addr: addr}
		c := redis.NewSentinelClient(&redis.Options{Addr: addr, Username: o.SentinelUsername, Password: o.SentinelPassword, TLSConfig: o.TLSConfig, DialTimeout: 2 * time.Second, MaxRetries: -1, DialerRetries: 1})
		if master, err := c.Master(ctx, o.MasterName).Result(); err != nil {
			s.Err = err.Error()
		} else {
			s.Others, s.Flags = int(number(master["num-other-sentinels"])), master["flags"]
			if err := c.CkQuorum(ctx, o.MasterName).Err(); err != nil {
				s.Quorum = err.Error()
			}
		}
		_ = c.Close()
		found = append(found, s)
	}
	return found
}

// parseInfo reads what INFO answers.
func parseInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			info[key] = value
		}
	}
	return info
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64) // what is not told counts as 0
	return n
}
