package deliver

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every range with its first and last address and the neighbours just outside it. What is expected is the rule that the
// refusal names; "" is a public address.
func TestAddresses(t *testing.T) {
	g := NewGuard(Allowed{}, false)
	for addr, want := range map[string]string{
		// IPv4
		"0.0.0.0": "0.0.0.0/8 (this network)", "0.255.255.255": "0.0.0.0/8 (this network)", "1.0.0.0": "",
		"9.255.255.255": "", "10.0.0.0": "10.0.0.0/8 (private network)", "10.255.255.255": "10.0.0.0/8 (private network)", "11.0.0.0": "",
		"100.63.255.255": "", "100.64.0.0": "100.64.0.0/10 (carrier-grade NAT)", "100.100.100.200": "100.64.0.0/10 (carrier-grade NAT)",
		"100.127.255.255": "100.64.0.0/10 (carrier-grade NAT)", "100.128.0.0": "",
		"126.255.255.255": "", "127.0.0.0": "127.0.0.0/8 (loopback)", "127.0.0.1": "127.0.0.0/8 (loopback)", "127.255.255.255": "127.0.0.0/8 (loopback)", "128.0.0.0": "",
		"168.63.129.15": "", "168.63.129.16": "168.63.129.16/32 (cloud metadata)", "168.63.129.17": "",
		"169.253.255.255": "", "169.254.0.0": "169.254.0.0/16 (link-local)", "169.254.169.254": "169.254.169.254/32 (cloud metadata)",
		"169.254.169.253": "169.254.0.0/16 (link-local)", "169.254.255.255": "169.254.0.0/16 (link-local)", "169.255.0.0": "",
		"172.15.255.255": "", "172.16.0.0": "172.16.0.0/12 (private network)", "172.31.255.255": "172.16.0.0/12 (private network)", "172.32.0.0": "",
		"191.255.255.255": "", "192.0.0.0": "192.0.0.0/24 (protocol assignments)", "192.0.0.192": "192.0.0.0/24 (protocol assignments)",
		"192.0.0.255": "192.0.0.0/24 (protocol assignments)", "192.0.1.0": "",
		"192.0.1.255": "", "192.0.2.0": "192.0.2.0/24 (documentation)", "192.0.2.255": "192.0.2.0/24 (documentation)", "192.0.3.0": "",
		"192.31.195.255": "", "192.31.196.0": "192.31.196.0/24 (AS112)", "192.31.196.255": "192.31.196.0/24 (AS112)", "192.31.197.0": "",
		"192.52.192.255": "", "192.52.193.0": "192.52.193.0/24 (multicast tunnelling)", "192.52.193.255": "192.52.193.0/24 (multicast tunnelling)", "192.52.194.0": "",
		"192.88.98.255": "", "192.88.99.0": "192.88.99.0/24 (6to4 relay)", "192.88.99.255": "192.88.99.0/24 (6to4 relay)", "192.88.100.0": "",
		"192.167.255.255": "", "192.168.0.0": "192.168.0.0/16 (private network)", "192.168.255.255": "192.168.0.0/16 (private network)", "192.169.0.0": "",
		"192.175.47.255": "", "192.175.48.0": "192.175.48.0/24 (AS112)", "192.175.48.255": "192.175.48.0/24 (AS112)", "192.175.49.0": "",
		"198.17.255.255": "", "198.18.0.0": "198.18.0.0/15 (benchmarking)", "198.19.255.255": "198.18.0.0/15 (benchmarking)", "198.20.0.0": "",
		"198.51.99.255": "", "198.51.100.0": "198.51.100.0/24 (documentation)", "198.51.100.255": "198.51.100.0/24 (documentation)", "198.51.101.0": "",
		"203.0.112.255": "", "203.0.113.0": "203.0.113.0/24 (documentation)", "203.0.113.255": "203.0.113.0/24 (documentation)", "203.0.114.0": "",
		"223.255.255.255": "", "224.0.0.0": "224.0.0.0/4 (multicast)", "239.255.255.255": "224.0.0.0/4 (multicast)",
		"240.0.0.0": "240.0.0.0/4 (reserved)", "255.255.255.254": "240.0.0.0/4 (reserved)", "255.255.255.255": "255.255.255.255/32 (broadcast)",
		"93.184.216.34": "", "8.8.8.8": "",

		// IPv6
		"::": "::/128 (unspecified)", "::1": "::1/128 (loopback)", "::2": "an IPv4-compatible address of 0.0.0.2, which is in 0.0.0.0/8",
		"::1:0:0:0": "::/3 (reserved", "64:ff9a:ffff::": "::/3 (reserved", "64:ff9c::": "::/3 (reserved",
		"ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "::/3 (reserved", "100::": "100::/64 (discard)", "100::ffff:ffff:ffff:ffff": "100::/64 (discard)",
		"100:0:0:1::": "100:0:0:1::/64 (dummy prefix)", "100:0:0:1:ffff:ffff:ffff:ffff": "100:0:0:1::/64 (dummy prefix)", "100:0:0:2::": "::/3 (reserved",
		"1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "::/3 (reserved", "2000::": "",
		"2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "", "2001:1::1": "2001::/23 (protocol assignments)",
		"2001:1:ffff:ffff:ffff:ffff:ffff:ffff": "2001::/23 (protocol assignments)", "2001:2::": "2001:2::/48 (benchmarking)",
		"2001:2:0:ffff:ffff:ffff:ffff:ffff": "2001:2::/48 (benchmarking)", "2001:2:1::": "2001::/23 (protocol assignments)",
		"2001:f:ffff:ffff:ffff:ffff:ffff:ffff": "2001::/23 (protocol assignments)", "2001:10::": "2001:10::/28 (ORCHID)", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff": "2001:10::/28 (ORCHID)",
		"2001:20::": "2001:20::/28 (ORCHIDv2)", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff": "2001:20::/28 (ORCHIDv2)",
		"2001:30::": "2001:30::/28 (drone remote ID)", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff": "2001:30::/28 (drone remote ID)", "2001:40::": "2001::/23 (protocol assignments)",
		"2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff": "2001::/23 (protocol assignments)", "2001:200::": "",
		"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff": "", "2001:db8::": "2001:db8::/32 (documentation)",
		"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff": "2001:db8::/32 (documentation)", "2001:db9::": "",
		"2620:4f:7fff:ffff:ffff:ffff:ffff:ffff": "", "2620:4f:8000::": "2620:4f:8000::/48 (AS112)",
		"2620:4f:8000:ffff:ffff:ffff:ffff:ffff": "2620:4f:8000::/48 (AS112)", "2620:4f:8001::": "",
		"3ffd:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "", "3ffe::": "3ffe::/16 (6bone, returned)", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "3ffe::/16 (6bone, returned)",
		"3fff::": "3fff::/20 (documentation)", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff": "3fff::/20 (documentation)", "3fff:1000::": "",
		"3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "", "4000::": "4000::/2 (reserved",
		"5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "4000::/2 (reserved", "5f00::": "5f00::/16 (segment routing)",
		"5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "5f00::/16 (segment routing)", "5f01::": "4000::/2 (reserved",
		"7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "4000::/2 (reserved", "8000::": "8000::/1 (reserved",
		"fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "8000::/1 (reserved", "fc00::": "fc00::/7 (unique local)",
		"fd00:ec2::253": "fc00::/7 (unique local)", "fd00:ec2::254": "fd00:ec2::254/128 (cloud metadata)", "fd00:ec2::255": "fc00::/7 (unique local)",
		"fd20:ce::254": "fd20:ce::254/128 (cloud metadata)", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "fc00::/7 (unique local)", "fe00::": "8000::/1 (reserved",
		"fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "8000::/1 (reserved", "fe80::": "fe80::/10 (link-local)", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "fe80::/10 (link-local)",
		"fe80::1%eth0": "fe80::1 is in fe80::/10 (link-local)", "::1%lo": "::1/128 (loopback)",
		"fec0::": "fec0::/10 (site-local)", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "fec0::/10 (site-local)",
		"ff00::": "ff00::/8 (multicast)", "ff02::1": "ff00::/8 (multicast)", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "ff00::/8 (multicast)",
		"2606:2800:220:1:248:1893:25c8:1946": "", "2a00:1450:4001:81b::200e": "",

		// forms that carry IPv4
		"::ffff:10.1.2.3":                   "::ffff:10.1.2.3 is an IPv4-mapped address of 10.1.2.3, which is in 10.0.0.0/8 (private network)",
		"::ffff:169.254.169.254":            "an IPv4-mapped address of 169.254.169.254, which is in 169.254.169.254/32 (cloud metadata)",
		"::ffff:9.255.255.255":              "",
		"::ffff:11.0.0.0":                   "",
		"::fffe:ffff:ffff":                  "::/3 (reserved",
		"::ffff:0:127.0.0.1":                "an IPv4-translated address of 127.0.0.1, which is in 127.0.0.0/8 (loopback)",
		"::ffff:0:93.184.216.34":            "an IPv4-translated address of 93.184.216.34; transition addresses",
		"::127.0.0.1":                       "an IPv4-compatible address of 127.0.0.1, which is in 127.0.0.0/8 (loopback)",
		"::93.184.216.34":                   "an IPv4-compatible address of 93.184.216.34; transition addresses",
		"64:ff9b::a00:1":                    "64:ff9b::a00:1 is a NAT64 address of 10.0.0.1, which is in 10.0.0.0/8 (private network)",
		"64:ff9b::9ff:ffff":                 "a NAT64 address of 9.255.255.255; transition addresses",
		"64:ff9b::ffff:ffff":                "a NAT64 address of 255.255.255.255, which is in 255.255.255.255/32 (broadcast)",
		"64:ff9b::1:0:0":                    "::/3 (reserved",
		"64:ff9b:0:ffff::":                  "::/3 (reserved",
		"64:ff9b:1::10.0.0.1":               "a NAT64 address of 10.0.0.1, which is in 10.0.0.0/8",
		"64:ff9b:1:a00:0:100::":             "a NAT64 address of 10.0.0.1, which is in 10.0.0.0/8",                // under a /48
		"64:ff9b:1:a:0:1::":                 "a NAT64 address of 10.0.0.1, which is in 10.0.0.0/8",                // under a /56
		"64:ff9b:1:7:a9:fea9:fe00:0":        "a NAT64 address of 169.254.169.254, which is in 169.254.169.254/32", // under a /64
		"64:ff9b:1:ffff::93.184.216.34":     "a NAT64 address of 93.184.216.34; transition addresses",
		"64:ff9b:2::":                       "::/3 (reserved",
		"2001:0:1:1:0:0:f5ff:fffe":          "a Teredo address of 10.0.0.1, which is in 10.0.0.0/8",
		"2001::":                            "a Teredo address of 255.255.255.255, which is in 255.255.255.255/32",
		"2001:0:5db8:d822:0:0:a247:27dd":    "a Teredo address of 93.184.216.34; transition addresses",
		"2002:a00:1::1":                     "a 6to4 address of 10.0.0.1, which is in 10.0.0.0/8",
		"2002:a9fe:a9fe::":                  "a 6to4 address of 169.254.169.254, which is in 169.254.169.254/32",
		"2002:5db8:d822::1":                 "2002:5db8:d822::1 is a 6to4 address of 93.184.216.34; transition addresses",
		"2001:ffff:ffff:ffff::":             "",
		"2003::":                            "",
		"2606:2800::5efe:10.0.0.1":          "an ISATAP address of 10.0.0.1, which is in 10.0.0.0/8",
		"2606:2800::200:5efe:10.0.0.1":      "an ISATAP address of 10.0.0.1, which is in 10.0.0.0/8",
		"2606:2800::200:5efe:93.184.216.34": "an ISATAP address of 93.184.216.34; transition addresses",
		"fe80::5efe:192.168.0.1":            "an ISATAP address of 192.168.0.1, which is in 192.168.0.0/16",
		"2606:2800::5eff:10.0.0.1":          "",
		"2606:2800::100:5efe:10.0.0.1":      "",
		"2606:2800::5efd:ffff:ffff":         "",
	} {
		err := g.Check(netip.MustParseAddr(addr))
		if want == "" {
			require.NoError(t, err, addr)
			continue
		}
		require.ErrorIs(t, err, ErrForbidden, addr)
		require.ErrorContains(t, err, want, addr)
		require.True(t, strings.HasPrefix(err.Error(), "address is not public: "), "%v", err)
	}
}

// Whatever table the rules stand in: the edges of every range are refused, and just outside it an address is public or
// falls under another rule.
func TestEveryRangeEndsWhereItSays(t *testing.T) {
	g := NewGuard(Allowed{}, false)
	for _, r := range rules {
		first, last := r.prefix.Masked().Addr(), lastOfRange(r.prefix)
		require.Equal(t, r.prefix.Masked(), r.prefix, "bits beyond the mask")
		require.ErrorIs(t, g.Check(first), ErrForbidden, "%s", r.prefix)
		require.ErrorIs(t, g.Check(last), ErrForbidden, "%s", r.prefix)
		for _, outside := range []netip.Addr{first.Prev(), last.Next()} {
			if !outside.IsValid() {
				continue
			}
			require.False(t, r.prefix.Contains(outside))
			err := g.Check(outside)
			require.Equal(t, ruleOf(outside) != nil || carriesIPv4(outside), errors.Is(err, ErrForbidden), "%s: %v", outside, err)
			if err != nil {
				require.NotContains(t, err.Error(), r.prefix.String()+" (", "%s is not in it", outside)
			}
		}
		if first.Is4() { // and the same inside every form that carries it
			b := first.As4()
			for _, form := range [][16]byte{
				{10: 0xff, 11: 0xff, 12: b[0], 13: b[1], 14: b[2], 15: b[3]},
				{0, 0x64, 0xff, 0x9b, 12: b[0], 13: b[1], 14: b[2], 15: b[3]},
				{0x20, 0x02, b[0], b[1], b[2], b[3]},
				{0x20, 0x01, 12: ^b[0], 13: ^b[1], 14: ^b[2], 15: ^b[3]},
				{0x26, 0x06, 10: 0x5e, 11: 0xfe, 12: b[0], 13: b[1], 14: b[2], 15: b[3]},
			} {
				require.ErrorContains(t, g.Check(netip.AddrFrom16(form)), "address of "+first.String()+", which is in", "%s", r.prefix)
			}
		}
	}
}

func carriesIPv4(a netip.Addr) bool { _, form := carried(a); return form != "" }

func lastOfRange(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
