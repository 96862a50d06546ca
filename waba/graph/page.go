package graph

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
)

// The pages of a list: how many elements are asked for in one, and how many pages there can be before the list is taken for
// one that never ends.
const (
	pageSize = 100
	maxPages = 1000
)

type page[T any] struct {
	Data   []T `json:"data"`
	Paging struct {
		Cursors struct {
			After string `json:"after"`
		} `json:"cursors"`
	} `json:"paging"`
}

// complete tells an empty list from an answer that is no list.
func (p *page[T]) complete() bool { return p.Data != nil }

// pages fetches a list to its end: an empty page, or one without a cursor that leads on. The last page of the Graph API has a
// cursor as well, so a list costs one request more than it has pages.
func pages[T any](ctx context.Context, c *Client, a Account, op string, fields string, path ...string) ([]T, error) {
	var all []T
	query := url.Values{"limit": {strconv.Itoa(pageSize)}}
	if fields != "" {
		query.Set("fields", fields)
	}
	for range maxPages {
		var p page[T]
		if err := c.get(ctx, a, op, query, &p, path...); err != nil {
			return nil, err
		}
		all = append(all, p.Data...)
		after := p.Paging.Cursors.After
		if len(p.Data) == 0 || after == "" || after == query.Get("after") {
			return all, nil
		}
		query.Set("after", after)
	}
	return nil, fmt.Errorf("%s: the list goes on after %d pages", op, maxPages)
}
