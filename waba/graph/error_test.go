package graph_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"wabagate/waba/graph"
)

// sent is the error of a message that an upstream answers so.
func sent(t *testing.T, status int, header http.Header, body string) error {
	t.Helper()
	u := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for key, values := range header {
			w.Header()[key] = values
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	defer u.Close()
	_, err := newClient().Send(t.Context(), graph.Account{Base: u.URL, Token: token, PhoneNumberID: "1", AppSecret: secret}, []byte(`{}`))
	return err
}

func TestErrorShapes(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]graph.Error{
		`{"error":{"message":"(#130429) Rate limit hit","type":"OAuthException","code":130429,"error_data":{"messaging_product":"whatsapp","details":"Too many sends."},"fbtrace_id":"Ax1"}}`: {
			Code: 130429, Coded: true, Title: "Rate limit hit", Details: "Too many sends.", Type: "OAuthException", TraceID: "Ax1"},
		`{"error":{"message":"Try later","code":2,"error_subcode":99,"is_transient":true,"error_user_title":"Sorry","error_user_msg":"Come back."}}`: {
			Code: 2, Coded: true, Subcode: 99, Title: "Try later", Details: "Come back.", Transient: true},
		`{"error":{"message":"AuthException","code":0,"error_data":"a bare text"}}`: {Code: 0, Coded: true, Title: "AuthException", Details: "a bare text"},
		`{"error":{"message":"Strings","code":"131026","error_subcode":"7"}}`:       {Code: 131026, Coded: true, Subcode: 7, Title: "Strings"},
		`{"error":{"message":"Malformed access token ` + token + `","code":"x"}}`:   {Title: "Malformed access token <secret>"},
		`{"error":{"message":"Nested","code":{},"is_transient":"yes"}}`:             {Title: "Nested"},
		`{"error":{}}`:            {Title: "an error without a word"},
		`{"error":"Just a text"}`: {Title: "Just a text"},
		`{"errors":[{"code":1013,"title":"User is not valid","details":"unknown contact","href":"/docs"},{"code":1}],"meta":{"version":"2.53"}}`: {
			Code: 1013, Coded: true, Title: "User is not valid", Details: "unknown contact"},
		`{"error":null,"errors":{"code":1006,"title":"Not found"}}`:                                    {Code: 1006, Coded: true, Title: "Not found"},
		`{"meta":{"success":false,"http_code":401,"developer_message":"Invalid api_key"}}`:             {Title: "Invalid api_key"},
		`{"meta":{"success":false,"httpCode":401,"developerMessage":"Invalid api_key ` + token + `"}}`: {Title: "Invalid api_key <secret>"},
		`<html><body>502</body></html>`:                                                                {Title: "the answer is an HTML page"},
		``:                                                                                             {Title: "the answer is empty"},
		"  \n":                                                                                         {Title: "the answer is empty"},
		`{"hello":"` + secret + `"}`:                                                                   {Title: `the answer says nothing that an error would: {"hello":"<secret>"}`},
		`oops ` + strings.Repeat("\u00e9", 200):                                                        {Title: "the answer is not JSON: oops " + strings.Repeat("\u00e9", 97) + " …"},
		`{"error":{"code":4,"message":"` + strings.Repeat("x", 1<<20) + `"}}`: {Title: "the answer is larger than 1 MiB"},
	} {
		err := sent(t, 418, nil, body)
		leaksNothing(t, err)
		var got *graph.Error
		if !errors.As(err, &got) {
			t.Errorf("%.100s: %v", body, err)
			continue
		}
		want.Op, want.Status = "send a message", 418
		if *got != want {
			t.Errorf("%.100s is %+v", body, *got)
		}
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	err := &graph.Error{Op: "send a message", Status: 400, Code: 131047, Coded: true, Title: "Re-engagement message", Details: "More than 24 hours.", TraceID: "Ax1"}
	if got := err.Error(); got != "send a message: answered 400, code 131047: Re-engagement message: More than 24 hours. (trace Ax1)" {
		t.Error(got)
	}
	if got := err.Advice(); !strings.Contains(got, "send a template") {
		t.Error(got)
	}
	for status, want := range map[int]string{200: "base address", 302: "redirects", 400: "details", 401: "token", 403: "permission", 404: "path", 418: "details", 429: "slow", 500: "upstream", 599: "upstream"} {
		if got := (&graph.Error{Status: status}).Advice(); !strings.Contains(got, want) || !strings.HasSuffix(got, ".") {
			t.Errorf("the advice for %d is %q", status, got)
		}
	}
	if _, ok := graph.Meaning(131047); !ok {
		t.Error("131047 has no meaning")
	}
	if meaning, ok := graph.Meaning(131999); ok {
		t.Errorf("131999 means %+v", meaning)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	const now = "Sat, 21 Nov 2026 12:00:00 GMT"
	for value, want := range map[string]time.Duration{
		"":                              0,
		"7":                             7 * time.Second,
		" 7 ":                           7 * time.Second,
		"-7":                            0,
		"99999999999":                   24 * time.Hour,
		"soon":                          0,
		"Sat, 21 Nov 2026 12:00:30 GMT": 30 * time.Second,
		"Sat, 21 Nov 2026 11:00:00 GMT": 0,
		"Sat, 21 Nov 2037 12:00:00 GMT": 24 * time.Hour,
	} {
		var got *graph.Error
		if err := sent(t, 429, http.Header{"Retry-After": {value}, "Date": {now}}, ``); !errors.As(err, &got) || got.RetryAfter != want {
			t.Errorf("%q is %v", value, err)
		} else if v := graph.Judge(err); v.Decision != graph.Retry || v.After != max(want, time.Second) {
			t.Errorf("%q is judged %+v", value, v)
		}
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	other := answering(t, map[string][]string{})
	for _, status := range []int{301, 302, 307, 308} {
		err := sent(t, status, http.Header{"Location": {other.URL + "/v26.0/1/messages"}}, ``)
		var got *graph.Error
		if !errors.As(err, &got) || got.Status != status || graph.Judge(err).Decision != graph.Refused {
			t.Errorf("%d: %v", status, err)
		}
	}
	other.said(t)
}

// TestGoodStatusWithoutAnID is what a send must not take for a success, nor for a failure.
func TestGoodStatusWithoutAnID(t *testing.T) {
	t.Parallel()
	for _, body := range []string{``, `<html>`, `{}`, `[]`, `{"messages":[]}`, `{"messages":[{}]}`, `{"messages":[{"id":""}]}`, `{"messages":[{"id":"wamid.OUT1"}]`, `{"success":true}`} {
		err := sent(t, 200, nil, body)
		if v := graph.Judge(err); v.Decision != graph.Undecided {
			t.Errorf("%s: %v, %+v", body, err, v)
		}
	}
	if v := graph.Judge(sent(t, 200, nil, `{"meta":{"success":false,"http_code":401,"developer_message":"Invalid api_key"}}`)); v.Decision != graph.Unauthorized {
		t.Errorf("a bad key inside a good status is %+v", v)
	}
}

func ExampleError_Advice() {
	err := &graph.Error{Op: "send a message", Status: 400, Code: 131047, Coded: true, Title: "Re-engagement message"}
	fmt.Println(err)
	fmt.Println(err.Advice())
	// Output:
	// send a message: answered 400, code 131047: Re-engagement message
	// More than 24 hours have passed since the user last wrote: send a template.
}
