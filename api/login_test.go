package api_test

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/models"
)

// heard is an answer over the network.
type heard struct {
	status int
	body   string
	header http.Header
}

// session is the cookie that an answer sets; empty: none.
func (h heard) session() string {
	cookie, _, _ := strings.Cut(h.header.Get("Set-Cookie"), ";")
	return strings.TrimPrefix(cookie, "token=")
}

// say makes a request over the network. Headers come in pairs.
func (b *bundle) say(method, url, body string, headers ...string) heard {
	r, err := http.NewRequestWithContext(b.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		return heard{body: err.Error()}
	}
	r.Close = true
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		return heard{body: err.Error()}
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		return heard{body: err.Error()}
	}
	return heard{res.StatusCode, string(got), res.Header}
}

func credentials(email, with string) string {
	return `{"email":"` + email + `","password":"` + with + `"}`
}

// Whoever guesses passwords is stopped: at one address, at many from one place, and at one from many places.
func TestLoginBruteForce(t *testing.T) {
	proxied := func(o *api.Options) {
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	}
	stopped := func(t *testing.T, h heard) {
		t.Helper()
		require.Equal(t, 429, h.status, h.body)
		require.Contains(t, h.body, `"code":"too_many_logins","message":"too many failed logins; try again in `)
		wait, err := strconv.Atoi(h.header.Get("Retry-After"))
		require.NoError(t, err)
		require.True(t, wait > 0 && wait <= 15*60, wait)
		require.Empty(t, h.header.Get("Set-Cookie"))
	}

	t.Run("one address", func(t *testing.T) {
		b := setup(t)
		login := b.listen() + "/api/client/login"
		// All at once, so that none is judged before the others are counted; a proxy that nobody trusts hides nobody.
		statuses := make([]int, 60)
		var wg sync.WaitGroup
		for i := range statuses {
			wg.Go(func() {
				statuses[i] = b.say("POST", login, credentials("we@example.com", fmt.Sprint("guess", i)), "X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i)).status
			})
		}
		wg.Wait()
		judged := 0
		for _, s := range statuses {
			if s == 401 {
				judged++
			} else {
				require.Equal(t, 429, s)
			}
		}
		require.Equal(t, 10, judged)
		stopped(t, b.say("POST", login, credentials("We@Example.com ", password)))
		form := b.say("POST", strings.Replace(login, "/api/client", "", 1), "email=we@example.com&password="+password, "Content-Type", "application/x-www-form-urlencoded")
		require.Equal(t, 429, form.status, "the page has the same limit")
		require.NotEmpty(t, form.header.Get("Retry-After"))
		require.Equal(t, 200, b.say("POST", login, credentials("they@example.com", password)).status, "others log in")
		b.clock.advance(15 * time.Minute)
		require.Equal(t, 200, b.say("POST", login, credentials("we@example.com", password)).status)
	})

	t.Run("many addresses from one place", func(t *testing.T) {
		b := setup(t, proxied)
		login := b.listen() + "/api/client/login"
		try := func(i int, from string) heard {
			return b.say("POST", login, credentials(fmt.Sprintf("nobody%d@example.com", i), "guess"), "X-Forwarded-For", from)
		}
		for i := range 100 { // one subscriber has a whole network of IPv6
			require.Equal(t, 401, try(i, fmt.Sprintf("2001:db8:1:2::%x", i+1)).status)
		}
		stopped(t, try(100, "2001:db8:1:2:ffff::1"))
		stopped(t, b.say("POST", login, credentials("we@example.com", password), "X-Forwarded-For", "2001:db8:1:2::1"))
		require.Equal(t, 401, try(101, "2001:db8:1:3::1").status, "the neighbours go on")
		stopped(t, try(102, "203.0.113.9, 2001:db8:1:2::7, 10.0.0.1")) // what the caller wrote before the proxies did
	})

	t.Run("one address from many places", func(t *testing.T) {
		b := setup(t, proxied)
		login := b.listen() + "/api/client/login"
		for i := range 100 {
			require.Equal(t, 401, b.say("POST", login, credentials("we@example.com", "guess"), "X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i)).status)
		}
		stopped(t, b.say("POST", login, credentials("we@example.com", "guess"), "X-Forwarded-For", "198.51.100.1"))

		require.Eventually(t, func() bool {
			list, err := b.store.Audit(t.Context(), b.ours.ID, models.AuditFilter{Action: "user.login_failed", Limit: 200})
			return err == nil && len(list) == 100
		}, 10*time.Second, 10*time.Millisecond, "the owner can see it")
		list, err := b.store.Audit(t.Context(), b.ours.ID, models.AuditFilter{Limit: 1})
		require.NoError(t, err)
		require.Equal(t, []any{models.ActorUnknown, models.Object{Kind: "user", ID: "1", Name: "we@example.com"}}, []any{list[0].Actor.Kind, list[0].Object})
	})
}

// A session that somebody else chose or knows never becomes the session of who logs in.
func TestSessionFixation(t *testing.T) {
	b := setup(t)
	base := b.listen()
	who := func(token string) int {
		return b.say("GET", base+"/api/client/me", "", "Cookie", "token="+token).status
	}
	login := func(planted string) string {
		t.Helper()
		h := b.say("POST", base+"/api/client/login", credentials("we@example.com", password), "Cookie", "token="+planted, "Sec-Fetch-Site", "same-origin")
		require.Equal(t, 200, h.status, h.body)
		require.Contains(t, h.header.Get("Set-Cookie"), "HttpOnly")
		return h.session()
	}

	chosen := "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	first := login(chosen)
	require.Len(t, first, 32)
	require.NotEqual(t, chosen, first)
	require.Equal(t, []int{401, 200}, []int{who(chosen), who(first)}, "a made-up session opens nothing")
	h := b.say("GET", base+"/login?token="+chosen, "", "Cookie", "token="+chosen)
	require.Equal(t, 200, h.status)
	require.Empty(t, h.header.Get("Set-Cookie"), "and is not adopted before the login")

	// The attacker's own live session, planted: it does not become the victim's, and ends.
	theirs := strings.TrimPrefix(b.theirUser, "token=")
	require.Equal(t, 200, who(theirs))
	second := login(theirs)
	require.NotEqual(t, theirs, second)
	require.Equal(t, []int{401, 200}, []int{who(theirs), who(second)})
	form := b.say("POST", base+"/login", "email=we@example.com&password="+password+"&token="+chosen, "Content-Type", "application/x-www-form-urlencoded", "Cookie", "token="+second)
	require.Equal(t, 303, form.status)
	third := form.session()
	require.NotContains(t, []string{chosen, second, ""}, third)
	require.Equal(t, []int{401, 200, 200}, []int{who(second), who(third), who(first)}, "the browser's session before ends, and another browser's goes on")

	// A failed login leaves the session as it is; a logout kills it, whoever kept the cookie.
	require.Equal(t, 401, b.say("POST", base+"/api/client/login", credentials("we@example.com", "wrong"), "Cookie", "token="+third).status)
	require.Equal(t, 200, who(third))
	require.Equal(t, 200, b.say("POST", base+"/api/client/logout", "", "Cookie", "token="+third).status)
	require.Equal(t, 401, who(third))
	require.Equal(t, 303, b.say("POST", base+"/logout", "", "Cookie", "token="+first).status)
	require.Equal(t, 401, who(first))

	// Nor does one that came with an invitation's answer.
	in := b.invite("new@example.com", "member")
	h = b.say("POST", base+"/api/client/invitations/accept", `{"token":"`+in.Token+`","name":"N","password":"long enough"}`, "Cookie", "token="+chosen)
	require.Equal(t, 201, h.status, h.body)
	require.NotEqual(t, chosen, h.session())
	require.Equal(t, []int{401, 200}, []int{who(chosen), who(h.session())})
}

// A page of another site that a logged-in person visits changes nothing here, whatever the route and the kind of request.
func TestCSRF(t *testing.T) {
	b := setup(t)
	base := b.listen()
	w := b.webhook()
	forged := [][]string{
		{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"},
		{"Origin", "https://evil.example"}, // a browser that does not know Sec-Fetch-Site
		{"Origin", "null"},                 // from a sandboxed frame
		{"Origin", "http://" + strings.TrimPrefix(base, "http://") + ".evil.example"},
		{"Origin", base, "Sec-Fetch-Site", "same-site"},
	}
	tried := 0
	for _, r := range b.routes(false) {
		for _, headers := range forged {
			for _, kind := range []string{"application/x-www-form-urlencoded", "text/plain", "application/json"} { // the first two need no leave
				url := base + strings.Replace(r.url(), "987654", decimal(w.ID), 1)
				h := b.say(r.method, url, "{}", append([]string{"Cookie", b.session, "Content-Type", kind}, headers...)...)
				require.Equal(t, 403, h.status, "%s %s %v %s", r.method, r.path, headers, h.body)
				require.Contains(t, h.body, "cross_site", r.path)
				tried++
			}
		}
	}
	require.Greater(t, tried, 700)
	left, err := b.store.Webhook(t.Context(), b.ours.ID, w.ID)
	require.NoError(t, err)
	require.Equal(t, w.Secret.Text(), left.Secret.Text())
	list, err := b.store.Audit(t.Context(), b.ours.ID, models.AuditFilter{})
	require.NoError(t, err)
	require.Empty(t, list)
	require.Equal(t, 200, b.say("GET", base+"/api/client/me", "", "Cookie", b.session).status, "nor was anybody logged out")

	// Nobody is given leave to send what needs leave, such as a key or JSON.
	for _, path := range []string{"/api/client/webhooks", "/api/client/keys", "/login"} {
		h := b.say("OPTIONS", base+path, "", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
		for name := range h.header {
			require.False(t, strings.HasPrefix(name, "Access-Control-Allow"), name)
		}
	}
	h := b.say("GET", base+"/api/client/me", "", "Origin", "https://evil.example", "Cookie", b.session)
	require.Empty(t, h.header.Get("Access-Control-Allow-Origin"), "the answer stays unread")
	require.Contains(t, b.say("POST", base+"/api/client/login", credentials("we@example.com", password)).header.Get("Set-Cookie"), "SameSite=Lax")
}
