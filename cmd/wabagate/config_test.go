package main

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

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
		"WABAGATE_PROT=1":                       "WABAGATE_PROT is not a setting",
		"PORT=http":                             "PORT is",
		"PORT=70000":                            "from 1 to 65535",
		"DATABASE_URL=mysql://u:hunter2@h/db":   "not a PostgreSQL address",
		"REDIS_URL=hunter2":                     "not a Redis address",
		"REDIS_URL=redis://:hunter2@a,b/3":      "only database 0",
		"WABAGATE_ROLES=ingres":                 `unknown role "ingres"`,
		"WABAGATE_ALLOW_PRIVATE=10.0.0.0/33":    "neither a CIDR",
		"WABAGATE_ALLOW_HTTP=maybe":             "expected true or false",
		"WABAGATE_MASTER_KEY=hunter2":           "too short",
		"WABAGATE_MASTER_KEY_PREVIOUS=hunter2":  "WABAGATE_MASTER_KEY is not",
		"WABAGATE_PUBLIC_URL=gw.example.com":    "not an address",
		"WABAGATE_GRACE=20":                     "such as 20s, 10m, 36h or 30d",
		"WABAGATE_TRUSTED_PROXIES=10.0.0.0/8,":  `has "": expected addresses`,
		"WABAGATE_AUDIT_RETENTION=1h":           "at least 24h0m0s",
		"WABAGATE_RETENTION=1h":                 "at least 24h0m0s",
		"WABAGATE_RETENTION=month":              "or 30d",
		"WABAGATE_LANE_PATIENCE=0s":             "at least 1s",
		"WABAGATE_GAP_AFTER=1s":                 "at least 1m0s",
		"WABAGATE_QUEUE_SPREAD=0":               "from 1 to 64",
		"WABAGATE_EGRESS_PROXY=socks://hunter2": "WABAGATE_EGRESS_PROXY",
		"WABAGATE_LOG_FORMAT=xml":               "expected text or json",
		"WABAGATE_LOG_LEVEL=loud":               "WABAGATE_LOG_LEVEL",
		"WABAGATE_IN_FLIGHT=0":                  "from 1 to 1024",
		"WABAGATE_DB_CONNS=-1":                  "from 2 to 1000",
		"DATABASE_URL=postgres://u:hunter2@%zz": "not a PostgreSQL address",
	} {
		_, err := loadConfig([]string{env})
		require.ErrorContains(t, err, want, env)
		require.NotContains(t, err.Error(), "hunter2")
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestRedisAddresses(t *testing.T) {
	o, err := parseRedis("rediss://user:pw@r.example.com:6380/2")
	require.NoError(t, err)
	require.Equal(t, []string{"r.example.com:6380"}, o.Addrs)
	require.Equal(t, 2, o.DB)
	require.Equal(t, "pw", o.Password)
	require.NotNil(t, o.TLSConfig)
	o, err = parseRedis("redis://:pw@a:1,b:2,c")
	require.NoError(t, err)
	require.True(t, o.IsClusterMode)
	require.Equal(t, []string{"a:1", "b:2", "c:6379"}, o.Addrs)
	o, err = parseRedis("redis://:pw@s1,s2:7000/1?master_name=main&sentinel_password=sp")
	require.NoError(t, err)
	require.Equal(t, "main", o.MasterName)
	require.Equal(t, "sp", o.SentinelPassword)
	require.Equal(t, 1, o.DB)
	require.Contains(t, o.Addrs, "s2:7000")
	require.False(t, o.IsClusterMode)
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
