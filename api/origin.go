package api

import (
	"net/http"
	"net/url"

	"github.com/gofiber/fiber/v2"
)

// fence turns away requests that change something and were made by another site in a visitor's browser.
func (s *Server) fence(c *fiber.Ctx) error {
	if c.Get(fiber.HeaderAuthorization) == "" &&
		crossSite(c.Method(), c.Get("Sec-Fetch-Site"), c.Get(fiber.HeaderOrigin), c.Hostname(), s.publicHost) {
		return errCrossSite
	}
	return c.Next()
}

// crossSite judges a request by what the browser says about its origin. What says nothing is no browser. hosts are the
// names under which we are known.
func crossSite(method, site, origin string, hosts ...string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	switch site {
	case "same-origin", "none":
		return false
	case "":
	default:
		return true
	}
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return true // "null", or nonsense
	}
	for _, h := range hosts {
		if h != "" && u.Host == h {
			return false
		}
	}
	return true
}
