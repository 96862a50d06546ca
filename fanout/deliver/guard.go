package deliver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// ErrForbidden is the guard's refusal of an address.
var ErrForbidden = errors.New("address is not public")

// Guard refuses connections to private, loopback, link-local, metadata and transition addresses. It judges the address
// that is dialled, on every dial, so a name that resolves to another address tomorrow is judged tomorrow.
type Guard struct {
	safe      *ssrf.Guardian
	allowed   []netip.Prefix
	allowHTTP bool
	resolver  *net.Resolver
}

// NewGuard makes a guard with the operator's exceptions: addresses in allowed may be dialled. Without allowHTTP a
// customer URL is https, unless its host is an address in allowed.
func NewGuard(allowed []netip.Prefix, allowHTTP bool) *Guard {
	var v4, v6 []netip.Prefix
	for _, p := range allowed {
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	return &Guard{
		safe:      ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...)),
		allowed:   allowed,
		allowHTTP: allowHTTP,
		resolver:  net.DefaultResolver,
	}
}

// Control is a net.Dialer's Control.
func (g *Guard) Control(network, address string, c syscall.RawConn) error {
	if err := g.safe.Safe(network, address, c); err != nil {
		host, _, _ := net.SplitHostPort(address)
		return fmt.Errorf("%w: %s lies in a reserved range", ErrForbidden, host)
	}
	return nil
}

// Check judges an address.
func (g *Guard) Check(a netip.Addr) error {
	a = a.Unmap()
	network := "tcp6"
	if a.Is4() {
		network = "tcp4"
	}
	return g.Control(network, netip.AddrPortFrom(a.WithZone(""), 443).String(), nil)
}

func (g *Guard) allows(a netip.Addr) bool {
	for _, p := range g.allowed {
		if p.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

// CheckURL judges a customer's URL when it is set: its form, its scheme, and the addresses that its host has now. A
// name that does not resolve yet passes; the guard on the dial has the last word. The error can be shown to a person.
func (g *Guard) CheckURL(ctx context.Context, raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return errors.New("must be an absolute address such as https://crm.example.com/whatsapp")
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("must begin with https://")
	case u.User != nil:
		return errors.New("must not hold a user name or password; use headers instead")
	case u.Fragment != "":
		return errors.New("must not have a fragment (#…)")
	case len(raw) > 2048:
		return errors.New("must have at most 2048 characters")
	}
	host := strings.TrimSuffix(u.Hostname(), ".")
	addrs := []netip.Addr{}
	if a, err := netip.ParseAddr(host); err == nil {
		addrs = append(addrs, a)
	} else {
		if legacyIPv4(host) {
			return fmt.Errorf("%w: write the address as four decimal numbers or use a name", ErrForbidden)
		}
		c, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		if found, err := g.resolver.LookupNetIP(c, "ip", host); err == nil {
			addrs = found
		}
	}
	allAllowed := len(addrs) > 0
	for _, a := range addrs {
		if err := g.Check(a); err != nil {
			return err
		}
		allAllowed = allAllowed && g.allows(a)
	}
	if u.Scheme == "http" && !g.allowHTTP && !allAllowed {
		return errors.New("must begin with https:// (plain http is refused outside the operator's allow-list)")
	}
	return nil
}

// legacyIPv4 recognises hosts that some resolvers read as IPv4 in octal, hexadecimal or as one number (0x7f.1,
// 2130706433, 0177.0.0.1): every label is a number and it is no ordinary address.
func legacyIPv4(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		l := strings.ToLower(label)
		hex := strings.HasPrefix(l, "0x")
		l = strings.TrimPrefix(l, "0x")
		if l == "" && !hex {
			return false
		}
		for _, c := range l {
			if (c < '0' || c > '9') && (!hex || c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}
