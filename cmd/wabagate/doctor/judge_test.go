package doctor

import (
	"errors"
	"io/fs"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// worst is the worst level among findings, and the text of those that are not OK.
func worst(fs ...Finding) (level Level, text string) {
	level = OK
	for _, f := range fs {
		if f.Level != OK {
			text += f.Check + " " + f.Says + " " + f.Remedy + "\n"
		}
		if f.Level == Wrong || f.Level == Warning && level == OK {
			level = f.Level
		}
	}
	return level, text
}

// judged is one case: what a change of something sound is judged.
type judged[T any] struct {
	name   string
	change func(*T)
	level  Level
	says   string // part of it
}

// each judges a sound thing, and then each change of it.
func judgeAll[T any](t *testing.T, sound func() T, judge func(T) []Finding, cases []judged[T]) {
	t.Helper()
	level, text := worst(judge(sound())...)
	require.Equal(t, OK, level, "the sound one: %s", text)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v := sound()
			c.change(&v)
			fs := judge(v)
			level, text := worst(fs...)
			require.Equal(t, c.level, level, text)
			require.Contains(t, text, c.says)
			for _, f := range fs {
				require.Equal(t, f.Level != OK, f.Remedy != "", "a remedy for what is not ok, and none else: %+v", f)
			}
		})
	}
}

func TestJudgeRedis(t *testing.T) {
	sound := func() redisNode {
		return redisNode{Addr: "r:6379", Version: "7.0.15", Role: "master", Policy: "noeviction", AOF: true, Fsync: "everysec", MaxMemory: 100 << 20, UsedMemory: 1 << 20, MaxClients: 10000, Clients: 3}
	}
	judgeAll(t, sound, judgeRedis, []judged[redisNode]{
		{"old", func(n *redisNode) { n.Version = "6.2.1" }, Wrong, "upgrade it to 7"},
		{"ten is newer than seven", func(n *redisNode) { n.Version = "10.1.0" }, OK, ""},
		{"evicts", func(n *redisNode) { n.Policy = "allkeys-lru" }, Wrong, "CONFIG SET maxmemory-policy noeviction"},
		{"evicted once", func(n *redisNode) { n.Evicted = 7 }, Warning, "7 keys"},
		{"does not tell", func(n *redisNode) { n.Policy, n.Fsync = "", "" }, OK, ""},
		{"no limit", func(n *redisNode) { n.MaxMemory, n.UsedMemory = 0, 90<<30 }, OK, ""},
		{"filling", func(n *redisNode) { n.UsedMemory = 75 << 20 }, Warning, "75 MiB of 100 MiB"},
		{"full", func(n *redisNode) { n.UsedMemory = 90 << 20 }, Wrong, "90 MiB"},
		{"forgets", func(n *redisNode) { n.AOF = false }, Wrong, "append-only"},
		{"cannot write", func(n *redisNode) { n.AOFWriteFailed = true }, Wrong, "refuses writes"},
		{"cannot save", func(n *redisNode) { n.RDBSaveFailed, n.Saves = true, true }, Wrong, "snapshot"},
		{"could not save, and need not", func(n *redisNode) { n.RDBSaveFailed = true }, OK, ""},
		{"cannot rewrite", func(n *redisNode) { n.AOFRewriteFailed = true }, Warning, "grows"},
		{"does not flush", func(n *redisNode) { n.Fsync = "no" }, Warning, "appendfsync no"},
		{"always", func(n *redisNode) { n.Fsync = "always" }, OK, ""},
		{"replica", func(n *redisNode) { n.Role = "slave" }, Wrong, "replica"},
		{"loading", func(n *redisNode) { n.Loading = true }, Wrong, "reading its data"},
		{"crowded", func(n *redisNode) { n.Clients = 8000 }, Warning, "maxclients"},
	})
}

func TestJudgeTopology(t *testing.T) {
	three := []redisNode{{Addr: "a:1", Cluster: true, Replicas: 1}, {Addr: "b:1", Cluster: true, Replicas: 1}, {Addr: "c:1", Cluster: true, Replicas: 1}}
	judgeAll(t, func() redisTopology {
		return redisTopology{Named: "cluster", ClusterState: "ok", SlotsCovered: slots, Spread: 4}
	}, func(c redisTopology) []Finding { return judgeTopology(c, three) }, []judged[redisTopology]{
		{"down", func(c *redisTopology) { c.ClusterState = "fail" }, Wrong, "stand still"},
		{"slots", func(c *redisTopology) { c.SlotsCovered-- }, Wrong, "16383 of 16384"},
		{"one queue", func(c *redisTopology) { c.Spread = 1 }, Warning, "WABAGATE_QUEUE_SPREAD"},
		{"named alone", func(c *redisTopology) { c.Named = "one" }, OK, ""}, // of three nodes that is not known
	})
	level, text := worst(judgeTopology(redisTopology{Named: "one"}, three[:1])...)
	require.Equal(t, Wrong, level)
	require.Contains(t, text, "names it alone")
	level, text = worst(judgeTopology(redisTopology{Named: "cluster", ClusterState: "ok", SlotsCovered: slots, Spread: 4}, []redisNode{{Addr: "lonely:1"}})...)
	require.Equal(t, Warning, level)
	require.Contains(t, text, "lonely:1 has no replica")

	judgeAll(t, func() []sentinel {
		return []sentinel{{Addr: "s1", Others: 2, Flags: "master"}, {Addr: "s2", Others: 2, Flags: "master"}}
	}, func(s []sentinel) []Finding { return judgeSentinels(s, three[:1]) }, []judged[[]sentinel]{
		{"one is gone", func(s *[]sentinel) { (*s)[1] = sentinel{Addr: "s2", Err: "refused"} }, Warning, "s2 does not answer"},
		{"no quorum", func(s *[]sentinel) { (*s)[0].Quorum = "NOQUORUM" }, Wrong, "NOQUORUM"},
		{"down", func(s *[]sentinel) { (*s)[0].Flags = "s_down,master" }, Wrong, "s_down"},
		{"two", func(s *[]sentinel) { (*s)[0].Others, (*s)[1].Others = 1, 1 }, Warning, "run three"},
	})
	level, text = worst(judgeSentinels([]sentinel{{Addr: "s1", Others: 2, Flags: "master"}}, []redisNode{{Addr: "the master"}})...)
	require.Equal(t, Wrong, level)
	require.Contains(t, text, "nothing to fail over to")
}

func TestJudgeUnreachable(t *testing.T) {
	for text, says := range map[string]string{
		"dial tcp: refused": "start it", "NOAUTH Authentication required.": "user or password", "WRONGPASS invalid": "user or password",
		"redis: all sentinels specified in configuration are unreachable: redis: nil\nredis: nil": "no master of the name",
	} {
		f := judgeUnreachable(errors.New(text), false)
		require.Equal(t, Wrong, f.Level)
		require.Contains(t, f.Says+f.Remedy, says)
	}
	require.Contains(t, judgeUnreachable(errors.New("ERR This instance has cluster support disabled"), true).Says, "the Redis there is none")
}

func TestJudgePostgres(t *testing.T) {
	sound := func() postgres {
		return postgres{Version: 150004, Room: 97, Size: 1 << 30, Age: 1000, Settings: map[string]string{"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "shared_buffers": "131072",
			"max_wal_size": "4096", "autovacuum": "on", "track_counts": "on", "statement_timeout": "0", "default_transaction_read_only": "off", "archive_mode": "off"}}
	}
	set := func(key, value string) func(*postgres) { return func(p *postgres) { p.Settings[key] = value } }
	judge := func(p postgres) []Finding { return judgePostgres(p, 2, 16) }
	judgeAll(t, sound, judge, []judged[postgres]{
		{"old", func(p *postgres) { p.Version = 140012 }, Wrong, "upgrade it to 15"},
		{"standby", func(p *postgres) { p.Recovery = true }, Wrong, "standby"},
		{"read-only", set("default_transaction_read_only", "on"), Wrong, "read-only"},
		{"fsync", set("fsync", "off"), Wrong, "fsync is off"},
		{"pages", set("full_page_writes", "off"), Wrong, "torn"},
		{"commit", set("synchronous_commit", "off"), Wrong, "acknowledged"},
		{"commit of the standby", set("synchronous_commit", "remote_apply"), OK, ""},
		{"too few connections", func(p *postgres) { p.Room = 65 }, Wrong, "max_connections"},
		{"just enough", func(p *postgres) { p.Room = 66 }, OK, ""},
		{"others take them", func(p *postgres) { p.Others = 40 }, Warning, "others use 40"},
		{"small buffers", set("shared_buffers", "16384"), Warning, "128 MiB"},
		{"small wal", set("max_wal_size", "512"), Warning, "512 MiB"},
		{"hurried checkpoints", func(p *postgres) { p.Checkpoints = checkpoints{10, 20} }, Warning, "20 of 30"},
		{"a few early ones", func(p *postgres) { p.Checkpoints = checkpoints{0, 5} }, OK, ""},
		{"no autovacuum", set("autovacuum", "off"), Wrong, "autovacuum is off"},
		{"no counts", set("track_counts", "off"), Wrong, "track_counts is off"},
		{"old rows", func(p *postgres) { p.Age = ageHigh + 1 }, Warning, "500 million"},
		{"very old rows", func(p *postgres) { p.Age = ageLast + 1 }, Wrong, "stops"},
		{"timeout", set("statement_timeout", "5000"), Warning, "statement_timeout is 5s"},
		{"long timeout", set("statement_timeout", "60000"), OK, ""},
		{"idle", func(p *postgres) { p.Idle = []idleSession{{PID: 7, Application: "psql", For: 2 * time.Minute}} }, Warning, "pg_terminate_backend(7)"},
		{"idle for hours", func(p *postgres) { p.Idle = []idleSession{{PID: 7, For: 3 * time.Hour}} }, Wrong, "3h"},
		{"prepared", func(p *postgres) { p.Prepared = []string{"x1"} }, Wrong, `"x1"`},
		{"standby keeps up", func(p *postgres) { p.Replicas = []replica{{Name: "b", Sync: "async", Lag: time.Second}} }, OK, ""},
		{"standby lags", func(p *postgres) { p.Replicas = []replica{{Name: "b", Lag: 2 * time.Minute}} }, Warning, "standby b"},
		{"no synchronous standby", set("synchronous_standby_names", "b"), Wrong, "none is connected"},
		{"idle slot", func(p *postgres) { p.Slots = []slot{{"old", 2 << 30}} }, Wrong, "pg_drop_replication_slot('old')"},
		{"fresh slot", func(p *postgres) { p.Slots = []slot{{"old", 1 << 20}} }, OK, ""},
		{"archive fails", func(p *postgres) {
			p.Settings["archive_mode"], p.Archive = "on", archive{noon, noon.Add(time.Minute)}
		}, Wrong, "no backup"},
		{"archived since", func(p *postgres) {
			p.Settings["archive_mode"], p.Archive = "on", archive{noon.Add(time.Hour), noon}
		}, OK, ""},
		{"foreign", func(p *postgres) { p.Foreign = []string{"events"} }, Wrong, "another role owns events"},
	})
}

func TestJudgeDatabase(t *testing.T) {
	for name, c := range map[string]struct {
		f     Finding
		level Level
		says  string
	}{
		"no embedded one yet": {judgeOpening(fs.ErrNotExist, true), Warning, "serve makes it"},
		"wrong key":           {judgeOpening(errors.New("WABAGATE_MASTER_KEY is not the key"), false), Wrong, "same key"},
		"away":                {judgeOpening(errors.New("DATABASE_URL: cannot connect"), false), Wrong, "start it"},
		"pending":             {judgeSchema(models.Schema{Applied: 3, Known: 4, Pending: []string{"4.sql"}}), Wrong, "wabagate migrate"},
		"newer":               {judgeSchema(models.Schema{Applied: 5, Known: 4}), Warning, "newer version"},
		"current":             {judgeSchema(models.Schema{Applied: 4, Known: 4}), OK, ""},
		"no key":              {judgeMasterKey(false, false), Warning, "openssl rand"},
		"no key, embedded":    {judgeMasterKey(false, true), OK, ""},
		"key":                 {judgeMasterKey(true, false), OK, ""},
		"no leaves":           {judgeLeaves([]string{"events_20261122"}), Warning, "events_20261122"},
		"leaves":              {judgeLeaves(nil), OK, ""},
		"media":               {judgeMedia("/m", nil, false), OK, ""},
		"media scattered":     {judgeMedia("/m", nil, true), Warning, "share"},
		"media refused":       {judgeMedia("/m", fs.ErrPermission, true), Wrong, "permission"},
		"disk full":           {judgeDisk("/d", 1<<29, 100<<30), Wrong, "512 MiB of 100 GiB"},
		"disk filling":        {judgeDisk("/d", 9<<30, 100<<30), Warning, "make room"},
		"disk":                {judgeDisk("/d", 50<<30, 100<<30), OK, ""},
		"disk not told":       {judgeDisk("/d", 0, 0), OK, ""},
		"clock":               {judgeClock("clock", "X", noon.Add(time.Second), noon), OK, ""},
		"clock ahead":         {judgeClock("clock", "X", noon.Add(3*time.Second), noon), Warning, "3s ahead"},
		"clock behind":        {judgeClock("clock", "X", noon.Add(-time.Hour), noon), Wrong, "1h0m0s behind"},
	} {
		level, text := worst(c.f)
		require.Equal(t, c.level, level, name)
		require.Contains(t, text, c.says, name)
	}
}

func TestJudgeNetwork(t *testing.T) {
	judgeAll(t, func() egress { return egress{} }, func(e egress) []Finding { return judgeEgress(e, false) }, []judged[egress]{
		{"metadata", func(e *egress) { e.Allowed, e.Entries, e.Open = "169.254.0.0/16", 1, []string{"169.254.169.254"} }, Wrong, "credentials"},
		{"stores", func(e *egress) { e.Allowed, e.Entries, e.Stores = "10.0.0.0/8", 1, []string{"db"} }, Wrong, "db"},
		{"private", func(e *egress) { e.Allowed, e.Entries = "10.1.0.0/16", 1 }, Warning, "10.1.0.0/16"},
		{"http", func(e *egress) { e.HTTP = true }, Warning, "WABAGATE_ALLOW_HTTP"},
	})
	for raw, want := range map[string]Level{
		"https://gateway.example.com": OK, "https://gateway.example.com:8443": OK, "http://gateway.example.com": Wrong, "http://localhost:8080": Wrong,
		"https://127.0.0.1": Wrong, "https://[::1]": Wrong, "https://gateway.example.com/whatsapp": Wrong, "nothing": Wrong,
	} {
		level, _ := worst(judgePublicURL(raw, false, true)...)
		require.Equal(t, want, level, raw)
	}
	level, text := worst(judgePublicURL("https://gateway.example.com", false, false)...)
	require.Equal(t, Warning, level)
	require.Contains(t, text, "WABAGATE_TRUSTED_PROXIES")
	level, _ = worst(judgePublicURL("http://localhost:8080", true, false)...)
	require.Equal(t, OK, level)

	require.Equal(t, OK, judgeName("h", nil).Level)
	require.Contains(t, judgeName("h", &net.DNSError{Err: "no such host", IsNotFound: true}).Says, "does not resolve")
	require.Contains(t, judgeName("h", &net.DNSError{Err: "refused"}).Says, "no answer")

	require.Equal(t, OK, judgeHealth("https://h", "200 ok", noon.AddDate(0, 1, 0), nil, noon).Level)
	require.Equal(t, Warning, judgeHealth("https://h", "200 ok", noon.AddDate(0, 0, 3), nil, noon).Level)
	require.Equal(t, Warning, judgeHealth("https://h", "", time.Time{}, errors.New("refused"), noon).Level)
	require.Equal(t, Wrong, judgeHealth("https://h", "404 nginx", time.Time{}, nil, noon).Level)
}

func TestJudgeQueues(t *testing.T) {
	sound := func() []queue {
		return []queue{{Name: "callbacks", Ours: true, Served: true, Pending: 3, Oldest: time.Second}, {Name: "deliveries-history", Ours: true, Served: true}}
	}
	judgeAll(t, sound, func(qs []queue) []Finding { return judgeQueues(qs, 2) }, []judged[[]queue]{
		{"paused", func(q *[]queue) { (*q)[0].Paused = true }, Wrong, "is paused, with 3 tasks"},
		{"nobody", func(q *[]queue) { (*q)[0].Served = false }, Wrong, "nobody who works on it"},
		{"nobody, nothing", func(q *[]queue) { (*q)[1].Served = false }, Warning, "nobody works on deliveries-history"},
		{"late", func(q *[]queue) { (*q)[0].Oldest = 2 * time.Minute }, Warning, "2m0s"},
		{"stuck", func(q *[]queue) { (*q)[0].Oldest = time.Hour }, Wrong, "1h0m0s"},
		{"the past may wait", func(q *[]queue) { (*q)[1].Oldest = 5 * time.Minute }, OK, ""},
		{"not for ever", func(q *[]queue) { (*q)[1].Oldest = time.Hour }, Warning, "deliveries-history"},
		{"archived", func(q *[]queue) { (*q)[0].Archived = 1 }, Warning, "1 task is in its archive"},
		{"another spread", func(q *[]queue) { *q = append(*q, queue{Name: "callbacks-2", Pending: 5}) }, Warning, "WABAGATE_QUEUE_SPREAD"},
		{"another spread, empty", func(q *[]queue) { *q = append(*q, queue{Name: "callbacks-2"}) }, OK, ""},
	})
	level, text := worst(judgeQueues(sound(), 0)...)
	require.Equal(t, Wrong, level)
	require.Contains(t, text, "no process works on the queues, in which 3 tasks wait")
	level, _ = worst(judgeQueues([]queue{{Name: "callbacks", Ours: true}}, 0)...)
	require.Equal(t, Warning, level, "nothing is lost yet")

	judgeAll(t, func() backlog { return backlog{} }, func(b backlog) []Finding { return judgeBacklog(b, noon) }, []judged[backlog]{
		{"just due", func(b *backlog) { b.OldestDue = noon.Add(-time.Second) }, OK, ""},
		{"due later", func(b *backlog) { b.OldestDue = noon.Add(time.Hour) }, OK, ""},
		{"late", func(b *backlog) { b.OldestDue = noon.Add(-3 * time.Minute) }, Warning, "3m0s"},
		{"stuck", func(b *backlog) { b.OldestDue = noon.Add(-time.Hour) }, Wrong, "1h0m0s"},
		{"refuge", func(b *backlog) { b.Refuge = 2 }, Warning, "do not flush Redis"},
		{"a webhook behind", func(b *backlog) {
			b.Waiting = []models.WebhookWaiting{{WebhookID: 7, Deliveries: 5000, OldestDue: noon.Add(-time.Hour)}}
		}, Warning, "webhook 7"},
		{"a webhook that retries", func(b *backlog) {
			b.Waiting = []models.WebhookWaiting{{WebhookID: 7, Deliveries: 3, OldestDue: noon.Add(-time.Hour)}}
		}, OK, ""},
	})
}

func TestJudgeHook(t *testing.T) {
	sound := func() hook {
		return hook{Webhook: models.Webhook{ID: 7, Name: "CRM", Active: true}, Expires: noon.AddDate(0, 2, 0)}
	}
	judgeAll(t, sound, func(h hook) []Finding { return judgeHook(h, noon) }, []judged[hook]{
		{"refused", func(h *hook) { h.Refused = errors.New("must begin with https://") }, Wrong, "must begin with https"},
		{"unresolved", func(h *hook) { h.Unresolved = errors.New("no such host") }, Wrong, "does not resolve"},
		{"unreached", func(h *hook) { h.Unreached = errors.New("refused") }, Warning, "is not reached"},
		{"no tls", func(h *hook) { h.TLS = errors.New("not a TLS handshake") }, Warning, "no encrypted connection"},
		{"expires", func(h *hook) { h.Expires = noon.AddDate(0, 0, 5) }, Warning, "2026-11-26"},
		{"client certificate", func(h *hook) { h.Client = "the certificate expired" }, Warning, "client certificate"},
		{"unverified", func(h *hook) { h.Challenged = true }, Wrong, "challenge"},
		{"verified", func(h *hook) { h.Challenged, h.Verified = true, true }, OK, ""},
		{"fails since yesterday", func(h *hook) { h.Health.FailingSince = noon.Add(-25 * time.Hour) }, Warning, "25 hours"},
		{"a bad hour", func(h *hook) { h.Health.FailingSince = noon.Add(-time.Hour) }, OK, ""},
		{"gone", func(h *hook) { h.Active, h.DisabledBy, h.DisabledAt = false, models.ByReceiver, noon.AddDate(0, 0, -3) }, Warning, "3 days ago: its receiver answered 410"},
		{"given up", func(h *hook) { h.Active, h.DisabledBy, h.DisabledAt = false, models.ByFailures, noon }, Warning, "days of failures"},
		{"off", func(h *hook) { h.Active, h.DisabledBy, h.Unreached = false, models.ByOwner, errors.New("refused") }, OK, ""},
		{"a name of control characters", func(h *hook) { h.Name, h.Unreached = "\x1b[31m\nok", errors.New("refused") }, Warning, `\x1b[31m\nok`},
	})
}

func TestJudgeLine(t *testing.T) {
	sound := func() line {
		return line{Number: models.Number{ID: 3, Display: "15550100200"}, Upstream: &models.Upstream{TokenExpiresAt: noon.AddDate(0, 1, 0), Checked: models.UpstreamHealth{At: noon, OK: true}}}
	}
	judgeAll(t, sound, func(l line) []Finding { return judgeLine(l, noon) }, []judged[line]{
		{"receives only", func(l *line) { l.Upstream = nil }, OK, ""},
		{"for ever", func(l *line) { l.Upstream.TokenExpiresAt = time.Time{} }, OK, ""},
		{"expires", func(l *line) { l.Upstream.TokenExpiresAt = noon.AddDate(0, 0, 2) }, Warning, "2026-11-23"},
		{"expired", func(l *line) { l.Upstream.TokenExpiresAt = noon }, Wrong, "nothing is sent"},
		{"silent", func(l *line) { l.SilentSince = noon.Add(-5 * time.Hour) }, Wrong, "no callback for 5 hours"},
		{"in trouble", func(l *line) { l.Upstream.Checked.OK, l.Upstream.Checked.Trouble = false, "the token was revoked" }, Wrong, "the token was revoked"},
		{"never checked", func(l *line) { l.Upstream.Checked = models.UpstreamHealth{} }, OK, ""},
	})
	require.Equal(t, OK, judgeParked(3, noon.Add(-time.Minute), noon).Level)
	require.Equal(t, Warning, judgeParked(1, noon.Add(-3*time.Hour), noon).Level)
}

func TestReport(t *testing.T) {
	r := NewReport([]Finding{fine("a", "good"), warning("b", "soso", "mend it"), wrong("c", "bad \x1b[31m", "mend it now")})
	require.False(t, r.OK)
	var text, js strings.Builder
	require.NoError(t, r.Text(&text))
	require.Equal(t, "ok       a                    good\nwarning  b                    soso. Fix: mend it\nwrong    c                    bad �[31m. Fix: mend it now\n\n1 thing is wrong, 1 warning, 1 ok\n", text.String())
	require.NoError(t, r.JSON(&js))
	require.Contains(t, js.String(), `"wrong": 1,`)
	require.True(t, NewReport([]Finding{warning("b", "soso", "mend it")}).OK, "a warning is no reason to stop")
}
