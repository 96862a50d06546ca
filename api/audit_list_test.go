package api_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

// What failed, and what only asked what would happen, is not in the log.
func TestNothingDoneIsNotAudited(t *testing.T) {
	b := setup(t, sending)
	b.connected(80)
	w := b.webhook()
	one := "/webhooks/" + decimal(w.ID)
	plan := b.drafted("")
	_, reader := b.user("reader@example.com", models.RoleReader)
	list, err := b.store.Audit(t.Context(), b.ours.ID, models.AuditFilter{})
	require.NoError(t, err)
	require.Len(t, list, 1)
	for _, c := range []struct{ method, path, body string }{
		{"PUT", one, `{"name":""}`}, {"PUT", "/webhooks/999", `{"name":"x"}`}, {"POST", one + "/catch-up", `{"from":"count"}`},
		{"POST", one + "/replay", `{"since":"` + b.clock.now().Add(-time.Hour).UTC().Format(time.RFC3339) + `","dry_run":true}`},
		{"POST", "/broadcasts?dry_run=true", `{"name":"Spring","number_id":` + decimal(b.number.ID) + `,` + templated + `}`}, {"POST", plan + "/start?dry_run=true", ""}, {"GET", one, ""},
	} {
		b.as(b.session, c.method, c.path, c.body)
	}
	status, _ := b.as(reader, "DELETE", one, "")
	require.Equal(t, 403, status)
	status, _ = b.foreign("DELETE", one, "")
	require.Equal(t, 404, status)
	status, _, _ = b.form("/webhooks/new", "name=")
	require.Equal(t, 400, status)
	again, err := b.store.Audit(t.Context(), b.ours.ID, models.AuditFilter{})
	require.NoError(t, err)
	require.Equal(t, list, again)
}

func TestAuditList(t *testing.T) {
	b := setup(t)
	w := b.webhook()
	one := "/webhooks/" + decimal(w.ID)
	status, _ := b.api("PUT", one, `{"name":"By a key"}`)
	require.Equal(t, 200, status)
	status, _ = b.as(b.session, "PUT", one, `{"name":"By a person"}`)
	require.Equal(t, 200, status)
	status, _ = b.as(b.session, "DELETE", one, "")
	require.Equal(t, 200, status)
	require.NoError(t, b.store.Record(t.Context(), models.AuditEntry{BusinessID: b.ours.ID, Actor: models.AdminActor, Action: "user.created"}))
	type answer struct {
		Entries []struct {
			ID, IP, Action string
			Actor          struct {
				Kind, Name string
				ID         *int64
			}
			Object struct{ Kind, ID, Name string }
		}
		Next string `json:"next_cursor"`
	}
	read := func(query string) answer {
		t.Helper()
		status, got := b.as(b.session, "GET", "/audit"+query, "")
		require.Equal(t, 200, status, got)
		return decode[answer](t, got)
	}
	actions := func(query string) (all []string) {
		for _, e := range read(query).Entries {
			all = append(all, e.Action)
		}
		return all
	}
	all := []string{"user.created", "webhook.deleted", "webhook.updated", "webhook.updated"}
	require.Equal(t, all, actions(""))
	_, got := b.as(b.session, "GET", "/audit?actor=key", "")
	require.Regexp(t, `^{"entries":\[{"id":"[0-9]+","at":"20[^"]+Z","actor":{"kind":"key","id":1,"name":"ours"},"ip":"0.0.0.0","action":"webhook.updated",`+
		`"object":{"kind":"webhook","id":"1","name":"By a key"},"changes":\[{"field":"name","before":"CRM","after":"By a key"}\]}\]}$`, got)
	require.Equal(t, all[1:3], actions("?actor=user:1"))
	require.Empty(t, actions("?actor=user:2"))
	require.Equal(t, all[:1], actions("?actor=admin"))
	require.Nil(t, read("?actor=admin").Entries[0].Actor.ID)
	require.Equal(t, all[1:2], actions("?action=webhook.deleted"))
	require.Equal(t, all[1:], actions("?action=webhook.*"))
	require.Empty(t, actions("?to=2026-01-02T00:00:00Z"))
	require.Equal(t, all, actions("?from=2026-01-02T00:00:00Z"))
	first := read("?limit=3")
	require.Len(t, first.Entries, 3)
	rest := read("?limit=3&cursor=" + first.Next)
	require.Len(t, rest.Entries, 1)
	require.Empty(t, rest.Next)
	for _, query := range []string{"?actor=king", "?actor=user:x", "?actor=user:", "?action=Webhook", "?action=*", "?from=x", "?cursor=x", "?limit=0"} {
		status, _ := b.as(b.session, "GET", "/audit"+query, "")
		require.Equal(t, 400, status, query)
	}
	status, got = b.foreign("GET", "/audit", "")
	require.Equal(t, 200, status)
	require.Equal(t, `{"entries":[]}`, got, "another's")
}

// A webhook that is set with a number's key is in the log as well; the messages that it sends are not.
func TestNumberKeysAreAudited(t *testing.T) {
	b := setup(t, sending)
	b.connected(80)
	b.send(`{"to":"15550177321","type":"text","text":{"body":"Hi"}}`)
	for _, c := range []struct{ method, body, action string }{
		{"POST", `{"url":"https://203.0.113.7/own"}`, "webhook.created"}, {"POST", `{"url":"https://203.0.113.7/other"}`, "webhook.updated"},
		{"POST", `{"url":""}`, "webhook.deleted"}, {"POST", `{"url":"https://203.0.113.7/own"}`, "webhook.created"}, {"DELETE", "", "webhook.deleted"},
	} {
		status, got := b.own(c.method, "/configs/webhook", c.body)
		require.Equal(t, 200, status, got)
		of, err := b.store.Audit(t.Context(), b.ours.ID, models.AuditFilter{})
		require.NoError(t, err)
		require.Equal(t, []any{c.action, models.ActorKey, "number", "v1/configs/webhook"}, []any{of[0].Action, of[0].Actor.Kind, of[0].Actor.Name, of[0].Object.Name})
	}
	of, err := b.store.Audit(t.Context(), b.ours.ID, models.AuditFilter{})
	require.NoError(t, err)
	require.Len(t, of, 5)
}

// A key's use is noted without holding up whoever uses it, once a minute.
func TestKeyLastUsed(t *testing.T) {
	b := setup(t)
	start := time.Now().Add(time.Hour).Truncate(time.Second)
	b.clock.stop(start)
	used := func() *time.Time {
		ks, err := b.store.APIKeys(t.Context(), b.theirs.ID)
		require.NoError(t, err)
		return ks[0].LastUsedAt
	}
	require.Nil(t, used())
	for _, c := range []struct {
		after time.Duration
		want  time.Duration
	}{{0, 0}, {59 * time.Second, 0}, {60 * time.Second, 60 * time.Second}, {100 * time.Second, 60 * time.Second}, {5 * time.Minute, 5 * time.Minute}} {
		b.clock.stop(start.Add(c.after))
		for range 3 {
			status, _ := b.foreign("GET", "/webhooks", "")
			require.Equal(t, 200, status)
		}
		require.Eventually(t, func() bool { at := used(); return at != nil && at.Equal(start.Add(c.want)) }, 5*time.Second, 5*time.Millisecond, fmt.Sprint(c.after))
	}
	_, got := b.foreign("GET", "/keys", "")
	require.Contains(t, got, `"last_used_at":"`+start.Add(5*time.Minute).UTC().Format("2006-01-02T15:04:05"))
}
