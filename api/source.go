package api

import (
	"net/netip"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// source is the address that a request comes from: whoever connects or, when that is a trusted proxy, whom it names.
func (s *Server) source(c *fiber.Ctx) string {
	var forwarded []string // some proxies add a line of their own
	for _, line := range c.Request().Header.PeekAll(fiber.HeaderXForwardedFor) {
		forwarded = append(forwarded, string(line))
	}
	return sourceOf(strings.Clone(c.IP()), strings.Join(forwarded, ","), s.proxies)
}

// sourceOf goes back from the peer through what proxies have added, the nearest last, and stops at the first address that is
// no trusted proxy: what stands before it may be anything.
func sourceOf(peer, forwarded string, trusted []netip.Prefix) string {
	hops := strings.Split(forwarded, ",")
	at := peer
	for i := len(hops) - 1; i >= 0 && isTrusted(at, trusted); i-- {
		ip, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		at = ip.Unmap().WithZone("").String()
	}
	return at
}

func isTrusted(at string, trusted []netip.Prefix) bool {
	ip, err := netip.ParseAddr(at)
	if err != nil {
		return false
	}
	for _, p := range trusted {
		if p.Contains(ip.Unmap()) {
			return true
		}
	}
	return false
}

// network is the part of an address that one subscriber has: all of IPv4, the first 64 bits of IPv6.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	p, _ := ip.Prefix(64) // has so many bits
	return p.String()
}
