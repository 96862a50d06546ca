package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

// translate keeps changes as a translation would.
func (b *bundle) translate(fn func(tx models.Translation, c *models.Changes) error) {
	b.t.Helper()
	ctx := b.t.Context()
	require.NoError(b.t, b.store.Translate(ctx, func(tx models.Translation) error {
		var c models.Changes
		if err := fn(tx, &c); err != nil {
			return err
		}
		return tx.Write(ctx, c)
	}))
}

// person makes a customer of our number with a conversation.
func (b *bundle) person(name, waID string) models.Person {
	b.t.Helper()
	var p models.Person
	b.translate(func(tx models.Translation, _ *models.Changes) error {
		found, err := tx.People(b.t.Context(), []models.PersonRef{{BusinessID: b.ours.ID, NumberID: b.number.ID, WaID: waID, Name: name, Create: true, At: b.clock.now()}})
		if err == nil {
			p = found[0]
		}
		return err
	})
	return p
}

// order makes an order of a conversation.
func (b *bundle) order(p models.Person, wamid string) models.Order {
	b.t.Helper()
	var o models.Order
	b.translate(func(tx models.Translation, c *models.Changes) error {
		at := time.Unix(1_800_000_000, 0).UTC()
		found, err := tx.Orders(b.t.Context(), []models.OrderRef{{BusinessID: b.ours.ID, NumberID: b.number.ID, Wamid: wamid, Create: true,
			Order: models.Order{ConversationID: p.Conversation.ID, Status: "pending", StatusAt: at, Total: 1250.5, Currency: "SAR", Text: "سريعا",
				Items: []byte(`[{"product_retailer_id":"A","quantity":"2"}]`), CreatedAt: at, UpdatedAt: at}}})
		if err == nil {
			o = *found[0]
			c.Orders = []models.Order{o}
		}
		return err
	})
	return o
}

func TestContacts(t *testing.T) {
	b := setup(t)
	var ids []int64
	for i, name := range []string{"Layla", "ليلى", "Omar"} {
		ids = append(ids, b.person(name, fmt.Sprintf("1555017732%d", i)).Contact.ID)
	}
	list := func(query string) (names []string, next string) {
		t.Helper()
		status, got := b.api("GET", "/contacts"+query, "")
		require.Equal(t, 200, status, got)
		v := decode[struct {
			Contacts []struct {
				ID   int64
				Name string
			}
			NextCursor string `json:"next_cursor"`
		}](t, got)
		for _, c := range v.Contacts {
			names = append(names, c.Name)
		}
		return names, v.NextCursor
	}
	names, next := list("")
	require.Equal(t, []string{"Omar", "ليلى", "Layla"}, names)
	require.Empty(t, next)
	names, next = list("?limit=2")
	require.Equal(t, []string{"Omar", "ليلى"}, names)
	names, next = list("?limit=2&cursor=" + next)
	require.Equal(t, []string{"Layla"}, names)
	require.Empty(t, next)
	names, _ = list("?search=lay")
	require.Equal(t, []string{"Layla"}, names)
	names, _ = list("?search=15550177321")
	require.Equal(t, []string{"ليلى"}, names)
	names, _ = list("?search=nobody")
	require.Empty(t, names)

	one := "/contacts/" + decimal(ids[0])
	status, got := b.api("GET", one, "")
	require.Equal(t, 200, status)
	require.Contains(t, got, `{"contact":{"id":`+decimal(ids[0])+`,"name":"Layla","wa_id":"15550177320","user_id":"","parent_user_id":"","username":"",`)
	status, _ = b.foreign("GET", one, "")
	require.Equal(t, 404, status)
	_, got = b.foreign("GET", "/contacts", "")
	require.Equal(t, `{"contacts":[]}`, got)
	for _, q := range []string{"limit=0", "cursor=x", "search=" + strings.Repeat("x", 101), "search=%00"} {
		status, got = b.api("GET", "/contacts?"+q, "")
		require.Equal(t, 400, status, q+got)
	}
}

func TestConversations(t *testing.T) {
	b := setup(t)
	layla, omar := b.person("Layla", "15550177321"), b.person("Omar", "15550177322")
	at := time.Unix(1_800_000_000, 0).UTC()
	b.translate(func(_ models.Translation, c *models.Changes) error {
		c.Conversations = []models.ConversationChange{{ID: layla.Conversation.ID, Sequence: 3, LastInboundAt: at}}
		return nil
	})
	one := "/conversations/" + decimal(layla.Conversation.ID)
	status, got := b.api("GET", one, "")
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `"contact":{"id":`+decimal(layla.Contact.ID)+`,"name":"Layla"`)
	require.Contains(t, got, `"status":"open","labels":[],"note":"","assignee":"","sequence":3,`)
	require.Contains(t, got, `"last_inbound_at":"2027-01-15T08:00:00.000Z","window_expires_at":"2027-01-16T08:00:00.000Z"`)
	_, got = b.api("GET", "/conversations/"+decimal(omar.Conversation.ID), "")
	require.Contains(t, got, `"last_inbound_at":null,"window_expires_at":null`)

	// Changes by a person make an event, and change only what is given.
	status, got = b.api("PUT", one, `{"status":"closed","labels":["vip","عميل"],"note":"calls on Sunday"}`)
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `{"message":"Conversation updated.","conversation":{"id":`+decimal(layla.Conversation.ID))
	require.Contains(t, got, `"status":"closed","labels":["vip","عميل"],"note":"calls on Sunday","assignee":""`)
	status, got = b.api("PUT", one, `{"assignee":"Sara"}`)
	require.Equal(t, 200, status, got)
	_, got = b.api("GET", one, "")
	require.Contains(t, got, `"status":"closed","labels":["vip","عميل"],"note":"calls on Sunday","assignee":"Sara"`)
	require.Contains(t, got, `"name":"Layla"`)

	found := func(query string) (ids []int64) {
		t.Helper()
		status, got := b.api("GET", "/conversations?"+query, "")
		require.Equal(t, 200, status, got)
		for _, c := range decode[struct{ Conversations []struct{ ID int64 } }](t, got).Conversations {
			ids = append(ids, c.ID)
		}
		return ids
	}
	first, second := layla.Conversation.ID, omar.Conversation.ID
	for query, want := range map[string][]int64{"": {second, first}, "status=closed": {first}, "status=open": {second}, "label=vip": {first}, "label=vi": nil, "label=%D8%B9%D9%85%D9%8A%D9%84": {first},
		"number_id=" + decimal(b.number.ID): {second, first}, "number_id=99": nil, "contact_id=" + decimal(omar.Contact.ID): {second}, "limit=1": {second}, "cursor=" + decimal(second): {first}} {
		require.Equal(t, want, found(query), query)
	}

	for _, path := range []string{one, one + "/messages"} {
		status, _ = b.foreign("GET", path, "")
		require.Equal(t, 404, status, path)
	}
	status, _ = b.foreign("PUT", one, `{"status":"open"}`)
	require.Equal(t, 404, status)
	_, got = b.foreign("GET", "/conversations", "")
	require.Equal(t, `{"conversations":[]}`, got)
	for _, q := range []string{"status=done", "number_id=x", "contact_id=-1", "limit=101", "cursor=x", "label=" + strings.Repeat("x", 61)} {
		status, got = b.api("GET", "/conversations?"+q, "")
		require.Equal(t, 400, status, q+got)
	}
	status, got = b.api("PUT", one, `{"status":"done"}`)
	require.Equal(t, 400, status)
	require.Contains(t, got, `"field":"status"`)
	status, _ = b.api("PUT", "/conversations/999", `{"status":"done"}`)
	require.Equal(t, 404, status, "whether it is there comes first")
}

// Every message comes once, page by page, though upstream counts whole seconds and several are of one second.
func TestConversationMessages(t *testing.T) {
	b := setup(t)
	p, other := b.person("Layla", "15550177321"), b.person("Omar", "15550177322")
	at := time.Unix(1_800_000_000, 0).UTC()
	b.translate(func(_ models.Translation, c *models.Changes) error {
		for i, second := range []int{0, 1, 1, 1, 2, 3, 3, 3, 3, 3, 4} {
			c.Messages = append(c.Messages, models.Message{NumberID: b.number.ID, Wamid: fmt.Sprintf("wamid.%d", i), ConversationID: p.Conversation.ID, Inbound: i%2 == 0, Type: "text",
				Text: fmt.Sprintf("نص %d", i), SentAt: at.Add(time.Duration(second) * time.Second)})
		}
		c.Messages = append(c.Messages, models.Message{NumberID: b.number.ID, Wamid: "wamid.other", ConversationID: other.Conversation.ID, Type: "text", Text: "x", SentAt: at})
		return nil
	})
	path := "/conversations/" + decimal(p.Conversation.ID) + "/messages"
	for limit := 1; limit <= 12; limit++ {
		seen := map[string]int{}
		before := ""
		for range 20 {
			status, got := b.api("GET", fmt.Sprintf("%s?limit=%d&before=%s", path, limit, before), "")
			require.Equal(t, 200, status, got)
			list := decode[struct {
				Messages []struct {
					ID, Direction, Text string
					SentAt              time.Time `json:"sent_at"`
				}
				NextBefore string `json:"next_before"`
			}](t, got)
			last := at.Add(time.Hour)
			for _, m := range list.Messages {
				seen[m.ID]++
				require.False(t, m.SentAt.After(last), "newest first")
				last = m.SentAt
			}
			if before = list.NextBefore; before == "" {
				break
			}
		}
		require.Len(t, seen, 11, "pages of %d", limit)
		for id, times := range seen {
			require.Equal(t, 1, times, id)
		}
	}
	_, got := b.api("GET", path+"?limit=1", "")
	require.Contains(t, got, `{"messages":[{"id":"wamid.10","direction":"inbound","type":"text","text":"نص 10","status":null,"sent_at":"2027-01-15T08:00:04.000Z","status_at":null,"edited_at":null,"deleted_at":null,`+
		`"sent_by":"","broadcast_id":null,"reply_to":"","media_url":""}],"next_before":"2027-01-15T08:00:04.000Z"}`)
	for _, q := range []string{"limit=0", "limit=x", "before=yesterday"} {
		status, _ := b.api("GET", path+"?"+q, "")
		require.Equal(t, 400, status, q)
	}
}

func TestOrders(t *testing.T) {
	b := setup(t)
	p := b.person("Layla", "15550177321")
	first, second := b.order(p, "wamid.cart1"), b.order(p, "wamid.cart2")
	one := "/orders/" + decimal(first.ID)
	status, got := b.api("GET", one, "")
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `{"order":{"id":`+decimal(first.ID)+`,"reference":"","message_id":"wamid.cart1",`)
	require.Contains(t, got, `"status":"pending","payment_status":"","catalog_id":"","text":"سريعا","items":[{"product_retailer_id":"A","quantity":"2"}],"total":1250.5,"currency":"SAR","payment":null,`)

	status, got = b.api("PUT", one, `{"status":"shipped","reference":"R-1"}`)
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `{"message":"Order updated.","order":{"id":`+decimal(first.ID)+`,"reference":"R-1"`)
	_, got = b.api("GET", one, "")
	require.Contains(t, got, `"status":"shipped"`)
	require.Contains(t, got, `"reference":"R-1"`)
	status, got = b.api("PUT", "/orders/"+decimal(second.ID), `{"reference":"R-1"}`)
	require.Equal(t, 409, status, got)
	require.Contains(t, got, `"field":"reference"`)

	status, got = b.api("GET", "/orders?limit=1", "")
	require.Equal(t, 200, status)
	require.Contains(t, got, `"orders":[{"id":`+decimal(second.ID)+`,`)
	require.Contains(t, got, `"next_cursor":"`+decimal(second.ID)+`"`)
	_, got = b.api("GET", "/orders?cursor="+decimal(second.ID), "")
	require.Contains(t, got, `"orders":[{"id":`+decimal(first.ID)+`,`)
	require.NotContains(t, got, "next_cursor")

	for method, body := range map[string]string{"GET": "", "PUT": `{"status":"shipped"}`} {
		status, _ = b.foreign(method, one, body)
		require.Equal(t, 404, status, method)
	}
	_, got = b.foreign("GET", "/orders", "")
	require.Equal(t, `{"orders":[]}`, got)
	status, got = b.api("PUT", one, `{"status":"lost"}`)
	require.Equal(t, 400, status)
	require.Contains(t, got, "must be one of pending, accepted")
}

func TestBroadcasts(t *testing.T) {
	b := setup(t)
	status, got := b.api("POST", "/broadcasts", `{"reference":"eid-89","name":"عيد","template_name":"eid_offer","total_recipients":3,"number_id":`+decimal(b.number.ID)+`}`)
	require.Equal(t, 201, status, got)
	made := decode[struct {
		ID      int64
		Message string
	}](t, got)
	require.Equal(t, "Broadcast registered.", made.Message)
	one := "/broadcasts/" + decimal(made.ID)
	status, got = b.api("GET", one, "")
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `{"broadcast":{"id":`+decimal(made.ID)+`,"reference":"eid-89","name":"عيد","template_name":"eid_offer","number_id":`+decimal(b.number.ID)+
		`,"status":"running","total_recipients":3,"sent":0,"delivered":0,"read":0,"failed":0,"started_at":"`)

	// Said again, it is the same one.
	status, got = b.api("POST", "/broadcasts", `{"reference":"eid-89","total_recipients":4}`)
	require.Equal(t, 201, status, got)
	require.Equal(t, made.ID, decode[struct{ ID int64 }](t, got).ID)
	_, got = b.api("GET", "/broadcasts", "")
	require.Equal(t, 1, strings.Count(got, `"reference"`))
	require.Contains(t, got, `"total_recipients":4`)

	// The same reference of another business is another broadcast.
	status, got = b.foreign("POST", "/broadcasts", `{"reference":"eid-89","total_recipients":1}`)
	require.Equal(t, 201, status, got)
	require.NotEqual(t, made.ID, decode[struct{ ID int64 }](t, got).ID)
	status, _ = b.foreign("GET", one, "")
	require.Equal(t, 404, status)
	for body, field := range map[string]string{`{"reference":"a","total_recipients":1,"number_id":99}`: "number_id", `{"total_recipients":1}`: "reference"} {
		status, got = b.api("POST", "/broadcasts", body)
		require.Equal(t, 400, status, got)
		require.Contains(t, got, `"field":"`+field+`"`)
	}
	status, got = b.foreign("POST", "/broadcasts", `{"reference":"a","total_recipients":1,"number_id":`+decimal(b.number.ID)+`}`)
	require.Equal(t, 400, status, got)
}

func TestOnPremisesToken(t *testing.T) {
	b := setup(t)
	path := "/api/client/numbers/" + decimal(b.number.ID) + "/onprem-token"
	session := func(method, cookie string) (int, string) {
		status, got, _ := b.call(method, path, "", "Cookie", cookie, "Sec-Fetch-Site", "same-origin")
		return status, got
	}
	numbers := func() string { _, got := b.api("GET", "/numbers", ""); return got }
	require.Contains(t, numbers(), `"onprem":false`)

	status, got := session("POST", b.session)
	require.Equal(t, 200, status, got)
	made := decode[struct{ URL, Token string }](t, got)
	require.Regexp(t, `^[A-Za-z0-9_-]{43}$`, made.Token)
	require.Equal(t, "http://example.com/webhooks/onprem/"+made.Token, made.URL)
	require.Contains(t, numbers(), `"onprem":true`)
	require.NotContains(t, numbers(), made.Token, "it is shown once")
	_, got = session("POST", b.session)
	require.NotEqual(t, made.Token, decode[struct{ Token string }](t, got).Token)

	for _, method := range []string{"POST", "DELETE"} {
		status, got, _ = b.call(method, path, "", "Authorization", "Bearer "+b.key.Text())
		require.Equal(t, 403, status, got)
		require.Contains(t, got, `"code":"session_only"`)
		status, _ = session(method, b.theirUser)
		require.Equal(t, 404, status, method)
	}
	require.Contains(t, numbers(), `"onprem":true`)
	status, got = session("DELETE", b.session)
	require.Equal(t, 200, status, got)
	require.Contains(t, numbers(), `"onprem":false`)
}
