package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

// The pages about people fit everywhere, whatever people are called.
func TestTeamInBrowser(t *testing.T) {
	b := setup(t)
	base := b.listen()
	ctx := t.Context()
	long, turned := strings.Repeat("0123456789", 9), "\u202e"+strings.Repeat("مرحبا", 10)+`<script>alert("x")</script>`
	sara, _ := b.user("sara@example.com", models.RoleMember)
	require.NoError(t, b.store.SetUserName(ctx, sara.ID, "سارة العتيبي"))
	evil, err := b.store.AddUser(ctx, models.User{BusinessID: b.ours.ID, Email: long + "@example.com", Name: turned, Role: models.RoleReader}, password)
	require.NoError(t, err)
	_, _, err = b.store.AddAPIKey(ctx, models.APIKey{BusinessID: b.ours.ID, Name: turned + long, CreatedBy: turned})
	require.NoError(t, err)
	k, _, err := b.store.AddAPIKey(ctx, models.APIKey{BusinessID: b.ours.ID, NumberID: &b.number.ID, Name: "متجر الرياض", CreatedBy: "سارة العتيبي"})
	require.NoError(t, err)
	b.invite("nour@example.com", "member")
	in := b.invite(long+long+"@example.com", "owner")
	const windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
	for _, agent := range []string{windows, "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1", turned} {
		_, err := b.store.BeginSession(ctx, models.Session{UserID: 1, IP: "2001:db8:85a3:8d3:1319:8a2e:370:7348", Agent: agent}, time.Hour)
		require.NoError(t, err)
	}
	w := b.webhook(func(w *models.Webhook) { w.Name = turned + long })
	status, got := b.api("PUT", "/webhooks/"+decimal(w.ID), `{"name":"متجر الرياض CRM","url":"https://203.0.113.7/`+long+`","is_active":false,"events":["*"]}`)
	require.Equal(t, 200, status, got)
	tab := browser(t)
	visit(t, tab, base, stop{name: "join", path: "/invitations/" + in.Token}, stop{name: "join-wrong", path: "/invitations/" + in.Token, do: fill("form.card", "name", " ", "password", "short"), ready: ".wrong", refused: true})
	b.enter(tab, base)
	visit(t, tab, base, stop{name: "team", path: "/team"},
		stop{name: "team-invited", path: "/team", do: fill("#invite form", "email", "amal@example.com"), ready: "#fresh-link"},
		stop{name: "team-wrong", path: "/team", do: fill("#invite form", "email", "they@example.com"), ready: ".wrong", refused: true},
		stop{name: "team-user", path: "/team/users/" + decimal(sara.ID)}, stop{name: "team-user-hostile", path: "/team/users/" + decimal(evil.ID), do: `document.querySelector(".zone details").open = true`},
		stop{name: "keys", path: "/team/keys"}, stop{name: "keys-made", path: "/team/keys", do: fill("#new form", "name", "متجر"), ready: "#fresh-key"},
		stop{name: "key", path: "/team/keys/" + decimal(k.ID), do: `for (const d of document.querySelectorAll(".zone details")) d.open = true`},
		stop{name: "audit", path: "/team/audit", do: `for (const d of document.querySelectorAll("td details")) d.open = true`},
		stop{name: "audit-none", path: "/team/audit?action=job.*&from=2026-01-01"},
		stop{name: "account", path: "/account"}, stop{name: "account-wrong", path: "/account", do: fill("#password form", "current_password", "wrong horse", "new_password", "short"), ready: ".wrong", refused: true})
}

// fill is a script that sends a form with values in its fields.
func fill(form string, values ...string) string {
	var script strings.Builder
	script.WriteString("{ const f = document.querySelector(`" + form + "`); f.noValidate = true; ")
	for i := 0; i+1 < len(values); i += 2 {
		script.WriteString("f.elements[`" + values[i] + "`].value = `" + values[i+1] + "`; ")
	}
	return script.String() + "f.requestSubmit() }"
}
