package api_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/fanout/fanouttest"
	replies "wabagate/gateway/reply"
	"wabagate/models"
	"wabagate/waba/wabatest"
)

// ledger does things as our owner and sees that each of them is in the audit log.
type ledger struct {
	*bundle
	done map[string]bool // places by their methods
	last int64           // the newest entry so far
}

var anID = regexp.MustCompile(`^([0-9]+|dlv_.*|[0-9a-f]{16})$`)

// newest is the entry that what was done has left; there is one and no more.
func (l *ledger) newest(did string) models.AuditEntry {
	l.t.Helper()
	list, err := l.store.Audit(l.t.Context(), l.ours.ID, models.AuditFilter{Limit: 2})
	require.NoError(l.t, err)
	require.NotEmpty(l.t, list, did)
	require.Greater(l.t, list[0].ID, l.last, "%s left no entry", did)
	if len(list) > 1 {
		require.Equal(l.t, l.last, list[1].ID, "%s left more than one entry", did)
	}
	l.last = list[0].ID
	return list[0]
}

// noted remembers that a place was tried.
func (l *ledger) noted(method, path string) string {
	path, _, _ = strings.Cut(path, "?")
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if anID.MatchString(s) {
			segments[i] = ":id"
		}
	}
	did := method + " " + strings.Join(segments, "/")
	l.done[did] = true
	return did
}

// does makes a request of the API that succeeds, and answers what was recorded and said.
func (l *ledger) does(action, method, path, body string, headers ...string) (models.AuditEntry, string) {
	l.t.Helper()
	did := l.noted(method, "/api/client"+path)
	if len(headers) == 0 {
		headers = []string{"Content-Type", "application/json"}
	}
	status, got, _ := l.call(method, "/api/client"+path, body, append([]string{"Cookie", l.session, "User-Agent", "test"}, headers...)...)
	require.Less(l.t, status, 400, did+got)
	e := l.newest(did)
	require.Equal(l.t, []any{action, models.Actor{Kind: models.ActorUser, ID: 1, Name: "we@example.com"}, "0.0.0.0"}, []any{e.Action, e.Actor, e.IP}, did)
	return e, got
}

// posts sends a form of a page.
func (l *ledger) posts(action, path, body string) models.AuditEntry {
	l.t.Helper()
	did := l.noted("POST", path)
	status, got, _ := l.form(path, body)
	require.Less(l.t, status, 400, did+got)
	e := l.newest(did)
	require.Equal(l.t, []any{action, int64(1)}, []any{e.Action, e.Actor.ID}, did)
	return e
}

// about checks what an entry says it was done to.
func (l *ledger) about(e models.AuditEntry, kind string, id int64, name string) {
	l.t.Helper()
	require.Equal(l.t, models.Object{Kind: kind, ID: decimal(id), Name: name}, e.Object, e.Action)
}

func idOf(t *testing.T, answer string) int64 { return decode[struct{ ID int64 }](t, answer).ID }

// unrecorded are routes that change something and leave no entry, and why.
var unrecorded = map[string]string{
	"POST /api/client/numbers/:id/replies/try": "a rehearsal: nothing is changed and nobody is written to",
	"POST /numbers/:id/replies/try":            "a rehearsal, as in the API",
	"POST /broadcasts/check":                   "it only looks at a draft",
	"POST /api/client/webhooks/preview":        "it only shows",
	"POST /api/client/webhooks/filter-preview": "it only counts",
}

// Every route that changes something leaves an entry, and no entry holds a secret or says who a customer is.
func TestEveryChangeIsAudited(t *testing.T) {
	sim, lines := connecting(t, wabatest.Options{Tokens: []wabatest.Token{{Value: wabatest.DefaultToken}, {Value: "second-token"}}})
	_ = sim
	receiver := fanouttest.NewReceiver(t, func(http.ResponseWriter, *http.Request, fanouttest.Delivery) {})
	b := setup(t, lines, sending, func(o *api.Options) {
		o.Replies = replies.New(replies.Options{Store: o.Store, HTTP: &http.Client{}, Log: slog.New(slog.DiscardHandler), Metrics: replies.NewMetrics(prometheus.NewRegistry())})
	})
	l := &ledger{bundle: b, done: map[string]bool{}}
	hook := receiver.URL + "/hook?token=hush-query"

	// The webhooks.
	e, got := l.does("webhook.created", "POST", "/webhooks", `{"name":"CRM","url":"`+hook+`","events":["message.received"],"secret":"hush-secret"}`)
	w := idOf(t, got)
	l.about(e, "webhook", w, "CRM")
	one := "/webhooks/" + decimal(w)
	e, _ = l.does("webhook.updated", "PUT", one, `{"name":"Sales","events":["*"],"headers":{"X-Key":"hush-header"},"filter":{"field":"contact.wa_id","eq":"15550177321"},"url":"`+receiver.URL+`/hook?token=hush-other","auth":{"type":"bearer","token":"hush-bearer"}}`)
	l.about(e, "webhook", w, "Sales")
	require.Equal(t, []models.Change{{Field: "name", Before: "CRM", After: "Sales"}, {Field: "events", Before: []any{"message.received"}, After: []any{"*"}}, {Field: "url"}, {Field: "filter"}, {Field: "headers"}, {Field: "auth"}}, e.Changes)
	e, _ = l.does("webhook.secret_revealed", "GET", one+"/secret", "")
	l.about(e, "webhook", w, "Sales")
	l.does("webhook.secret_rotated", "POST", one+"/secret/rotate", `{"secret":"hush-next","overlap_seconds":60}`)
	l.does("webhook.secret_rotation_finished", "POST", one+"/secret/rotate/finish", "")
	l.does("webhook.tested", "POST", one+"/test", `{}`)
	l.does("webhook.checked", "POST", one+"/check", "")
	l.does("webhook.tested", "POST", "/webhooks/test", `{"webhook_id":`+decimal(w)+`}`)
	l.does("webhook.updated", "PUT", one, `{"dialect":"awalchat"}`)
	l.does("webhook.verified", "POST", one+"/verify", "")
	l.does("webhook.updated", "PUT", one, `{"dialect":"wabagate","filter":null}`)
	row, err := b.store.Webhook(t.Context(), b.ours.ID, w)
	require.NoError(t, err)
	delivery := b.delivery(row, "message.received", models.Failed, models.Attempt{Outcome: "failed", Status: 500})
	e, _ = l.does("delivery.resent", "POST", "/deliveries/"+delivery+"/resend", "")
	require.Equal(t, models.Object{Kind: "delivery", ID: delivery}, e.Object)
	b.delivery(row, "message.received", models.Failed, models.Attempt{Outcome: "failed", Status: 500})
	_, got = l.does("webhook.replay_started", "POST", one+"/replay", `{"since":"`+b.clock.now().Add(-time.Hour).UTC().Format(time.RFC3339)+`"}`)
	job := decode[jobAnswer](t, got).Job.ID
	e, _ = l.does("job.cancelled", "POST", "/jobs/"+decimal(job)+"/cancel", "")
	l.about(e, "job", job, "")
	e, _ = l.does("webhook.updated", "PUT", one, `{"is_active":false}`)
	require.Equal(t, []models.Change{{Field: "is_active", Before: true, After: false}}, e.Changes)
	e, _ = l.does("webhook.catch_up_started", "POST", one+"/catch-up", `{"from":"now"}`)
	l.about(e, "webhook", w, "Sales")

	// The same through the pages.
	e = l.posts("webhook.created", "/webhooks/new", "name=Page&url="+receiver.URL+"&events=*&dialect=awalchat&secret_mode=generate")
	require.Equal(t, "Page", e.Object.Name)
	page := "/webhooks/" + e.Object.ID
	e = l.posts("webhook.updated", page+"/edit", "name=Paper&url="+receiver.URL+"&events=*&dialect=awalchat&secret_mode=keep")
	require.Equal(t, []models.Change{{Field: "name", Before: "Page", After: "Paper"}}, e.Changes)
	l.posts("webhook.tested", page+"/test", "")
	l.posts("webhook.secret_rotated", page+"/secret/rotate", "overlap_hours=1")
	l.posts("webhook.secret_rotation_finished", page+"/secret/rotate/finish", "")
	l.posts("webhook.verified", page+"/verify", "")
	l.posts("webhook.updated", page+"/active", "is_active=0")
	var paper int64
	_, err = fmt.Sscan(e.Object.ID, &paper)
	require.NoError(t, err)
	row, err = b.store.Webhook(t.Context(), b.ours.ID, paper)
	require.NoError(t, err)
	b.delivery(row, "message.received", models.Held)
	l.posts("webhook.catch_up_started", page+"/catch-up", "from=gap")
	jobs, err := b.store.Jobs(t.Context(), b.ours.ID, 0, 0, 1)
	require.NoError(t, err)
	l.posts("job.cancelled", page+"/jobs/"+decimal(jobs[0].ID)+"/cancel", "")
	delivery = b.delivery(row, "message.received", models.Failed, models.Attempt{Outcome: "failed", Status: 500})
	l.posts("delivery.resent", "/deliveries/"+delivery+"/resend", "")
	l.posts("webhook.checked", page+"/check", "")
	since := url.QueryEscape(b.clock.now().UTC().Add(-time.Hour).Format("2006-01-02T15:04"))
	l.posts("webhook.replay_started", page+"/replay", "since="+since)
	e = l.posts("webhook.deleted", page+"/delete", "confirm=Paper")
	require.Equal(t, "Paper", e.Object.Name)
	e, _ = l.does("webhook.deleted", "DELETE", one, "")
	l.about(e, "webhook", w, "Sales")

	// The numbers.
	e, got = l.does("number.created", "POST", "/numbers", strings.Replace(connectBody, "{", `{"name":"Branch",`, 1))
	n := idOf(t, got)
	require.Equal(t, decimal(n), e.Object.ID)
	line := "/numbers/" + decimal(n)
	e, _ = l.does("number.updated", "PUT", line, `{"token":"second-token","rate":90}`)
	require.Equal(t, []models.Change{{Field: "rate"}, {Field: "token"}}, e.Changes)
	l.does("number.checked", "POST", line+"/check", "")
	l.does("number.media_updated", "PUT", line+"/media", `{"fetch_ahead":false}`)
	l.does("number.replies_updated", "PUT", line+"/replies", `{"url":"https://203.0.113.9/v1","model":"m","key":"hush-model","prompt":"hush-prompt"}`)
	l.does("number.replies_deleted", "DELETE", line+"/replies", "")
	l.does("number.onprem_token_created", "POST", line+"/onprem-token", "")
	l.does("number.onprem_token_deleted", "DELETE", line+"/onprem-token", "")
	l.does("number.upstream_deleted", "DELETE", line+"/upstream", "")

	// The customers.
	p := b.person("Layla Hush", "15550177321")
	e, _ = l.does("conversation.updated", "PUT", "/conversations/"+decimal(p.Conversation.ID), `{"status":"closed","note":"hush-note","labels":["hush-label"]}`)
	require.Equal(t, []models.Change{{Field: "labels"}, {Field: "note"}, {Field: "status"}}, e.Changes)
	l.does("order.updated", "PUT", "/orders/"+decimal(b.order(p, "wamid.1").ID), `{"status":"shipped"}`)
	e, _ = l.does("contact.erased", "POST", "/contacts/"+decimal(p.Contact.ID)+"/erase", "")
	l.about(e, "contact", p.Contact.ID, "")
	l.does("opt_out.created", "POST", "/opt-outs", `{"wa_id":"+1 555 017 7321"}`)
	l.does("opt_out.deleted", "DELETE", "/opt-outs?wa_id=15550177321", "")

	// The broadcasts.
	b.connected(80)
	draft := func() string {
		e, got := l.does("broadcast.created", "POST", "/broadcasts", `{"name":"Spring","number_id":`+decimal(b.number.ID)+`,`+templated+`}`)
		l.about(e, "broadcast", decode[broadcastAnswer](t, got).ID, "Spring")
		return "/broadcasts/" + e.Object.ID
	}
	bc := draft()
	l.does("broadcast.recipients_added", "POST", bc+"/recipients", "to,name\n15550177321,Layla Hush\n", "Content-Type", "text/csv")
	l.does("broadcast.started", "POST", bc+"/start", "")
	l.does("broadcast.paused", "POST", bc+"/pause", "")
	l.does("broadcast.resumed", "POST", bc+"/resume", "")
	l.does("broadcast.cancelled", "POST", bc+"/cancel", "")

	// The keys and the team.
	e, got = l.does("key.created", "POST", "/keys", `{"name":"CI"}`)
	k := idOf(t, got)
	l.about(e, "key", k, "CI")
	shown := []string{decode[struct{ Key string }](t, got).Key}
	e, _ = l.does("key.updated", "PUT", "/keys/"+decimal(k), `{"name":"Build"}`)
	require.Equal(t, []models.Change{{Field: "name", Before: "CI", After: "Build"}}, e.Changes)
	e, got = l.does("key.regenerated", "POST", "/keys/"+decimal(k)+"/regenerate", "")
	k = idOf(t, got)
	l.about(e, "key", k, "Build")
	shown = append(shown, decode[struct{ Key string }](t, got).Key)
	e, _ = l.does("key.deleted", "DELETE", "/keys/"+decimal(k), "")
	l.about(e, "key", k, "Build")
	e, got = l.does("invitation.created", "POST", "/team/invitations", `{"email":"new@example.com","role":"member"}`)
	in := decode[invited](t, got)
	l.about(e, "invitation", in.ID, "new@example.com")
	status, got, _ := b.call("POST", "/api/client/invitations/accept", `{"token":"`+in.Token+`","name":"Nour","password":"hush-password"}`)
	require.Equal(t, 201, status, got)
	e = l.newest(l.noted("POST", "/api/client/invitations/accept"))
	require.Equal(t, []any{"user.joined", "Nour", "Nour"}, []any{e.Action, e.Actor.Name, e.Object.Name})
	user := e.Actor.ID
	e, _ = l.does("user.updated", "PUT", "/team/users/"+decimal(user), `{"role":"read-only"}`)
	l.about(e, "user", user, "Nour")
	require.Equal(t, []models.Change{{Field: "role", Before: "member", After: "read-only"}}, e.Changes)
	e, _ = l.does("user.deleted", "DELETE", "/team/users/"+decimal(user), "")
	l.about(e, "user", user, "Nour")
	_, got = l.does("invitation.created", "POST", "/team/invitations", `{"email":"other@example.com","role":"owner"}`)
	shown = append(shown, in.Token, decode[invited](t, got).Token)
	e, _ = l.does("invitation.deleted", "DELETE", "/team/invitations/"+decimal(decode[invited](t, got).ID), "")
	require.Equal(t, "other@example.com", e.Object.Name)

	// One's own account.
	_, err = b.store.StartSession(t.Context(), 1, time.Hour)
	require.NoError(t, err)
	sessions, err := b.store.Sessions(t.Context(), 1)
	require.NoError(t, err)
	e, _ = l.does("session.deleted", "DELETE", "/me/sessions/"+sessions[0].ID, "")
	require.Equal(t, models.Object{Kind: "session", ID: sessions[0].ID}, e.Object)
	l.does("session.others_deleted", "DELETE", "/me/sessions", "")
	e, _ = l.does("user.password_changed", "PUT", "/me/password", `{"current_password":"`+password+`","new_password":"hush-hush-hush"}`)
	l.about(e, "user", 1, "we@example.com")
	require.NoError(t, b.store.SetUserName(t.Context(), 1, ""))
	e, _ = l.does("user.updated", "PUT", "/me", `{"name":"Amal"}`)
	l.about(e, "user", 1, "Amal")

	// Coming and going, on pages and not.
	for _, c := range []struct{ in, out, kind, body string }{{"/api/client/login", "/api/client/logout", "application/json", credentials("we@example.com", "hush-hush-hush")},
		{"/login", "/logout", "application/x-www-form-urlencoded", "email=we@example.com&password=hush-hush-hush"}} {
		status, got, head := b.call("POST", c.in, c.body, "Content-Type", c.kind)
		require.Less(t, status, 400, got)
		e = l.newest(l.noted("POST", c.in))
		require.Equal(t, []any{"user.logged_in", "Amal"}, []any{e.Action, e.Actor.Name})
		cookie, _, _ := strings.Cut(head.Get("Set-Cookie"), ";")
		status, _, _ = b.call("POST", c.out, "", "Cookie", cookie)
		require.Less(t, status, 400)
		require.Equal(t, "user.logged_out", l.newest(l.noted("POST", c.out)).Action)
		shown = append(shown, strings.TrimPrefix(cookie, "token="))
	}

	for _, r := range b.routes(false) {
		route := r.method + " " + parameter.ReplaceAllString(r.path, ":id")
		switch {
		case l.done[route]:
		case unrecorded[route] != "":
			require.Empty(t, api.ActionOf(r.method, r.place()), route)
		case r.isPage(): // TestReadersChangeNothing shows that it goes through the door where entries are written
			require.Regexp(t, `^[a-z_]+\.[a-z_]+$`, api.ActionOf(r.method, r.place()), route)
		default:
			t.Errorf("%s changes something: try it here, or say in unrecorded why it leaves no entry", route)
		}
	}
	l.quiet(append(shown, "hush", "Hush", "15550177321", "5550177321", wabatest.DefaultToken, "second-token")...)
}

// quiet sees that nothing of what is secret is anywhere in the log.
func (l *ledger) quiet(secrets ...string) {
	l.t.Helper()
	pages := 0
	for before := int64(0); ; pages++ {
		list, err := l.store.Audit(l.t.Context(), l.ours.ID, models.AuditFilter{Before: before})
		require.NoError(l.t, err)
		if len(list) == 0 {
			break
		}
		before = list[len(list)-1].ID
		text, err := json.Marshal(list)
		require.NoError(l.t, err)
		for _, secret := range secrets {
			require.NotEmpty(l.t, secret)
			require.NotContains(l.t, string(text), secret)
		}
	}
	require.Positive(l.t, pages)
}
