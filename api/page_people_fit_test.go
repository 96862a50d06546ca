package api_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/waba/wabatest"
)

// Who may only look sees no buttons, and who did not found the business erases nobody.
func TestPeoplePagesByRole(t *testing.T) {
	b := setup(t, sending)
	p := b.chat()
	o := b.order(p, "cart1")
	contact := "/contacts/" + decimal(p.Contact.ID)
	for role, may := range map[models.Role]bool{models.RoleMember: true, models.RoleReader: false} {
		u, err := b.store.CreateUser(t.Context(), b.ours.ID, string(role)+"@example.com", password, false)
		require.NoError(t, err)
		_, err = b.store.SetRole(t.Context(), b.ours.ID, u.ID, role)
		require.NoError(t, err)
		cookie := b.startSession(u)
		for _, path := range []string{conversationOf(p), "/orders/" + decimal(o.ID), contact} {
			_, got, _ := b.call("GET", path, "", "Cookie", cookie, "Accept", "text/html")
			_, main, found := strings.Cut(got, `<main`)
			require.True(t, found)
			require.Equal(t, may, strings.Contains(main, `method="post"`), "%s %s", role, path)
			require.NotContains(t, main, "/erase")
		}
		post := func(path, body string) int {
			status, _, _ := b.call("POST", path, body, "Cookie", cookie, "Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
			return status
		}
		require.Equal(t, 403, post(contact+"/erase", "confirm=erase"), role)
		for path, body := range map[string]string{conversationOf(p) + "/edit": "status=open", "/orders/" + decimal(o.ID) + "/edit": "status=shipped", contact + "/opt-out": "out=1"} {
			want := 403
			if may {
				want = 303
			}
			require.Equal(t, want, post(path, body), "%s %s", role, path)
		}
	}
}

// A file of a message is given to those whose conversation it is.
func TestMediaOfThread(t *testing.T) {
	s := setupShelf(t)
	p := s.chat()
	id := s.file(wabatest.Media{MIME: "image/jpeg", Size: 5000})
	s.translate(func(_ models.Translation, c *models.Changes) error {
		c.Media = []models.Media{{ID: s.store.NextID(), BusinessID: s.ours.ID, NumberID: s.number.ID, MediaID: id, Wamid: "w4", ConversationID: p.Conversation.ID, Kind: "image", MimeType: "image/jpeg"}}
		return nil
	})
	m, err := s.store.MediaOf(t.Context(), s.number.ID, id)
	require.NoError(t, err)
	path := conversationOf(p) + "/media/" + decimal(m.ID)
	_, got := s.page(conversationOf(p))
	require.Contains(t, got, `<a href="`+path+`">Open the file</a>`)
	file := s.ask("GET", path, nil, "Cookie", s.session)
	require.Equal(t, 200, file.status)
	require.Len(t, file.body, 5000)
	require.Equal(t, "image/jpeg", file.header.Get("Content-Type"))
	_, got = s.page(conversationOf(p))
	require.Contains(t, got, `<img src="`+path+`"`)
	require.Equal(t, 404, s.ask("GET", path, nil, "Cookie", s.theirUser).status)
	other := s.person("Omar", "15550177321")
	require.Equal(t, 404, s.ask("GET", conversationOf(other)+"/media/"+decimal(m.ID), nil, "Cookie", s.session).status)
}

// Every page about customers, as it looks.
func TestPeoplePagesFit(t *testing.T) {
	b := setup(t, sending)
	base := b.listen()
	ctx := browser(t)
	b.enter(ctx, base)
	visit(t, ctx, base, stop{name: "conversations-none", path: "/conversations"}, stop{name: "orders-none", path: "/orders"})
	p := b.chat()
	require.NoError(t, b.store.SetUpstream(t.Context(), b.ours.ID, models.Upstream{NumberID: b.number.ID, Style: "cloud", Token: "t"}))
	b.person(hostile, "15550177300")
	for i, name := range []string{"Omar Saleh", "نورة القحطاني", "Ada & Söhne"} {
		q := b.person(name, "1555017731"+decimal(int64(i)))
		b.talk(q, b.clock.now().Add(-time.Duration(i*20)*time.Hour), models.Message{Wamid: "q" + name, Inbound: true, Type: []string{"image", "text", "text"}[i], Text: []string{"", "متى تفتحون؟", "Hi"}[i], SentAt: b.clock.now()})
		_, _, _ = b.form(conversationOf(q)+"/edit", "assignee=Sara&labels=vip%0Ainvoice")
	}
	_, _, _ = b.form(conversationOf(p)+"/edit", "status=open&assignee=we@example.com&labels=vip%0A%D9%85%D9%87%D9%85&note=Prefers+to+be+called+after+five&ai=0")
	o := b.order(p, "cart1")
	var kuwait models.Order
	b.translate(func(tx models.Translation, c *models.Changes) error {
		at := b.clock.now()
		found, err := tx.Orders(t.Context(), []models.OrderRef{{BusinessID: b.ours.ID, NumberID: b.number.ID, Reference: hostile[:90], Create: true, Order: models.Order{ConversationID: p.Conversation.ID, Status: "completed",
			PaymentStatus: "captured", Total: 12.5, Currency: "KWD", Text: hostile, Payment: []byte(`{"reference_id":"x","amount":{"value":12500,"offset":1000}}`), CreatedAt: at, UpdatedAt: at,
			Items: []byte(`[{"product_retailer_id":"` + strings.Repeat("SKU", 60) + `","quantity":2,"item_price":5.125,"currency":"KWD"},{"product_retailer_id":"B","quantity":"1","item_price":"2.25","currency":"KWD"}]`)}}})
		if err == nil {
			kuwait = *found[0]
			c.Orders = []models.Order{kuwait}
		}
		return err
	})
	b.tell(event.ContactUpdated, 0, event.Data{BusinessID: b.ours.ID, Contact: &event.Contact{ID: p.Contact.ID, Name: "ليلى حسن", WaID: "966501234567"}, Previous: json.RawMessage(`{"name":"Layla Hassan","username":""}`)})
	data := event.Data{BusinessID: b.ours.ID, OccurredAt: event.Time{Time: b.clock.now()}, Contact: &event.Contact{ID: p.Contact.ID, Name: "ليلى حسن"}, Form: &event.Form{MessageID: "wf1", Name: "flow",
		Fields: json.RawMessage(`{"الموعد":"الخميس الخامسة مساءً","guests":3,"extras":["view","bed"],"` + strings.Repeat("key", 60) + `":"` + strings.Repeat("long", 2500) + `"}`)}}
	b.tell(event.FormSubmitted, p.Conversation.ID, data)
	data.Form = &event.Form{Name: "address_message", Fields: json.RawMessage(`{"city":"الرياض","zip":"12211"}`)}
	b.tell(event.FormSubmitted, p.Conversation.ID, data)
	gone := b.person("Gone", "15550177999")
	_, _, head := b.form("/contacts/"+decimal(gone.Contact.ID)+"/erase", "confirm=erase")
	visit(t, ctx, base, stop{name: "conversations", path: "/conversations"}, stop{name: "conversation", path: conversationOf(p)},
		stop{name: "conversation-top", path: conversationOf(p), do: `document.querySelector(".talk").scrollTop = -1e6`},
		stop{name: "contacts", path: "/contacts"}, stop{name: "contact", path: "/contacts/" + decimal(p.Contact.ID), do: `document.querySelector("details.zone").open = true`},
		stop{name: "orders", path: "/orders"}, stop{name: "order", path: "/orders/" + decimal(kuwait.ID)}, stop{name: "order-small", path: "/orders/" + decimal(o.ID)},
		stop{name: "forms", path: "/forms"}, stop{name: "erasures", path: "/erasures"}, stop{name: "erasure", path: head.Get("Location")})
}
