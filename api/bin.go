package api

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"wabagate/models"
)

// binName is what a bin may be called.
var binName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// binOf is the bin that a webhook's URL points at: the last part of a path that ends in /inspect/{bin}.
func binOf(rawURL string) (string, bool) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", false
	}
	before, name, ok := cutLast(u.Path, "/")
	return name, ok && strings.HasSuffix(before, "/inspect") && binName.MatchString(name)
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// bin is a place of the inspector that takes requests.
type bin struct {
	name     string
	business int64
	webhooks []models.Webhook // of the business that point here, oldest first
}

// key is the name under which arrivals are kept. It holds the owner, so that a bin that changes hands shows the new
// owner nothing of the old one's.
func (b bin) key() string { return strconv.FormatInt(b.business, 10) + "/" + b.name }

// bins finds bins by name, from memory.
type bins struct {
	routes func() *models.Routes
	index  atomic.Pointer[binIndex]
}

type binIndex struct {
	of     *models.Routes
	byName map[string]bin
}

func (b *bins) find(name string) (bin, bool) {
	routes := b.routes()
	index := b.index.Load()
	if index == nil || index.of != routes {
		index = &binIndex{routes, indexBins(routes.Webhooks)}
		b.index.Store(index)
	}
	found, ok := index.byName[name]
	return found, ok
}

// indexBins gives every bin to the business of the oldest webhook that points at it.
func indexBins(webhooks map[int64]models.Webhook) map[string]bin {
	ids := make([]int64, 0, len(webhooks))
	for id := range webhooks {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	byName := map[string]bin{}
	for _, id := range ids {
		w := webhooks[id]
		name, ok := binOf(w.URL)
		if !ok {
			continue
		}
		b, taken := byName[name]
		if !taken {
			b = bin{name: name, business: w.BusinessID}
		}
		if b.business == w.BusinessID {
			b.webhooks = append(b.webhooks, w)
			byName[name] = b
		}
	}
	return byName
}

// inspectorOf is the path of the inspector page that shows what a webhook delivers; empty when it delivers elsewhere.
func (s *Server) inspectorOf(w models.Webhook) string {
	name, ok := binOf(w.URL)
	if !ok {
		return ""
	}
	if b, ok := s.bins.find(name); !ok || b.business != w.BusinessID {
		return ""
	}
	return "/inspect/" + name
}
