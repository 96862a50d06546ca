package wabatest_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"wabagate/waba"
	"wabagate/waba/wabatest"
)

func TestSendAndStatuses(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{OpenWindow: true})
	got := b.call("POST", messages, text("+1 555-017-7321", "Hi", "biz_opaque_callback_data", "order-7 / é"))
	id := got.member("messages.0.id")
	if got.status != 200 || !strings.HasPrefix(id, "wamid.") || got.member("contacts.0.wa_id") != customer ||
		got.member("contacts.0.input") != "+1 555-017-7321" || got.member("messaging_product") != "whatsapp" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	b.settle()
	statuses := b.statuses()[id]
	if words(statuses) != "sent delivered read" {
		t.Fatalf("statuses %q", words(statuses))
	}
	for _, s := range statuses {
		if s.Tracking != "order-7 / é" || s.RecipientID != customer || s.RecipientUserID == "" || time.Since(s.Timestamp) > time.Minute {
			t.Errorf("%+v", s)
		}
	}
	if !strings.Contains(string(statuses[0].Pricing), `"category":"service"`) || statuses[2].Pricing != nil {
		t.Errorf("pricing %s and %s", statuses[0].Pricing, statuses[2].Pricing)
	}
	tally := b.sim.Tally()
	if tally.Accepted != 1 || tally.Recipients != 1 || tally.Duplicates != 0 || tally.Statuses["read"] != 1 || tally.Callbacks.Facts != 3 {
		t.Errorf("%+v", tally)
	}
	listed := b.sim.Messages(wabatest.Filter{Tracking: "order-7"})
	if len(listed) != 1 || listed[0].ID != id || listed[0].To != customer || listed[0].Status != "read" || listed[0].Unanswered {
		t.Errorf("%+v", listed)
	}
}

// every type of section 7.1 of the platform's documentation is accepted.
func TestEveryTypeIsAccepted(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{OpenWindow: true})
	media, err := b.sim.AddMedia(wabatest.Media{})
	if err != nil {
		t.Fatal(err)
	}
	types := strings.Split(strings.ReplaceAll(`{"type": "text", "text": {"body": "Hi", "preview_url": false}, "context": {"message_id": "wamid.IN1"}}
{"text": {"body": "type may be left out"}}
{"type": "image", "image": {"link": "https://example.com/a.jpg", "caption": "roof"}}
{"type": "video", "video": {"id": "MEDIA", "caption": "demo"}}
{"type": "audio", "audio": {"id": "MEDIA", "voice": true}}
{"type": "document", "document": {"link": "https://example.com/a.pdf", "filename": "a.pdf", "caption": "quote"}}
{"type": "sticker", "sticker": {"id": "MEDIA"}}
{"type": "location", "location": {"latitude": 1.29, "longitude": "103.85", "name": "Pier", "address": "1 Quay"}}
{"type": "contacts", "contacts": [{"name": {"formatted_name": "Bo Li", "first_name": "Bo"}, "phones": [{"phone": "+15550179000", "type": "WORK"}]}]}
{"type": "reaction", "reaction": {"message_id": "wamid.IN1", "emoji": "\u2764\ufe0f"}}
{"type": "reaction", "reaction": {"message_id": "wamid.IN1", "emoji": ""}}
{"type": "template", "template": {"name": "order_ready", "language": {"code": "en_US"}, "components": [{"type": "body", "parameters": [{"type": "text", "text": "Ada"}]}, {"type": "button", "sub_type": "quick_reply", "index": "0", "parameters": [{"type": "payload", "payload": "CONFIRM"}]}]}}
{"type": "template", "template": {"name": "hello_world", "language": {"code": "en_US"}}}
{"type": "template", "template": {"name": "spring_sale", "language": {"code": "en_US"}, "components": [{"type": "header", "parameters": [{"type": "image", "image": {"link": "https://example.com/h.jpg"}}]}, {"type": "body", "parameters": [{"type": "text", "text": "Ada"}, {"type": "text", "text": "20 %"}]}, {"type": "button", "sub_type": "url", "index": 0, "parameters": [{"type": "text", "text": "x"}]}]}}
{"type": "interactive", "interactive": {"type": "button", "body": {"text": "OK?"}, "action": {"buttons": [{"type": "reply", "reply": {"id": "y", "title": "Yes"}}]}}}
{"type": "interactive", "interactive": {"type": "list", "header": {"type": "text", "text": "Slots"}, "body": {"text": "Pick"}, "footer": {"text": "CET"}, "action": {"button": "Open", "sections": [{"title": "Tuesday", "rows": [{"id": "s9", "title": "09:00", "description": "free"}]}]}}}
{"type": "interactive", "interactive": {"type": "cta_url", "body": {"text": "Track it"}, "action": {"name": "cta_url", "parameters": {"display_text": "Track", "url": "https://example.com/t"}}}}
{"type": "interactive", "interactive": {"type": "flow", "body": {"text": "Sign up"}, "action": {"name": "flow", "parameters": {"flow_message_version": "3", "flow_id": "777", "flow_token": "tok-1", "flow_cta": "Start", "mode": "published", "flow_action": "navigate", "flow_action_payload": {"screen": "FIRST"}}}}}
{"type": "interactive", "interactive": {"type": "location_request_message", "body": {"text": "Where are you?"}, "action": {"name": "send_location"}}}
{"type": "interactive", "interactive": {"type": "address_message", "body": {"text": "Deliver to?"}, "action": {"name": "address_message", "parameters": {"country": "IN"}}}}
{"type": "interactive", "interactive": {"type": "request_contact_info", "body": {"text": "Share your number?"}, "action": {"name": "request_contact_info"}}}
{"type": "interactive", "interactive": {"type": "call_permission_request", "body": {"text": "May we call?"}, "action": {"name": "call_permission_request"}}}
{"type": "interactive", "interactive": {"type": "voice_call", "body": {"text": "Call us"}, "action": {"name": "voice_call", "parameters": {"display_text": "Call", "ttl_minutes": 100, "payload": "p1"}}}}
{"type": "interactive", "interactive": {"type": "product", "body": {"text": "This one?"}, "action": {"catalog_id": "800001", "product_retailer_id": "sku-1"}}}
{"type": "interactive", "interactive": {"type": "product_list", "header": {"type": "text", "text": "Bread"}, "body": {"text": "Fresh"}, "action": {"catalog_id": "800001", "sections": [{"title": "Today", "product_items": [{"product_retailer_id": "sku-1"}]}]}}}
{"type": "interactive", "interactive": {"type": "catalog_message", "body": {"text": "Catalog"}, "action": {"name": "catalog_message", "parameters": {"thumbnail_product_retailer_id": "sku-1"}}}}
{"type": "interactive", "interactive": {"type": "carousel", "body": {"text": "Choose"}, "action": {"cards": [{"card_index": 0, "type": "product"}, {"card_index": 1, "type": "product"}]}}}
{"type": "interactive", "interactive": {"type": "order_details", "body": {"text": "Your order"}, "action": {"name": "review_and_pay", "parameters": {"reference_id": "order-7", "type": "digital-goods", "currency": "INR", "total_amount": {"value": 21000, "offset": 100}, "order": {"status": "pending", "items": [{"retailer_id": "sku-1", "name": "Bread", "amount": {"value": 21000, "offset": 100}, "quantity": 1}]}}}}}
{"type": "interactive", "interactive": {"type": "order_status", "body": {"text": "On its way"}, "action": {"name": "review_order", "parameters": {"reference_id": "order-7", "order": {"status": "shipped"}}}}}`,
		"MEDIA", media), "\n")
	for _, body := range types {
		b.send(`{"messaging_product":"whatsapp","recipient_type":"individual","to":"15550177321",` + body[1:])
	}
	b.settle()
	for id, statuses := range b.statuses() {
		if words(statuses) != "sent delivered read" {
			t.Errorf("%s: %s", id, words(statuses))
		}
	}
	if n := len(b.statuses()); n != len(types) {
		t.Errorf("%d of %d messages travelled", n, len(types))
	}
}

func TestRefusedBodies(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{OpenWindow: true})
	long := func(n int) string { return strings.Repeat("é", n) }
	for body, want := range map[string]struct {
		status int
		code   string
		say    string
	}{
		`{`:                        {400, "100", "not a JSON object"},
		`[]`:                       {400, "100", "not a JSON object"},
		`{"to":"1","type":"text"}`: {400, "100", "messaging_product"},
		`{"messaging_product":"sms","to":"15550177321"}`:                                                        {400, "100", "messaging_product"},
		`W "to":15550177321,"text":{"body":"x"}}`:                                                               {400, "100", "Param to must be a string"},
		`W "text":{"body":"x"}}`:                                                                                {400, "131008", "to is required"},
		`W "to":"ada","text":{"body":"x"}}`:                                                                     {400, "131009", "not a phone number"},
		`W "recipient":"ada","text":{"body":"x"}}`:                                                              {400, "131009", "user id"},
		`W "to":"+1 (555) 010-0200","text":{"body":"x"}}`:                                                       {400, "131021", ""},
		`W "to":"15550177321","recipient_type":"crowd","text":{"body":"x"}}`:                                    {400, "131009", "recipient_type"},
		`W "to":"15550177321"}`:                                                                                 {400, "131008", "text is required"},
		`W "to":"15550177321","text":{}}`:                                                                       {400, "131008", "text['body']"},
		`W "to":"15550177321","text":{"body":" "}}`:                                                             {400, "131008", "text['body']"},
		`W "to":"15550177321","text":{"body":"` + long(4097) + `"}}`:                                            {400, "131009", "4096"},
		`W "to":"15550177321","text":{"body":"x"},"biz_opaque_callback_data":"` + long(513) + `"}`:              {400, "131009", "512"},
		`W "to":"15550177321","text":{"body":"x"},"context":{}}`:                                                {400, "131008", "message_id"},
		`W "to":"15550177321","type":"poll"}`:                                                                   {400, "131051", "poll"},
		`W "to":"15550177321","type":"image","image":{}}`:                                                       {400, "131008", "image['id']"},
		`W "to":"15550177321","type":"image","image":{"id":"1","link":"https://a.example"}}`:                    {400, "100", "Only one"},
		`W "to":"15550177321","type":"image","image":{"link":"a.jpg"}}`:                                         {400, "131009", "URI"},
		`W "to":"15550177321","type":"image","image":{"id":"404"}}`:                                             {400, "100", "image['id']"},
		`W "to":"15550177321","type":"audio","audio":{"link":"https://a.example/a","caption":""}}`:              {400, "100", "caption"},
		`W "to":"15550177321","type":"location","location":{"latitude":91,"longitude":0}}`:                      {400, "131009", "latitude"},
		`W "to":"15550177321","type":"location","location":{"latitude":1}}`:                                     {400, "131008", "longitude"},
		`W "to":"15550177321","type":"contacts","contacts":[]}`:                                                 {400, "131008", "contacts"},
		`W "to":"15550177321","type":"contacts","contacts":[{"name":{"formatted_name":"A"}}]}`:                  {400, "131008", "at least one part"},
		`W "to":"15550177321","type":"reaction","reaction":{"message_id":"w"}}`:                                 {400, "131008", "emoji"},
		`W "to":"15550177321","type":"template","template":{"name":"nobody","language":{"code":"en_US"}}}`:      {404, "132001", "does not exist in en_US"},
		`W "to":"15550177321","type":"template","template":{"name":"order_ready","language":{"code":"en"}}}`:    {404, "132001", "in en"},
		`W "to":"15550177321","type":"template","template":{"name":"order_ready"}}`:                             {400, "131008", "language"},
		`W "to":"15550177321","type":"template","template":{"name":"order_ready","language":{"code":"en_US"}}}`: {400, "132000", "(0)"},
		`W "to":"15550177321","type":"template","template":{"name":"retired","language":{"code":"en_US"}}}`:     {400, "132015", ""},
		`W "to":"15550177321","type":"template","template":{"name":"spring_sale","language":{"code":"en_US"},"components":[{"type":"body","parameters":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}}`:                                                                           {400, "132012", "IMAGE"},
		`W "to":"15550177321","type":"template","template":{"name":"login_code","language":{"code":"en_US"},"components":[{"type":"body","parameters":[{"type":"text","text":"123"}]}]}}`:                                                                                                     {400, "131008", "index 0"},
		`W "recipient":"US.4KQ82ZT7M1","type":"template","template":{"name":"login_code","language":{"code":"en_US"},"components":[{"type":"body","parameters":[{"type":"text","text":"123"}]},{"type":"button","sub_type":"url","index":"0","parameters":[{"type":"text","text":"123"}]}]}}`: {400, "131062", ""},
		`W "to":"15550177321","type":"interactive","interactive":{"type":"button","body":{"text":"b"},"action":{"buttons":[]}}}`:                                                                                                                                                              {400, "131008", "buttons"},
		`W "to":"15550177321","type":"interactive","interactive":{"type":"button","body":{"text":"b"},"action":{"buttons":[{"reply":{"id":"a","title":"` + long(21) + `"}}]}}}`:                                                                                                               {400, "131009", "20"},
		`W "to":"15550177321","type":"interactive","interactive":{"type":"button","body":{"text":"b"},"action":{"buttons":[{"reply":{"id":"a","title":"A"}},{"reply":{"id":"a","title":"B"}}]}}}`:                                                                                             {400, "131009", "repeats"},
		`W "to":"15550177321","type":"interactive","interactive":{"type":"button","body":{"text":"` + long(1025) + `"},"action":{}}}`:                                                                                                                                                         {400, "131009", "1024"},
		`W "to":"15550177321","type":"interactive","interactive":{"type":"list","body":{"text":"b"},"action":{"button":"o","sections":[{"rows":[` + strings.TrimSuffix(rows(11), ",") + `]}]}}}`:                                                                                              {400, "131009", "10 rows"},
		`W "to":"15550177321","type":"interactive","interactive":{"type":"flow","body":{"text":"b"},"action":{"name":"flow","parameters":{"flow_cta":"x"}}}}`:                                                                                                                                 {400, "131008", "flow_id"},
		`W "to":"15550177321","type":"interactive","interactive":{"type":"cta_url","body":{"text":"b"},"action":{"name":"flow","parameters":{}}}}`:                                                                                                                                            {400, "131009", "cta_url"},
		`W "to":"15550177321","type":"interactive","interactive":{"type":"carousel","body":{"text":"b"},"action":{"cards":[{}]}}}`:                                                                                                                                                            {400, "131009", "2 to 10"},
		`W "to":"15550177321","type":"interactive","interactive":{"type":"dance","body":{"text":"b"},"action":{}}}`:                                                                                                                                                                           {400, "131009", "type"},
		`W "to":"GRP404","recipient_type":"group","text":{"body":"x"}}`:                                                                                                                                                                                                                       {400, "131020", "group"},
		`W "status":"seen","message_id":"x"}`:             {400, "131009", "read"},
		`W "status":"read"}`:                              {400, "131008", "message_id"},
		`W "status":"read","message_id":"wamid.unheard"}`: {400, "131009", "message_id"},
	} {
		if rest, wrapped := strings.CutPrefix(body, "W"); wrapped {
			body = `{"messaging_product":"whatsapp",` + rest
		}
		got := b.call("POST", messages, body)
		if got.status != want.status || got.member("error.code") != want.code || !strings.Contains(got.member("error.error_data.details"), want.say) {
			t.Errorf("%.150s: answered %d %s, not %d %s %q", body, got.status, got.body, want.status, want.code, want.say)
		}
	}
	if tally := b.sim.Tally(); tally.Accepted != 0 || tally.Refused[131021] != 1 || tally.Recipients != 0 {
		t.Errorf("%+v", tally)
	}
}

// rows are rows of a list, a comma behind each.
func rows(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"id":"r%d","title":"t"},`, i)
	}
	return b.String()
}

func TestServiceWindow(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{})
	fails := func(id string) string {
		b.settle()
		statuses := b.statuses()[id]
		if len(statuses) == 1 && len(statuses[0].Errors) == 1 {
			return statuses[0].Status + " " + statuses[0].Errors[0].Code
		}
		return words(statuses)
	}
	if got := fails(b.send(text(customer, "Hi"))); got != "failed 131047" {
		t.Errorf("a text to a stranger: %s", got)
	}
	template := map[string]any{"messaging_product": "whatsapp", "to": customer, "type": "template",
		"template": map[string]any{"name": "hello_world", "language": map[string]string{"code": "en_US"}}}
	if got := fails(b.send(template)); got != "sent delivered read" {
		t.Errorf("a template to a stranger: %s", got)
	}
	if _, err := b.sim.Receive(wabatest.Inbound{From: customer, Text: "hello"}); err != nil {
		t.Fatal(err)
	}
	if got := fails(b.send(text(customer, "Hi"))); got != "sent delivered read" {
		t.Errorf("after the customer wrote: %s", got)
	}
	if err := b.sim.LetWindow(wabatest.DefaultNumberID, customer, time.Now().Add(-25*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := fails(b.send(text(customer, "Hi"))); got != "failed 131047" {
		t.Errorf("after 25 hours: %s", got)
	}
	if got := fails(b.send(text("123", "Hi"))); got != "failed 131026" {
		t.Errorf("to a number that cannot be: %s", got)
	}
}

func TestThroughputLimit(t *testing.T) {
	t.Parallel()
	for status, o := range map[int]wabatest.Options{
		http.StatusBadRequest:      {OpenWindow: true, Throughput: 20},
		http.StatusTooManyRequests: {OpenWindow: true, Throughput: 20, LimitStatus: http.StatusTooManyRequests},
	} {
		b := start(t, o)
		began := time.Now()
		accepted, refused := 0, 0
		for i := range 40 {
			got := b.call("POST", messages, text(fmt.Sprint(15550170000+i), "Hi"))
			switch got.status {
			case 200:
				accepted++
			case status:
				refused++
				b.wants(got, status, "130429")
			default:
				t.Fatalf("%d %s", got.status, got.body)
			}
		}
		if time.Since(began) < time.Second && (accepted != 20 || refused != 20) {
			t.Errorf("%d accepted, %d refused in %v", accepted, refused, time.Since(began))
		}
		time.Sleep(1010 * time.Millisecond) // whenever the last of them was accepted
		b.send(text("15550171000", "Hi"))
		if tally := b.sim.Tally(); tally.Refused[130429] != refused || tally.Accepted != accepted+1 || tally.Peak > 20 {
			t.Errorf("%+v", tally)
		}
	}
}

func TestPairRate(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{OpenWindow: true, PairEvery: 300 * time.Millisecond, PairBurst: 3})
	for range 3 {
		b.send(text(customer, "Hi"))
	}
	b.wants(b.call("POST", messages, text(customer, "Hi")), 400, "131056")
	b.send(text("15550170001", "others are not affected"))
	time.Sleep(310 * time.Millisecond)
	b.send(text(customer, "Hi"))
}

func TestMarkAsRead(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{})
	id, err := b.sim.Receive(wabatest.Inbound{From: customer, Text: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]any{"messaging_product": "whatsapp", "status": "read", "message_id": id, "typing_indicator": map[string]string{"type": "text"}}
	if got := b.call("POST", messages, read); got.status != 200 || string(got.body) != `{"success":true}` {
		t.Errorf("%d %s", got.status, got.body)
	}
	if tally := b.sim.Tally(); tally.Read != 1 || tally.Typing != 1 || tally.Accepted != 0 {
		t.Errorf("%+v", tally)
	}
}

func TestMarketingMessages(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{})
	const path = "/v26.0/" + wabatest.DefaultNumberID + "/marketing_messages"
	sale := `{"messaging_product":"whatsapp","to":"15550177321","type":"template","template":{"name":"spring_sale","language":{"code":"en_US"},"components":[
{"type":"header","parameters":[{"type":"image","image":{"link":"https://example.com/h.jpg"}}]},{"type":"body","parameters":[{"type":"text","text":"Ada"},{"type":"text","text":"20 %"}]},
{"type":"button","sub_type":"url","index":"0","parameters":[{"type":"text","text":"x"}]}]}}`
	got := b.call("POST", path, sale)
	if got.status != 200 || got.member("messages.0.message_status") != "accepted" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	b.settle()
	if s := b.statuses()[got.member("messages.0.id")]; words(s) != "sent delivered read" || !strings.Contains(string(s[0].Pricing), `"marketing"`) {
		t.Errorf("%+v", s)
	}
	b.wants(b.call("POST", path, text(customer, "Hi")), 400, "134100")
}

func TestUserIDsAndGroups(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{Groups: []wabatest.Group{{ID: "GRP01", PhoneNumberID: wabatest.DefaultNumberID, Participants: []string{customer, "15550177322"}}}})
	if _, err := b.sim.Receive(wabatest.Inbound{From: customer, Text: "hello"}); err != nil {
		t.Fatal(err)
	}
	b.settle()
	userID := b.messages()[0].FromUserID
	known := b.call("POST", messages, map[string]any{"messaging_product": "whatsapp", "recipient": userID, "text": map[string]string{"body": "Hi"}})
	if known.status != 200 || known.member("contacts.0.input") != userID || known.member("contacts.0.user_id") != userID {
		t.Errorf("%d %s", known.status, known.body)
	}
	template := `{"messaging_product":"whatsapp","recipient":"US.STRANGER1","type":"template","template":{"name":"hello_world","language":{"code":"en_US"}}}`
	stranger := b.call("POST", messages, template)
	if stranger.status != 200 || stranger.member("contacts.0.wa_id") != "" || stranger.member("contacts.0.user_id") != "US.STRANGER1" {
		t.Errorf("%d %s", stranger.status, stranger.body)
	}
	group := b.call("POST", messages, text("GRP01", "Hi all", "recipient_type", "group"))
	if group.status != 200 || group.member("messages.0.group_id") != "GRP01" {
		t.Errorf("%d %s", group.status, group.body)
	}
	b.settle()
	got := b.statuses()
	if s := got[stranger.member("messages.0.id")]; words(s) != "sent delivered read" || s[0].RecipientID != "" || s[0].RecipientUserID != "US.STRANGER1" {
		t.Errorf("%+v", s)
	}
	perPerson := map[string]int{}
	for _, s := range got[group.member("messages.0.id")] {
		if s.RecipientType != "group" || s.RecipientID != "GRP01" {
			t.Errorf("%+v", s)
		}
		perPerson[s.ParticipantID]++
	}
	if len(perPerson) != 2 || perPerson[customer] != 3 {
		t.Errorf("statuses per participant: %v", perPerson)
	}
}

// Statuses of one message come in order when callbacks go one after the other, and each after its own time.
func TestLatency(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{OpenWindow: true, Batch: 1, Latency: wabatest.Latency{
		Sent:      wabatest.Delay{Median: 50 * time.Millisecond},
		Delivered: wabatest.Delay{Median: 100 * time.Millisecond, Spread: 0.2},
		Read:      wabatest.Delay{Median: 100 * time.Millisecond},
	}})
	began := time.Now()
	id := b.send(text(customer, "Hi"))
	if len(b.statuses()) != 0 {
		t.Error("a status came at once")
	}
	b.settle()
	if took := time.Since(began); took < 200*time.Millisecond || took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	if got := words(b.statuses()[id]); got != "sent delivered read" {
		t.Error(got)
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{OpenWindow: true, Delivered: 0.5, Read: -1, Played: true})
	for i := range 200 {
		b.send(text(fmt.Sprint(15550170000+i), "Hi"))
	}
	b.settle()
	got := b.sim.Tally().Statuses
	if got[waba.StatusSent] != 200 || got[waba.StatusDelivered] < 70 || got[waba.StatusDelivered] > 130 || got[waba.StatusRead] != 0 {
		t.Error(got)
	}
}

// The counts of a run are exact, and what came back is complete.
func TestFiveThousandMessages(t *testing.T) {
	t.Parallel()
	const n, senders = 5000, 8
	b := start(t, wabatest.Options{OpenWindow: true, Connections: 8})
	var wg sync.WaitGroup
	for w := range senders {
		wg.Go(func() {
			for i := w; i < n; i += senders {
				b.send(text(fmt.Sprint(15560100000+i%4000), "Hi", "biz_opaque_callback_data", fmt.Sprintf("origin=broadcast;broadcast=%d", i%2)))
			}
		})
	}
	wg.Wait()
	b.settle()
	tally := b.sim.Tally()
	if tally.Accepted != n || tally.Recipients != 4000 || tally.Duplicates != 1000 || tally.Callbacks.Facts != 3*n || tally.Callbacks.Pending != 0 || tally.Dropped != 0 {
		t.Errorf("%+v", tally)
	}
	if c := b.sim.Count(wabatest.Filter{Tracking: "broadcast=1"}); c.Messages != n/2 || c.Recipients != 2000 || c.Duplicates != 500 || c.Most != 2 {
		t.Errorf("%+v", c)
	}
	if twice := b.sim.Recipients(2); len(twice) != 1000 || twice[0].Messages != 2 {
		t.Errorf("%d recipients got two", len(twice))
	}
	got := b.statuses()
	for id, statuses := range got {
		if len(statuses) != 3 {
			t.Fatalf("%s: %s", id, words(statuses))
		}
	}
	if len(got) != n {
		t.Errorf("%d messages have statuses", len(got))
	}
	if posts := len(b.bodies); posts >= 3*n {
		t.Errorf("%d callbacks, so nothing was batched", posts)
	}
}

func TestOldMessagesAreForgotten(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{OpenWindow: true, Remember: 10})
	var ids []string
	for range 25 {
		ids = append(ids, b.send(text(customer, "Hi")))
	}
	b.settle()
	kept := b.sim.Messages(wabatest.Filter{})
	if tally := b.sim.Tally(); len(kept) != 10 || kept[0].ID != ids[15] || kept[9].ID != ids[24] || tally.Forgotten != 15 || tally.Accepted != 25 {
		t.Errorf("%d kept, %+v", len(kept), tally)
	}
	if later := b.sim.Messages(wabatest.Filter{After: 20, Limit: 2}); len(later) != 2 || later[0].ID != ids[20] {
		t.Errorf("%+v", later)
	}
}
