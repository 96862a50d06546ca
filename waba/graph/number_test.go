package graph_test

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"wabagate/waba/graph"
)

const fields = "id%2Cdisplay_phone_number%2Cverified_name%2Cquality_rating%2Cthroughput%2Cstatus%2Ccode_verification_status%2Cplatform_type"

func TestPhoneNumber(t *testing.T) {
	t.Parallel()
	u := one(t, "GET /v26.0/600700800900100?fields="+fields, `{"id":"600700800900100","display_phone_number":"+1 555-010-0200","verified_name":"Pier Bakery",
		"quality_rating":"GREEN","throughput":{"level":"STANDARD"},"status":"CONNECTED","code_verification_status":"VERIFIED","platform_type":"CLOUD_API"}`)
	got, err := newClient().PhoneNumber(t.Context(), u.account(graph.Cloud))
	must(t, err)
	if want := (graph.PhoneNumber{
		ID: "600700800900100", DisplayPhoneNumber: "+1 555-010-0200", VerifiedName: "Pier Bakery", QualityRating: "GREEN", Throughput: "STANDARD",
		Status: "CONNECTED", CodeVerification: "VERIFIED", PlatformType: "CLOUD_API",
	}); got != want {
		t.Errorf("%+v", got)
	}
	for _, answer := range []string{`{}`, `[]`, `{"error":{"code":190,"message":"expired"}}`, `401 {"error":{"code":190,"message":"expired"}}`} {
		u := one(t, "GET /v26.0/600700800900100?fields="+fields, answer)
		if got, err := newClient().PhoneNumber(t.Context(), u.account(graph.Cloud)); err == nil || got != (graph.PhoneNumber{}) {
			t.Errorf("%s is %+v, %v", answer, got, err)
		} else if strings.Contains(answer, "190") && graph.Judge(err).Decision != graph.Unauthorized {
			t.Errorf("%s is %v", answer, err)
		}
	}
}

func TestPhoneNumbers(t *testing.T) {
	t.Parallel()
	const route = "GET /v26.0/500100200300400/phone_numbers?"
	first := url.Values{"limit": {"100"}}.Encode()
	u := answering(t, map[string][]string{
		route + "fields=" + fields + "&" + first:            {`{"data":[{"id":"1"},{"id":2}],"paging":{"cursors":{"before":"A","after":"B"}}}`},
		route + "after=B&fields=" + fields + "&" + first:    {`{"data":[{"id":"3"}],"paging":{"cursors":{"after":"C&"}}}`},
		route + "after=C%26&fields=" + fields + "&" + first: {`{"data":[],"paging":{}}`},
	})
	got, err := newClient().PhoneNumbers(t.Context(), u.account(graph.Cloud))
	must(t, err)
	if want := []graph.PhoneNumber{{ID: "1"}, {ID: "2"}, {ID: "3"}}; !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	for name, tc := range map[string]struct{ answer string }{
		"no list": {`{"success":true}`}, "an error": {`400 {"error":{"code":100,"message":"Unsupported get request"}}`},
	} {
		u := one(t, route+"fields="+fields+"&"+first, tc.answer)
		var answer *graph.Error
		if _, err := newClient().PhoneNumbers(t.Context(), u.account(graph.Cloud)); !errors.As(err, &answer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A cursor that leads nowhere else ends the list.
	u = answering(t, map[string][]string{
		route + "fields=" + fields + "&" + first:         {`{"data":[{"id":"1"}],"paging":{"cursors":{"after":"B"}}}`},
		route + "after=B&fields=" + fields + "&" + first: {`{"data":[{"id":"2"}],"paging":{"cursors":{"after":"B"}}}`},
	})
	if got, err := newClient().PhoneNumbers(t.Context(), u.account(graph.Cloud)); err != nil || len(got) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	u := one(t, "GET /v26.0/500100200300400/message_templates?fields=id%2Cname%2Clanguage%2Cstatus%2Ccategory%2Ccorrect_category%2Ccomponents&limit=100",
		`{"data":[{"id":"77","name":"order_ready","language":"en_US","status":"APPROVED","category":"UTILITY","correct_category":"MARKETING","components":[{"type":"BODY"}]},{"id":9007199254740993,"name":"x"}]}`)
	got, err := newClient().Templates(t.Context(), u.account(graph.Cloud))
	must(t, err)
	want := []graph.Template{
		{ID: "77", Name: "order_ready", Language: "en_US", Status: "APPROVED", Category: "UTILITY", CorrectCategory: "MARKETING", Components: []byte(`[{"type":"BODY"}]`)},
		{ID: "9007199254740993", Name: "x"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestHealthStatus(t *testing.T) {
	t.Parallel()
	const answer = `{"health_status":{"can_send_message":"BLOCKED","entities":[{"entity_type":"WABA","id":"500100200300400","can_send_message":"BLOCKED",
		"errors":[{"error_code":141006,"error_description":"No payment method.","possible_solution":"Add one."}]},{"entity_type":"APP","id":700100,"can_send_message":"AVAILABLE"}]},"id":"6"}`
	for style, route := range map[graph.Style]string{graph.Cloud: "GET /v26.0/600700800900100?fields=health_status", graph.Dialog360: "GET /health_status"} {
		u := one(t, route, answer)
		got, err := newClient().HealthStatus(t.Context(), u.account(style))
		must(t, err)
		if string(got.Raw) != answer {
			t.Errorf("%s", got.Raw)
		}
		got.Raw = nil
		want := graph.Health{CanSend: "BLOCKED", Entities: []graph.HealthEntity{
			{Type: "WABA", ID: "500100200300400", CanSend: "BLOCKED", Errors: []graph.HealthError{{141006, "No payment method.", "Add one."}}},
			{Type: "APP", ID: "700100", CanSend: "AVAILABLE"},
		}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v", got)
		}
	}
	u := one(t, "GET /health_status", `{"status":"ok"}`)
	if got, err := newClient().HealthStatus(t.Context(), u.account(graph.Dialog360)); err != nil || got.CanSend != "" || string(got.Raw) != `{"status":"ok"}` {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestDebugToken(t *testing.T) {
	t.Parallel()
	const route = "GET /v26.0/debug_token?input_token=" + token
	u := one(t, route, `{"data":{"app_id":"700100","type":"SYSTEM_USER","application":"Gateway","data_access_expires_at":1801267200,"expires_at":0,"is_valid":true,
		"scopes":["whatsapp_business_management","public_profile"],"granular_scopes":[{"scope":"whatsapp_business_management","target_ids":["500100200300400",7]},{"scope":"public_profile"}],"user_id":"1"}}`)
	got, err := newClient().DebugToken(t.Context(), u.account(graph.Cloud))
	must(t, err)
	want := graph.Token{
		Valid: true, AppID: "700100", Application: "Gateway", Type: "SYSTEM_USER", DataAccessExpiresAt: time.Unix(1801267200, 0).UTC(),
		Scopes:   []string{"whatsapp_business_management", "public_profile"},
		Granular: map[string][]string{"whatsapp_business_management": {"500100200300400", "7"}, "public_profile": {}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if lacks := got.Lacks(); !slices.Equal(lacks, []string{"whatsapp_business_messaging"}) {
		t.Errorf("it lacks %s", lacks)
	}
	if _, header := u.last(t); header.Get("Authorization") != "Bearer 700100|"+secret {
		t.Errorf("asked with %s", header)
	}

	u = one(t, route, `{"data":{"is_valid":false,"expires_at":1793491200,"error":{"code":190,"message":"Error validating access token `+token+`: Session has expired"},"scopes":[]}}`)
	alone := u.account(graph.Cloud)
	alone.AppSecret = ""
	got, err = newClient().DebugToken(t.Context(), alone)
	must(t, err)
	if got.Valid || got.Problem != "Error validating access token <secret>: Session has expired" || !got.ExpiresAt.Equal(time.Unix(1793491200, 0)) {
		t.Errorf("%+v", got)
	}
	if _, header := u.last(t); header.Get("Authorization") != "Bearer "+token {
		t.Errorf("asked with %s", header)
	}

	u = one(t, route, `400 {"error":{"message":"Invalid app secret `+secret+`","code":101}}`)
	_, err = newClient().DebugToken(t.Context(), u.account(graph.Cloud))
	leaksNothing(t, err)
	u.Close()
	_, err = newClient().DebugToken(t.Context(), u.account(graph.Cloud))
	if err == nil {
		t.Error("nobody answered, and it is no error")
	}
	leaksNothing(t, err)
}

func TestSubscription(t *testing.T) {
	t.Parallel()
	const subscribed, number = " /v26.0/500100200300400/subscribed_apps", " /v26.0/600700800900100"
	u := answering(t, map[string][]string{
		"POST" + subscribed:   {`{"success":true}`},
		"DELETE" + subscribed: {`{"success":true}`, `{"success":false}`},
		"GET" + subscribed + "?limit=100": {`{"data":[{"whatsapp_business_api_data":{"id":"700100","link":"https://www.example.com/app","name":"Gateway"},
			"override_callback_uri":"https://gw.example/cb"},{"whatsapp_business_api_data":{"id":7}}]}`},
		"POST" + number: {`{"success":true}`, `400 {"error":{"code":100,"message":"(#100) Callback verification failed"}}`},
		"GET" + number + "?fields=webhook_configuration": {`{"webhook_configuration":{"phone_number":"https://gw.example/n","whatsapp_business_account":"https://gw.example/w","application":"https://gw.example/a"},"id":"600700800900100"}`, `{"id":"600700800900100"}`, `{}`},
	})
	c, ctx, a := newClient(), t.Context(), u.account(graph.Cloud)
	post := func(err error, want string) {
		t.Helper()
		must(t, err)
		got, _ := u.last(t)
		sameJSON(t, got, want)
	}
	post(c.Subscribe(ctx, a, "", "T"), `{}`)
	post(c.Subscribe(ctx, a, "https://gw.example/cb", "T"), `{"override_callback_uri":"https://gw.example/cb","verify_token":"T"}`)
	apps, err := c.SubscribedApps(ctx, a)
	must(t, err)
	if want := []graph.App{{"700100", "Gateway", "https://www.example.com/app", "https://gw.example/cb"}, {ID: "7"}}; !slices.Equal(apps, want) {
		t.Errorf("%+v", apps)
	}
	must(t, c.Unsubscribe(ctx, a))
	if c.Unsubscribe(ctx, a) == nil {
		t.Error("success false is a success")
	}
	long := "https://gw.example/" + strings.Repeat("a", 200-len("https://gw.example/"))
	post(c.SetOverride(ctx, a, long, "T2"), `{"webhook_configuration":{"override_callback_uri":"`+long+`","verify_token":"T2"}}`)
	if err := c.SetOverride(ctx, a, "", "T2"); err == nil || !strings.Contains(err.Error(), "Callback verification failed") {
		t.Errorf("%v", err)
	}
	got, _ := u.last(t)
	sameJSON(t, got, `{"webhook_configuration":{"override_callback_uri":""}}`)
	for _, want := range []graph.Callbacks{{"https://gw.example/n", "https://gw.example/w", "https://gw.example/a"}, {}} {
		if at, err := c.Callbacks(ctx, a); err != nil || at != want {
			t.Errorf("%+v, %v", at, err)
		}
	}
	if _, err := c.Callbacks(ctx, a); err == nil {
		t.Error("an answer about nothing is no answer")
	}
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	const path = " /v1/configs/webhook"
	for _, style := range []graph.Style{graph.Dialog360, graph.OnPremises} {
		u := answering(t, map[string][]string{
			"POST" + path: {`{"url":"https://gw.example/cb"}`, ``, `400 {"meta":{"success":false,"http_code":400,"developer_message":"bad url"}}`},
			"GET" + path:  {`{"url":"https://gw.example/cb","headers":{"Authorization":"Basic x"}}`, `404 {}`, `{}`, `401 {"meta":{"success":false,"http_code":401,"developer_message":"Invalid api_key"}}`},
		})
		c, ctx, a := newClient(), t.Context(), u.account(style)
		must(t, c.ConfigureWebhook(ctx, a, "https://gw.example/cb", map[string]string{"Authorization": "Basic x"}))
		got, _ := u.last(t)
		sameJSON(t, got, `{"url":"https://gw.example/cb","headers":{"Authorization":"Basic x"}}`)
		must(t, c.ConfigureWebhook(ctx, a, "https://gw.example/cb", nil))
		if err := c.ConfigureWebhook(ctx, a, "x", nil); err == nil || !strings.Contains(err.Error(), "bad url") {
			t.Errorf("%v", err)
		}
		for _, want := range []string{"https://gw.example/cb", "", ""} {
			if at, err := c.Webhook(ctx, a); err != nil || at != want {
				t.Errorf("%q, %v", at, err)
			}
		}
		if _, err := c.Webhook(ctx, a); graph.Judge(err).Decision != graph.Unauthorized {
			t.Errorf("a bad key is %v", err)
		}
	}
}

// TestDeleteWebhook has providers with and without a call for it.
func TestDeleteWebhook(t *testing.T) {
	t.Parallel()
	const path = " /v1/configs/webhook"
	all := []string{"DELETE" + path, "POST" + path, "GET" + path}
	for name, tc := range map[string]struct {
		remove, empty, read string
		asked               []string
		want                string // part of the error; empty: none
	}{
		"knows it":                 {"200 ", "500 ", "500 ", all[:1], ""},
		"does not: 404":            {"404 ", "200 ", "404 ", all, ""},
		"does not: 405":            {"405 ", "200 {}", `{"url":""}`, all, ""},
		"takes no empty address":   {"404 ", `400 {"error":"url is required"}`, `{"url":"https://gw.example/cb"}`, all, "url is required"},
		"takes none, but has none": {"404 ", `400 {"error":"url is required"}`, "404 ", all, ""},
		"takes it and goes on":     {"405 ", "200 ", `{"url":"https://gw.example/cb"}`, all, "still posts to https://gw.example/cb"},
		"cannot be read back":      {"405 ", "200 ", "500 ", all, "read the provider's webhook: answered 500"},
		"a bad key":                {"401 ", "200 ", "404 ", all[:1], "answered 401"},
		"trouble":                  {"500 ", "200 ", "404 ", all[:1], "answered 500"},
	} {
		u := answering(t, map[string][]string{"DELETE" + path: {tc.remove}, "POST" + path: {tc.empty}, "GET" + path: {tc.read}})
		err := newClient().DeleteWebhook(t.Context(), u.account(graph.Dialog360))
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
		u.said(t, tc.asked...)
		if len(tc.asked) > 1 {
			sameJSON(t, u.bodies[1], `{"url":""}`)
		}
	}
}

func ExampleToken_Lacks() {
	fmt.Println(graph.Token{Scopes: []string{graph.ScopeMessaging}}.Lacks())
	// Output: [whatsapp_business_management]
}
