package deliver

import (
	"fmt"
	"net/netip"
)

// rule is a range of addresses that no customer's receiver lives in.
type rule struct {
	prefix netip.Prefix
	name   string
}

// rules are the special-purpose address registries of IANA, and what lies outside the one eighth of IPv6 that is given
// out. The first that holds an address is its rule, so what is narrow stands before what is wide.
var rules = []rule{
	{netip.MustParsePrefix("255.255.255.255/32"), "broadcast"},          // RFC 8190
	{netip.MustParsePrefix("0.0.0.0/8"), "this network"},                // RFC 791
	{netip.MustParsePrefix("10.0.0.0/8"), "private network"},            // RFC 1918
	{netip.MustParsePrefix("100.64.0.0/10"), "carrier-grade NAT"},       // RFC 6598
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},                  // RFC 1122
	{netip.MustParsePrefix("168.63.129.16/32"), "cloud metadata"},       // Azure's host, in a public range
	{netip.MustParsePrefix("169.254.169.254/32"), "cloud metadata"},     // every cloud's
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},             // RFC 3927
	{netip.MustParsePrefix("172.16.0.0/12"), "private network"},         // RFC 1918
	{netip.MustParsePrefix("192.0.0.0/24"), "protocol assignments"},     // RFC 6890
	{netip.MustParsePrefix("192.0.2.0/24"), "documentation"},            // RFC 5737
	{netip.MustParsePrefix("192.31.196.0/24"), "AS112"},                 // RFC 7535
	{netip.MustParsePrefix("192.52.193.0/24"), "multicast tunnelling"},  // RFC 7450
	{netip.MustParsePrefix("192.88.99.0/24"), "6to4 relay"},             // RFC 7526
	{netip.MustParsePrefix("192.168.0.0/16"), "private network"},        // RFC 1918
	{netip.MustParsePrefix("192.175.48.0/24"), "AS112"},                 // RFC 7534
	{netip.MustParsePrefix("198.18.0.0/15"), "benchmarking"},            // RFC 2544
	{netip.MustParsePrefix("198.51.100.0/24"), "documentation"},         // RFC 5737
	{netip.MustParsePrefix("203.0.113.0/24"), "documentation"},          // RFC 5737
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},                 // RFC 1112
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},                  // RFC 1112
	{netip.MustParsePrefix("::/128"), "unspecified"},                    // RFC 4291
	{netip.MustParsePrefix("::1/128"), "loopback"},                      // RFC 4291
	{netip.MustParsePrefix("64:ff9b:1::/48"), "local NAT64"},            // RFC 8215
	{netip.MustParsePrefix("100::/64"), "discard"},                      // RFC 6666
	{netip.MustParsePrefix("100:0:0:1::/64"), "dummy prefix"},           // RFC 9780
	{netip.MustParsePrefix("2001::/32"), "Teredo"},                      // RFC 4380
	{netip.MustParsePrefix("2001:2::/48"), "benchmarking"},              // RFC 5180
	{netip.MustParsePrefix("2001:10::/28"), "ORCHID"},                   // RFC 4843
	{netip.MustParsePrefix("2001:20::/28"), "ORCHIDv2"},                 // RFC 7343
	{netip.MustParsePrefix("2001:30::/28"), "drone remote ID"},          // RFC 9374
	{netip.MustParsePrefix("2001::/23"), "protocol assignments"},        // RFC 2928
	{netip.MustParsePrefix("2001:db8::/32"), "documentation"},           // RFC 3849
	{netip.MustParsePrefix("2002::/16"), "6to4"},                        // RFC 3056
	{netip.MustParsePrefix("2620:4f:8000::/48"), "AS112"},               // RFC 7534
	{netip.MustParsePrefix("3ffe::/16"), "6bone, returned"},             // RFC 3701
	{netip.MustParsePrefix("3fff::/20"), "documentation"},               // RFC 9637
	{netip.MustParsePrefix("5f00::/16"), "segment routing"},             // RFC 9602
	{netip.MustParsePrefix("fd00:ec2::254/128"), "cloud metadata"},      // Amazon's
	{netip.MustParsePrefix("fd20:ce::254/128"), "cloud metadata"},       // Google's
	{netip.MustParsePrefix("fc00::/7"), "unique local"},                 // RFC 4193
	{netip.MustParsePrefix("fe80::/10"), "link-local"},                  // RFC 4291
	{netip.MustParsePrefix("fec0::/10"), "site-local"},                  // RFC 3879
	{netip.MustParsePrefix("ff00::/8"), "multicast"},                    // RFC 4291
	{netip.MustParsePrefix("::/3"), "reserved, not global unicast"},     // RFC 4291
	{netip.MustParsePrefix("4000::/2"), "reserved, not global unicast"}, // RFC 4291
	{netip.MustParsePrefix("8000::/1"), "reserved, not global unicast"}, // RFC 4291
}

// ruleOf is the rule that an address falls under; nil: the address is public.
func ruleOf(a netip.Addr) *rule {
	for i := range rules {
		if rules[i].prefix.Contains(a) {
			return &rules[i]
		}
	}
	return nil
}

// carrier is a form of IPv6 address that leads to the IPv4 address inside it.
type carrier struct {
	name   string // with its article
	prefix netip.Prefix
	decode func(b [16]byte) [4]byte
}

var carriers = []carrier{
	{"an IPv4-mapped", netip.MustParsePrefix("::ffff:0:0/96"), lastFour},                                // RFC 4291
	{"an IPv4-translated", netip.MustParsePrefix("::ffff:0:0:0/96"), lastFour},                          // RFC 2765
	{"an IPv4-compatible", netip.MustParsePrefix("::/96"), lastFour},                                    // RFC 4291
	{"a NAT64", netip.MustParsePrefix("64:ff9b::/96"), lastFour},                                        // RFC 6052
	{"a NAT64", netip.MustParsePrefix("64:ff9b:1::/48"), nat64},                                         // RFC 8215
	{"a 6to4", netip.MustParsePrefix("2002::/16"), func(b [16]byte) [4]byte { return [4]byte(b[2:6]) }}, // RFC 3056
	{"a Teredo", netip.MustParsePrefix("2001::/32"), func(b [16]byte) [4]byte { // RFC 4380: the client's, inverted
		return [4]byte{^b[12], ^b[13], ^b[14], ^b[15]}
	}},
}

func lastFour(b [16]byte) [4]byte { return [4]byte(b[12:]) }

// nat64 finds the IPv4 address under a prefix whose length nobody told us: RFC 6052 puts it in one of four places, and
// what follows it is zero.
func nat64(b [16]byte) [4]byte {
	for _, at := range [][4]int{{6, 7, 9, 10}, {7, 9, 10, 11}, {9, 10, 11, 12}} {
		if [16]byte(append(make([]byte, at[3]+1), b[at[3]+1:]...)) == [16]byte{} {
			return [4]byte{b[at[0]], b[at[1]], b[at[2]], b[at[3]]}
		}
	}
	return lastFour(b)
}

// carried is the IPv4 address inside a, and the name of the form that holds it; "" when a is no such form.
func carried(a netip.Addr) (v4 netip.Addr, form string) {
	if !a.Is6() || a == netip.IPv6Unspecified() || a == netip.IPv6Loopback() {
		return netip.Addr{}, ""
	}
	b := a.As16()
	for _, c := range carriers {
		if c.prefix.Contains(a) {
			return netip.AddrFrom4(c.decode(b)), c.name
		}
	}
	// ISATAP (RFC 5214) marks the interface, under any prefix; the second mark is for addresses that are unique worldwide.
	if mark := [4]byte(b[8:12]); mark == [4]byte{0, 0, 0x5e, 0xfe} || mark == [4]byte{2, 0, 0x5e, 0xfe} {
		return netip.AddrFrom4(lastFour(b)), "an ISATAP"
	}
	return netip.Addr{}, ""
}

// refusal says why an address may not be dialled; "" when it may. An address that carries another is judged by both: what
// allowed says of the outer one opens the form, not what is inside. A mapped address is nothing but the one inside.
func refusal(a netip.Addr, allowed func(netip.Addr) bool) string {
	v4, form := carried(a)
	if form == "" {
		if r := ruleOf(a); r != nil && !allowed(a) {
			return fmt.Sprintf("%s is in %s (%s)", a, r.prefix, r.name)
		}
		return ""
	}
	if r := ruleOf(v4); r != nil && !allowed(v4) {
		return fmt.Sprintf("%s is %s address of %s, which is in %s (%s)", a, form, v4, r.prefix, r.name)
	}
	if a.Is4In6() || allowed(a) {
		return ""
	}
	return fmt.Sprintf("%s is %s address of %s; transition addresses are not dialled, whatever they carry", a, form, v4)
}
