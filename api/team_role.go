package api

import (
	"net/http"
	"slices"
	"strings"

	"wabagate/models"
)

// right is who may make a request.
type right int

const (
	anybody        right = iota // of the business, whatever the role; keys too
	workers                     // owners and members; keys too
	owners                      // owners; keys too
	ownersInPerson              // owners who are logged in
	oneself                     // whoever is logged in: it is about their own account
)

// rights are who may look at something and who may change it.
type rights struct{ read, change right }

// usualRights are those of whatever rightsAt does not name.
var usualRights = rights{anybody, workers}

// rightsAt are the rights of places (see placeOf) and of all below them; the longest one that fits counts. It is the one
// place that says so, for the API and for the pages. A key of a business does what its owners do, as it did before there
// were roles, but not to people: a key that leaked must not let anybody in for good.
var rightsAt = map[string]rights{
	"me":                {anybody, oneself},
	"team":              {anybody, ownersInPerson},
	"team/audit":        {owners, owners},
	"account":           {anybody, oneself},
	"keys":              {anybody, owners},
	"audit":             {owners, owners},
	"contacts/*/erase":  {owners, owners},
	"numbers":           {anybody, owners}, // connects them, and holds their tokens
	"numbers/*/check":   usualRights,
	"numbers/*/media":   usualRights,
	"numbers/*/replies": usualRights,
	"webhooks/*/secret": {workers, workers},
	// Previews change nothing, though what they are of comes in a body.
	"webhooks/preview":        {anybody, anybody},
	"webhooks/filter-preview": {anybody, anybody},
}

// placeOf is a route's path without what is the same everywhere: the prefix of the API, and what its ids are called.
// /api/client/webhooks/:id<int>/secret is webhooks/*/secret.
func placeOf(route string) string {
	segments := strings.Split(strings.Trim(strings.TrimPrefix(route, "/api/client"), "/"), "/")
	for i, s := range segments {
		if strings.HasPrefix(s, ":") {
			segments[i] = "*"
		}
	}
	return strings.Join(segments, "/")
}

// reads says whether a method only looks.
func reads(method string) bool {
	return slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, method)
}

// needed is the right that a request to a place needs.
func needed(method, place string) right {
	found := usualRights
	for at := place; at != ""; {
		if r, ok := rightsAt[at]; ok {
			found = r
			break
		}
		at = at[:max(0, strings.LastIndexByte(at, '/'))]
	}
	if reads(method) {
		return found.read
	}
	return found.change
}

// may says whether the caller has a right. Pages leave out by it what would be refused.
func (who caller) may(r right) bool { return who.refused(r) == nil }

// refused is why the caller does not have a right; nil: they do.
func (who caller) refused(r right) error {
	if who.User == nil {
		if r == ownersInPerson || r == oneself {
			return person(who)
		}
		return nil
	}
	switch role := who.User.Role; {
	case role == models.RoleOwner, r == anybody, r == oneself, r == workers && role == models.RoleMember:
		return nil
	case r == workers:
		return forbidden("you may look and not change: an owner or a member of your business can do this")
	default:
		return forbidden("only an owner of your business can do this")
	}
}

func forbidden(message string) error {
	return &Error{Status: http.StatusForbidden, Code: "forbidden_role", Message: message}
}
