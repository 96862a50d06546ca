package api_test

import (
	"encoding/json"
	"html"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/fanout/signature"
	"wabagate/models"
)

// Texts of strangers that want to be more than text.
var (
	arabic = "مرحبا، هل طلبي رقم (1042) في الطريق؟ شكراً 🙏"
	rude   = "<img src=x onerror=alert(1)></script><b>\u202Egnp.exe\u2066 " + strings.Repeat("طويل", 10) + strings.Repeat("W", 10_000)
)

// told is a message with all that became of it.
type told struct {
	wamid    string
	received models.Event
	report   models.Event
	delivery string // of the first event at the first webhook
}

// arrive has a customer's message arrive in a callback, answered at each webhook by its attempts; a report of it follows.
func (b *bundle) arrive(wamid, name, text string, state models.DeliveryState, attempts []models.Attempt, ws ...models.Webhook) told {
	b.t.Helper()
	ctx, at := b.t.Context(), b.clock.now()
	callbacks := []models.Callback{{AppID: 9, ReceivedAt: at, Body: []byte(`{"object":"whatsapp_business_account"}`)}}
	require.NoError(b.t, b.store.Accept(ctx, b.store.NewCallbackGroup(callbacks), callbacks))
	out := told{wamid: wamid}
	require.NoError(b.t, b.store.Translate(ctx, func(tx models.Translation) error {
		people, err := tx.People(ctx, []models.PersonRef{{BusinessID: b.ours.ID, NumberID: b.number.ID, WaID: "15550177321", UserID: "US.77", Name: name, Create: true}})
		if err != nil {
			return err
		}
		c := models.Changes{Messages: []models.Message{{NumberID: b.number.ID, Wamid: wamid, ConversationID: people[0].Conversation.ID, Inbound: true, Type: "text", Text: text, SentAt: at}}}
		add := func(typ string, data event.Data) models.Event {
			data.BusinessID, data.OccurredAt = b.ours.ID, event.Time{Time: at}
			data.Contact = &event.Contact{ID: people[0].Contact.ID, Name: name, WaID: "15550177321", UserID: "US.77"}
			raw, _ := json.Marshal(data)
			e := models.Event{ID: b.store.NextID(), BusinessID: b.ours.ID, NumberID: b.number.ID, ConversationID: people[0].Conversation.ID, CallbackID: callbacks[0].ID, Type: typ,
				CreatedAt: at.Add(20 * time.Millisecond), Data: raw}
			e.Key = event.NewKey(decimal(e.ID))
			c.Events = append(c.Events, e)
			for _, w := range ws {
				c.Deliveries = append(c.Deliveries, models.Delivery{EventID: e.ID, WebhookID: w.ID})
			}
			return e
		}
		out.received = add("message.received", event.Data{Message: &event.Message{ID: wamid, Direction: "inbound", From: "15550177321", Type: "text", Text: text, Timestamp: event.Time{Time: at}}})
		out.report = add("message.report", event.Data{Status: &event.Status{MessageID: wamid, Status: "failed", Current: "failed", Timestamp: event.Time{Time: at},
			Errors: []event.Error{{Code: "131047", Title: "Re-engagement message", Details: "More than 24 hours have passed " + text, Advice: "Send a template."}}}})
		return tx.Write(ctx, c)
	}))
	for _, w := range ws {
		r := models.Result{WebhookID: w.ID, Updates: []models.DeliveryUpdate{{EventID: out.received.ID, State: state, Attempts: len(attempts), DueAt: at.Add(time.Hour)}}}
		for i, a := range attempts {
			a.EventID, a.WebhookID, a.N, a.StartedAt = out.received.ID, w.ID, i+1, at.Add(time.Duration(i+1)*100*time.Millisecond)
			r.Attempts = append(r.Attempts, a)
		}
		_, err := b.store.Settle(ctx, []models.Result{r})
		require.NoError(b.t, err)
	}
	out.delivery = "dlv_" + decimal(out.received.ID) + "_" + decimal(ws[0].ID)
	return out
}

// pageAs asks for a page as somebody of ours in a role.
func (b *bundle) pageAs(role models.Role, path string) (int, string) {
	b.t.Helper()
	_, session := b.user(string(role)+decimal(b.store.NextID())+"@example.com", role)
	status, got, _ := b.call("GET", path, "", "Cookie", session, "Accept", "text/html")
	return status, got
}

func TestDeliveryPage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.webhook(func(w *models.Webhook) {
		w.Name, w.Headers, w.Auth = "متجر <b>", map[string]string{"X-Api-Key": "hush"}, models.Auth{Kind: models.AuthBearer, Token: "hushed"}
	})
	require.NoError(t, refresh(b))
	m := b.arrive("wamid.a/b+c==", "Layla", arabic, models.Pending, []models.Attempt{rejected}, w)
	status, got := b.page("/deliveries/" + m.delivery)
	require.Equal(t, 200, status)
	evt := event.Key(m.received.Key).EventID()
	for _, want := range []string{`href="/events/` + evt + `"`, `href="/timeline/wamid.a%2Fb&#43;c=="`, `href="/conversations/` + decimal(m.received.ConversationID) + `"`, `href="/webhooks/` + decimal(w.ID) + `"`,
		"Attempt 2 is planned", `data-refresh="/deliveries/` + m.delivery + `" data-every="30"`, ">Resend<", "set by the webhook, kept secret", "token, kept secret", "made anew for each attempt",
		"Webhook-Id", `aria-current="page"`, "Layla: " + arabic} {
		require.Contains(t, got, want)
	}
	require.NotContains(t, got, "hush")

	status, got = b.pageAs(models.RoleReader, "/deliveries/"+m.delivery)
	require.Equal(t, 200, status)
	require.NotContains(t, got, ">Resend<")
	require.Contains(t, got, "your role may look and not change")

	_, err := b.store.DisableWebhook(t.Context(), w.ID, models.ByReceiver, "gone")
	require.NoError(t, err)
	_, got = b.page("/deliveries/" + m.delivery)
	require.Contains(t, got, "It cannot be resent now. The webhook is off; switch it on first.")
	for _, path := range []string{"/deliveries/" + m.delivery, "/deliveries/" + m.delivery + "/curl", "/events/" + evt, "/timeline/" + url.PathEscape(m.wamid)} {
		status, _, _ = b.call("GET", path, "", "Cookie", b.theirUser, "Accept", "text/html")
		require.Equal(t, 404, status, path)
		status, _, _ = b.call("GET", path, "", "Accept", "text/html")
		require.Equal(t, 303, status, path)
	}
}

// The copied command is taken apart by a real shell, and what it would send verifies.
func TestCurl(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.webhook(func(w *models.Webhook) {
		w.URL, w.Headers, w.Auth = "https://203.0.113.7/h?a='$(id)'", map[string]string{"X-Api-Key": "hush"}, models.Auth{Kind: models.AuthBasic, User: "o'neil", Password: "hushed"}
	})
	for _, text := range []string{"it's `here` $HOME \\ \"q\"", strings.Repeat("'", 150<<10)} {
		m := b.arrive("wamid.1", "Layla", text, models.Failed, []models.Attempt{rejected}, w)
		status, command, head := b.call("GET", "/deliveries/"+m.delivery+"/curl", "", "Cookie", b.session)
		require.Equal(t, 200, status)
		require.Equal(t, "text/plain; charset=utf-8", head.Get("Content-Type"))
		require.NotContains(t, command, "hush")
		require.NotContains(t, command, w.Secret.Text())

		shell := exec.Command("sh")
		shell.Stdin = strings.NewReader(`curl() { printf '%s\0' "$@"; [ "$last" ] || cat; }` + "\n" + command)
		out, err := shell.Output()
		require.NoError(t, err)
		args := strings.Split(string(out), "\x00")
		require.Equal(t, []string{"-i", "-X", "POST", w.URL}, args[:4])
		h := map[string][]string{}
		body := ""
		for i := 4; i < len(args); i++ {
			switch args[i] {
			case "-H":
				name, value, _ := strings.Cut(args[i+1], ": ")
				h[name] = []string{value}
			case "-u":
				require.Equal(t, "o'neil:<password>", args[i+1])
			case "--data-binary":
				if body = args[i+1]; body == "@-" {
					body = args[len(args)-1]
				}
			}
		}
		require.Equal(t, []string{"<X-Api-Key>"}, h["X-Api-Key"])
		require.NotContains(t, h, "Authorization")
		_, api := b.api("GET", "/deliveries/"+m.delivery, "")
		require.Equal(t, decode[struct{ Delivery struct{ Payload string } }](t, api).Delivery.Payload, body)
		checks := signature.Verify(h, []byte(body), []signature.Secret{signature.NewSecret(w.Secret.Text())}, b.clock.now())
		require.NotEmpty(t, checks)
		for _, c := range checks {
			require.True(t, c.OK, c.Reason)
		}
		status, command = b.pageAs(models.RoleReader, "/deliveries/"+m.delivery+"/curl")
		require.Equal(t, 200, status)
		require.NotContains(t, strings.ToLower(command), "signature")
	}
}

func TestEventPage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w, off := b.webhook(func(w *models.Webhook) { w.Name = "CRM <b>" }), b.webhook(func(w *models.Webhook) { w.Name, w.Active = "Old ERP", false })
	require.NoError(t, refresh(b))
	m := b.arrive("wamid.1", "ليلى", rude, models.Failed, []models.Attempt{rejected}, w, off)
	status, got := b.page("/events/" + event.Key(m.received.Key).EventID())
	require.Equal(t, 200, status)
	for _, want := range []string{"A customer sent anything", "CRM &lt;b&gt;", "Old ERP", "answered 500", `action="/deliveries/` + m.delivery + `/resend"`, "The webhook is off", "38 B", `href="/timeline/wamid.1"`, "ليلى"} {
		require.Contains(t, got, want)
	}
	require.Equal(t, 1, strings.Count(got, "/resend"), "the one that is off takes nothing")
	require.NotContains(t, got, "<img src=x")
	lonely := b.happen("order.created")
	_, got = b.page("/events/" + event.Key(lonely.Key).EventID())
	require.Contains(t, got, "It went nowhere")
	require.Contains(t, got, "none, or no longer kept")
	_, got = b.pageAs(models.RoleReader, "/events/"+event.Key(m.received.Key).EventID())
	require.NotContains(t, got, "/resend")
}

func TestTimelinePage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.webhook(func(w *models.Webhook) { w.Name = "متجر" })
	require.NoError(t, refresh(b))
	m := b.arrive("wamid.a/b+c==", "ليلى", arabic, models.Pending, []models.Attempt{rejected, rejected}, w)
	for _, path := range []string{"/timeline/wamid.a%2Fb+c==", "/timeline/wamid.a/b+c=="} {
		status, got := b.page(path)
		require.Equal(t, 200, status)
		got = html.UnescapeString(got)
		at := 0
		for _, want := range []string{"Message of a customer", arabic, m.wamid, "Callback received", "Event message.received", "Event message.report: failed", "Send a template.", "Delivery to <bdi>متجر</bdi>", ">retrying<",
			"Attempt 1 at <bdi>متجر", "+100 ms", "boom", "Attempt 2 at <bdi>متجر", "Attempt 3 is planned at <bdi>متجر", "a customer", "Statuses"} {
			i := strings.Index(got[at:], want)
			require.GreaterOrEqual(t, i, 0, want)
			at += i
		}
	}
	status, got := b.page("/timeline/wamid.none")
	require.Equal(t, 404, status)
	require.Contains(t, got, "<!doctype html>")
}

// The pages about one thing, with the worst in them that strangers may write.
func TestDeliveryPagesFit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	base := b.listen()
	w := b.webhook(func(w *models.Webhook) {
		w.Name, w.URL, w.Headers = "متجر الرياض CRM", "https://crm.example.com/hooks/whatsapp/incoming?tenant=42", map[string]string{"X-Api-Key": "k"}
	})
	evil := b.webhook(func(w *models.Webhook) { w.Name = "<script>alert(1)</script> \u202Egnp " + strings.Repeat("W", 70) })
	require.NoError(t, refresh(b))
	bad := rejected
	bad.Answer, bad.Reason = rude, "answered 500 Internal Server Error"
	fine := b.arrive("wamid.HBgLMTU1NTAxNzczMjEVAgARGBI5QTNDQTVCM0Q0Q0Q2RTY3RTcA", "ليلى حداد", arabic, models.Pending, []models.Attempt{rejected, rejected}, w, evil)
	worst := b.arrive("wamid."+strings.Repeat("X", 300), strings.Repeat("اسم طويل ", 30), rude, models.Failed, []models.Attempt{bad, bad}, evil, w)
	ctx := browser(t)
	b.enter(ctx, base)
	var stops []stop
	for name, m := range map[string]told{"fine": fine, "worst": worst} {
		stops = append(stops, stop{name: "delivery-" + name, path: "/deliveries/" + m.delivery}, stop{name: "event-" + name, path: "/events/" + event.Key(m.received.Key).EventID()},
			stop{name: "timeline-" + name, path: "/timeline/" + url.PathEscape(m.wamid)})
	}
	stops = append(stops, stop{name: "event-lonely", path: "/events/" + event.Key(b.happen("order.created").Key).EventID()})
	visit(t, ctx, base, stops...)
}
