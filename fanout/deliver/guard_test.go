package deliver_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/deliver"
)

func TestGuardAddresses(t *testing.T) {
	g := deliver.NewGuard([]netip.Prefix{netip.MustParsePrefix("10.7.0.0/16"), netip.MustParsePrefix("fd00:7::/32")}, false)
	for addr, open := range map[string]bool{
		// refused, each with its neighbour just outside the range
		"0.0.0.0": false, "127.0.0.1": false, "127.255.255.255": false, "128.0.0.1": true, "126.255.255.254": true,
		"10.0.0.1": false, "10.255.255.255": false, "11.0.0.1": true, "9.255.255.255": true,
		"172.15.255.255": true, "172.16.0.1": false, "172.31.255.255": false, "172.32.0.1": true,
		"192.168.0.1": false, "192.167.255.255": true, "192.169.0.1": true,
		"169.254.169.254": false, "169.253.255.255": true, "169.255.0.1": true,
		"100.64.0.1": false, "100.127.255.255": false, "100.128.0.1": true,
		"198.18.0.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"93.184.216.34": true,
		"::1":           false, "::": false, "fe80::1": false, "fc00::1": false, "fdff::1": false, "ff02::1": false,
		"::ffff:10.0.0.1": false, "::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "::ffff:93.184.216.34": true,
		"64:ff9b::a00:1":                     false, // NAT64 of 10.0.0.1
		"2002:a00:1::1":                      false, // 6to4 of 10.0.0.1
		"2001:0:1::1":                        false, // Teredo
		"2606:2800:220:1:248:1893:25c8:1946": true,
		// the operator's exceptions
		"10.7.1.2": true, "10.6.255.255": false, "10.8.0.0": false, "fd00:7::1": true, "fd00:8::1": false,
	} {
		err := g.Check(netip.MustParseAddr(addr))
		if open {
			require.NoError(t, err, addr)
		} else {
			require.ErrorIs(t, err, deliver.ErrForbidden, addr)
		}
	}
}

func TestGuardURLs(t *testing.T) {
	g := deliver.NewGuard([]netip.Prefix{netip.MustParsePrefix("10.7.0.0/16")}, false)
	for url, want := range map[string]string{
		"https://93.184.216.34/hook":          "",
		"https://does-not-exist.invalid/hook": "", // judged when it is dialled
		"http://10.7.1.2:8080/hook":           "",
		"https://10.7.1.2/hook":               "",
		"http://93.184.216.34/hook":           "must begin with https://",
		"https://127.0.0.1/":                  "not public",
		"https://localhost/":                  "not public",
		"https://169.254.169.254/latest/":     "not public",
		"https://[::ffff:10.0.0.1]/":          "not public",
		"https://[::1]:8443/":                 "not public",
		"https://2130706433/":                 "not public",
		"https://0x7f.0.0.1/":                 "not public",
		"https://0177.0.0.1/":                 "not public",
		"https://127.1/":                      "not public",
		"ftp://example.com/":                  "must begin with https://",
		"javascript:alert(1)":                 "absolute address",
		"/hook":                               "absolute address",
		"":                                    "absolute address",
		"https://":                            "absolute address",
		"https://user:secret@93.184.216.34/":  "user name or password",
		"https://93.184.216.34/#part":         "fragment",
		"https://exa mple.com/":               "absolute address",
		"https://93.184.216.34/" + long(2048): "2048",
	} {
		err := g.CheckURL(t.Context(), url)
		if want == "" {
			require.NoError(t, err, url)
			continue
		}
		require.ErrorContains(t, err, want, url)
		require.NotContains(t, err.Error(), "secret", "the message repeats a password")
	}
}

func long(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a'
	}
	return string(b)
}
