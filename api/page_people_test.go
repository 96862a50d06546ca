package api_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/models"
)

// hostile is text that breaks pages which are not careful: markup, the other direction, and no end.
var hostile = `<script>alert("x")</script> ` + "\u202e" + `gnp.exe ` + strings.Repeat("long", 2500)

// talk keeps messages of a person's conversation, the customer's last one at a moment.
func (b *bundle) talk(p models.Person, at time.Time, ms ...models.Message) {
	b.t.Helper()
	b.translate(func(_ models.Translation, c *models.Changes) error {
		for i := range ms {
			ms[i].NumberID, ms[i].ConversationID = p.Conversation.NumberID, p.Conversation.ID
		}
		c.Messages = ms
		c.Conversations = []models.ConversationChange{{ID: p.Conversation.ID, Sequence: int64(len(ms)), LastInboundAt: at}}
		return nil
	})
}

// tell keeps an event as a translation would.
func (b *bundle) tell(typ string, conversation int64, d event.Data) models.Event {
	b.t.Helper()
	raw, err := json.Marshal(d)
	require.NoError(b.t, err)
	id := b.store.NextID()
	e := models.Event{ID: id, Key: event.NewKey("test", decimal(id)), BusinessID: b.ours.ID, NumberID: b.number.ID, ConversationID: conversation, Type: typ, CreatedAt: b.clock.now(), Data: raw}
	b.translate(func(_ models.Translation, c *models.Changes) error {
		c.Events = []models.Event{e}
		return nil
	})
	return e
}

// chat is a conversation with one message of nearly every kind.
func (b *bundle) chat() models.Person {
	b.t.Helper()
	p := b.person("ليلى حسن", "966501234567")
	now := b.clock.now().UTC().Truncate(time.Second)
	at := func(minutes int) time.Time { return now.Add(time.Duration(minutes-60) * time.Minute) }
	b.talk(p, at(50),
		models.Message{Wamid: "w1", Inbound: true, Type: "text", Text: "مرحبا، هل طلبي (1042) في الطريق؟", SentAt: at(1)},
		models.Message{Wamid: "w2", Type: "text", Text: "نعم، يصل اليوم قبل الخامسة مساءً.", Status: "read", SentAt: at(3), SentBy: "ai", ReplyTo: "w1"},
		models.Message{Wamid: "w3", Inbound: true, Type: "reaction", Text: "👍", SentAt: at(4), ReplyTo: "w2"},
		models.Message{Wamid: "w4", Inbound: true, Type: "image", Text: "هذا هو الصندوق", SentAt: at(5)},
		models.Message{Wamid: "w5", Type: "template", Text: "Spring sale: 20 % off", Status: "delivered", SentAt: at(6), SentBy: "broadcast"},
		models.Message{Wamid: "w6", Type: "text", Text: "Sent by the phone app", Status: "sent", SentAt: at(7), SentBy: "app", EditedAt: at(8)},
		models.Message{Wamid: "w7", Inbound: true, Type: "text", SentAt: at(9), DeletedAt: at(10)},
		models.Message{Wamid: "w8", Type: "text", Text: "Too late", Status: "failed", SentAt: at(11), SentBy: "agent"},
		models.Message{Wamid: "w9", Inbound: true, Type: "text", Text: hostile, SentAt: at(12)},
		models.Message{Wamid: "w10", Inbound: true, Type: "location", SentAt: at(13), ReplyTo: "w9"},
		models.Message{Wamid: "w11", Inbound: true, Type: "text", Text: "Thank you!", SentAt: at(50)})
	b.tell(event.MessageReport, p.Conversation.ID, event.Data{Status: &event.Status{MessageID: "w8", Status: "failed", Errors: []event.Error{{Code: "131047", Title: "Re-engagement message",
		Details: "More than 24 hours have passed since the customer last replied", Advice: "Send a template, or wait until the customer writes."}}}})
	return p
}

func TestConversationPages(t *testing.T) {
	b := setup(t, sending)
	_, got := b.page("/conversations")
	require.Contains(t, got, "No conversations yet")
	p := b.chat()
	quiet := b.person(hostile, "15550177300")
	one := conversationOf(p)
	_, got = b.page("/conversations")
	require.Contains(t, got, "ليلى حسن")
	require.Contains(t, got, "Thank you!")
	require.Contains(t, got, "window open")
	require.NotContains(t, got, "<script>alert")
	for query, want := range map[string][2]bool{ // Layla, the quiet one
		"search=%2B966+50-123-4567": {true, false}, "search=%D9%84%D9%8A": {true, false}, "search=nobody": {false, false},
		"status=closed": {false, false}, "window=open": {true, true}, "window=closed": {false, false}, "label=vip": {false, false}, "number_id=" + decimal(b.number.ID): {true, true},
	} {
		status, got := b.page("/conversations?" + query)
		require.Equal(t, 200, status, query)
		require.Equal(t, want, [2]bool{strings.Contains(got, `href="`+one+`"`), strings.Contains(got, `href="`+conversationOf(quiet)+`"`)}, query)
	}
	for _, query := range []string{"status=x", "window=x", "number_id=x", "cursor=x", "cursor=1-x", "search=" + strings.Repeat("x", 101)} {
		status, _ := b.page("/conversations?" + query)
		require.Equal(t, 400, status, query)
	}

	status, got := b.page(one)
	require.Equal(t, 200, status)
	for _, want := range []string{"Agent", "Phone app", "Broadcast", "This message was deleted.", "edited", "More than 24 hours have passed since the customer last replied (131047)",
		"Send a template, or wait until the customer writes.", "👍", "Location", "People do: this number has no AI.", "This number only receives", `data-refresh="` + one + `"`, "&lt;script&gt;"} {
		require.Contains(t, got, want)
	}
	require.NotContains(t, got, "<script>alert")
	require.Less(t, strings.Index(got, "1042"), strings.Index(got, "Thank you!"), "the oldest comes first")

	status, _, head := b.form(one+"/edit", "status=closed&assignee=Sara&labels=vip%0D%0A%D9%85%D9%87%D9%85+%D8%AC%D8%AF%D8%A7&note=after+five")
	require.Equal(t, 303, status)
	require.Equal(t, one+"?done=updated", head.Get("Location"))
	row, err := b.store.ConversationByID(t.Context(), b.ours.ID, p.Conversation.ID)
	require.NoError(t, err)
	require.Equal(t, models.ConversationSettings{Status: "closed", Assignee: "Sara", Labels: []string{"vip", "مهم جدا"}, Note: "after five"}, row.ConversationSettings)
	status, got, _ = b.form(one+"/edit", "status=open&note="+url.QueryEscape(strings.Repeat("n", 4001)))
	require.Equal(t, 400, status)
	require.Contains(t, got, "Must have at most 4000 characters.")
	require.Contains(t, got, strings.Repeat("n", 4001), "what was typed comes back")
	_, _, _ = b.form(one+"/edit", "ai=0")
	row, err = b.store.ConversationByID(t.Context(), b.ours.ID, p.Conversation.ID)
	require.NoError(t, err)
	require.Equal(t, "person", row.AI.Off)
	require.Equal(t, "closed", row.Status, "what a form does not have stays")

	for _, path := range []string{one, one + "/edit", one + "/send"} {
		method := "POST"
		if path == one {
			method = "GET"
		}
		status, _, _ = b.call(method, path, "text=x", "Cookie", b.theirUser, "Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
		require.Equal(t, 404, status, path)
	}
	status, _, _ = b.call("POST", one+"/send", "text=x", "Cookie", b.session, "Sec-Fetch-Site", "cross-site")
	require.Equal(t, 403, status)
}

// What is written on the page goes the way of every message, once, and as a person's.
func TestWriteToCustomer(t *testing.T) {
	b := setup(t, sending)
	p := b.chat()
	one := conversationOf(p)
	require.NoError(t, b.store.SetUpstream(t.Context(), b.ours.ID, models.Upstream{NumberID: b.number.ID, Style: "cloud", Token: "t"}))
	_, got := b.page(one)
	require.Contains(t, got, "Write to the customer")
	body := "key=k1&text=" + url.QueryEscape("مرحبا\r\n<b>")
	for range 2 {
		status, got, head := b.form(one+"/send", body)
		require.Equal(t, 303, status, got)
		require.Equal(t, one+"?done=queued#write", head.Get("Location"))
	}
	kept := b.sends()
	require.Len(t, kept, 1, "sent twice, kept once")
	require.Equal(t, "agent", kept[0].SentBy)
	require.Equal(t, "966501234567", kept[0].To)
	require.Equal(t, "مرحبا\n<b>", kept[0].Text)

	status, got, _ := b.form(one+"/send", "text=+")
	require.Equal(t, 400, status)
	require.Contains(t, got, "Is required.")
	b.clock.advance(25 * time.Hour)
	_, got = b.page(one)
	require.Contains(t, got, "The service window is closed")
	require.NotContains(t, got, "Write to the customer")
	status, got, _ = b.form(one+"/send", "text=too+late")
	require.Equal(t, 409, status)
	require.Contains(t, got, "too late</textarea>")
	require.Len(t, b.sends(), 1)
}

// sends are the messages that we were asked to send, by the page of our only customer.
func (b *bundle) sends() (list []models.Send) {
	b.t.Helper()
	kept, _, err := b.store.CreateSends(b.t.Context(), []models.Send{{BusinessID: b.ours.ID, NumberID: b.number.ID, Key: "k1", Body: []byte("{}")}})
	require.NoError(b.t, err)
	for _, k := range kept {
		if k.Existed {
			found, err := b.store.Sends(b.t.Context(), []int64{k.ID})
			require.NoError(b.t, err)
			list = append(list, found...)
		}
	}
	return list
}

func conversationOf(p models.Person) string { return "/conversations/" + decimal(p.Conversation.ID) }

func TestContactPages(t *testing.T) {
	b := setup(t)
	_, got := b.page("/contacts")
	require.Contains(t, got, "No contacts yet")
	p := b.chat()
	b.person(hostile, "15550177300")
	b.tell(event.ContactUpdated, 0, event.Data{BusinessID: b.ours.ID, Contact: &event.Contact{ID: p.Contact.ID, Name: "ليلى حسن", WaID: "966501234567"}, Previous: json.RawMessage(`{"name":"Layla \u003cb>","wa_id":""}`)})
	one := "/contacts/" + decimal(p.Contact.ID)
	_, got = b.page("/contacts?search=966+50+123")
	require.Contains(t, got, "Nobody is called that")
	_, got = b.page("/contacts?search=966+50+1234567")
	require.Contains(t, got, `href="`+one+`"`)
	_, got = b.page(one)
	for _, want := range []string{"Name changed", "Layla &lt;b&gt;", "Phone became known", conversationOf(p), "This contact has ordered nothing.", "Gets them.", "Erase everywhere"} {
		require.Contains(t, got, want)
	}
	status, _, head := b.form(one+"/opt-out", "out=1")
	require.Equal(t, 303, status)
	_, got = b.page(head.Get("Location"))
	require.Contains(t, got, "broadcasts leave this contact out")
	require.Contains(t, got, "Wants none.")
	_, _, _ = b.form(one+"/opt-out", "out=0")
	_, got = b.page(one)
	require.Contains(t, got, "Gets them.")

	// Only an owner erases, with the word typed; what is left is a receipt.
	status, got, _ = b.form(one+"/erase", "confirm=Erase")
	require.Equal(t, 400, status)
	require.Contains(t, got, "as the page says")
	status, _, head = b.form(one+"/erase", "confirm=erase")
	require.Equal(t, 303, status)
	receipt := head.Get("Location")
	for range 10 {
		if _, got = b.page(receipt); !strings.Contains(got, "data-again") {
			break
		}
		_, _, _ = b.form(one+"/erase", "confirm=erase")
	}
	require.Contains(t, got, `<span class="badge good" dir="auto">erased</span>`)
	require.Contains(t, got, "we@example.com")
	require.NotContains(t, got, "ليلى")
	_, got = b.page("/erasures")
	require.Contains(t, got, receipt)
	_, got = b.page(one)
	require.Contains(t, got, "Open the receipt")
	require.NotContains(t, got, "Erase everywhere")
	_, got = b.page(conversationOf(p))
	require.NotContains(t, got, "966501234567")
	for _, path := range []string{one, receipt} {
		status, _, _ = b.call("GET", path, "", "Cookie", b.theirUser, "Accept", "text/html")
		require.Equal(t, 404, status, path)
	}
}

func TestOrderPages(t *testing.T) {
	b := setup(t)
	_, got := b.page("/orders")
	require.Contains(t, got, "No orders yet")
	p := b.chat()
	o := b.order(p, "cart1")
	one := "/orders/" + decimal(o.ID)
	_, got = b.page("/orders")
	require.Contains(t, got, "SAR\u00a01\u202f250.50")
	require.Contains(t, got, "ليلى حسن")
	_, got = b.page("/orders?status=completed")
	require.Contains(t, got, "No order has this status.")
	status, _ := b.page("/orders?status=odd")
	require.Equal(t, 400, status)
	_, got = b.page(one)
	require.Contains(t, got, "سريعا")
	require.Contains(t, got, conversationOf(p))
	status, _, _ = b.form(one+"/edit", "status=shipped&reference=A-17")
	require.Equal(t, 303, status)
	_, got = b.page(one)
	require.Contains(t, got, "A-17")
	status, got, _ = b.form(one+"/edit", "status=odd")
	require.Equal(t, 400, status)
	require.Contains(t, got, "Must be one of pending")
	status, _, _ = b.call("POST", one+"/edit", "status=shipped", "Cookie", b.theirUser, "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin", "Accept", "text/html")
	require.Equal(t, 404, status)
	_, got = b.api("GET", "/orders?status=shipped", "")
	require.Contains(t, got, `"reference":"A-17"`)
	_, got = b.api("GET", "/orders?status=pending", "")
	require.Equal(t, `{"orders":[]}`, got)

	status, got = b.page("/orders.csv?from=2027-01-01&to=2027-02-01")
	require.Equal(t, 200, status, got)
	require.Equal(t, "\ufeffid,reference,created_at,status,payment_status,total,currency,customer,phone,text,items\n"+decimal(o.ID)+
		`,A-17,2027-01-15T08:00:00Z,shipped,,1250.50,SAR,ليلى حسن,966501234567,سريعا,"[{""product_retailer_id"":""A"",""quantity"":""2""}]"`+"\n", got)
	for _, query := range []string{"", "from=2027-01-01", "from=2027-01-02&to=2027-01-01x", "from=2027-01-03&to=2027-01-01", "from=2020-01-01&to=2027-01-01"} {
		status, _ = b.page("/orders.csv?" + query)
		require.Equal(t, 400, status, query)
	}
}

func TestFormPages(t *testing.T) {
	b := setup(t)
	_, got := b.page("/forms")
	require.Contains(t, got, "No answers yet")
	p := b.chat()
	d := event.Data{BusinessID: b.ours.ID, OccurredAt: event.Time{Time: b.clock.now()}, Contact: &event.Contact{ID: p.Contact.ID, Name: "ليلى حسن", WaID: "966501234567"},
		Form: &event.Form{MessageID: "wf1", Name: "flow", FlowToken: "visit-1042", Fields: json.RawMessage(`{"الموعد":"الخميس","guests":3,"extras":["view","bed"],"note":"=HYPERLINK(1)","<b>":"<script>x"}`)}}
	b.tell(event.FormSubmitted, p.Conversation.ID, d)
	d.Form = &event.Form{MessageID: "wf2", Name: "address_message", Response: "not an object"}
	b.tell(event.FormSubmitted, p.Conversation.ID, d)
	_, got = b.page("/forms")
	for _, want := range []string{"الموعد", "الخميس", "view, bed", "&lt;script&gt;x", "not an object", conversationOf(p)} {
		require.Contains(t, got, want)
	}
	status, got := b.api("GET", "/forms?limit=1", "")
	require.Equal(t, 200, status, got)
	list := decode[struct {
		Forms []struct {
			MessageID string `json:"message_id"`
			Response  string
		}
		Next string `json:"next_cursor"`
	}](t, got)
	require.Equal(t, "wf2", list.Forms[0].MessageID)
	_, got = b.api("GET", "/forms?limit=1&cursor="+list.Next, "")
	require.Contains(t, got, `"fields":{"الموعد":"الخميس"`)
	require.NotContains(t, got, "next_cursor")
	_, got = b.foreign("GET", "/forms", "")
	require.Equal(t, `{"forms":[]}`, got)
	for _, query := range []string{"from=x", "limit=0", "cursor=x"} {
		status, _ = b.api("GET", "/forms?"+query, "")
		require.Equal(t, 400, status, query)
	}
	day := b.clock.now().UTC().Format(time.DateOnly)
	_, got = b.page("/forms.csv?from=" + day + "&to=" + day)
	require.Contains(t, got, ",wf1,visit-1042,guests,3\n")
	require.Contains(t, got, ",note,'=HYPERLINK(1)\n", "no formula leaves")
	require.Equal(t, 7, strings.Count(got, "\n"))
}
