package graph

import (
	"context"
	"net/http"
	"net/url"
)

// DeleteMedia takes a file back from the platform. The On-Premises style names files below /v1/media.
func (c *Client) DeleteMedia(ctx context.Context, a Account, id string) error {
	const op = "delete a file"
	var query url.Values
	path := []string{id}
	switch {
	case a.style() == OnPremises:
		path = a.of("media", id)
	case a.style() == Cloud && a.PhoneNumberID != "":
		query = url.Values{"phone_number_id": {a.PhoneNumberID}} // then another number's file is refused
	}
	return c.exchange(ctx, a, op, http.MethodDelete, query, nil, nil, path...)
}
