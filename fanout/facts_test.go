package fanout

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/models"
)

var (
	business1, business2 = int64(1), int64(2)
	testRoutes           = &models.Routes{Numbers: map[string]models.Number{
		"600": {ID: 11, BusinessID: 1, PhoneNumberID: "600", WABAID: "500", Display: "15550100200"},
		"700": {ID: 12, BusinessID: 2, PhoneNumberID: "700", WABAID: "501", Display: "15550100300"},
	}}
	ours   = models.App{ID: 1, BusinessID: &business1, Name: "ours"}
	theirs = models.App{ID: 2, BusinessID: &business2, Name: "theirs"}
	shared = models.App{ID: 3, Name: "shared"}
)

// testSubs knows the test's numbers and one app, or none.
func testSubs(app models.App, known bool) *subscriptions {
	s := &subscriptions{routes: testRoutes, apps: map[int64]models.App{}, numbers: map[int64]models.Number{}}
	for _, n := range testRoutes.Numbers {
		s.numbers[n.ID] = n
	}
	if known {
		s.apps[app.ID] = app
	}
	return s
}

func envelope(changes ...string) []byte {
	return fmt.Appendf(nil, `{"object":"whatsapp_business_account","entry":[{"id":"500","changes":[%s]}]}`, strings.Join(changes, ","))
}

func messages(pnid, content string) string {
	return fmt.Sprintf(`{"field":"messages","value":{"messaging_product":"whatsapp","metadata":{"phone_number_id":%q},%s}}`, pnid, content)
}

const (
	text1   = `"messages":[{"id":"wamid.1","from":"155","timestamp":"1793491200","type":"text","text":{"body":"hi"}}]`
	status1 = `"statuses":[{"id":"wamid.2","status":"sent","timestamp":"1793491200","recipient_id":"155"}]`
)

func TestWhatACallbackSays(t *testing.T) {
	for name, tc := range map[string]struct {
		app   models.App
		known bool
		body  []byte
		types []string
		parks []string
	}{
		"a message":                     {ours, true, envelope(messages("600", text1)), []string{event.MessageReceived}, nil},
		"a message and a status":        {ours, true, envelope(messages("600", text1+","+status1)), []string{event.MessageReceived, event.MessageReport}, nil},
		"through an app of everybody":   {shared, true, envelope(messages("600", text1), messages("700", text1)), []string{event.MessageReceived, event.MessageReceived}, nil},
		"another business's number":     {theirs, true, envelope(messages("600", text1)), nil, []string{"600"}},
		"a number nobody has":           {ours, true, envelope(messages("999", text1), messages("600", status1)), []string{event.MessageReport}, []string{"999"}},
		"an app that is gone":           {models.App{}, false, envelope(messages("600", text1)), nil, []string{"600"}},
		"a type of tomorrow":            {ours, true, envelope(messages("600", `"messages":[{"id":"wamid.3","type":"hologram","hologram":{}}]`)), []string{event.UpstreamUnrecognized}, nil},
		"a place":                       {ours, true, envelope(messages("600", `"messages":[{"id":"wamid.4","from":"155","type":"location","location":{"latitude":1}}]`)), []string{event.MessageReceived}, nil},
		"an edit":                       {ours, true, envelope(messages("600", `"messages":[{"id":"wamid.4","from":"155","type":"edit","edit":{"original_message_id":"wamid.1","message":{"type":"text","text":{"body":"ho"}}}}]`)), []string{event.MessageEdited}, nil},
		"a revocation":                  {ours, true, envelope(messages("600", `"messages":[{"id":"wamid.4","from":"155","type":"revoke","revoke":{"original_message_id":"wamid.1"}}]`)), []string{event.MessageDeleted}, nil},
		"its own message":               {ours, true, envelope(messages("600", strings.Replace(text1, `"155"`, `"15550100200"`, 1))), []string{event.MessageSent}, nil},
		"a payment":                     {ours, true, envelope(messages("600", `"statuses":[{"id":"wamid.5","type":"payment","status":"captured","payment":{"reference_id":"r"}}]`)), []string{event.OrderStatusUpdated}, nil},
		"a deletion of old":             {ours, true, envelope(messages("600", `"statuses":[{"id":"wamid.5","status":"deleted"}]`)), []string{event.MessageDeleted}, nil},
		"a status of tomorrow":          {ours, true, envelope(messages("600", `"statuses":[{"id":"wamid.5","status":"pondered"}]`)), []string{event.UpstreamUnrecognized}, nil},
		"an error":                      {ours, true, envelope(messages("600", `"errors":[{"code":1},{"code":1}]`)), []string{event.ErrorReported, event.ErrorReported}, nil},
		"a field of tomorrow":           {ours, true, envelope(`{"field":"holograms","value":{"x":1}}`), []string{event.UpstreamUnrecognized}, nil},
		"an account change, shared app": {shared, true, envelope(`{"field":"account_update","value":{"event":"X"}}`), []string{event.AccountUpdated}, nil},
		"an account nobody has":         {shared, true, []byte(`{"object":"x","entry":[{"id":"999","changes":[{"field":"account_update","value":{"event":"X"}}]}]}`), nil, []string{"waba:999"}},
		"nothing":                       {ours, true, envelope(), nil, nil},
		"not JSON":                      {ours, true, []byte("hello"), []string{event.UpstreamUnrecognized}, []string{""}},
		"not JSON, app of everybody":    {shared, true, []byte("hello"), nil, []string{""}},
		"no envelope":                   {ours, true, []byte(`{}`), []string{event.UpstreamUnrecognized}, []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			facts, waits := factsOf(models.Callback{ID: 1, AppID: tc.app.ID, ReceivedAt: time.Now(), Body: tc.body}, testSubs(tc.app, tc.known))
			var types, parks []string
			for _, f := range facts {
				types = append(types, f.typ)
				require.NotZero(t, f.business)
				require.False(t, f.occurred.IsZero())
			}
			for _, p := range waits {
				parks = append(parks, p.key)
				require.NotEmpty(t, p.reason)
			}
			require.Equal(t, tc.types, types)
			require.Equal(t, tc.parks, parks)
		})
	}
}

// The same fact has one identity, however it arrives; different facts never share one.
func TestIdentity(t *testing.T) {
	key := func(app models.App, callback int64, body []byte) string {
		facts, _ := factsOf(models.Callback{ID: callback, AppID: app.ID, Body: body}, testSubs(app, true))
		require.NotEmpty(t, facts)
		return facts[len(facts)-1].key.EventID()
	}
	one := key(ours, 1, envelope(messages("600", text1)))
	require.Equal(t, one, key(shared, 2, envelope(messages("600", status1), messages("600", text1))), "another app, another batch, another day")
	require.NotEqual(t, one, key(ours, 1, envelope(messages("600", strings.Replace(text1, "wamid.1", "wamid.11", 1)))))
	require.NotEqual(t, key(shared, 1, envelope(messages("600", text1))), key(shared, 1, envelope(messages("700", text1))), "a wamid belongs to its number")
	report := func(s string) string { return key(ours, 1, envelope(messages("600", s))) }
	require.Equal(t, report(status1), report(strings.Replace(status1, "1793491200", "1793491299", 1)))
	require.NotEqual(t, report(status1), report(strings.Replace(status1, "sent", "read", 1)))
	require.NotEqual(t, report(status1), report(strings.Replace(status1, `"recipient_id"`, `"recipient_participant_id":"9","recipient_id"`, 1)), "each participant of a group has statuses")
	failure := envelope(messages("600", `"errors":[{"code":1}]`))
	require.Equal(t, key(ours, 1, failure), key(ours, 1, failure), "a callback that is translated again")
	require.NotEqual(t, key(ours, 1, failure), key(ours, 2, failure), "two equal errors are two")
	require.Regexp(t, `^evt_[0-9a-f]{32}$`, one)
}

// What a raw dialect delivers is found in the callback again.
func TestUpstreamOf(t *testing.T) {
	cb := models.Callback{ID: 5, AppID: shared.ID, Body: envelope(messages("700", text1), messages("600", text1+","+status1+`,"errors":[{"code":131000.0}]`), `{"field":"holograms","value":{"x":1e2}}`)}
	facts, _ := factsOf(cb, testSubs(shared, true))
	require.Len(t, facts, 5)
	for _, f := range facts {
		raw, err := upstreamOf(models.Event{ID: 1, Key: f.key, BusinessID: f.business, NumberID: f.number.ID, CallbackID: cb.ID}, cb, testSubs(shared, true))
		require.NoError(t, err)
		again, waits := factsOf(models.Callback{ID: 5, AppID: shared.ID, Body: raw}, testSubs(shared, true))
		require.Empty(t, waits)
		require.Len(t, again, 1, "%s", raw)
		require.Equal(t, f.typ, again[0].typ)
		if f.typ != event.ErrorReported { // its identity is its place in the callback
			require.Equal(t, f.key, again[0].key)
		}
	}
	raw, err := upstreamOf(models.Event{Key: event.NewKey("derived")}, cb, testSubs(shared, true))
	require.NoError(t, err)
	require.Nil(t, raw)
	raw, err = upstreamOf(models.Event{}, models.Callback{}, testSubs(shared, true))
	require.NoError(t, err)
	require.Nil(t, raw, "a callback that is gone")
}
