package api_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/models"
)

// read asks for a page with a session, and says where a redirect leads.
func (b *bundle) read(cookie, path string) (status int, got, location string) {
	b.t.Helper()
	status, got, head := b.call("GET", path, "", "Cookie", cookie, "Accept", "text/html")
	return status, got, head.Get("Location")
}

// submit posts a form of a page with a session.
func (b *bundle) submit(cookie, path string, fields ...string) (status int, got, location string) {
	b.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	status, got, head := b.call("POST", path, values.Encode(), "Cookie", cookie, "Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
	return status, got, head.Get("Location")
}

func TestTeamPages(t *testing.T) {
	b := setup(t, func(o *api.Options) { o.PublicURL = "https://gate.example.com" })
	sara, session := b.user("sara@example.com", models.RoleMember)
	status, got := b.page("/team")
	require.Equal(t, 200, status)
	for _, want := range []string{"sara@example.com", `href="/team/users/` + decimal(sara.ID), "Nobody is invited", `action="/team/invitations"`, "What each role may do", "operator", `href="/team/audit"`} {
		require.Contains(t, got, want)
	}
	require.NotContains(t, got, "they@example.com")
	_, got, _ = b.read(session, "/team")
	require.NotContains(t, got, `action="/team`, "a member sees who there is and changes nobody")
	require.NotContains(t, got, `href="/team/audit"`)

	// An invitation, with what is wrong beside its field, and its link once.
	status, got, _ = b.submit(b.session, "/team/invitations", "email", "nobody", "role", "read-only")
	require.Equal(t, 400, status)
	require.Regexp(t, `name="email" aria-describedby="field-email-wrong" aria-invalid="true"`, got)
	require.Contains(t, got, `value="nobody"`)
	require.Contains(t, got, `<option value="read-only" selected>`)
	require.Contains(t, got, "Must be an e-mail address, such as amal@example.com.")
	status, got, _ = b.submit(b.session, "/team/invitations", "email", "they@example.com", "role", "member")
	require.Equal(t, 409, status)
	require.Contains(t, got, "logs in with this address already")
	_, got, _ = b.submit(b.session, "/team/invitations", "email", "new@example.com", "role", "king")
	require.Contains(t, got, "Must be one of owner, member, read-only.")
	status, got, _ = b.submit(b.session, "/team/invitations", "email", "New@example.com", "role", "member")
	require.Equal(t, 200, status)
	link := regexp.MustCompile(`https://gate\.example\.com(/invitations/[A-Za-z0-9_-]{32})<`).FindStringSubmatch(got)
	require.NotNil(t, link, "the link is shown")
	require.Contains(t, got, "Give this link to <bdi>new@example.com</bdi>")
	_, got = b.page("/team")
	require.NotContains(t, got, link[1])
	require.Contains(t, got, "we@example.com")
	status, _, to := b.read(b.session, "/team/invitations")
	require.Equal(t, []any{303, "/team"}, []any{status, to}, "who reloads makes no second one")
	revoke := regexp.MustCompile(`/team/invitations/[0-9]+/delete`).FindString(got)
	status, _, _ = b.submit(b.theirUser, revoke)
	require.Equal(t, 404, status)
	status, _, to = b.submit(b.session, revoke)
	require.Equal(t, []any{303, "/team?done=revoked"}, []any{status, to})
	_, got, _ = b.read("", link[1])
	require.Contains(t, got, "This invitation opens nothing")

	// A role, and the end of a user, which has to be meant.
	one := "/team/users/" + decimal(sara.ID)
	_, got = b.page(one)
	require.Contains(t, got, `value="member" checked`)
	status, _, to = b.submit(b.session, one+"/role", "role", "owner")
	require.Equal(t, []any{303, one + "?done=role-changed"}, []any{status, to})
	status, _, to = b.submit(session, "/team/users/1/role", "role", "member")
	require.Equal(t, 303, status, to)
	status, got, _ = b.submit(session, one+"/role", "role", "member")
	require.Equal(t, 409, status)
	require.Contains(t, got, "This is the last owner of your business: make somebody else an owner first.")
	require.NoError(t, func() error { _, err := b.store.SetRole(t.Context(), b.ours.ID, 1, models.RoleOwner); return err }())
	status, got, _ = b.submit(b.session, one+"/remove", "confirm", "sara")
	require.Equal(t, 400, status)
	require.Contains(t, got, `<details class="zone" open>`)
	require.Contains(t, got, "Must be &#34;sara@example.com&#34;, as the page says, to go on.")
	status, _, to = b.submit(b.session, one+"/remove", "confirm", " sara@example.com ")
	require.Equal(t, []any{303, "/team?done=removed"}, []any{status, to})
	status, _, to = b.read(session, "/team")
	require.Equal(t, []any{303, "/login?next=%2Fteam"}, []any{status, to}, "logged out everywhere")
	for _, path := range []string{one, "/team/users/2", "/team/users/999"} {
		status, _ = b.page(path)
		require.Equal(t, 404, status, path)
	}
}

// Many users are shown a page at a time.
func TestTeamIsPaged(t *testing.T) {
	b := setup(t)
	for i := range 30 {
		_, err := b.store.AddUser(t.Context(), models.User{BusinessID: b.ours.ID, Email: "u" + decimal(int64(i)) + "@example.com", Role: models.RoleReader}, password)
		require.NoError(t, err)
	}
	_, got := b.page("/team")
	require.Contains(t, got, "u23@example.com")
	require.NotContains(t, got, "u24@example.com")
	require.Contains(t, got, `href="/team?cursor=25">Older`)
	_, got = b.page("/team?cursor=25")
	require.Contains(t, got, "u24@example.com")
	require.NotContains(t, got, "Older")
	status, _ := b.page("/team?cursor=x")
	require.Equal(t, 400, status)
}

func TestJoinPage(t *testing.T) {
	b := setup(t)
	in := b.invite("new@example.com", "read-only")
	link := "/invitations/" + in.Token
	status, got, head := b.call("GET", link, "", "Accept", "text/html")
	require.Equal(t, 200, status)
	for _, want := range []string{"Join <bdi>Ours</bdi>", "we@example.com", `value="new@example.com" readonly autocomplete="username"`, `autocomplete="new-password"`, `autocomplete="name"`, "Looks at everything but secrets"} {
		require.Contains(t, got, want)
	}
	require.Equal(t, "strict-origin", head.Get("Referrer-Policy"), "the token is in the address, and addresses are in the Referer")
	require.Equal(t, "no-store", head.Get("Cache-Control"))
	require.NotContains(t, got, "http://", "nothing is loaded from elsewhere")
	_, got, _ = b.read(b.session, link)
	require.Contains(t, got, "You are logged in here as <bdi>we@example.com</bdi>")

	for _, c := range []struct{ name, password, field, says string }{{"", "long enough", "name", "Is required."}, {"Nour", "short", "password", "Must have at least 8 characters."}, {"Nour", "", "password", "Is required."}} {
		status, got, _ := b.submit("", link, "name", c.name, "password", c.password)
		require.Equal(t, 400, status)
		require.Contains(t, got, `id="field-`+c.field+`-wrong" role="alert">`+c.says)
		require.Contains(t, got, `value="`+c.name+`"`)
		require.NotContains(t, got, "long enough")
	}
	status, _, _ = b.call("POST", link, "name=X&password=long+enough", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site")
	require.Equal(t, 403, status)
	status, _, head = b.call("POST", link, "name=%D9%86%D9%88%D8%B1&password=long+enough", "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html", "Sec-Fetch-Site", "same-origin")
	require.Equal(t, 303, status)
	require.Equal(t, "/?done=joined", head.Get("Location"))
	cookie, _, _ := strings.Cut(head.Get("Set-Cookie"), ";")
	_, got, _ = b.read(cookie, "/?done=joined")
	require.Contains(t, got, "Welcome. You are logged in.")

	for _, used := range []string{link, "/invitations/nonsense"} {
		status, got, head = b.call("GET", used, "", "Accept", "text/html")
		require.Equal(t, 404, status)
		require.Contains(t, got, "ask whoever invited you for a new link")
		require.Contains(t, got, `href="/login"`)
		require.Equal(t, "strict-origin", head.Get("Referrer-Policy"))
		status, got, _ = b.submit("", used, "name", "Thief", "password", "long enough")
		require.Equal(t, 404, status)
		require.Contains(t, got, "This invitation opens nothing")
	}
	require.NotContains(t, b.log.String(), in.Token)
	list, err := b.store.Audit(t.Context(), b.ours.ID, models.AuditFilter{})
	require.NoError(t, err)
	require.Equal(t, "user.joined", list[0].Action)
}

func TestKeyPages(t *testing.T) {
	b := setup(t, func(o *api.Options) { o.PublicURL = "https://gate.example.com" })
	status, got := b.page("/team/keys")
	require.Equal(t, 200, status)
	for _, want := range []string{"curl https://gate.example.com/api/client/webhooks", "curl https://gate.example.com/v1/messages", "Only Shop", "the whole business", "wbn_", "not known"} {
		require.Contains(t, got, want)
	}
	require.NotContains(t, got, "theirs")
	status, got, _ = b.submit(b.session, "/team/keys", "name", " ", "number_id", "1")
	require.Equal(t, 400, status)
	require.Contains(t, got, `id="field-name-wrong" role="alert">Is required.`)
	require.Contains(t, got, `<option value="1" selected>`)
	for _, foreign := range []string{"99", "x"} {
		status, got, _ = b.submit(b.session, "/team/keys", "name", "CRM", "number_id", foreign)
		require.Equal(t, 400, status)
		require.Contains(t, got, "Is not one of your numbers.")
	}
	for _, c := range []struct{ number, key, try string }{{"", `wbk_[A-Za-z0-9_-]{32}`, `/api/client/webhooks`}, {"1", `wbn_[A-Za-z0-9_-]{32}`, `/v1/messages`}} {
		status, got, _ = b.submit(b.session, "/team/keys", "name", "CRM", "number_id", c.number)
		require.Equal(t, 200, status)
		key := regexp.MustCompile(c.key).FindString(got)
		require.NotEmpty(t, key)
		_, again := b.page("/team/keys")
		require.NotContains(t, again, key, "once")
		require.Contains(t, again, key[:10])
		if c.number == "" {
			status, _, _ := b.call("GET", "/api/client/webhooks", "", "Authorization", "Bearer "+key)
			require.Equal(t, 200, status)
		}
	}
	b.server.Close()
	ks, err := b.store.APIKeys(t.Context(), b.ours.ID)
	require.NoError(t, err)
	k := ks[2]
	one := "/team/keys/" + decimal(k.ID)
	_, got = b.page(one)
	require.Contains(t, got, "we@example.com")
	status, got, _ = b.submit(b.session, one+"/rename", "name", strings.Repeat("x", 200))
	require.Equal(t, 400, status)
	require.Contains(t, got, `id="field-name-wrong"`)
	status, _, to := b.submit(b.session, one+"/rename", "name", "Sales")
	require.Equal(t, []any{303, one + "?done=key-renamed"}, []any{status, to})
	status, got, _ = b.submit(b.session, one+"/regenerate")
	require.Equal(t, 200, status)
	require.Regexp(t, `wbk_[A-Za-z0-9_-]{32}`, got)
	require.Contains(t, got, "The one before has ended.")
	status, _, to = b.read(b.session, one+"/regenerate")
	require.Equal(t, []any{303, "/team/keys"}, []any{status, to})
	status, _ = b.page(one)
	require.Equal(t, 404, status, "it has another id")
	ks, err = b.store.APIKeys(t.Context(), b.ours.ID)
	require.NoError(t, err)
	one = "/team/keys/" + decimal(ks[len(ks)-1].ID)
	for _, path := range []string{"", "/rename", "/regenerate", "/delete"} {
		if path == "" {
			status, _, _ = b.read(b.theirUser, one)
		} else {
			status, _, _ = b.submit(b.theirUser, one+path, "name", "x", "confirm", "Sales")
		}
		require.Equal(t, 404, status, path)
	}
	status, got, _ = b.submit(b.session, one+"/delete", "confirm", "sales")
	require.Equal(t, 400, status)
	require.Contains(t, got, "as the page says")
	status, _, to = b.submit(b.session, one+"/delete", "confirm", "Sales")
	require.Equal(t, []any{303, "/team/keys?done=key-ended"}, []any{status, to})
}

func TestAuditPage(t *testing.T) {
	b := setup(t)
	sara, session := b.user("sara@example.com", models.RoleOwner)
	receiver := b.webhook(func(w *models.Webhook) { w.Name = "CRM" })
	status, got := b.api("PUT", "/webhooks/"+decimal(receiver.ID), `{"name":"مبيعات","events":["*"],"headers":{"X":"hush"}}`)
	require.Equal(t, 200, status, got)
	_, _, _ = b.submit(session, "/account", "name", "Amira")
	_, _, _ = b.submit(session, "/team/keys", "name", "Tool")
	status, got = b.page("/team/audit")
	require.Equal(t, 200, status)
	for _, want := range []string{"<bdi>The key ours</bdi></a> changed the webhook <a href=\"/webhooks/" + decimal(receiver.ID) + `"><bdi>مبيعات</bdi></a>: name, events, headers`, ">CRM</del>", ">مبيعات</ins>",
		"changed their own account: name", "<bdi>Amira</bdi></a> made the key"} {
		require.Contains(t, got, want)
	}
	require.NotContains(t, got, "hush")

	today, tomorrow := time.Now().UTC().Format(time.DateOnly), time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	for query, want := range map[string][]string{"actor=user:" + decimal(sara.ID): {"made the key"}, "action=webhook.*": {"changed the webhook"}, "action=key.created": {"made the key"},
		"from=" + today + "&to=" + today: {"changed the webhook", "made the key"}, "from=" + tomorrow: {"Nothing like that was done."}, "actor=unknown": {"Nothing like that was done."}} {
		_, got = b.page("/team/audit?" + query)
		for _, text := range want {
			require.Contains(t, got, text, query)
		}
		require.Contains(t, got, "Show all", query)
	}
	_, got = b.page("/team/audit?actor=user:" + decimal(sara.ID))
	require.NotContains(t, got, "changed the webhook")
	require.Contains(t, got, `value="user:`+decimal(sara.ID)+`" selected>Amira`)
	for query, field := range map[string]string{"action=x": "action", "actor=king": "actor", "from=yesterday": "from", "to=x": "to"} {
		status, got = b.page("/team/audit?" + query)
		require.Equal(t, 400, status, query)
		require.Contains(t, got, `id="field-`+field+`-wrong"`, query)
	}
	for i := range 55 {
		require.NoError(t, b.store.Record(t.Context(), models.AuditEntry{BusinessID: b.ours.ID, Actor: models.SystemActor, Action: "webhook.disabled", Object: models.Object{Kind: "webhook", ID: "1", Name: decimal(int64(i))}}))
	}
	_, got = b.page("/team/audit?action=webhook.*")
	older := regexp.MustCompile(`/team/audit\?action=webhook\.%2A&amp;cursor=([0-9]+)">Older`).FindStringSubmatch(got)
	require.NotNil(t, older)
	_, got = b.page("/team/audit?action=webhook.*&cursor=" + older[1])
	require.Contains(t, got, "changed the webhook")
	require.Contains(t, got, "Newest")
	status, got, _ = b.read(b.theirUser, "/team/audit")
	require.Equal(t, 200, status)
	require.Contains(t, got, "Nothing has been changed yet.")
	_, member := b.user("member@example.com", models.RoleMember)
	status, got, _ = b.read(member, "/team/audit")
	require.Equal(t, 403, status)
	require.Contains(t, got, "Only an owner of your business can do this.")
}

// Every action that a route can leave in the log has words.
func TestEveryDeedHasWords(t *testing.T) {
	b := setup(t)
	for _, reading := range []bool{true, false} {
		for _, r := range b.routes(reading) {
			action := api.ActionOf(r.method, r.place())
			if action == "" || r.path == "/look" || r.path == "/login" || r.path == "/logout" || strings.HasSuffix(r.path, "/login") || strings.HasSuffix(r.path, "/logout") || strings.Contains(r.path, "/invitations/accept") || r.path == "/invitations/:token" || r.path == "/simulate" {
				continue
			}
			require.NotContains(t, api.DidText(action), "did “", "%s %s: %s", r.method, r.path, action)
		}
	}
}

func TestAccountPage(t *testing.T) {
	b := setup(t)
	u, here := b.user("me@example.com", models.RoleReader)
	const agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
	_, err := b.store.BeginSession(t.Context(), models.Session{UserID: u.ID, IP: "203.0.113.9", Agent: agent}, time.Hour)
	require.NoError(t, err)
	status, got, _ := b.read(here, "/account")
	require.Equal(t, 200, status)
	for _, want := range []string{"Safari on an iPhone", "203.0.113.9", "An unknown browser", "this one", `autocomplete="current-password"`, `autocomplete="new-password"`, "End all others", `action="/look"`} {
		require.Contains(t, got, want)
	}
	status, got, _ = b.submit(here, "/account", "name", "")
	require.Equal(t, 400, status)
	require.Contains(t, got, `id="field-name-wrong"`)
	status, _, to := b.submit(here, "/account", "name", " أمل ")
	require.Equal(t, []any{303, "/account?done=name-changed"}, []any{status, to})
	_, got, _ = b.read(here, "/account")
	require.Contains(t, got, `value="أمل"`)

	status, got, _ = b.submit(here, "/account/password", "current_password", "wrong horse", "new_password", "a new password")
	require.Equal(t, 400, status)
	require.Contains(t, got, `id="field-current_password-wrong" role="alert">Is not your present password.`)
	require.NotContains(t, got, "wrong horse")
	require.NotContains(t, got, "a new password")
	status, got, _ = b.submit(here, "/account/password", "current_password", password, "new_password", "short")
	require.Equal(t, 400, status)
	require.Contains(t, got, `id="field-new_password-wrong"`)

	list, err := b.store.Sessions(t.Context(), u.ID)
	require.NoError(t, err)
	other := list[0].ID
	if list[0].IP == "" {
		other = list[1].ID
	}
	status, _, _ = b.submit(b.theirUser, "/account/sessions/"+other+"/delete")
	require.Equal(t, 404, status)
	status, _, to = b.submit(here, "/account/sessions/"+other+"/delete")
	require.Equal(t, []any{303, "/account?done=session-ended"}, []any{status, to})
	b.startSession(u)
	status, _, to = b.submit(here, "/account/sessions/delete")
	require.Equal(t, []any{303, "/account?done=sessions-ended"}, []any{status, to})
	_, got, _ = b.read(here, "/account")
	require.NotContains(t, got, "End all others")
	status, _, to = b.submit(here, "/account/password", "current_password", password, "new_password", "a new password")
	require.Equal(t, []any{303, "/account?done=password"}, []any{status, to})
	status, _, _ = b.read(here, "/account")
	require.Equal(t, 200, status, "this session goes on")
}

func TestDeviceText(t *testing.T) {
	for agent, want := range map[string]string{
		"": "An unknown browser",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36":                            "Chrome on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0":                  "Edge on Windows",
		"Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36": "Samsung Internet on Android",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15":                      "Safari on a Mac",
		"Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0":                                                                     "Firefox on Linux",
		"Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 CriOS/130.0 Mobile/15E148 Safari/604.1":                                  "Chrome on an iPad",
		"curl/8.5.0":                "Curl",
		"python-requests/2.32":      "A Python program",
		"<script>alert(1)</script>": "An unknown browser",
	} {
		require.Equal(t, want, api.DeviceText(agent), agent)
	}
}

// Who is locked out reads for how long.
func TestLoginPageSaysHowLong(t *testing.T) {
	b := setup(t)
	var got string
	status := 401
	for range 11 {
		status, got, _ = b.submit("", "/login", "email", "we@example.com", "password", "wrong horse")
	}
	require.Equal(t, 429, status)
	require.Contains(t, got, `role="alert">Too many failed logins; try again in 15 min.`)
	require.Contains(t, got, `value="we@example.com"`)
}
