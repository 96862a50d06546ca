package main

import (
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lmittmann/tint"

	"wabagate/cmd/wabagate/remote"
	"wabagate/fanout/deliver"
	"wabagate/gateway/media"
	"wabagate/models"
)

// Config is what the environment says. Only this file reads it.
type Config struct {
	DatabaseURL  models.Secret
	RedisURL     models.Secret
	Port         int
	Host         string
	Data         string
	Roles        Roles
	AllowPrivate deliver.Allowed
	AllowHTTP    bool
	// TrustedProxies are believed when they say whom a request comes from.
	TrustedProxies []netip.Prefix
	MasterKey      models.Secret
	// PreviousMasterKey is the one before, while the master key is being changed.
	PreviousMasterKey models.Secret
	PublicURL         string
	MetricsToken      models.Secret
	MetricsOpen       bool
	LogLevel          slog.Level
	LogFormat         string
	DBConns           int
	Translators       int
	Couriers          int
	InFlight          int
	Grace             time.Duration
	QueueSpread       int
	LanePatience      time.Duration
	GapAfter          time.Duration // 0: gap.DefaultAfter
	Retention         models.Retention
	// Proxy is what deliveries go out through; nil: directly.
	Proxy *url.URL
	// GraphURL and Dialog360URL take the place of the platform's and of 360dialog's addresses; empty: the real ones.
	GraphURL, Dialog360URL string
	// Undecided is how long a status is waited for when it is not known whether the platform took a message; 0: the sender's own.
	Undecided time.Duration
	Media     Media
	Tracing   Tracing
	// Profile is where a CPU profile goes; set by wabagate bench --profile only.
	Profile string
	// Migrations take the place of the program's own; set by tests only, to be a version to come.
	Migrations fs.FS
	// Demo lets people of the dashboard simulate customers; set by wabagate demo only.
	Demo bool
}

// Embedded says whether neither a database nor a Redis was named.
func (c Config) Embedded() bool { return c.DatabaseURL == "" && c.RedisURL == "" }

// Media is where files of messages are kept.
type Media struct {
	Dir       string              // empty: beside the embedded database
	Bucket    media.BucketOptions // in place of a directory, when it is named
	Key       string
	Secret    models.Secret
	Limit     int64 // bytes
	Retention time.Duration
}

// Roles is what a process does.
type Roles struct{ Ingress, API, Worker bool }

func (r Roles) String() string {
	var names []string
	for _, one := range []struct {
		on   bool
		name string
	}{{r.Ingress, "ingress"}, {r.API, "api"}, {r.Worker, "worker"}} {
		if one.on {
			names = append(names, one.name)
		}
	}
	return strings.Join(names, ",")
}

func parseRoles(s string) (Roles, error) {
	var r Roles
	for name := range strings.SplitSeq(s, ",") {
		switch strings.TrimSpace(name) {
		case "ingress":
			r.Ingress = true
		case "api":
			r.API = true
		case "worker":
			r.Worker = true
		default:
			return r, fmt.Errorf("unknown role %q: the roles are ingress, api and worker", name)
		}
	}
	return r, nil
}

// setting is one key of the environment. The README's table is made from these.
type setting struct {
	key  string
	zero string // what an unset key means
	help string
	set  func(*Config, string) error
}

func settings() []setting {
	return []setting{
		{"DATABASE_URL", "embedded SQLite", "PostgreSQL 15 or newer, `postgres://user:password@host:5432/name?sslmode=…`", func(c *Config, v string) error {
			u, err := url.Parse(v)
			if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") || u.Host == "" {
				return fmt.Errorf("is not a PostgreSQL address: expected postgres://user:password@host:5432/name")
			}
			c.DatabaseURL = models.Secret(v)
			return nil
		}},
		{"REDIS_URL", "in-process queue", "Redis 7 or newer: `redis://` or `rediss://user:password@host:6379/0`; several hosts separated by commas, or one with `?cluster=true`, are a Cluster; `?master_name=…` makes the hosts Sentinels, `&sentinel_password=…` is theirs", func(c *Config, v string) error {
			if _, err := parseRedis(v); err != nil {
				return err
			}
			c.RedisURL = models.Secret(v)
			return nil
		}},
		{"PORT", "8080", "port of everything HTTP", func(c *Config, v string) (err error) { c.Port, err = number(v, 1, 65535); return err }},
		{"WABAGATE_HOST", "all addresses", "address to listen on", func(c *Config, v string) error { c.Host = v; return nil }},
		{"WABAGATE_DATA", "./data", "directory of the embedded database", func(c *Config, v string) error { c.Data = v; return nil }},
		{"WABAGATE_ROLES", "ingress,api,worker", "what this process does; `--roles` wins", func(c *Config, v string) (err error) { c.Roles, err = parseRoles(v); return err }},
		{"WABAGATE_ALLOW_PRIVATE", "none; loopback when embedded", "CIDRs, addresses and host names (also `*.corp.example`), separated by commas, that customer URLs may reach although they are not public", func(c *Config, v string) (err error) { c.AllowPrivate, err = deliver.ParseAllowed(v); return err }},
		{"WABAGATE_TRUSTED_PROXIES", "none", "CIDRs and addresses, separated by commas, of the reverse proxies in front of the gateway: whom they name in `X-Forwarded-For` is whose logins are limited and who is in the audit log", func(c *Config, v string) (err error) {
			c.TrustedProxies, err = networks(v)
			return err
		}},
		{"WABAGATE_ALLOW_HTTP", "false", "lets customer URLs be plain http outside the allow-list too", func(c *Config, v string) (err error) { c.AllowHTTP, err = boolean(v); return err }},
		{"WABAGATE_MASTER_KEY", "data key unprotected", "protects the key that secrets in the database are encrypted with; any long random text, the same for every process", func(c *Config, v string) error {
			if len(v) < 16 {
				return fmt.Errorf("is too short: at least 16 characters, such as the output of: openssl rand -base64 32")
			}
			c.MasterKey = models.Secret(v)
			return nil
		}},
		{"WABAGATE_MASTER_KEY_PREVIOUS", "none", "the master key before, while it is being changed: what it protects is protected by `WABAGATE_MASTER_KEY` from the next start or `wabagate admin` command on", func(c *Config, v string) error {
			c.PreviousMasterKey = models.Secret(v)
			return nil
		}},
		{"WABAGATE_PUBLIC_URL", "http://localhost:PORT", "how people reach the gateway; https makes cookies secure", func(c *Config, v string) (err error) {
			c.PublicURL, err = address(v)
			return err
		}},
		{"WABAGATE_METRICS_TOKEN", "operators only", "opens `/metrics` as a bearer token; an operator's session does, too", func(c *Config, v string) error { c.MetricsToken = models.Secret(v); return nil }},
		{"WABAGATE_METRICS_OPEN", "false", "opens `/metrics` to everybody who can reach the port", func(c *Config, v string) (err error) { c.MetricsOpen, err = boolean(v); return err }},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "no traces", "OpenTelemetry collector that gets a trace of each callback by OTLP over HTTP, such as http://collector:4318; requests to webhooks then carry `traceparent`", func(c *Config, v string) (err error) {
			c.Tracing.Endpoint, err = address(v)
			return err
		}},
		{"OTEL_EXPORTER_OTLP_HEADERS", "none", "headers for it, such as a key: `name=value`, separated by commas", func(c *Config, v string) (err error) {
			c.Tracing.Headers, err = headerPairs(v)
			return err
		}},
		{"WABAGATE_TRACE_SHARE", "1", "share of the callbacks that are traced, from 0 to 1; the same for every process", func(c *Config, v string) error {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil || !(f >= 0 && f <= 1) {
				return fmt.Errorf("is %q: expected a number from 0 to 1, such as 0.01", v)
			}
			c.Tracing.Share = f
			return nil
		}},
		{"WABAGATE_LOG_LEVEL", "info", "debug, info, warn or error; info has a line for every attempt that fails, debug for every group of callbacks and every attempt", func(c *Config, v string) error { return c.LogLevel.UnmarshalText([]byte(v)) }},
		{"WABAGATE_LOG_FORMAT", "text on a terminal, else json", "text or json", func(c *Config, v string) error {
			if v != "text" && v != "json" {
				return fmt.Errorf("is %q: expected text or json", v)
			}
			c.LogFormat = v
			return nil
		}},
		{"WABAGATE_DB_CONNS", "16", "connections to PostgreSQL for callbacks and deliveries, and as many for the rest", func(c *Config, v string) (err error) { c.DBConns, err = number(v, 2, 1000); return err }},
		{"WABAGATE_TRANSLATORS", "16", "groups of callbacks in hand at once", func(c *Config, v string) (err error) { c.Translators, err = number(v, 1, 256); return err }},
		{"WABAGATE_COURIERS", "64", "groups of deliveries under way at once", func(c *Config, v string) (err error) { c.Couriers, err = number(v, 1, 4096); return err }},
		{"WABAGATE_IN_FLIGHT", "32", "requests in flight to one webhook, over all processes", func(c *Config, v string) (err error) { c.InFlight, err = number(v, 1, 1024); return err }},
		{"WABAGATE_LANE_PATIENCE", "10m", "how long an event that fails may hold up its conversation at a webhook with `ordering: conversation`", func(c *Config, v string) (err error) {
			c.LanePatience, err = duration(v, time.Second)
			return err
		}},
		{"WABAGATE_GAP_AFTER", "15m", "how long a message that the platform accepted may be without any status before it is told of (`message.unreported`)", func(c *Config, v string) (err error) {
			c.GapAfter, err = duration(v, time.Minute)
			return err
		}},
		{"WABAGATE_RETENTION", "30d", "how long callbacks, events, deliveries and attempts are kept, by whole days (UTC); which events there have been is known for at least 8 days", func(c *Config, v string) error {
			d, err := duration(v, 24*time.Hour)
			c.Retention.Callbacks, c.Retention.Events, c.Retention.Deliveries = d, d, d
			return err
		}},
		{"WABAGATE_PAYLOAD_RETENTION", "as long as the rest", "after how long the contents of callbacks and events and the answers of receivers are emptied, when that is to be sooner", func(c *Config, v string) (err error) {
			c.Retention.Payloads, err = duration(v, 24*time.Hour)
			return err
		}},
		{"WABAGATE_MESSAGE_RETENTION", "kept", "how long the messages of conversations are kept after they were sent", func(c *Config, v string) (err error) {
			c.Retention.Messages, err = duration(v, 24*time.Hour)
			return err
		}},
		{"WABAGATE_AUDIT_RETENTION", "400d", "how long the audit log is kept: who changed what of a business's settings", func(c *Config, v string) (err error) {
			c.Retention.Audit, err = duration(v, 24*time.Hour)
			return err
		}},
		{"WABAGATE_MEDIA", "./data/media", "where files of messages are kept: a directory that all processes share, or a bucket `s3://name/prefix?endpoint=https://…&region=…` (`&virtual=true` puts its name into the host)", func(c *Config, v string) (err error) {
			c.Media.Dir, c.Media.Bucket, err = mediaPlace(v)
			return err
		}},
		{"WABAGATE_MEDIA_KEY", "none", "access key of the bucket", func(c *Config, v string) error { c.Media.Key = v; return nil }},
		{"WABAGATE_MEDIA_SECRET", "none", "its secret", func(c *Config, v string) error { c.Media.Secret = models.Secret(v); return nil }},
		{"WABAGATE_MEDIA_LIMIT", "100", "MiB of the largest file that is kept", func(c *Config, v string) error {
			n, err := number(v, 1, 2048)
			c.Media.Limit = int64(n) << 20
			return err
		}},
		{"WABAGATE_MEDIA_RETENTION", "30d", "how long files are kept after they came", func(c *Config, v string) (err error) {
			c.Media.Retention, err = duration(v, 24*time.Hour)
			return err
		}},
		{"WABAGATE_EGRESS_PROXY", "none", "`http://user:password@host:port` through which deliveries go out (CONNECT); addresses are judged before", func(c *Config, v string) (err error) {
			c.Proxy, err = deliver.ParseProxy(v)
			return err
		}},
		{"WABAGATE_GRAPH_URL", "https://graph.facebook.com", "the platform's API for numbers that name no other address: a simulated platform, or a relay", func(c *Config, v string) (err error) {
			c.GraphURL, err = address(v)
			return err
		}},
		{"WABAGATE_360DIALOG_URL", "https://waba-v2.360dialog.io", "the same for numbers at 360dialog", func(c *Config, v string) (err error) {
			c.Dialog360URL, err = address(v)
			return err
		}},
		{"WABAGATE_SEND_UNDECIDED", "10m", "how long a status is waited for when the platform's answer to a message was lost, before the message is sent a second and last time", func(c *Config, v string) (err error) {
			c.Undecided, err = duration(v, time.Second)
			return err
		}},
		{"WABAGATE_QUEUE_SPREAD", "1; 4 on a Redis Cluster", "queues of each kind, so that the nodes of a Redis Cluster share them; the same for every process", func(c *Config, v string) (err error) {
			c.QueueSpread, err = number(v, 1, 64)
			return err
		}},
		{"WABAGATE_GRACE", "20s", "how long a stop waits for what is in hand", func(c *Config, v string) error {
			var err error
			c.Grace, err = duration(v, time.Millisecond)
			return err
		}},
	}
}

// address reads one of HTTP, without a slash at its end.
func address(v string) (string, error) {
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", fmt.Errorf("is not an address such as https://gateway.example.com")
	}
	return strings.TrimSuffix(v, "/"), nil
}

// mediaPlace reads where media are kept.
func mediaPlace(v string) (dir string, o media.BucketOptions, err error) {
	if !strings.HasPrefix(v, "s3://") {
		return v, o, nil
	}
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || u.User != nil {
		return "", o, fmt.Errorf("is not a bucket: expected s3://name/prefix?endpoint=https://…&region=…")
	}
	q := u.Query()
	o = media.BucketOptions{Endpoint: q.Get("endpoint"), Bucket: u.Host, Region: q.Get("region"), Prefix: strings.TrimPrefix(u.Path, "/"), Virtual: q.Get("virtual") == "true"}
	if o.Prefix != "" {
		o.Prefix = strings.TrimSuffix(o.Prefix, "/") + "/"
	}
	for name := range q {
		if name != "endpoint" && name != "region" && name != "virtual" {
			return "", o, fmt.Errorf("has the unknown part %q: there are endpoint, region and virtual", name)
		}
	}
	if o.Endpoint == "" || o.Region == "" {
		return "", o, fmt.Errorf("lacks the endpoint or the region: expected s3://name/prefix?endpoint=https://…&region=…")
	}
	return "", o, nil
}

// loadConfig reads an environment as os.Environ gives it. An unknown WABAGATE_ key or a malformed value is an error of
// one line that never repeats a secret.
func loadConfig(environ []string) (Config, error) {
	c := Config{Tracing: Tracing{Share: 1}, Port: 8080, Data: "./data", Roles: Roles{true, true, true}, Grace: 20 * time.Second}
	known := settings()
	for _, kv := range environ {
		key, value, _ := strings.Cut(kv, "=")
		if key == "WABAGATE_TEST_PROFILE" {
			c.Profile = value
		}
		i := slices.IndexFunc(known, func(s setting) bool { return s.key == key })
		if i < 0 {
			if strings.HasPrefix(key, "WABAGATE_") && !strings.HasPrefix(key, "WABAGATE_TEST_") && !slices.Contains(remote.Variables(), key) {
				return c, fmt.Errorf("%s is not a setting; see wabagate serve --help for the list", key)
			}
			continue
		}
		if value == "" {
			continue
		}
		if err := known[i].set(&c, value); err != nil {
			return c, fmt.Errorf("%s %w", key, err)
		}
	}
	if c.PreviousMasterKey != "" && c.MasterKey == "" {
		return c, fmt.Errorf("WABAGATE_MASTER_KEY_PREVIOUS is set and WABAGATE_MASTER_KEY is not: set it to the new key; protection can be changed but not taken off")
	}
	if c.PublicURL == "" {
		c.PublicURL = fmt.Sprintf("http://localhost:%d", c.Port)
	}
	if c.AllowPrivate.Empty() && c.Embedded() {
		c.AllowPrivate.Prefixes = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	return c, nil
}

// settingsHelp is the list of settings for people.
func settingsHelp() string {
	var b strings.Builder
	b.WriteString("Settings (environment):\n")
	for _, s := range settings() {
		fmt.Fprintf(&b, "  %-24s %s (unset: %s)\n", s.key, strings.ReplaceAll(s.help, "`", ""), s.zero)
	}
	return b.String()
}

func number(v string, low, high int) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("is %q: expected a number from %d to %d", v, low, high)
	}
	return n, nil
}

// networks reads CIDRs and addresses, separated by commas.
func networks(v string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for part := range strings.SplitSeq(v, ",") {
		part = strings.TrimSpace(part)
		p, err := netip.ParsePrefix(part)
		if err != nil {
			ip, err := netip.ParseAddr(part)
			if err != nil {
				return nil, fmt.Errorf("has %q: expected addresses and CIDRs separated by commas, such as 10.0.0.0/8,192.0.2.7", part)
			}
			p = netip.PrefixFrom(ip, ip.BitLen())
		}
		list = append(list, p.Masked())
	}
	return list, nil
}

// duration reads what Go writes (20s, 10m, 36h) and days (30d).
func duration(v string, least time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	if days, isDays := strings.CutSuffix(v, "d"); isDays {
		var n int
		if n, err = strconv.Atoi(days); n > 36500 {
			n = 36500
		}
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d < least {
		return 0, fmt.Errorf("is %q: expected a duration of at least %s, such as 20s, 10m, 36h or 30d", v, least)
	}
	return d, nil
}

func boolean(v string) (bool, error) {
	b, err := strconv.ParseBool(v)
	if err != nil {
		return false, fmt.Errorf("is %q: expected true or false", v)
	}
	return b, nil
}

// newLogger writes for people on a terminal and for machines elsewhere.
func (c Config) newLogger(w io.Writer) *slog.Logger {
	format := c.LogFormat
	if format == "" {
		format = "json"
		if f, ok := w.(*os.File); ok {
			if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
				format = "text"
			}
		}
	}
	if format == "text" {
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: c.LogLevel, TimeFormat: time.TimeOnly}))
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: c.LogLevel}))
}
