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
)

// ErrForbidden is the guard's refusal of an address.
var ErrForbidden = errors.New("address is not public")

// Guard refuses connections to private, loopback, link-local, metadata and transition addresses. It judges the address
// that is dialled, on every dial, so a name that resolves to another address tomorrow is judged tomorrow.
type Guard struct {
	allowed   Allowed
	allowHTTP bool
	resolver  *net.Resolver
}

// NewGuard makes a guard with the operator's exceptions. Without allowHTTP a customer URL is https, unless its host is
// one of the exceptions.
func NewGuard(allowed Allowed, allowHTTP bool) *Guard {
	return &Guard{allowed: allowed, allowHTTP: allowHTTP, resolver: net.DefaultResolver}
}

// WithResolver is the guard with another way to resolve names.
func (g *Guard) WithResolver(r *net.Resolver) *Guard {
	h := *g
	h.resolver = r
	return &h
}

// Check judges an address. The error wraps ErrForbidden and names the rule.
func (g *Guard) Check(a netip.Addr) error {
	if why := refusal(a.WithZone(""), g.allowed.address); why != "" {
		return fmt.Errorf("%w: %s", ErrForbidden, why)
	}
	return nil
}

// judge judges an address that a host name resolved to, or that stands in its place.
func (g *Guard) judge(host string, a netip.Addr) error {
	if g.allowed.host(host) {
		return nil
	}
	return g.Check(a)
}

// Dial connects to host:port. The name is resolved once, and every address is judged at the moment it is dialled: one
// that is forbidden is passed over for the next.
func (g *Guard) Dial(ctx context.Context, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{KeepAlive: 30 * time.Second, Resolver: g.resolver, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %s cannot be judged", ErrForbidden, address)
		}
		return g.judge(host, to.Addr())
	}}
	return d.DialContext(ctx, "tcp", addr)
}

// Resolve finds the addresses of a host that may be dialled. It fails with what the guard has against one of them when
// none is left. What it returns has to be dialled as it is: resolved again, it could be another.
func (g *Guard) Resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	found, err := g.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	var open []netip.Addr
	for _, a := range found {
		if refused := g.judge(host, a); refused != nil {
			err = refused
		} else {
			open = append(open, a)
		}
	}
	if len(open) > 0 {
		return open, nil
	}
	return nil, err
}

// lookup resolves a name. Some resolvers give IPv4 in its mapped form.
func (g *Guard) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	found, err := g.resolver.LookupNetIP(ctx, "ip", host)
	for i := range found {
		found[i] = found[i].Unmap()
	}
	return found, err
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
		if found, err := g.lookup(c, host); err == nil {
			addrs = found
		}
	}
	allAllowed := len(addrs) > 0
	for _, a := range addrs {
		if err := g.judge(host, a); err != nil {
			return err
		}
		allAllowed = allAllowed && g.allowed.address(a.Unmap())
	}
	if u.Scheme == "http" && !g.allowHTTP && !allAllowed && !g.allowed.host(host) {
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
