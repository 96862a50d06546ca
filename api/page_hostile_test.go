package api_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"wabagate/fanout"
	"wabagate/gateway"
	"wabagate/models"
	"wabagate/waba"
)

// venoms are texts as somebody writes them who wants a page to break, or to do what they say. Scripts in them set a flag.
var venoms = []string{
	`<script>window.hostile=1</script>`,
	`<img src=x onerror="window.hostile=1">`,
	`" onmouseover="window.hostile=1" autofocus onfocus="window.hostile=1" x="`,
	`' onpointerenter='window.hostile=1' autofocus onfocus=window.hostile=1 '`,
	`javascript:window.hostile=1`,
	`</title></textarea></select></script><svg onload=window.hostile=1>{{.}}`,
	"\u202ehostile gpj.exe\u2066مرحبا\u202d",
	"hostile " + strings.Repeat("Z"+strings.Repeat("\u0335\u0301\u0327\u0489", 12), 20),
	"hostile " + strings.Repeat("👩‍👩‍👧‍👦", 60),
	"hostile" + strings.Repeat("0123456789", 1000),
	"hostile\u0000\u0007\u200b\ufeff\u2028\n\r\n\tمرحبا" + strings.Repeat("ﷺ", 40),
}

// poison hands out one venom after the other.
type poison struct{ given int }

// next is the next venom, as much of it as there is room for in bytes.
func (p *poison) next(most int) string {
	v := venoms[p.given%len(venoms)]
	p.given++
	if len(v) > most {
		v = strings.ToValidUTF8(v[:most], "")
	}
	return v
}

// line is the next venom without what a single line cannot have.
func (p *poison) line(most int) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return -1
		}
		return r
	}, p.next(most))
}

// receives takes callbacks as the gateway does: signed, kept and translated.
func (b *bundle) receives() func(field string, value map[string]any) {
	b.t.Helper()
	ctx, log := b.t.Context(), slog.New(slog.NewTextHandler(b.log, nil))
	_, err := b.store.CreateApp(ctx, models.App{Name: "hostile", BusinessID: &b.ours.ID, VerifyToken: "v", Secrets: []models.Secret{"secret"}})
	require.NoError(b.t, err)
	directory, err := models.NewDirectory(ctx, b.store, log)
	require.NoError(b.t, err)
	subs := fanout.NewSubscriptions(directory.Routes, log)
	translator := fanout.NewTranslator(fanout.NewRecorder(b.store, directory, subs, b.queue, nil, log, fanout.NewMetrics(prometheus.NewRegistry()), nil), log)
	b.t.Cleanup(translator.Close)
	works, metrics := &queue{}, gateway.NewMetrics(prometheus.NewRegistry())
	acceptor := gateway.NewAcceptor(b.store, nil, works, translator, log, metrics)
	b.t.Cleanup(acceptor.Close)
	gateway.Register(b.app, directory, acceptor, log, metrics)
	done := 0
	return func(field string, value map[string]any) {
		b.t.Helper()
		value["messaging_product"], value["metadata"] = "whatsapp", map[string]any{"display_phone_number": b.number.Display, "phone_number_id": b.number.PhoneNumberID}
		body, err := json.Marshal(map[string]any{"object": "whatsapp_business_account", "entry": []any{map[string]any{"id": b.number.WABAID, "changes": []any{map[string]any{"field": field, "value": value}}}}})
		require.NoError(b.t, err)
		status, got, _ := b.call("POST", "/webhooks/cloud/hostile", string(body), "Content-Type", "application/json", waba.SignatureHeader, waba.Sign([]byte("secret"), body))
		require.Equal(b.t, 200, status, got)
		require.Eventually(b.t, func() bool { works.mu.Lock(); defer works.mu.Unlock(); return len(works.work) > done }, 10*time.Second, time.Millisecond)
		works.mu.Lock()
		next := works.work[done]
		done++
		works.mu.Unlock()
		require.NoError(b.t, translator.Translate(ctx, next))
	}
}

// hostileCallbacks has a customer write everything that customers write, in venom.
func (b *bundle) hostileCallbacks(p *poison) {
	post := b.receives()
	n := 0
	says := func(kind string, content any, more ...map[string]any) {
		n++
		m := map[string]any{"from": "15550177321", "id": fmt.Sprintf("wamid.hostile%d", n), "timestamp": fmt.Sprint(b.clock.now().Unix()), "type": kind, kind: content}
		for _, one := range more {
			for name, value := range one {
				m[name] = value
			}
		}
		post("messages", map[string]any{"contacts": []any{map[string]any{"profile": map[string]any{"name": p.next(20_000), "username": p.next(80)}, "wa_id": "15550177321", "user_id": `SA."><b onclick="window.hostile=1">hostile`}}, "messages": []any{m}})
	}
	for range venoms {
		says("text", map[string]any{"body": p.next(20_000)})
	}
	says("text", map[string]any{"body": p.next(20_000)}, map[string]any{"context": map[string]any{"from": p.next(200), "id": p.next(200)},
		"referral": map[string]any{"source_url": "javascript:window.hostile=1", "source_id": p.next(200), "headline": p.next(9000), "body": p.next(9000), "media_url": "javascript:window.hostile=1"}})
	says("document", map[string]any{"id": p.line(90), "mime_type": p.next(200), "filename": p.next(9000), "caption": p.next(9000), "sha256": p.next(200)})
	says("image", map[string]any{"id": "1", "mime_type": "image/svg+xml", "caption": p.next(9000), "url": "javascript:window.hostile=1"})
	says("location", map[string]any{"latitude": 24.7, "longitude": 46.7, "name": p.next(9000), "address": p.next(9000), "url": "javascript:window.hostile=1"})
	says("contacts", []any{map[string]any{"name": map[string]any{"formatted_name": p.next(9000)}, "phones": []any{map[string]any{"phone": p.next(900)}}, "urls": []any{map[string]any{"url": "javascript:window.hostile=1"}}}})
	says("button", map[string]any{"text": p.next(9000), "payload": p.next(9000)})
	says("reaction", map[string]any{"message_id": "wamid.hostile1", "emoji": p.next(300)})
	says("interactive", map[string]any{"type": "list_reply", "list_reply": map[string]any{"id": p.next(900), "title": p.next(9000), "description": p.next(9000)}})
	answers, err := json.Marshal(map[string]any{p.next(200): p.next(9000), "flow_token": p.next(300), "screen_0_" + p.line(60): []any{p.next(900), p.next(900)}})
	require.NoError(b.t, err)
	says("interactive", map[string]any{"type": "nfm_reply", "nfm_reply": map[string]any{"name": p.next(900), "body": p.next(900), "response_json": string(answers)}})
	says("order", map[string]any{"catalog_id": p.next(200), "text": p.next(9000), "product_items": []any{map[string]any{"product_retailer_id": p.next(900), "quantity": 2, "item_price": 12.5, "currency": "SAR"}}})
	says("unsupported", map[string]any{}, map[string]any{"errors": []any{map[string]any{"code": 131051, "title": p.next(900), "message": p.next(900), "error_data": map[string]any{"details": p.next(9000)}}}})
	post("messages", map[string]any{"statuses": []any{map[string]any{"id": "wamid.hostile99", "status": "failed", "timestamp": fmt.Sprint(b.clock.now().Unix()), "recipient_id": "15550177321",
		"biz_opaque_callback_data": p.next(500), "errors": []any{map[string]any{"code": 131047, "title": p.next(900), "message": p.next(900), "href": "javascript:window.hostile=1", "error_data": map[string]any{"details": p.next(9000)}}}}}})
	post("message_template_status_update", map[string]any{"event": "REJECTED", "message_template_id": 7, "message_template_name": p.next(500), "message_template_language": p.next(20), "reason": p.next(900)})
}

// TestHostileText: whatever strangers and colleagues write anywhere is shown as text everywhere. No script of theirs runs,
// nothing leads where they say, and nothing sticks out.
func TestHostileText(t *testing.T) {
	b := setup(t, sending, operating)
	p := &poison{}
	b.hostileCallbacks(p)
	base := b.listen()
	ids := b.hostileThings(p, base)
	for some := range slices.Chunk(b.hostilePages(ids), 12) { // a browser has its time
		t.Run(some[0].name, func(t *testing.T) {
			tab := browser(t)
			b.enter(tab, base)
			for _, page := range some {
				wrong := poisoned
				if !page.plain {
					wrong = shownToo
				}
				visit(t, tab, base, stop{name: "hostile-" + page.name, path: page.path, do: unfold, wrong: wrong})
			}
		})
	}
}

// hostileThings gives everything names in venom, by the API where it takes them, and says the ids of what has a page.
func (b *bundle) hostileThings(p *poison, base string) map[string]string {
	ctx, t := b.t.Context(), b.t
	put := func(method, path string, body map[string]any) string {
		t.Helper()
		raw, err := json.Marshal(body)
		require.NoError(t, err)
		status, got := b.api(method, path, string(raw))
		require.Less(t, status, 300, path+got)
		return got
	}
	ids := map[string]string{}
	conversation := func(path, list string) string {
		_, got := b.api("GET", path, "")
		var answer map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(got), &answer))
		var rows []struct{ ID int64 }
		require.NoError(t, json.Unmarshal(answer[list], &rows), got)
		require.NotEmpty(t, rows, path)
		return decimal(rows[0].ID)
	}
	ids["conversation"], ids["contact"], ids["order"] = conversation("/conversations", "conversations"), conversation("/contacts", "contacts"), conversation("/orders", "orders")
	put("PUT", "/conversations/"+ids["conversation"], map[string]any{"labels": []string{p.line(50), p.line(50)}, "note": p.next(900), "assignee": p.line(90)})

	w := b.webhook(func(w *models.Webhook) {
		w.Name, w.Description, w.URL, w.DisabledReason, w.Active = p.next(100), p.next(500), "https://203.0.113.7/"+url.PathEscape(p.next(900)), p.next(20_000), false
		w.Headers, w.Events = map[string]string{"X-" + strings.Repeat("Long", 12): p.line(100)}, []string{"*", "messages." + p.line(60)}
	})
	ids["webhook"] = decimal(w.ID)
	bad := rejected
	bad.Reason, bad.Answer = p.next(900), p.next(20_000)
	ids["delivery"] = b.delivery(w, "message.received", models.Failed, bad, bad)
	_ = b.create(base + "/inspect/hostile")
	require.NoError(t, refresh(b))
	for range venoms {
		status, _, _ := b.call("POST", "/inspect/hostile", p.next(20_000), "Content-Type", "text/html", "X-Hostile", p.line(200), "Webhook-Id", p.line(80))
		require.Equal(t, 200, status)
	}
	n, err := b.store.CreateNumber(ctx, models.Number{BusinessID: b.ours.ID, PhoneNumberID: "666", Display: "15550100666", WABAID: "500", Name: p.next(100)})
	require.NoError(t, err)
	ids["number"] = decimal(n.ID)
	require.NoError(t, b.store.SetUpstream(ctx, b.ours.ID, models.Upstream{NumberID: n.ID, Style: "cloud", Token: "t"}))
	require.NoError(t, b.store.KeepUpstreamHealth(ctx, n.ID, models.UpstreamHealth{At: b.clock.now(), Trouble: p.next(9000)}))
	b.connected(80)
	template := map[string]any{"name": p.line(200), "language": "en", "components": []any{map[string]any{"type": "body", "parameters": []any{map[string]any{"type": "text", "text": p.next(900)}}}}}
	ids["broadcast"] = decimal(decode[broadcastAnswer](t, put("POST", "/broadcasts", map[string]any{"name": p.line(100), "number_id": b.number.ID, "template": template})).ID)
	b.upload("/broadcasts/"+ids["broadcast"]+"/recipients", "to,name\n15550177321,"+strings.ReplaceAll(p.line(200), ",", " ")+"\n")
	put("POST", "/opt-outs", map[string]any{"wa_id": "15550177329"})
	ids["event"] = decode[struct{ Events []struct{ ID string } }](t, second(b.api("GET", "/events?limit=1", ""))).Events[0].ID
	for _, text := range venoms {
		u, err := b.store.AddUser(ctx, models.User{BusinessID: b.ours.ID, Email: fmt.Sprintf("u%d@example.com", p.given), Name: p.next(200), Role: models.RoleReader}, password)
		require.NoError(t, err)
		ids["user"] = decimal(u.ID)
		k, _, err := b.store.AddAPIKey(ctx, models.APIKey{BusinessID: b.ours.ID, NumberID: &n.ID, Name: p.next(100), CreatedBy: p.next(200)})
		require.NoError(t, err)
		ids["key"] = decimal(k.ID)
		require.NoError(t, b.store.Record(ctx, models.AuditEntry{BusinessID: b.ours.ID, Actor: models.Actor{Kind: models.ActorKey, ID: k.ID, Name: text}, IP: p.line(60), Action: "webhook.updated",
			Object: models.Object{Kind: "webhook", ID: ids["webhook"], Name: p.next(100)}, Changes: []models.Change{{Field: "name", Before: p.next(9000), After: p.next(9000)}, {Field: p.line(40)}}}))
		_, err = b.store.BeginSession(ctx, models.Session{UserID: 1, IP: p.line(60), Agent: p.next(900)}, time.Hour)
		require.NoError(t, err)
		_, _, err = b.store.Invite(ctx, models.Invitation{BusinessID: b.ours.ID, Email: fmt.Sprintf("i%d@example.com", p.given), Role: models.RoleMember, InvitedBy: p.next(200)}, time.Hour)
		require.NoError(t, err)
	}
	_, token, err := b.store.Invite(ctx, models.Invitation{BusinessID: b.ours.ID, Email: p.line(30) + "@example.com", Role: models.RoleMember, InvitedBy: venoms[0]}, time.Hour)
	require.NoError(t, err)
	ids["token"] = token.Text()
	require.NoError(t, b.store.SetUserName(ctx, 1, venoms[2]))
	b.hostileOperations(p, n, ids)
	return ids
}

// hostileOperations has what operations look at be of a business in venom.
func (b *bundle) hostileOperations(p *poison, n models.Number, ids map[string]string) {
	ctx, t := b.t.Context(), b.t
	bad := rejected
	bad.Reason = p.next(900)
	failing := b.webhook(func(w *models.Webhook) { w.Name = p.next(100) })
	_, work := b.queued(failing, bad)
	ids["task"] = "deliveries-live/" + decimal(work.ID)
	on := b.webhook(func(w *models.Webhook) { w.Name = p.next(100) })
	_, err := b.store.DisableWebhook(ctx, on.ID, models.ByReceiver, p.next(9000))
	require.NoError(t, err)
	require.NoError(t, b.store.BeginSilence(ctx, n.ID, b.clock.now().Add(-time.Hour), b.clock.now()))
	_, err = b.store.RenameBusiness(ctx, b.ours.ID, p.next(900))
	require.NoError(t, err)
	require.NoError(t, b.store.Record(ctx, models.AuditEntry{BusinessID: b.ours.ID, Actor: models.Actor{Kind: models.ActorOperator, ID: 1, Name: p.next(200)}, IP: p.line(60), Action: "business.updated",
		Object: models.Object{Kind: "business", ID: decimal(b.ours.ID), Name: p.next(200)}, Changes: []models.Change{{Field: "name", Before: p.next(900), After: p.next(900)}}}))
}

// hostilePage is a page to look at. A new page is a line here.
type hostilePage struct {
	name, path string
	plain      bool // shows nothing that others wrote
}

func (b *bundle) hostilePages(ids map[string]string) []hostilePage {
	webhook, number, evil := "/webhooks/"+ids["webhook"], "/numbers/"+ids["number"], url.QueryEscape(venoms[2])
	return []hostilePage{
		{name: "home", path: "/"}, {name: "guide", path: "/guide"},
		{name: "webhooks", path: "/webhooks"}, {name: "webhook", path: webhook}, {name: "webhook-edit", path: webhook + "/edit"}, {name: "webhook-new", path: "/webhooks/new?url=" + evil}, {name: "webhook-deliveries", path: webhook + "/deliveries"},
		{name: "webhook-replay", path: webhook + "/replay"}, {name: "webhook-signing", path: webhook + "/signing"}, {name: "webhook-check", path: webhook + "/check"}, {name: "webhook-danger", path: webhook + "/danger"},
		{name: "delivery", path: "/deliveries/" + ids["delivery"]}, {name: "inspector", path: "/inspect/hostile"},
		{name: "conversations", path: "/conversations?q=" + evil}, {name: "conversations-all", path: "/conversations"}, {name: "conversation", path: "/conversations/" + ids["conversation"]},
		{name: "contacts", path: "/contacts"}, {name: "contacts-search", path: "/contacts?search=" + evil}, {name: "contact", path: "/contacts/" + ids["contact"]}, {name: "orders", path: "/orders"}, {name: "order", path: "/orders/" + ids["order"]}, {name: "forms", path: "/forms"},
		{name: "messages", path: "/messages"}, {name: "messages-search", path: "/messages?q=" + evil}, {name: "live", path: "/live"}, {name: "event", path: "/events/" + ids["event"]}, {name: "timeline", path: "/timeline/wamid.hostile1"},
		{name: "broadcasts", path: "/broadcasts"}, {name: "broadcast", path: "/broadcasts/" + ids["broadcast"]}, {name: "broadcast-new", path: "/broadcasts/new"}, {name: "opt-outs", path: "/opt-outs", plain: true}, {name: "usage", path: "/usage", plain: true},
		{name: "numbers", path: "/numbers"}, {name: "number", path: number}, {name: "number-token", path: number + "/token"}, {name: "number-replies", path: number + "/replies"}, {name: "number-report", path: number + "/report"},
		{name: "team", path: "/team"}, {name: "team-user", path: "/team/users/" + ids["user"]}, {name: "keys", path: "/team/keys"}, {name: "key", path: "/team/keys/" + ids["key"]}, {name: "audit", path: "/team/audit"}, {name: "account", path: "/account"},
		{name: "operations", path: "/operations"}, {name: "tasks", path: "/operations/tasks?error=" + evil}, {name: "tasks-all", path: "/operations/tasks"}, {name: "task", path: "/operations/tasks/" + ids["task"]},
		{name: "troubles", path: "/operations/webhooks"}, {name: "gateway", path: "/operations/gateway"}, {name: "businesses", path: "/operations/businesses?search=" + evil}, {name: "businesses-all", path: "/operations/businesses"},
		{name: "business", path: "/operations/businesses/1"}, {name: "apps", path: "/operations/apps"}, {name: "app", path: "/operations/apps/hostile"}, {name: "operations-audit", path: "/operations/audit"},
		{name: "join", path: "/invitations/" + ids["token"]},
	}
}

// unfold opens what is folded and has every element take the events that handlers in venom wait for.
const unfold = `for (const d of document.querySelectorAll("main details")) d.open = true;
for (const e of document.querySelectorAll("*")) for (const kind of ["mouseover", "pointerenter", "focus", "error", "load"]) e.dispatchEvent(new Event(kind))`

// poisoned lists what venom has reached: a script that ran, a handler or an address that it made, or text that is not shown.
const poisoned = `(() => {
	const wrong = window.hostile === undefined ? [] : ["a script ran"];
	for (const e of document.querySelectorAll("*")) {
		for (const a of e.attributes) {
			if (a.name.startsWith("on") || a.name === "style") wrong.push("attribute " + a.name + " of " + e.tagName);
			if (["href", "src", "action", "formaction"].includes(a.name) && /^\s*(javascript|data|vbscript):/i.test(a.value)) wrong.push(a.name + " of " + e.tagName + ": " + a.value.slice(0, 60));
		}
		if (e.tagName === "SCRIPT" && e.textContent !== "") wrong.push("a script in the page");
	}
	return wrong;
})()`

// shownToo is poisoned for pages that show what others wrote: as text, then.
const shownToo = `(() => {
	const wrong = ` + poisoned + `;
	const shown = document.querySelector("#main").textContent + [...document.querySelectorAll("#main input, #main textarea")].map((e) => e.value).join("");
	if (!shown.includes("hostile")) wrong.push("nothing hostile is shown: is the page the one that was meant? " + location.pathname + " " + document.title);
	return wrong;
})()`
