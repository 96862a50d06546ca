package api_test

import (
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/models"
)

// user makes one of our users and logs them in.
func (b *bundle) user(email string, role models.Role) (models.User, string) {
	b.t.Helper()
	u, err := b.store.AddUser(b.t.Context(), models.User{BusinessID: b.ours.ID, Email: email, Name: "N", Role: role}, password)
	require.NoError(b.t, err)
	return u, b.startSession(u)
}

// as calls the API with a session.
func (b *bundle) as(cookie, method, path, body string) (int, string) {
	b.t.Helper()
	status, got, _ := b.call(method, "/api/client"+path, body, "Cookie", cookie, "Content-Type", "application/json", "Sec-Fetch-Site", "same-origin")
	return status, got
}

// registered is a route that the server has.
type registered struct{ method, path string }

// place is what the route is about, and url an address that it takes.
func (r registered) place() string { return api.PlaceOf(r.path) }

var parameter = regexp.MustCompile(`:[a-z]+(<int>)?`)

func (r registered) url() string { return parameter.ReplaceAllString(r.path, "987654") }

func (r registered) isPage() bool { return !strings.HasPrefix(r.path, "/api/client/") }

// routes are those of people and of the keys of businesses, pages and API, which do what is asked for.
func (b *bundle) routes(reading bool) []registered {
	var list []registered
	for _, r := range b.app.GetRoutes(true) {
		if r.Method == "HEAD" || r.Method == "OPTIONS" || (r.Method == "GET") != reading {
			continue
		}
		for _, other := range []string{"/v1/", "/media/", "/monitor", "/inspect/", "/static/", "/healthz", "/readyz", "/metrics", "/api/admin/", "/openapi.json", "/docs", "/debug", "/operations"} {
			if strings.HasPrefix(r.Path, other) {
				r.Path = ""
				break
			}
		}
		if r.Path != "" {
			list = append(list, registered{r.Method, r.Path})
		}
	}
	return list
}

// ownAffairs are what anybody may do whatever their role, although it is no mere reading, and why.
var ownAffairs = map[string]string{
	"POST look":                      "how one likes the pages",
	"POST login":                     "nobody is logged in yet",
	"POST logout":                    "the session is one's own",
	"POST invitations/accept":        "nobody is logged in yet",
	"POST invitations/*":             "nobody is logged in yet",
	"POST account":                   "one's own name",
	"POST account/password":          "one's own password",
	"POST account/sessions/delete":   "one's own sessions",
	"POST account/sessions/*/delete": "one's own sessions",
	"PUT me":                         "one's own name",
	"PUT me/password":                "one's own password, which may have become known",
	"DELETE me/sessions":             "one's own sessions",
	"DELETE me/sessions/*":           "one's own sessions",

	"POST webhooks/preview":        "it only shows",
	"POST webhooks/filter-preview": "it only counts",
}

// ownersAffairs are what members may not do.
var ownersAffairs = map[string]bool{
	"PUT team/users/*": true, "DELETE team/users/*": true, "POST team/invitations": true, "DELETE team/invitations/*": true,
	"POST keys": true, "PUT keys/*": true, "DELETE keys/*": true, "POST keys/*/regenerate": true, "POST contacts/*/erase": true,
	"POST numbers": true, "PUT numbers/*": true, "DELETE numbers/*/upstream": true, "POST numbers/*/onprem-token": true, "DELETE numbers/*/onprem-token": true,
	"POST numbers/new": true, "POST numbers/*/token": true, "POST numbers/*/upstream/delete": true, "POST numbers/*/onprem-token/delete": true,
	"POST numbers/*/keys/new": true, "POST numbers/*/keys/*/regenerate": true, "POST numbers/*/keys/*/delete": true,
}

func TestReadersChangeNothing(t *testing.T) {
	b := setup(t)
	_, reader := b.user("reader@example.com", models.RoleReader)
	routes := b.routes(false)
	require.Greater(t, len(routes), 50)
	for _, r := range routes {
		name := r.method + " " + r.place()
		status, got, _ := b.call(r.method, r.url(), "", "Cookie", reader, "Content-Type", "application/json")
		if ownAffairs[name] != "" {
			require.NotContains(t, got, "forbidden_role", name)
			reader = b.startSession(models.User{ID: 3}) // the one before may have ended
			continue
		}
		require.Equal(t, 403, status, name+got)
		require.Contains(t, got, `"code":"forbidden_role"`, name)
		require.Contains(t, got, "owner", name)
	}
	for _, r := range b.routes(true) {
		if r.path == "/api/client/events" || r.path == "/api/client/events/stream" { // which may wait
			continue
		}
		status, got, _ := b.call("GET", r.url(), "", "Cookie", reader)
		if r.place() == "webhooks/*/secret" || r.place() == "audit" || r.place() == "team/audit" {
			require.Equal(t, 403, status, r.path)
			require.Contains(t, got, `"code":"forbidden_role"`)
			continue
		}
		require.NotEqual(t, 403, status, r.path+got)
		require.NotEqual(t, 401, status, r.path+got)
	}
	status, got, _ := b.call("POST", "/webhooks/new", "name=x", "Cookie", reader, "Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, 403, status)
	require.Contains(t, got, "You may look and not change: an owner or a member of your business can do this.")
}

func TestMembersDoTheDailyWork(t *testing.T) {
	b := setup(t)
	_, member := b.user("member@example.com", models.RoleMember)
	left := maps.Clone(ownersAffairs)
	for _, r := range b.routes(false) {
		name := r.method + " " + r.place()
		if ownAffairs[name] != "" {
			continue
		}
		status, got, _ := b.call(r.method, r.url(), "", "Cookie", member, "Content-Type", "application/json")
		if ownersAffairs[name] {
			delete(left, name) // a page may do the same as the API
			require.Equal(t, 403, status, name+got)
			require.Contains(t, got, "only an owner of your business can do this", name)
			continue
		}
		if r.isPage() && strings.HasPrefix(r.place(), "team") || strings.HasPrefix(r.place(), "keys") {
			require.Equal(t, 403, status, name)
			continue
		}
		require.NotContains(t, got, "forbidden_role", name)
	}
	require.Empty(t, left, "every route that is the owners' is there")
	status, _ := b.as(member, "GET", "/audit", "")
	require.Equal(t, 403, status)
	w := b.webhook()
	status, _ = b.as(member, "GET", "/webhooks/"+decimal(w.ID)+"/secret", "")
	require.Equal(t, 200, status)
}

// A key does what owners do, but not to people.
func TestKeysManageNobody(t *testing.T) {
	b := setup(t)
	for _, r := range b.routes(false) {
		place := r.place()
		people := strings.HasPrefix(place, "team/") || place == "me" || strings.HasPrefix(place, "me/") || strings.HasSuffix(place, "/onprem-token")
		if r.isPage() || !people {
			continue
		}
		status, got, _ := b.call(r.method, r.url(), "", "Authorization", "Bearer "+b.key.Text())
		if strings.HasSuffix(place, "/onprem-token") {
			require.Equal(t, 403, status, place)
			continue
		}
		require.Equal(t, 403, status, place+got)
		require.Contains(t, got, `"code":"session_only"`, place)
	}
	status, _ := b.api("GET", "/team", "")
	require.Equal(t, 200, status)
	status, _ = b.api("GET", "/audit", "")
	require.Equal(t, 200, status)
	status, _ = b.api("GET", "/me/sessions", "")
	require.Equal(t, 403, status)
}

type teamAnswer struct {
	Users []struct {
		ID          int64
		Email, Name string
		Role        string
		LastLoginAt *time.Time `json:"last_login_at"`
	}
	Invitations []struct {
		ID          int64
		Email, Role string
		InvitedBy   string `json:"invited_by"`
	}
}

func (b *bundle) team(cookie string) teamAnswer {
	b.t.Helper()
	status, got := b.as(cookie, "GET", "/team", "")
	require.Equal(b.t, 200, status, got)
	return decode[teamAnswer](b.t, got)
}

type invited struct {
	ID         int64
	URL, Token string
}

func (b *bundle) invite(email, role string) invited {
	b.t.Helper()
	status, got := b.as(b.session, "POST", "/team/invitations", `{"email":"`+email+`","role":"`+role+`"}`)
	require.Equal(b.t, 201, status, got)
	return decode[invited](b.t, got)
}

func TestInvitation(t *testing.T) {
	b := setup(t, func(o *api.Options) { o.PublicURL = "https://gate.example.com" })
	for body, field := range map[string]string{`{}`: "role", `{"email":"a@b","role":"king"}`: "role", `{"role":"member"}`: "email", `{"email":"a b@c","role":"member"}`: "email",
		`{"email":"@c","role":"member"}`: "email", `{"email":"` + strings.Repeat("a", 320) + `@c","role":"member"}`: "email"} {
		status, got := b.as(b.session, "POST", "/team/invitations", body)
		require.Equal(t, 400, status, body)
		require.Contains(t, got, `"field":"`+field+`"`, body)
	}
	status, got := b.as(b.session, "POST", "/team/invitations", `{"email":"they@example.com","role":"member"}`)
	require.Equal(t, 409, status, got)
	require.Contains(t, got, "logs in with this address already")

	first := b.invite("new@example.com", "member")
	in := b.invite(" New@Example.com", "member")
	require.Equal(t, "https://gate.example.com/invitations/"+in.Token, in.URL)
	open := b.team(b.session)
	require.Len(t, open.Invitations, 1, "the second ends the first")
	require.Equal(t, []string{"new@example.com", "member", "we@example.com"}, []string{open.Invitations[0].Email, open.Invitations[0].Role, open.Invitations[0].InvitedBy})
	_, got = b.as(b.session, "GET", "/team", "")
	require.NotContains(t, got, in.Token, "shown once")

	look := func(token string) (int, string) {
		status, got, _ := b.call("GET", "/api/client/invitations/"+token, "")
		return status, got
	}
	status, got = look(in.Token)
	require.Equal(t, 200, status)
	require.Contains(t, got, `{"business":"Ours","email":"new@example.com","role":"member","invited_by":"we@example.com","expires_at":"`)
	for _, token := range []string{first.Token, "nonsense"} {
		status, got = look(token)
		require.Equal(t, 404, status)
		require.Contains(t, got, `"code":"invitation_ended"`)
	}
	accept := func(body string) (int, string, string) {
		status, got, head := b.call("POST", "/api/client/invitations/accept", body, "Sec-Fetch-Site", "same-origin")
		cookie, _, _ := strings.Cut(head.Get("Set-Cookie"), ";")
		return status, got, cookie
	}
	for body, field := range map[string]string{`{}`: "name", `{"name":"Nour"}`: "password", `{"name":"Nour","password":"short"}`: "password", `{"name":"Nour","password":"long enough","role":"owner"}`: "role"} {
		status, got, _ = accept(strings.Replace(body, "{", `{"token":"`+in.Token+`"`+map[bool]string{true: "", false: ","}[body == "{}"], 1))
		require.Equal(t, 400, status, body+got)
		require.Contains(t, got, `"field":"`+field+`"`, body)
	}
	status, got, cookie := accept(`{"token":"` + in.Token + `","name":" Nour ","password":"long enough"}`)
	require.Equal(t, 201, status, got)
	require.Contains(t, got, `"is_operator":false,"name":"Nour","role":"member"`)
	_, got = b.as(cookie, "GET", "/me", "")
	require.Contains(t, got, `"email":"new@example.com"`, "and is logged in")
	status, _, _ = accept(`{"token":"` + in.Token + `","name":"Thief","password":"long enough"}`)
	require.Equal(t, 404, status, "once")
	status, _, _ = b.call("POST", "/api/client/login", `{"email":"new@example.com","password":"long enough"}`)
	require.Equal(t, 200, status)

	gone := b.invite("other@example.com", "owner")
	status, _ = b.as(b.theirUser, "DELETE", "/team/invitations/"+decimal(gone.ID), "")
	require.Equal(t, 404, status, "another's")
	status, _ = b.as(b.session, "DELETE", "/team/invitations/"+decimal(gone.ID), "")
	require.Equal(t, 200, status)
	status, _, _ = accept(`{"token":"` + gone.Token + `","name":"X","password":"long enough"}`)
	require.Equal(t, 404, status)

	// Who guesses is stopped like one who guesses passwords.
	for range 200 {
		if status, _ = look("guess"); status == 429 {
			break
		}
	}
	require.Equal(t, 429, status)
}

func TestTeam(t *testing.T) {
	b := setup(t)
	u, session := b.user("member@example.com", models.RoleMember)
	one := "/team/users/" + decimal(u.ID)
	team := b.team(session)
	require.Len(t, team.Users, 2, "ours")
	require.NotNil(t, team.Users[1].LastLoginAt)

	status, got := b.as(b.session, "PUT", "/team/users/1", `{"role":"member"}`)
	require.Equal(t, 409, status)
	require.Contains(t, got, `"code":"last_owner"`)
	status, got = b.as(b.session, "DELETE", "/team/users/1", "")
	require.Equal(t, 409, status)
	require.Contains(t, got, "make somebody else an owner first")
	for _, method := range []string{"PUT", "DELETE"} {
		status, _ = b.as(b.theirUser, method, one, `{"role":"owner"}`)
		require.Equal(t, 404, status, "another's")
	}
	status, got = b.as(b.session, "PUT", one, `{"role":"king"}`)
	require.Equal(t, 400, status)
	require.Contains(t, got, "owner, member, read-only")

	// A role counts at once, in both directions.
	status, _ = b.as(session, "POST", "/keys", `{"name":"k"}`)
	require.Equal(t, 403, status)
	status, _ = b.as(b.session, "PUT", one, `{"role":"owner"}`)
	require.Equal(t, 200, status)
	status, _ = b.as(session, "POST", "/keys", `{"name":"k"}`)
	require.Equal(t, 201, status)
	status, got = b.as(session, "DELETE", "/team/users/1", "")
	require.Equal(t, 409, status, "the gateway's last operator")
	require.Contains(t, got, `"code":"last_operator"`)
	status, _ = b.as(b.session, "DELETE", one, "")
	require.Equal(t, 200, status)
	status, _ = b.as(session, "GET", "/me", "")
	require.Equal(t, 401, status, "sessions end at once")
	status, _ = b.as(b.session, "DELETE", one, "")
	require.Equal(t, 404, status)
	_, got = b.api("GET", "/keys", "")
	require.Contains(t, got, `"name":"k","prefix":"wbk_`)
	require.Contains(t, got, `"created_by":"N","last_used_at":null`)
}

func TestOwnAccount(t *testing.T) {
	b := setup(t)
	u, here := b.user("me@example.com", models.RoleReader)
	there := b.startSession(u)
	status, got := b.as(here, "PUT", "/me", `{"name":" أمل "}`)
	require.Equal(t, 200, status, got)
	_, got = b.as(here, "GET", "/me", "")
	require.Contains(t, got, `"name":"أمل","role":"read-only"`)
	status, _ = b.as(here, "PUT", "/me", `{"name":""}`)
	require.Equal(t, 400, status)

	type sessions struct {
		Sessions []struct {
			ID      string
			Current bool
		}
	}
	_, got = b.as(here, "GET", "/me/sessions", "")
	list := decode[sessions](t, got).Sessions
	require.Len(t, list, 2)
	require.NotEqual(t, list[0].Current, list[1].Current)
	require.NotContains(t, got, strings.TrimPrefix(here, "token="))
	for _, one := range list {
		status, _ = b.as(b.theirUser, "DELETE", "/me/sessions/"+one.ID, "")
		require.Equal(t, 404, status, "another's")
		if !one.Current {
			status, _ = b.as(here, "DELETE", "/me/sessions/"+one.ID, "")
			require.Equal(t, 200, status)
		}
	}
	status, _ = b.as(there, "GET", "/me", "")
	require.Equal(t, 401, status)

	there = b.startSession(u)
	for body, field := range map[string]string{`{}`: "current_password", `{"current_password":"x"}`: "new_password", `{"current_password":"x","new_password":"short"}`: "new_password",
		`{"current_password":"wrong horse","new_password":"a new password"}`: "current_password"} {
		status, got = b.as(here, "PUT", "/me/password", body)
		require.Equal(t, 400, status, body)
		require.Contains(t, got, `"field":"`+field+`"`, body)
	}
	status, got = b.as(here, "PUT", "/me/password", `{"current_password":"`+password+`","new_password":"a new password"}`)
	require.Equal(t, 200, status, got)
	status, _ = b.as(there, "GET", "/me", "")
	require.Equal(t, 401, status, "the other session has ended")
	status, _ = b.as(here, "GET", "/me", "")
	require.Equal(t, 200, status, "this one goes on")
	for range 10 {
		status, _ = b.as(here, "PUT", "/me/password", `{"current_password":"guess","new_password":"a new password"}`)
		require.Equal(t, 400, status)
	}
	status, got, head := b.call("PUT", "/api/client/me/password", `{"current_password":"a new password","new_password":"another one"}`, "Cookie", here)
	require.Equal(t, 429, status, got)
	require.NotEmpty(t, head.Get("Retry-After"))
	there = b.startSession(u)
	status, got = b.as(here, "DELETE", "/me/sessions", "")
	require.Equal(t, 200, status)
	require.Contains(t, got, "Other sessions ended: 1.")
	status, _ = b.as(there, "GET", "/me", "")
	require.Equal(t, 401, status)
}
