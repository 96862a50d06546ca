package wabatest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// refusal is a call that the platform did not do.
type refusal struct {
	code    int
	subcode int    // 0 for none
	status  int    // HTTP; 0 → that of the code
	details string // error_data.details; empty → the title
	message string // instead of "(#code) title"; empty for that
	kind    string // type of the error; empty → OAuthException
}

// title is what the platform calls a code, and the HTTP status it documents for it.
type title struct {
	code, status int
	text         string
	onPremises   int // the code of the On-Premises style for the same; 0 → 1000
}

// titles are the codes that the simulator says by itself, and those worth having as a fault.
var titles = [...]title{
	{0, 401, "AuthException", 1005},
	{1, 400, "API Unknown", 1000},
	{2, 503, "API Service", 500},
	{3, 500, "API Method", 1004},
	{4, 400, "API Too Many Calls", 429},
	{10, 403, "Application does not have permission for this action", 1005},
	{33, 400, "Parameter value is not valid", 1006},
	{100, 400, "Invalid parameter", 1008},
	{190, 401, "Access token has expired", 1005},
	{200, 403, "Permissions error", 1005},
	{368, 403, "Temporarily blocked for policies violations", 1004},
	{2200, 400, "Callback verification failed", 1009},
	{80007, 400, "Rate limit issues", 429},
	{130403, 400, "User blocked", 1004},
	{130429, 400, "Rate limit hit", 429},
	{130472, 400, "User's number is part of an experiment", 472},
	{130497, 403, "Business account is restricted from messaging users in this country", 1004},
	{131000, 500, "Something went wrong", 500},
	{131005, 403, "Access denied", 1005},
	{131008, 400, "Required parameter is missing", 1008},
	{131009, 400, "Parameter value is not valid", 1009},
	{131016, 500, "Service unavailable", 1014},
	{131020, 400, "Group is unknown", 1006},
	{131021, 400, "Recipient cannot be sender", 1021},
	{131026, 400, "Message undeliverable", 1026},
	{131030, 400, "Recipient phone number not in allowed list", 1010},
	{131031, 403, "Account has been locked", 1004},
	{131037, 400, "Display name approval required", 1004},
	{131042, 400, "Business eligibility payment issue", 402},
	{131045, 500, "Incorrect certificate", 1022},
	{131047, 400, "Re-engagement message", 470},
	{131048, 400, "Spam rate limit hit", 471},
	{131049, 400, "This message was not delivered to maintain healthy ecosystem engagement", 1000},
	{131050, 400, "User has stopped marketing messages", 1000},
	{131051, 400, "Unsupported message type", 1009},
	{131053, 400, "Media upload error", 1009},
	{131056, 400, "(Business Account, Consumer Account) pair rate limit hit", 1018},
	{131057, 500, "Account in maintenance mode", 1014},
	{131059, 400, "Invalid paging cursor", 1009},
	{131062, 400, "Business-scoped user id is not accepted for this message", 1009},
	{132000, 400, "Number of parameters does not match the expected number of params", 2000},
	{132001, 404, "Template name does not exist in the translation", 2001},
	{132005, 400, "Translated text too long", 2002},
	{132007, 400, "Template format character policy violated", 2003},
	{132012, 400, "Parameter format does not match format in the created template", 2004},
	{132015, 400, "Template is paused", 2005},
	{132016, 400, "Template is disabled", 2005},
	{133004, 503, "Server temporarily unavailable", 1014},
	{133010, 400, "Phone number not registered", 1022},
	{134100, 400, "Only marketing messages supported", 1009},
}

// titleOf is the title of any code.
func titleOf(code int) title {
	for _, t := range titles {
		if t.code == code {
			return t
		}
	}
	return title{code: code, status: http.StatusBadRequest, text: "Error " + strconv.Itoa(code), onPremises: 1000}
}

// The refusals that need a word about what is wrong.

func missing(param string) *refusal {
	return &refusal{code: 131008, details: "The parameter " + param + " is required."}
}

func invalid(param, why string) *refusal {
	return &refusal{code: 131009, details: "Parameter " + param + " " + why}
}

func parameter(details string) *refusal { return &refusal{code: 100, details: details} }

// unknownObject is what the platform says of an id that does not exist or that the token may not see.
func unknownObject(method, id string) *refusal {
	return &refusal{code: 100, subcode: 33, kind: "GraphMethodException", message: fmt.Sprintf("Unsupported %s request. Object with ID '%s' does not "+
		"exist, cannot be loaded due to missing permissions, or does not support this operation", lower(method), id)}
}

func (f *refusal) httpStatus() int {
	if f.status != 0 {
		return f.status
	}
	return titleOf(f.code).status
}

// style is the shape of answers.
type style int

const (
	graph      style = iota // of the platform
	onPremises              // of the On-Premises client, which providers kept
)

// write answers a refusal in a style.
func (f *refusal) write(w http.ResponseWriter, s style) {
	t := titleOf(f.code)
	details := f.details
	defaults(&details, t.text)
	if s == onPremises {
		answer(w, f.httpStatus(), map[string]any{"meta": onPremisesMeta,
			"errors": []any{map[string]any{"code": t.onPremises, "title": t.text, "details": details}}})
		return
	}
	body := map[string]any{"code": f.code, "fbtrace_id": "A" + strconv.FormatUint(mix(uint64(f.code)), 36)}
	body["message"], body["type"] = f.message, f.kind
	if f.message == "" {
		body["message"] = fmt.Sprintf("(#%d) %s", f.code, t.text)
	}
	if f.kind == "" {
		body["type"] = "OAuthException"
	}
	if f.subcode != 0 {
		body["error_subcode"] = f.subcode
	}
	if f.message == "" {
		body["error_data"] = map[string]string{"messaging_product": "whatsapp", "details": details}
	}
	if f.code == 190 || f.code == 0 {
		w.Header().Set("WWW-Authenticate", `OAuth "Facebook Platform" "invalid_token"`)
	}
	answer(w, f.httpStatus(), map[string]any{"error": body})
}

// onPremisesMeta stands in every answer of the On-Premises style.
var onPremisesMeta = map[string]string{"api_status": "stable", "version": "2.53.1"}

// answer writes JSON.
func answer(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil { // only raw JSON that was given from outside can be at fault
		status, raw = http.StatusInternalServerError, []byte(`{"error":{"message":"the simulator holds JSON that is none","code":1}}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the caller may be gone
}

// html answers a page, as proxies and the media host do when something is wrong.
func html(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>%d %s</h1><p>Sorry, something went wrong.</p></body></html>\n",
		status, http.StatusText(status))
}

// success is what the platform says of everything that has no other answer.
var success = map[string]bool{"success": true}
