package doctor

import (
	"fmt"
	"strings"
)

// oldestRedis is the first major version that everything used here exists in.
const oldestRedis = 7

// judgeUnreachable says why Redis does not answer.
func judgeUnreachable(err error, cluster bool) Finding {
	const check = "redis"
	text := strings.Join(strings.Fields(err.Error()), " ")
	switch {
	case strings.Contains(text, "all sentinels") && strings.Contains(text, "redis: nil"):
		return wrong(check, "the Sentinels know no master of the name in REDIS_URL", "write ?master_name=… as their configuration does: sentinel monitor NAME …")
	case cluster && strings.Contains(text, "cluster support disabled"):
		return wrong(check, "REDIS_URL names a Cluster, and the Redis there is none", "name one host, without cluster=true, or the Sentinels with ?master_name=…")
	case strings.Contains(text, "NOAUTH"), strings.Contains(text, "WRONGPASS"):
		return wrong(check, "refuses the user or password of REDIS_URL", "set REDIS_URL to redis://user:password@host:6379/0 with those of the server")
	}
	return wrong(check, "does not answer: "+text, "start it, or correct REDIS_URL; look at firewalls and network policies on the way")
}

// judgeRedis judges one server.
func judgeRedis(n redisNode) []Finding {
	at := n.Addr
	fs := []Finding{judgeRedisVersion(n)}
	if n.Role == "slave" {
		return append(fs, wrong("redis role", at+" is a replica and takes no writes", "name the master in REDIS_URL, or the Sentinels with ?master_name=…"))
	}
	if n.Loading {
		return append(fs, wrong("redis loading", at+" is still reading its data", "wait; a start takes about a minute per 10 GB"))
	}
	switch {
	case n.Policy != "" && n.Policy != "noeviction":
		fs = append(fs, wrong("redis eviction", fmt.Sprintf("maxmemory-policy of %s is %s: short of memory it throws tasks away, and callbacks that PostgreSQL does not have yet", at, n.Policy),
			"CONFIG SET maxmemory-policy noeviction, and the same in redis.conf"))
	case n.Evicted > 0:
		fs = append(fs, warning("redis eviction", fmt.Sprintf("%s has thrown away %d keys since it started", at, n.Evicted), "nothing now: the policy is noeviction, and the database fills the queue again"))
	default:
		fs = append(fs, fine("redis eviction", "%s never evicts", at))
	}
	fs = append(fs, judgeRedisMemory(n), judgePersistence(n))
	if n.MaxClients > 0 && n.Clients*10 >= n.MaxClients*8 {
		fs = append(fs, warning("redis clients", fmt.Sprintf("%s has %d of at most %d clients", at, n.Clients, n.MaxClients), "raise maxclients, and the file descriptors of the server with it"))
	}
	return fs
}

func judgeRedisVersion(n redisNode) Finding {
	major, _, _ := strings.Cut(n.Version, ".")
	if number(major) < oldestRedis {
		return wrong("redis", fmt.Sprintf("%s is Redis %s", n.Addr, n.Version), fmt.Sprintf("upgrade it to %d or newer", oldestRedis))
	}
	return fine("redis", "%s answers, version %s", n.Addr, n.Version)
}

func judgeRedisMemory(n redisNode) Finding {
	const check = "redis memory"
	if n.MaxMemory == 0 {
		return fine(check, "%s uses %s and has no limit of its own", n.Addr, size(n.UsedMemory))
	}
	says := fmt.Sprintf("%s uses %s of %s", n.Addr, size(n.UsedMemory), size(n.MaxMemory))
	remedy := "raise maxmemory; when it is full the queue takes nothing, and callbacks cannot wait there for PostgreSQL. What fills it: wabagate doctor's queues, /monitor/"
	switch share := n.UsedMemory * 100 / n.MaxMemory; {
	case share >= 90:
		return wrong(check, says, remedy)
	case share >= 75:
		return warning(check, says, remedy)
	}
	return fine(check, "%s", says)
}

// judgePersistence: callbacks may be nowhere but in Redis while PostgreSQL is down.
func judgePersistence(n redisNode) Finding {
	const check = "redis persistence"
	switch {
	case !n.AOF:
		return wrong(check, n.Addr+" keeps no append-only file: callbacks that it holds while PostgreSQL is down are lost when it restarts",
			"CONFIG SET appendonly yes, and appendonly yes in redis.conf")
	case n.AOFWriteFailed:
		return wrong(check, n.Addr+" could not write its append-only file and refuses writes", "make room on its disk; its log says what failed")
	case n.RDBSaveFailed && n.Saves:
		return wrong(check, n.Addr+" could not write its last snapshot and refuses writes", `make room on its disk, or set save "": the append-only file is enough`)
	case n.AOFRewriteFailed:
		return warning(check, n.Addr+" could not rewrite its append-only file, which grows meanwhile", "make room on its disk (as much again as the file has); its log says what failed")
	case n.Fsync == "no":
		return warning(check, n.Addr+" leaves flushing to the system (appendfsync no): half a minute of callbacks can be lost with the machine", "CONFIG SET appendfsync everysec, or always to lose nothing, and the same in redis.conf")
	case n.Fsync == "":
		return fine(check, "%s keeps an append-only file", n.Addr)
	}
	return fine(check, "%s keeps an append-only file, appendfsync %s", n.Addr, n.Fsync)
}

// slots is how many hash slots a cluster has.
const slots = 16384

// judgeTopology judges the servers together.
func judgeTopology(t redisTopology, nodes []redisNode) []Finding {
	switch t.Named {
	case "cluster":
		return judgeCluster(t, nodes)
	case "sentinel":
		return judgeSentinels(t.Sentinels, nodes)
	}
	if len(nodes) == 1 && nodes[0].Cluster {
		return []Finding{wrong("redis cluster", nodes[0].Addr+" is one of a Cluster, and REDIS_URL names it alone", "name several of its hosts, separated by commas, or add ?cluster=true")}
	}
	return nil
}

func judgeCluster(t redisTopology, nodes []redisNode) []Finding {
	const check = "redis cluster"
	var fs []Finding
	if t.ClusterState != "ok" || t.SlotsCovered != slots {
		fs = append(fs, wrong(check, fmt.Sprintf("its state is %q, with %d of %d slots served: the queues of the others stand still", t.ClusterState, t.SlotsCovered, slots),
			"bring the missing node or a replica of it back; redis-cli --cluster check HOST:PORT names it"))
	}
	for _, n := range nodes {
		if n.Replicas == 0 {
			fs = append(fs, warning(check, n.Addr+" has no replica: its queues stand still while it is down", "give it one: redis-cli --cluster add-node NEW:6379 "+n.Addr+" --cluster-slave"))
		}
	}
	if t.Spread <= 1 && len(nodes) > 1 {
		fs = append(fs, warning(check, "WABAGATE_QUEUE_SPREAD is 1: each kind of queue lies on one node", fmt.Sprintf("set it to %d or more in every process, with an empty queue", len(nodes))))
	}
	if len(fs) == 0 {
		fs = append(fs, fine(check, "%s, all slots served, %d queues of each kind", plural(len(nodes), "master", "masters"), max(t.Spread, 1)))
	}
	return fs
}

func judgeSentinels(all []sentinel, nodes []redisNode) []Finding {
	const check = "redis sentinel"
	var fs []Finding
	for _, n := range nodes {
		if n.Replicas == 0 {
			fs = append(fs, wrong(check, n.Addr+" has no replica: there is nothing to fail over to", "start one"))
		}
	}
	known := 0
	for _, s := range all {
		switch {
		case s.Err != "":
			fs = append(fs, warning(check, s.Addr+" does not answer: "+s.Err, "start it, or take it out of REDIS_URL"))
			continue
		case s.Quorum != "":
			fs = append(fs, wrong(check, s.Addr+" could not fail over now: "+s.Quorum, "start the missing Sentinels, or lower the quorum"))
		case strings.Contains(s.Flags, "down"):
			fs = append(fs, wrong(check, s.Addr+" sees the master as "+s.Flags, "look at the master's log"))
		}
		known = max(known, s.Others+1)
	}
	if known > 0 && known < 3 {
		fs = append(fs, warning(check, plural(known, "Sentinel", "Sentinels")+" in all: with fewer than three the loss of one machine can end failover", "run three, on three machines"))
	}
	if len(fs) == 0 {
		fs = append(fs, fine(check, "%s, and a failover is possible", plural(known, "Sentinel", "Sentinels")))
	}
	return fs
}

// size writes bytes for people.
func size(bytes int64) string {
	switch {
	case bytes >= 10<<30:
		return fmt.Sprintf("%d GiB", bytes>>30)
	case bytes >= 10<<20:
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d KiB", bytes>>10)
}
