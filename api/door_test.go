package api

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

func TestSourceOf(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct{ name, peer, forwarded, want string }{
		{"nobody between", "203.0.113.1", "", "203.0.113.1"},
		{"a stranger who names another", "203.0.113.1", "198.51.100.1", "203.0.113.1"},
		{"a proxy", "10.0.0.1", "203.0.113.1", "203.0.113.1"},
		{"a proxy that names nobody", "10.0.0.1", "", "10.0.0.1"},
		{"what the caller wrote first", "10.0.0.1", "198.51.100.1, 203.0.113.1", "203.0.113.1"},
		{"two proxies", "10.0.0.1", "198.51.100.1,203.0.113.1 , fd00::1", "203.0.113.1"},
		{"nothing but proxies", "10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"},
		{"nonsense", "10.0.0.1", "unknown", "10.0.0.1"},
		{"nonsense before a proxy", "10.0.0.1", "<script>,10.0.0.2", "10.0.0.2"},
		{"IPv4 in IPv6", "10.0.0.1", "::ffff:203.0.113.1", "203.0.113.1"},
		{"a zone", "10.0.0.1", "fe80::1%eth0", "fe80::1"},
	} {
		require.Equal(t, c.want, sourceOf(c.peer, c.forwarded, trusted), c.name)
	}
	require.Equal(t, "203.0.113.1", sourceOf("203.0.113.1", "198.51.100.1", nil))
	for address, want := range map[string]string{"203.0.113.1": "203.0.113.1", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "::ffff:203.0.113.1": "::ffff:203.0.113.1", "": ""} {
		require.Equal(t, want, network(address))
	}
}

func TestRightsOfPlaces(t *testing.T) {
	require.Equal(t, "webhooks/*/secret/rotate", placeOf("/api/client/webhooks/:id<int>/secret/rotate"))
	require.Equal(t, "webhooks/*/jobs/*/cancel", placeOf("/webhooks/:id<int>/jobs/:job<int>/cancel"))
	require.Equal(t, "", placeOf("/"))
	for _, c := range []struct {
		method, place string
		want          right
	}{
		{"GET", "", anybody}, {"HEAD", "webhooks", anybody}, {"POST", "webhooks", workers}, {"PATCH", "whatever/is/new", workers}, {"DELETE", "", workers},
		{"GET", "webhooks/*/secret", workers}, {"POST", "webhooks/*/secret/rotate", workers}, {"GET", "webhooks/*", anybody},
		{"GET", "keys", anybody}, {"POST", "keys/*/regenerate", owners}, {"GET", "audit", owners}, {"POST", "numbers", owners}, {"PUT", "numbers/*", owners},
		{"PUT", "numbers/*/replies", workers}, {"POST", "numbers/*/replies/try", workers}, {"POST", "team/users/*/role", ownersInPerson}, {"PUT", "me/password", oneself},
		{"POST", "contacts/*/erase", owners}, {"POST", "contacts/*", workers}, {"POST", "teams", workers},
	} {
		require.Equal(t, c.want, needed(c.method, c.place), c.method+" "+c.place)
	}
	for _, c := range []struct {
		role models.Role
		may  map[right]bool
	}{
		{models.RoleOwner, map[right]bool{anybody: true, workers: true, owners: true, ownersInPerson: true, oneself: true}},
		{models.RoleMember, map[right]bool{anybody: true, workers: true, oneself: true}},
		{models.RoleReader, map[right]bool{anybody: true, oneself: true}},
		{"", map[right]bool{anybody: true, oneself: true}}, // one that this program does not know
	} {
		for _, r := range []right{anybody, workers, owners, ownersInPerson, oneself} {
			require.Equal(t, c.may[r], caller{User: &models.User{Role: c.role}}.refused(r) == nil, "%s %d", c.role, r)
		}
	}
	for r, may := range map[right]bool{anybody: true, workers: true, owners: true, ownersInPerson: false, oneself: false} {
		require.Equal(t, may, caller{Key: &models.APIKey{}}.refused(r) == nil, r)
	}
}

func TestActions(t *testing.T) {
	for asked, want := range map[[2]string]string{
		{http.MethodPost, "webhooks"}: "webhook.created", {http.MethodPost, "webhooks/new"}: "webhook.created", {http.MethodPut, "webhooks/*"}: "webhook.updated",
		{http.MethodPost, "webhooks/*/edit"}: "webhook.updated", {http.MethodDelete, "webhooks/*"}: "webhook.deleted", {http.MethodPost, "webhooks/*/delete"}: "webhook.deleted",
		{http.MethodPost, "webhooks/test"}: "webhook.tested", {http.MethodPost, "webhooks/*/secret/rotate"}: "webhook.secret_rotated",
		{http.MethodPost, "webhooks/*/jobs/*/cancel"}: "job.cancelled", {http.MethodPost, "deliveries/*/resend"}: "delivery.resent", {http.MethodPost, "opt-outs"}: "opt_out.created",
		{http.MethodPost, "numbers/*/onprem-token"}: "number.onprem_token_created", {http.MethodPost, "team/invitations"}: "invitation.created",
		{http.MethodPost, "team/users/*/role"}: "user.updated", {http.MethodPost, "team/users/*/remove"}: "user.deleted", {http.MethodPost, "something-new/*/polish"}: "something_new.polish_created",
		{http.MethodGet, "webhooks"}: "", {http.MethodHead, "webhooks/*/secret"}: "", {http.MethodGet, "webhooks/*/secret"}: "webhook.secret_revealed",
	} {
		require.Equal(t, want, actionOf(asked[0], asked[1]), asked)
	}
}

func TestBareURL(t *testing.T) {
	for text, want := range map[string]string{"https://u:p@x.example:8443/hook/a?key=1#f": "https://x.example:8443/hook/a", "https://x.example": "https://x.example", "://": "", "": ""} {
		require.Equal(t, want, bareURL(text))
	}
}
