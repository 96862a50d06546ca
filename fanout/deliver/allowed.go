package deliver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Allowed is the operator's list of places that customer URLs may lead to although they are not public. The zero value
// allows none.
type Allowed struct {
	// Prefixes are addresses. One that opens a transition range (NAT64, 6to4) opens it for the public addresses inside;
	// others need a prefix of their own.
	Prefixes []netip.Prefix
	// Hosts are names, exact or as *.corp.example for every name below one, in lower case. They may resolve to any
	// address; another name for the same address may not.
	Hosts []string
}

// ParseAllowed reads a list of CIDRs, addresses and host names, separated by commas. An empty list allows nothing.
func ParseAllowed(list string) (Allowed, error) {
	var a Allowed
	if strings.TrimSpace(list) == "" {
		return a, nil
	}
	for s := range strings.SplitSeq(list, ",") {
		s = strings.TrimSpace(s)
		if p, err := parsePrefix(s); err == nil {
			a.Prefixes = append(a.Prefixes, p)
		} else if isHost(s) {
			a.Hosts = append(a.Hosts, strings.ToLower(strings.TrimSuffix(s, ".")))
		} else {
			return Allowed{}, fmt.Errorf("%q is neither a CIDR such as 10.0.0.0/8 nor an address nor a host name such as crm.corp.example or *.corp.example", s)
		}
	}
	return a, nil
}

// parsePrefix reads a CIDR or an address. A mapped one is what it means: IPv4.
func parsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%q is no address", s)
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("%q is wider than IPv4", s)
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// isHost says whether s is a host name or a pattern for one. Numbers are none: they are badly written addresses.
func isHost(s string) bool {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "*."), ".")
	if len(s) > 253 || legacyIPv4(s) {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(c rune) bool {
			return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
		}) {
			return false
		}
	}
	return true
}

// Empty says that nothing is allowed.
func (a Allowed) Empty() bool { return len(a.Prefixes) == 0 && len(a.Hosts) == 0 }

// String is the list as ParseAllowed reads it.
func (a Allowed) String() string {
	var all []string
	for _, p := range a.Prefixes {
		all = append(all, p.String())
	}
	return strings.Join(append(all, a.Hosts...), ",")
}

func (a Allowed) address(x netip.Addr) bool {
	return slices.ContainsFunc(a.Prefixes, func(p netip.Prefix) bool { return p.Contains(x) })
}

func (a Allowed) host(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return slices.ContainsFunc(a.Hosts, func(h string) bool {
		if below, ok := strings.CutPrefix(h, "*"); ok {
			return strings.HasSuffix(name, below) && len(name) > len(below)
		}
		return name == h
	})
}
