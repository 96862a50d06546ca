package deliver_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/deliver"
)

// The operator's exceptions open what they name and nothing beside it.
func TestGuardExceptions(t *testing.T) {
	g := allow(t, "10.7.0.0/16, fd00:7::/32, 192.168.1.7, ::ffff:172.16.5.0/120, 64:ff9b::/96, 64:ff9b:1::/48")
	for addr, open := range map[string]bool{
		"10.7.0.0": true, "10.7.255.255": true, "10.6.255.255": false, "10.8.0.0": false, "::ffff:10.7.1.2": true,
		"fd00:7::1": true, "fd00:7:ffff:ffff:ffff:ffff:ffff:ffff": true, "fd00:6:ffff:ffff:ffff:ffff:ffff:ffff": false, "fd00:8::": false,
		"192.168.1.6": false, "192.168.1.7": true, "192.168.1.8": false,
		"172.16.4.255": false, "172.16.5.0": true, "172.16.5.255": true, "172.16.6.0": false,
		// A transition range is opened for what may be dialled anyway.
		"64:ff9b::93.184.216.34": true, "64:ff9b::10.7.0.1": true, "64:ff9b::10.8.0.1": false, "64:ff9b::169.254.169.254": false,
		"64:ff9b:1::93.184.216.34": true, "64:ff9b:1:a08:0:100::": false, "2002:a07:1::1": false,
		// An interface that carries another address inside an open prefix.
		"fd00:7::5efe:10.0.0.1": false, "fd00:7::5efe:10.7.0.1": true,
	} {
		err := g.Check(netip.MustParseAddr(addr))
		if open {
			require.NoError(t, err, addr)
		} else {
			require.ErrorIs(t, err, deliver.ErrForbidden, addr)
		}
	}
}

func TestParseAllowed(t *testing.T) {
	for list, want := range map[string]string{
		"":                                  "",
		" ":                                 "",
		"10.1.2.3/8, 192.168.1.7,fd00::/8":  "10.0.0.0/8,192.168.1.7/32,fd00::/8",
		"Crm.Corp.Example., *.corp.example": "crm.corp.example,*.corp.example",
		"localhost,::1,10.0.0.0/8":          "::1/128,10.0.0.0/8,localhost",
		"::ffff:10.0.0.0/104":               "10.0.0.0/8",
		"xn--bcher-kva.example":             "xn--bcher-kva.example",
	} {
		a, err := deliver.ParseAllowed(list)
		require.NoError(t, err, list)
		require.Equal(t, want, a.String())
		require.Equal(t, want == "", a.Empty())
	}
	for _, list := range []string{"10.0.0.0/33", "10.0.0.0/8,", "http://crm.example", "crm.example:8080", "*", "*.", "a.*.example", "*corp.example", "0x7f.1", "2130706433", "127.1",
		"10.0.0.256", "fe80::1%eth0", "::ffff:0:0/64", "b\u00fccher.example", "crm..example", "crm example"} {
		_, err := deliver.ParseAllowed(list)
		require.ErrorContains(t, err, "is neither a CIDR such as 10.0.0.0/8 nor an address nor a host name", list)
	}
}

func TestGuardURLs(t *testing.T) {
	g := allow(t, "10.7.0.0/16")
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
		"https://0x7f000001/":                 "not public",
		"https://017700000001/":               "not public",
		"https://10.1/":                       "not public",
		"https://0xa.0.0.1/":                  "not public",
		"https://10.0.0.1./":                  "10.0.0.1 is in 10.0.0.0/8 (private network)",
		"https://[fe80::1%25eth0]/":           "fe80::1 is in fe80::/10 (link-local)",
		"https://[64:ff9b::a00:1]/":           "a NAT64 address of 10.0.0.1",
		"https://[2002:5db8:d822::1]/":        "a 6to4 address",
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
