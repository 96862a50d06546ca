package main

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

func TestConfig(t *testing.T) {
	c, err := loadConfig([]string{"PATH=/bin", "HOME=/root", "EMPTY="})
	require.NoError(t, err)
	require.True(t, c.Embedded())
	require.Equal(t, Roles{true, true, true}, c.Roles)
	require.Equal(t, "http://localhost:8080", c.PublicURL)
	require.True(t, c.AllowPrivate.Prefixes[0].Contains(netip.MustParseAddr("127.0.0.1")), "the embedded default allows loopback")

	c, err = loadConfig([]string{"DATABASE_URL=postgres://u:p@h/db", "REDIS_URL=rediss://:pw@r:6380/2", "PORT=9000", "WABAGATE_ROLES=ingress, worker",
		"WABAGATE_ALLOW_PRIVATE=10.1.2.3/8, 192.168.1.7,fd00::/8,*.corp.example", "WABAGATE_TRUSTED_PROXIES=10.1.2.3/8, 192.0.2.7,fd00::1", "WABAGATE_AUDIT_RETENTION=90d", "WABAGATE_GRACE=3s", "WABAGATE_PUBLIC_URL=https://gw.example.com/", "WABAGATE_LOG_LEVEL=debug"})
	require.NoError(t, err)
	require.Equal(t, Roles{Ingress: true, Worker: true}, c.Roles)
	require.Equal(t, "10.0.0.0/8,192.168.1.7/32,fd00::/8,*.corp.example", c.AllowPrivate.String())
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("fd00::1/128")}, c.TrustedProxies)
	require.Equal(t, 90*24*time.Hour, c.Retention.Audit)
	require.Equal(t, 3*time.Second, c.Grace)
	require.Equal(t, "https://gw.example.com", c.PublicURL)

	c, err = loadConfig([]string{"DATABASE_URL=postgres://u:p@h/db"})
	require.NoError(t, err)
	require.True(t, c.AllowPrivate.Empty(), "with a real database nothing private is allowed unasked")
}

// Every wrong value is one line that names the key, says what is expected, and repeats no secret.
func TestConfigErrors(t *testing.T) {
	for env, want := range map[string]string{
		"WABAGATE_PROT=1":                            "WABAGATE_PROT is not a setting",
		"PORT=http":                                  "PORT is",
		"PORT=70000":                                 "from 1 to 65535",
		"DATABASE_URL=mysql://u:hunter2@h/db":        "not a PostgreSQL address",
		"REDIS_URL=hunter2":                          "not a Redis address",
		"REDIS_URL=redis://:hunter2@a,b/3":           "only database 0",
		"WABAGATE_ROLES=ingres":                      `unknown role "ingres"`,
		"WABAGATE_ALLOW_PRIVATE=10.0.0.0/33":         "neither a CIDR",
		"WABAGATE_ALLOW_HTTP=maybe":                  "expected true or false",
		"WABAGATE_MASTER_KEY=hunter2":                "too short",
		"WABAGATE_MASTER_KEY_PREVIOUS=hunter2":       "WABAGATE_MASTER_KEY is not",
		"WABAGATE_PUBLIC_URL=gw.example.com":         "not an address",
		"WABAGATE_GRACE=20":                          "such as 20s, 10m, 36h or 30d",
		"WABAGATE_TRUSTED_PROXIES=10.0.0.0/8,":       `has "": expected addresses`,
		"WABAGATE_AUDIT_RETENTION=1h":                "at least 24h0m0s",
		"WABAGATE_RETENTION=1h":                      "at least 24h0m0s",
		"WABAGATE_RETENTION=month":                   "or 30d",
		"WABAGATE_LANE_PATIENCE=0s":                  "at least 1s",
		"WABAGATE_GAP_AFTER=1s":                      "at least 1m0s",
		"WABAGATE_QUEUE_SPREAD=0":                    "from 1 to 64",
		"WABAGATE_EGRESS_PROXY=socks://hunter2":      "WABAGATE_EGRESS_PROXY",
		"WABAGATE_LOG_FORMAT=xml":                    "expected text or json",
		"WABAGATE_METRICS_OPEN=yes please":           "expected true or false",
		"OTEL_EXPORTER_OTLP_ENDPOINT=collector:4317": "not an address",
		"OTEL_EXPORTER_OTLP_HEADERS=key hunter2":     "expected name=value",
		"OTEL_EXPORTER_OTLP_HEADERS=key=hunter2%0a":  "expected name=value",
		"WABAGATE_TRACE_SHARE=1.5":                   "from 0 to 1",
		"WABAGATE_TRACE_SHARE=NaN":                   "from 0 to 1",
		"WABAGATE_LOG_LEVEL=loud":                    "WABAGATE_LOG_LEVEL",
		"WABAGATE_IN_FLIGHT=0":                       "from 1 to 1024",
		"WABAGATE_DB_CONNS=-1":                       "from 2 to 1000",
		"DATABASE_URL=postgres://u:hunter2@%zz":      "not a PostgreSQL address",
	} {
		_, err := loadConfig([]string{env})
		require.ErrorContains(t, err, want, env)
		require.NotContains(t, err.Error(), "hunter2")
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestRedisAddresses(t *testing.T) {
	for address, want := range map[string]redis.UniversalOptions{
		"redis://localhost":                   {Addrs: []string{"localhost:6379"}},
		"redis://[::1]/3":                     {Addrs: []string{"[::1]:6379"}, DB: 3},
		"rediss://user:pw@r.example.com:16/2": {Addrs: []string{"r.example.com:16"}, Username: "user", Password: "pw", DB: 2},
		"redis://:pw@a:1,b:2,c":               {Addrs: []string{"a:1", "b:2", "c:6379"}, Password: "pw", IsClusterMode: true},
		"redis://a?cluster=true":              {Addrs: []string{"a:6379"}, IsClusterMode: true},
		"redis://:pw@s1,s2:7/1?master_name=main&sentinel_password=sp": {Addrs: []string{"s1:26379", "s2:7"}, Password: "pw", DB: 1, MasterName: "main", SentinelPassword: "sp"},
		"redis://s1?master_name=main":                                 {Addrs: []string{"s1:26379"}, MasterName: "main"},
	} {
		o, err := parseRedis(address)
		require.NoError(t, err, address)
		require.Equal(t, strings.HasPrefix(address, "rediss"), o.TLSConfig != nil, address)
		o.TLSConfig = nil
		want.DialTimeout, want.ReadTimeout, want.WriteTimeout = 3*time.Second, 3*time.Second, 3*time.Second
		require.Equal(t, &want, o, address)
	}
	for address, want := range map[string]string{
		"a:6379":                                "is not a Redis address",
		"http://a":                              "is not a Redis address",
		"redis://a,b/1":                         "only database 0",
		"redis://a,b?cluster=false":             "several hosts",
		"redis://a?cluster=perhaps":             "true or false",
		"redis://a?cluster=true&master_name=m":  "needs none",
		"redis://:hunter2@a?no_such_setting=on": "is not a Redis address",
	} {
		_, err := parseRedis(address)
		require.ErrorContains(t, err, want, address)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

// The README's table says what the program does.
func TestReadmeListsEverySetting(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	for _, s := range settings() {
		row := "| `" + s.key + "` | " + s.zero + " | " + s.help + " |"
		require.True(t, strings.Contains(string(b), row), "README.md lacks this row:\n%s", row)
	}
}
