package outgoing_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"wabagate/waba/outgoing"
)

// whole makes a body of the members that a table line is about.
func whole(members string) []byte {
	return []byte(`{"messaging_product":"whatsapp","to":"+1 (555) 017-7321",` + members + `}`)
}

// public is a message without what it keeps of the body.
func public(m outgoing.Message) outgoing.Message {
	var p outgoing.Message
	from, to := reflect.ValueOf(m), reflect.ValueOf(&p).Elem()
	for i := range from.NumField() {
		if from.Type().Field(i).IsExported() {
			to.Field(i).Set(from.Field(i))
		}
	}
	return p
}

// sendable has a body of every type and of every interactive type, as the platform's pages have them, and what a person
// would read in it.
var sendable = map[string]struct {
	members string
	want    outgoing.Message
}{
	"text":                 {`"type":"text","text":{"body":"Hi","preview_url":false},"context":{"message_id":"wamid.IN1"},"biz_opaque_callback_data":"order-7"`, outgoing.Message{Text: "Hi", ReplyTo: "wamid.IN1", Tracking: "order-7"}},
	"text without type":    {`"text":{"body":"Hi"}`, outgoing.Message{Type: "text", Text: "Hi"}},
	"image":                {`"type":"image","image":{"link":"https://example.com/a.jpg","caption":"roof"}`, outgoing.Message{Text: "roof", MediaLink: "https://example.com/a.jpg"}},
	"video":                {`"type":"video","video":{"id":"900010","caption":"demo"}`, outgoing.Message{Text: "demo", MediaID: "900010"}},
	"audio":                {`"type":"audio","audio":{"id":900011,"voice":true}`, outgoing.Message{MediaID: "900011"}},
	"document":             {`"type":"document","document":{"link":"https://example.com/a.pdf","filename":"a.pdf","caption":"quote"}`, outgoing.Message{Text: "quote", MediaLink: "https://example.com/a.pdf"}},
	"sticker":              {`"type":"sticker","sticker":{"id":"900012"}`, outgoing.Message{MediaID: "900012"}},
	"location":             {`"type":"location","location":{"latitude":1.29,"longitude":"103.85","name":"Pier","address":"1 Quay"}`, outgoing.Message{Text: "Pier"}},
	"contacts":             {`"type":"contacts","contacts":[{"name":{"formatted_name":"Bo Li","first_name":"Bo"},"phones":[{"phone":"+15550179000","type":"WORK","wa_id":"15550179000"}]},{"name":{"formatted_name":"Al"}}]`, outgoing.Message{Text: "Bo Li, Al"}},
	"reaction":             {`"type":"reaction","reaction":{"message_id":"wamid.IN1","emoji":"\u2764\ufe0f"}`, outgoing.Message{Text: "\u2764\ufe0f"}},
	"reaction, taken back": {`"type":"reaction","reaction":{"message_id":"wamid.IN1","emoji":""}`, outgoing.Message{Type: "reaction"}},
	"template": {`"type":"template","template":{"name":"order_ready","language":{"code":"en_US"},"components":[{"type":"header","parameters":[{"type":"image","image":{"link":"https://example.com/h.jpg"}}]},{"type":"body","parameters":[{"type":"text","parameter_name":"name","text":"Ada"}]},{"type":"button","sub_type":"quick_reply","index":"0","parameters":[{"type":"payload","payload":"CONFIRM"}]},{"type":"button","sub_type":"url","index":1}]}`,
		outgoing.Message{Text: "order_ready", Template: "order_ready"}},

	"interactive button":                   {`"type":"interactive","interactive":{"type":"button","body":{"text":"OK?"},"action":{"buttons":[{"type":"reply","reply":{"id":"y","title":"Yes"}}]}}`, outgoing.Message{Text: "OK?"}},
	"interactive list":                     {`"type":"interactive","interactive":{"type":"list","header":{"type":"text","text":"Slots"},"body":{"text":"Pick"},"footer":{"text":"CET"},"action":{"button":"Open","sections":[{"title":"Tuesday","rows":[{"id":"s9","title":"09:00","description":"free"}]}]}}`, outgoing.Message{Text: "Pick"}},
	"interactive cta_url":                  {`"type":"interactive","interactive":{"type":"cta_url","header":{"type":"image","image":{"id":"1"}},"body":{"text":"Track it"},"action":{"name":"cta_url","parameters":{"display_text":"Track","url":"https://example.com/t"}}}`, outgoing.Message{Text: "Track it"}},
	"interactive flow":                     {`"type":"interactive","interactive":{"type":"flow","body":{"text":"Sign up"},"action":{"name":"flow","parameters":{"flow_message_version":"3","flow_id":"777","flow_token":"tok-1","flow_cta":"Start","mode":"published","flow_action":"navigate","flow_action_payload":{"screen":"FIRST"}}}}`, outgoing.Message{Text: "Sign up"}},
	"interactive flow by name":             {`"type":"interactive","interactive":{"type":"flow","body":{"text":"Sign up"},"action":{"name":"flow","parameters":{"flow_name":"signup","flow_cta":"Start","flow_action":"data_exchange"}}}`, outgoing.Message{Text: "Sign up"}},
	"interactive location_request_message": {`"type":"interactive","interactive":{"type":"location_request_message","body":{"text":"Where are you?"},"action":{"name":"send_location"}}`, outgoing.Message{Text: "Where are you?"}},
	"interactive address_message":          {`"type":"interactive","interactive":{"type":"address_message","body":{"text":"Deliver to?"},"action":{"name":"address_message","parameters":{"country":"IN"}}}`, outgoing.Message{Text: "Deliver to?"}},
	"interactive request_contact_info":     {`"type":"interactive","interactive":{"type":"request_contact_info","body":{"text":"Share your number?"},"action":{"name":"request_contact_info"}}`, outgoing.Message{Text: "Share your number?"}},
	"interactive call_permission_request":  {`"type":"interactive","interactive":{"type":"call_permission_request","body":{"text":"May we call?"},"action":{"name":"call_permission_request"}}`, outgoing.Message{Text: "May we call?"}},
	"interactive voice_call":               {`"type":"interactive","interactive":{"type":"voice_call","body":{"text":"Call us"},"action":{"name":"voice_call","parameters":{"display_text":"Call","ttl_minutes":100,"payload":"p1"}}}`, outgoing.Message{Text: "Call us"}},
	"interactive product":                  {`"type":"interactive","interactive":{"type":"product","body":{"text":"This one?"},"action":{"catalog_id":"800001","product_retailer_id":"sku-1"}}`, outgoing.Message{Text: "This one?"}},
	"interactive product, bare":            {`"type":"interactive","interactive":{"type":"product","action":{"catalog_id":800001,"product_retailer_id":"sku-1"}}`, outgoing.Message{Type: "interactive"}},
	"interactive product_list":             {`"type":"interactive","interactive":{"type":"product_list","header":{"type":"text","text":"Bread"},"body":{"text":"Fresh"},"action":{"catalog_id":"800001","sections":[{"title":"Today","product_items":[{"product_retailer_id":"sku-1"}]}]}}`, outgoing.Message{Text: "Fresh"}},
	"interactive catalog_message":          {`"type":"interactive","interactive":{"type":"catalog_message","body":{"text":"Catalog"},"action":{"name":"catalog_message","parameters":{"thumbnail_product_retailer_id":"sku-1"}}}`, outgoing.Message{Text: "Catalog"}},
	"interactive carousel":                 {`"type":"interactive","interactive":{"type":"carousel","body":{"text":"Choose"},"action":{"cards":[{"card_index":0,"type":"product","action":{"catalog_id":"800001","product_retailer_id":"sku-1"}},{"card_index":1,"type":"cta_url"}]}}`, outgoing.Message{Text: "Choose"}},
	"interactive order_details":            {`"type":"interactive","interactive":{"type":"order_details","body":{"text":"Your order"},"action":{"name":"review_and_pay","parameters":{"reference_id":"order-7","type":"digital-goods","payment_settings":[{"type":"payment_gateway","payment_gateway":{"type":"razorpay","configuration_name":"main"}}],"currency":"INR","total_amount":{"value":21000,"offset":100},"order":{"status":"pending","items":[{"retailer_id":"sku-1","name":"Bread","amount":{"value":21000,"offset":100},"quantity":1}],"subtotal":{"value":21000,"offset":100},"tax":{"value":0,"offset":100}}}}}`, outgoing.Message{Text: "Your order"}},
	"interactive order_status":             {`"type":"interactive","interactive":{"type":"order_status","body":{"text":"On its way"},"action":{"name":"review_order","parameters":{"reference_id":"order-7","order":{"status":"shipped"}}}}`, outgoing.Message{Text: "On its way"}},
}

func TestParse(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{}
	for name, tc := range sendable {
		m, err := outgoing.Parse(whole(tc.members))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		kind, subtype, _ := strings.Cut(name, " ")
		tc.want.Type, tc.want.To = strings.TrimSuffix(kind, ","), "15550177321"
		if got := public(m); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s is %+v", name, got)
		}
		tried[m.Type] = true
		tried["interactive "+subtype] = true
	}
	for _, kind := range outgoing.Types() {
		if !tried[kind] {
			t.Errorf("no body of type %s was tried", kind)
		}
	}
	for _, kind := range outgoing.InteractiveTypes() {
		if !tried["interactive "+kind] {
			t.Errorf("no interactive body of type %s was tried", kind)
		}
	}
}

func TestParseRecipient(t *testing.T) {
	t.Parallel()
	for members, want := range map[string]outgoing.Message{
		`"to":"+1 555-017-7321"`:                            {To: "15550177321"},
		`"to":15550177321`:                                  {To: "15550177321"},
		`"to":"12345"`:                                      {To: "12345"},
		`"to":"123456789012345"`:                            {To: "123456789012345"},
		`"recipient":"US.4KQ82ZT7M1"`:                       {Recipient: "US.4KQ82ZT7M1"},
		`"to":null,"recipient":"US.4KQ82ZT7M1"`:             {Recipient: "US.4KQ82ZT7M1"},
		`"to":"15550177321","recipient":"US.4KQ82ZT7M1"`:    {To: "15550177321", Recipient: "US.4KQ82ZT7M1"},
		`"recipient_type":"individual","to":"15550177321"`:  {To: "15550177321"},
		`"recipient_type":"group","to":"Y2FwaV9ncm91cDox+"`: {To: "Y2FwaV9ncm91cDox+", Group: true},
	} {
		want.Type, want.Text = "text", "x"
		m, err := outgoing.Parse([]byte(`{"type":"text","text":{"body":"x"},` + members + `}`))
		if err != nil || !reflect.DeepEqual(public(m), want) {
			t.Errorf("%s is %+v, %v", members, public(m), err)
		}
	}
}

func TestParseRead(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]outgoing.Message{
		`{"messaging_product":"whatsapp","status":"read","message_id":"wamid.IN1"}`:                                             {IsRead: true, MessageID: "wamid.IN1"},
		`{"messaging_product":"whatsapp","status":"read","message_id":"wamid.IN1","typing_indicator":{"type":"text"}}`:          {IsRead: true, MessageID: "wamid.IN1", Typing: true},
		`{"status":"read","message_id":"wamid.IN1","typing_indicator":null,"biz_opaque_callback_data":"a message has no such"}`: {IsRead: true, MessageID: "wamid.IN1"},
	} {
		m, err := outgoing.Parse([]byte(body))
		if err != nil || !reflect.DeepEqual(public(m), want) {
			t.Errorf("%s is %+v, %v", body, public(m), err)
		}
		if sent := string(m.Body("origin=api")); strings.Contains(sent, "biz_opaque") || !strings.Contains(sent, `"messaging_product":"whatsapp"`) {
			t.Errorf("%s is sent as %s", body, sent)
		}
	}
}

// problemsOf are the problems of a body as people would read them.
func problemsOf(t *testing.T, body []byte) []string {
	t.Helper()
	m, err := outgoing.Parse(body)
	if err == nil {
		return nil
	}
	var problems outgoing.Errors
	if !errors.As(err, &problems) || len(problems) == 0 || !reflect.DeepEqual(m, outgoing.Message{}) {
		t.Fatalf("%s: %#v beside %+v", body, err, m)
	}
	texts := make([]string, len(problems))
	for i, problem := range problems {
		texts[i] = problem.Error()
	}
	if strings.Join(texts, "; ") != err.Error() {
		t.Errorf("%q is not its problems", err)
	}
	return texts
}

func TestProblems(t *testing.T) {
	t.Parallel()
	const types = `"audio", "contacts", "document", "image", "interactive", "location", "reaction", "sticker", "template", "text" or "video"`
	interactive := func(s string) string { return `"type":"interactive","interactive":{` + s + `}` }
	for members, want := range map[string][]string{
		`"type":"gif","gif":{}`:                           {`type: is "gif"; it must be ` + types},
		`"type":7`:                                        {"type: must be a string, not a number"},
		`"type":""`:                                       {"type: must not be empty"},
		`"image":{}`:                                      {"type: is required: a string"},
		`"type":"text"`:                                   {"text: is required: an object"},
		`"type":"text","text":"x"`:                        {"text: must be an object, not a string"},
		`"type":"text","text":{}`:                         {"text.body: is required: a string"},
		`"type":"text","text":{"body":null}`:              {"text.body: is required: a string"},
		`"type":"text","text":{"body":""}`:                {"text.body: must not be empty"},
		`"type":"text","text":{"body":["x"]}`:             {"text.body: must be a string, not an array"},
		`"type":"text","text":{"body":true},"context":{}`: {"context.message_id: is required: a string", "text.body: must be a string, not a boolean"},
		`"type":"text","text":{"body":"x"},"context":"wamid.IN1"`:                 {"context: must be an object, not a string"},
		`"type":"text","text":{"body":"x"},"recipient":{}`:                        {"recipient: must be a string, not an object"},
		`"type":"text","text":{"body":"x"},"recipient_type":"crowd"`:              {`recipient_type: is "crowd"; it must be "individual" or "group"`},
		`"type":"text","text":{"body":"x"},"type":"text"`:                         {"type: is there twice"},
		`"type":"text","text":{"body":"x"},"biz_opaque_callback_data":{"a":1}`:    {"biz_opaque_callback_data: must be a string, not an object"},
		`"type":"text","text":{"body":"x"},"status":"delivered","message_id":"a"`: {`status: is "delivered"; it must be "read"`},
		`"status":"read"`: {"message_id: is required: a string"},
		`"status":"read","message_id":"a","typing_indicator":{"type":"voice"}`: {`typing_indicator.type: is "voice"; it must be "text"`},

		`"type":"image","image":{}`:                                    {"image: needs an id or a link"},
		`"type":"image","image":{"id":"1","link":"https://a.example"}`: {"image: takes an id or a link, not both"},
		`"type":"image","image":{"link":"a.jpg"}`:                      {"image.link: must be an absolute address that begins with https:// or http://"},
		`"type":"image","image":{"link":"ftp://a.example/a.jpg"}`:      {"image.link: must be an absolute address that begins with https:// or http://"},
		`"type":"image","image":{"id":1.5,"caption":7}`:                {"image.id: must be a string, not a number", "image.caption: must be a string, not a number"},
		`"type":"document","document":{"id":"","filename":[]}`:         {"document.id: must not be empty", "document.filename: must be a string, not an array"},
		`"type":"location","location":{"latitude":90.01,"longitude":-180.01}`: {
			"location.latitude: must be a number from -90 to 90", "location.longitude: must be a number from -180 to 180"},
		`"type":"location","location":{"latitude":"NaN","longitude":{}}`: {"location.latitude: must be a number from -90 to 90", "location.longitude: must be a number, not an object"},
		`"type":"contacts","contacts":[]`:                                {"contacts: needs at least 1"},
		`"type":"contacts","contacts":{}`:                                {"contacts: must be an array, not an object"},
		`"type":"contacts","contacts":[{"name":{}},7,{"phones":[1]}]`: {
			"contacts[0].name.formatted_name: is required: a string", "contacts[1]: must be an object, not a number",
			"contacts[2].name: is required: an object", "contacts[2].phones[0]: must be an object, not a number"},
		`"type":"reaction","reaction":{}`: {"reaction.message_id: is required: a string", "reaction.emoji: is required: an emoji, or an empty string to take the reaction back"},
		`"type":"template","template":{"name":"","components":7}`: {
			"template.name: must not be empty", "template.language: is required: an object", "template.components: must be an array, not a number"},
		`"type":"template","template":{"name":"a","language":{"code":"en"},"components":[{"type":"body","parameters":[{"type":"text"},{"type":"image","image":{}},{}]},{"type":"button"}]}`: {
			"template.components[0].parameters[0].text: is required: a string", "template.components[0].parameters[1].image: needs an id or a link",
			"template.components[0].parameters[2].type: is required: a string",
			"template.components[1].sub_type: is required: a string", "template.components[1].index: is required: a string"},

		interactive(`"type":"poll"`):   {`interactive.type: is "poll"; it must be "address_message", "button", "call_permission_request", "carousel", "catalog_message", "cta_url", "flow", "list", "location_request_message", "order_details", "order_status", "product", "product_list", "request_contact_info" or "voice_call"`},
		interactive(`"type":"button"`): {"interactive.body: is required: an object", "interactive.action: is required: an object"},
		interactive(`"type":"button","header":{"type":"video","video":{}},"footer":{},"body":{},"action":{"buttons":[{"type":"url","reply":{"id":"a"}}]}`): {
			"interactive.header.video: needs an id or a link", "interactive.body.text: is required: a string", "interactive.footer.text: is required: a string",
			`interactive.action.buttons[0].type: is "url"; it must be "reply"`, "interactive.action.buttons[0].reply.title: is required: a string"},
		interactive(`"type":"cta_url","body":{"text":"x"},"action":{"name":"cta","parameters":{}}`): {
			`interactive.action.name: is "cta"; it must be "cta_url"`, "interactive.action.parameters.display_text: is required: a string",
			"interactive.action.parameters.url: is required: a string"},
		interactive(`"type":"flow","body":{"text":"x"},"action":{"name":"flow","parameters":{"flow_action":"jump"}}`): {
			"interactive.action.parameters: needs a flow_id or a flow_name", "interactive.action.parameters.flow_cta: is required: a string",
			`interactive.action.parameters.flow_action: is "jump"; it must be "navigate" or "data_exchange"`},
		interactive(`"type":"flow","body":{"text":"x"},"action":{"name":"flow","parameters":{"flow_id":"1","flow_name":"a","flow_cta":"x"}}`): {
			"interactive.action.parameters: takes a flow_id or a flow_name, not both"},
		interactive(`"type":"product","action":{}`): {"interactive.action.catalog_id: is required: a string", "interactive.action.product_retailer_id: is required: a string"},
		interactive(`"type":"order_details","body":{"text":"x"},"action":{"name":"review_and_pay","parameters":{"reference_id":"r","currency":"INR","total_amount":{"value":-1,"offset":0},"order":{"items":[{"name":"a"}]}}}`): {
			"interactive.action.parameters.total_amount.value: must be a number from 0 to 1000000000000000",
			"interactive.action.parameters.total_amount.offset: must be a number from 1 to 1000000000000000",
			"interactive.action.parameters.order.items[0].amount: is required: an object"},
	} {
		if got := problemsOf(t, whole(members)); !slices.Equal(got, want) {
			t.Errorf("%s has the problems\n%s", members, strings.Join(got, "\n"))
		}
	}
}

// TestProblemsOfBodies has what is wrong before any field is read, or with the recipient.
func TestProblemsOfBodies(t *testing.T) {
	t.Parallel()
	const text = `"type":"text","text":{"body":"x"}`
	for body, want := range map[string]string{
		``:                                       "the body is not JSON: it is empty",
		`{"to"`:                                  "the body is not JSON: it breaks off",
		`{"to":x}`:                               "the body is not JSON: invalid character 'x' looking for beginning of value (at byte 7)",
		`[]`:                                     "the body must be a JSON object",
		`null`:                                   "the body must be a JSON object",
		`{} {}`:                                  "the body goes on after its JSON object",
		"{\"to\":\"\xff\"}":                      "the body is not UTF-8",
		`{` + text + `}`:                         "to: is required: the recipient's number with its country code, unless recipient has a user id",
		`{"to":"",` + text + `}`:                 "to: must not be empty",
		`{"to":"1234",` + text + `}`:             "to: must be a number with its country code, from 5 to 15 digits, such as 15550177321",
		`{"to":"1234567890123456",` + text + `}`: "to: must be a number with its country code, from 5 to 15 digits, such as 15550177321",
		`{"to":"ada.l",` + text + `}`:            "to: must be a number with its country code, from 5 to 15 digits, such as 15550177321",
		`{"to":"1+5550177321",` + text + `}`:     "to: must be a number with its country code, from 5 to 15 digits, such as 15550177321",
		`{"recipient_type":"group","recipient":"US.1",` + text + `}`:       "to: is required: a string",
		`{"messaging_product":"telegram","to":"15550177321",` + text + `}`: `messaging_product: is "telegram"; it must be "whatsapp"`,
		`{"to":"15550177321","type":"` + strings.Repeat("x", 50) + `"}`:    `type: is "` + strings.Repeat("x", 40) + `" …`,
		`{"to":"15550177321",` + text + `,"\u0074o":"15550177321"}`:        "to: is there twice",
	} {
		got := strings.Join(problemsOf(t, []byte(body)), "; ")
		if head, _, ok := strings.Cut(want, " …"); ok && strings.HasPrefix(got, head+" …") {
			continue
		}
		if got != want {
			t.Errorf("%s: %s", body, got)
		}
	}
	many := problemsOf(t, whole(`"type":"contacts","contacts":[`+strings.Repeat("7,", 60)+`7]`))
	if len(many) != 51 || many[50] != "and 11 more problems" {
		t.Errorf("61 problems are told as %d, the last %q", len(many), many[len(many)-1])
	}
}

// TestLimits puts n characters, or n elements, where the platform has a limit of n, and one more.
func TestLimits(t *testing.T) {
	t.Parallel()
	interactive := func(s string) string { return `"type":"interactive","interactive":{"body":{"text":"b"},` + s + `}` }
	list := func(s string) string {
		return interactive(`"type":"list","action":{"button":"b","sections":[` + s + `]}`)
	}
	button := func(reply string) string {
		return interactive(`"type":"button","action":{"buttons":[{"type":"reply","reply":{` + reply + `}}]}`)
	}
	const row, item, card = `{"id":"r","title":"t"}`, `{"product_retailer_id":"p"}`, `{"type":"cta_url"}`
	characters := func(n int) string { return strings.Repeat("\u00e9", n) }
	elements := func(element string) func(int) string {
		return func(n int) string { return strings.TrimSuffix(strings.Repeat(element+",", n), ",") }
	}
	for field, tc := range map[string]struct {
		limit int
		fill  func(int) string
		body  string // § stands for what fills it
	}{
		"text.body":                                          {4096, characters, `"type":"text","text":{"body":"§"}`},
		"biz_opaque_callback_data":                           {512, characters, `"type":"text","text":{"body":"x"},"biz_opaque_callback_data":"§"`},
		"interactive.body.text":                              {1024, characters, `"type":"interactive","interactive":{"type":"location_request_message","body":{"text":"§"},"action":{"name":"send_location"}}`},
		"interactive.body.text ":                             {4096, characters, `"type":"interactive","interactive":{"type":"list","body":{"text":"§"},"action":{"button":"b","sections":[{"rows":[` + row + `]}]}}`},
		"interactive.header.text":                            {60, characters, interactive(`"type":"product","header":{"type":"text","text":"§"},"action":{"catalog_id":"1","product_retailer_id":"1"}`)},
		"interactive.footer.text":                            {60, characters, interactive(`"type":"product","footer":{"text":"§"},"action":{"catalog_id":"1","product_retailer_id":"1"}`)},
		"interactive.action.buttons[3]":                      {3, elements(`{"type":"reply","reply":{"id":"a","title":"b"}}`), interactive(`"type":"button","action":{"buttons":[§]}`)},
		"interactive.action.buttons[0].reply.id":             {256, characters, button(`"id":"§","title":"b"`)},
		"interactive.action.buttons[0].reply.title":          {20, characters, button(`"id":"a","title":"§"`)},
		"interactive.action.button":                          {20, characters, interactive(`"type":"list","action":{"button":"§","sections":[{"rows":[` + row + `]}]}`)},
		"interactive.action.sections[0].title":               {24, characters, list(`{"title":"§","rows":[` + row + `]}`)},
		"interactive.action.sections[0].rows[10]":            {10, elements(row), list(`{"rows":[§]}`)},
		"interactive.action.sections[1].rows[6]":             {6, elements(row), list(`{"rows":[` + row + `,` + row + `,` + row + `,` + row + `]},{"rows":[§]}`)},
		"interactive.action.sections[10]":                    {10, elements(`{"rows":[` + row + `]}`), list(`§`)},
		"interactive.action.sections[0].rows[0].id":          {200, characters, list(`{"rows":[{"id":"§","title":"t"}]}`)},
		"interactive.action.sections[0].rows[0].title":       {24, characters, list(`{"rows":[{"id":"r","title":"§"}]}`)},
		"interactive.action.sections[0].rows[0].description": {72, characters, list(`{"rows":[{"id":"r","title":"t","description":"§"}]}`)},
		"interactive.action.parameters.display_text":         {20, characters, interactive(`"type":"cta_url","action":{"name":"cta_url","parameters":{"display_text":"§","url":"https://a.example"}}`)},
		"interactive.action.sections[0].product_items[30]":   {30, elements(item), interactive(`"type":"product_list","action":{"catalog_id":"1","sections":[{"product_items":[§]}]}`)},
		"interactive.action.cards[10]":                       {10, elements(card), interactive(`"type":"carousel","action":{"cards":[§]}`)},
		"interactive.action.parameters.order.items[0].name":  {60, characters, interactive(`"type":"order_details","action":{"name":"review_and_pay","parameters":{"reference_id":"r","currency":"INR","total_amount":{"value":1,"offset":100},"order":{"items":[{"name":"§","amount":{"value":1,"offset":100}}]}}}`)},
	} {
		if got := problemsOf(t, whole(strings.ReplaceAll(tc.body, "§", tc.fill(tc.limit)))); got != nil {
			t.Errorf("%s, full: %q", field, got)
		}
		got := problemsOf(t, whole(strings.ReplaceAll(tc.body, "§", tc.fill(tc.limit+1))))
		// The eleventh section is reported by its first row.
		if len(got) != 1 || !strings.HasPrefix(got[0], strings.TrimSpace(field)) || !strings.Contains(got[0], "at most ") {
			t.Errorf("%s, one too many: %q", field, got)
		}
	}
	for _, members := range []string{
		interactive(`"type":"carousel","action":{"cards":[` + card + `]}`), interactive(`"type":"button","action":{"buttons":[]}`),
		interactive(`"type":"list","action":{"button":"b","sections":[]}`), list(`{"rows":[]}`), interactive(`"type":"product_list","action":{"catalog_id":"1","sections":[{"product_items":[]}]}`),
	} {
		if got := problemsOf(t, whole(members)); len(got) != 1 || !strings.Contains(got[0], "needs at least ") {
			t.Errorf("%s: %q", members, got)
		}
	}
}

func TestBody(t *testing.T) {
	t.Parallel()
	const (
		start = ` { "to" : "+1 555 017 7321" , "type":"text", "text": { "body":"caf\u00e9 <&>", "future":1.0e2 } , "id":12345678901234567890`
		rest  = `"to":"+1 555 017 7321","type":"text","text":{ "body":"caf\u00e9 <&>", "future":1.0e2 },"id":12345678901234567890`
	)
	for _, tc := range []struct{ body, tracking, cloud, onPremises string }{
		{start + `}`, "", `{"messaging_product":"whatsapp",` + rest + `}`, `{` + rest + `}`},
		{start + `}`, `a"b`, `{"messaging_product":"whatsapp",` + rest + `,"biz_opaque_callback_data":"a\"b"}`, `{` + rest + `,"biz_opaque_callback_data":"a\"b"}`},
		{start + `, "biz_opaque_callback_data": "mine", "z": 1}`, "", `{"messaging_product":"whatsapp",` + rest + `,"z":1}`, `{` + rest + `,"z":1}`},
		{start + `, "biz_opaque_callback_data": "mine", "z": 1}`, "ours", `{"messaging_product":"whatsapp",` + rest + `,"z":1,"biz_opaque_callback_data":"ours"}`, `{` + rest + `,"z":1,"biz_opaque_callback_data":"ours"}`},
		{start + `, "messaging_product": "whatsapp"}`, "", `{` + rest + `,"messaging_product":"whatsapp"}`, `{` + rest + `}`},
		{start + `, "messaging_product": null}`, "", `{"messaging_product":"whatsapp",` + rest + `}`, `{` + rest + `}`},
		{start + `, "recipient_type": "individual"}`, "", `{"messaging_product":"whatsapp",` + rest + `,"recipient_type":"individual"}`, `{` + rest + `,"recipient_type":"individual"}`},
	} {
		body := []byte(tc.body)
		m, err := outgoing.Parse(body)
		if err != nil {
			t.Fatalf("%s: %v", tc.body, err)
		}
		clear(body) // the caller's buffer is not the message's
		if got := string(m.Body(tc.tracking)); got != tc.cloud {
			t.Errorf("%s is sent as\n%s", tc.body, got)
		}
		if got := string(m.BodyOnPremises(tc.tracking)); got != tc.onPremises {
			t.Errorf("%s is sent On-Premises as\n%s", tc.body, got)
		}
		if got := string(m.Body(tc.tracking)); got != tc.cloud {
			t.Errorf("the second time it is sent as\n%s", got)
		}
	}
}

// FuzzParse asserts that nothing panics, and that what is sent is the same message again.
func FuzzParse(f *testing.F) {
	for _, tc := range sendable {
		f.Add(whole(tc.members))
	}
	f.Add([]byte(`{"status":"read","message_id":"wamid.IN1","typing_indicator":{"type":"text"},"biz_opaque_callback_data":"x"}`))
	f.Add([]byte(`{"recipient":"US.1","\u0074ext":{"body":"\ud800"},"messaging_product":null,"biz_opaque_callback_data":""}`))
	f.Add([]byte(`{"to":"1","to":"1","":[[[`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := outgoing.Parse(body)
		if err != nil {
			if len(problemsOf(t, body)) == 0 {
				t.Errorf("%q is refused without a word", body)
			}
			return
		}
		for _, write := range []func(string) []byte{m.Body, m.BodyOnPremises} {
			sent := write(m.Tracking)
			again, err := outgoing.Parse(sent)
			if err != nil || !reflect.DeepEqual(public(again), public(m)) {
				t.Errorf("%q is sent as %q and read as %+v, %v", body, sent, public(again), err)
			}
			tracked, err := outgoing.Parse(write("ours"))
			if want := public(m); err != nil || !m.IsRead && tracked.Tracking != "ours" {
				t.Errorf("%q is tracked as %+v, %v; want %+v", body, public(tracked), err, want)
			}
			checkMembers(t, body, sent)
		}
	})
}

// checkMembers asserts that every member but the gateway's own is passed on as it was.
func checkMembers(t *testing.T, body, sent []byte) {
	t.Helper()
	var before, after map[string]json.RawMessage
	if json.Unmarshal(body, &before) != nil || json.Unmarshal(sent, &after) != nil {
		t.Errorf("%q became %q", body, sent)
	}
	for _, m := range []map[string]json.RawMessage{before, after} {
		delete(m, "messaging_product")
		delete(m, "biz_opaque_callback_data")
	}
	if !reflect.DeepEqual(before, after) {
		t.Errorf("%q was sent as %q", body, sent)
	}
}
