package graph

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"wabagate/waba"
)

// Error is an answer that is not what was asked for. It holds none of the account's secrets.
type Error struct {
	Op     string // what was being done
	Status int    // of HTTP; 2xx when the answer cannot be used all the same

	// Code is the platform's, and Coded tells whether the answer has one: 0 is a code too.
	Code  int
	Coded bool

	Subcode   int    // gone from messages since v16, still seen on other calls; 0 when there is none
	Title     string // never empty
	Details   string // what is wrong in this case, in the platform's words; empty when it does not say
	Type      string // such as OAuthException
	TraceID   string // fbtrace_id, which the platform's support asks for
	Transient bool   // the platform says that it will pass

	RetryAfter time.Duration // as the header asks for; 0 for nothing. The platform rarely sends one.
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: answered %d", e.Op, e.Status)
	if e.Coded {
		fmt.Fprintf(&b, ", code %d", e.Code)
	}
	b.WriteString(": " + e.Title)
	if e.Details != "" && e.Details != e.Title {
		b.WriteString(": " + e.Details)
	}
	if e.TraceID != "" {
		b.WriteString(" (trace " + e.TraceID + ")")
	}
	return b.String()
}

// Meaning explains a code of the platform in our words. The ok result is false for a code that is not in the catalogue.
func Meaning(code int) (waba.Explanation, bool) { return waba.Explain(strconv.Itoa(code)) }

// Advice is what a person can do about the error, in one sentence.
func (e *Error) Advice() string {
	if e.Coded {
		if meaning, ok := Meaning(e.Code); ok {
			return meaning.Advice
		}
	}
	switch {
	case e.Status == http.StatusUnauthorized:
		return "Replace the access token or API key, and stop sending until that is done."
	case e.Status == http.StatusForbidden:
		return "Give the token or key the permission that this call needs, and check that it belongs to this number."
	case e.Status == http.StatusNotFound:
		return "Check the base address and the ids: the upstream knows nothing under this path."
	case e.Status == http.StatusTooManyRequests:
		return "Too many calls at once: slow down and try again with growing pauses."
	case e.Status >= 500:
		return "The upstream had a problem of its own: try again a few times."
	case e.Status/100 == 3:
		return "Set the base address to the one that the upstream redirects to."
	case e.Status/100 == 2:
		return "Check that the base address is that of a WhatsApp API: the answer is not one."
	}
	return "Correct the request as the details say."
}

// TransportError says that no complete answer came.
type TransportError struct {
	Op string // what was being done
	// Connected is false when there never was a connection, which proves that nothing was sent.
	Connected bool
	Err       error
}

func (e *TransportError) Error() string {
	if !e.Connected {
		return fmt.Sprintf("%s: no connection: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("%s: no complete answer: %v", e.Op, e.Err)
}

func (e *TransportError) Unwrap() error { return e.Err }

// failure holds the shapes that errors come in: those of the Graph API, of the On-Premises style and of 360dialog's proxy.
type failure struct {
	Error  json.RawMessage `json:"error"`  // Graph: an object; elsewhere at times a text
	Errors json.RawMessage `json:"errors"` // On-Premises: a list of objects
	Meta   *struct {
		HTTPCode         number `json:"http_code"`
		HTTPCodeCamel    number `json:"httpCode"`
		Message          text   `json:"developer_message"`
		MessageCamel     text   `json:"developerMessage"`
		DeveloperDetails text   `json:"details"`
	} `json:"meta"`
}

// problem is one error object. What is missing in one shape is just not there.
type problem struct {
	Code      text            `json:"code"`
	Subcode   number          `json:"error_subcode"`
	Title     text            `json:"title"`
	Message   text            `json:"message"`
	Details   text            `json:"details"`
	Type      text            `json:"type"`
	TraceID   text            `json:"fbtrace_id"`
	Transient bool            `json:"is_transient"`
	UserTitle text            `json:"error_user_title"`
	UserText  text            `json:"error_user_msg"`
	Data      json.RawMessage `json:"error_data"`
}

// errorOf reads an error from an answer of any shape, none included.
func (a Account) errorOf(op string, status int, header http.Header, body []byte) *Error {
	e := &Error{Op: op, Status: status, RetryAfter: retryAfter(header)}
	var f failure
	if len(body) <= answerLimit && decode(body, &f) {
		e.take(f)
	}
	if e.Title == "" {
		e.Title, e.Details = describe(body), ""
	}
	e.Title, e.Details = a.hide(e.Title), a.hide(e.Details)
	return e
}

func (e *Error) take(f failure) {
	var list []json.RawMessage
	switch _ = json.Unmarshal(f.Errors, &list); {
	case isObject(f.Error):
		e.takeProblem(f.Error)
	case len(list) > 0 && isObject(list[0]):
		e.takeProblem(list[0])
	case isObject(f.Errors):
		e.takeProblem(f.Errors)
	case len(f.Error) > 0:
		e.Title = string(textOf(f.Error))
	}
	if f.Meta == nil {
		return
	}
	if e.Title == "" {
		e.Title = string(cmp.Or(f.Meta.Message, f.Meta.MessageCamel, f.Meta.DeveloperDetails))
	}
	if said := int(cmp.Or(f.Meta.HTTPCode, f.Meta.HTTPCodeCamel)); e.Status/100 == 2 && said >= 300 {
		e.Status = said
	}
}

func (e *Error) takeProblem(raw json.RawMessage) {
	var p problem
	_ = decode(raw, &p)
	code, err := strconv.Atoi(string(p.Code))
	if e.Coded = err == nil; e.Coded {
		e.Code = code
	}
	e.Subcode, e.Type, e.TraceID, e.Transient = int(p.Subcode), string(p.Type), string(p.TraceID), p.Transient
	e.Title = strings.TrimPrefix(string(cmp.Or(p.Title, p.Message, p.UserTitle)), "(#"+strconv.Itoa(e.Code)+") ")
	e.Details = string(cmp.Or(detailsOf(p.Data), p.Details, p.UserText))
	if e.Title == "" {
		e.Title = cmp.Or(e.Details, "an error without a word")
	}
}

// detailsOf reads error_data: an object, at times a bare text.
func detailsOf(data json.RawMessage) text {
	if !isObject(data) {
		return textOf(data)
	}
	var object struct {
		Details text `json:"details"`
	}
	_ = decode(data, &object)
	return object.Details
}

// shown is how much of an answer that is no API's is shown, in bytes.
const shown = 200

// describe says what an answer is that cannot be read.
func describe(body []byte) string {
	trimmed := strings.TrimSpace(string(body[:min(len(body), answerLimit)]))
	switch {
	case trimmed == "":
		return "the answer is empty"
	case len(body) > answerLimit:
		return "the answer is larger than 1 MiB"
	case strings.HasPrefix(trimmed, "<"):
		return "the answer is an HTML page"
	case json.Valid(body):
		return "the answer says nothing that an error would: " + clip(trimmed)
	}
	return "the answer is not JSON: " + clip(trimmed)
}

func clip(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) <= shown {
		return s
	}
	cut := shown
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + " …"
}

// maxRetryAfter is the longest wait an upstream can ask for.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads the header as seconds, or as a date against the upstream's own.
func retryAfter(h http.Header) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(maxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(value)
	now, errNow := http.ParseTime(h.Get("Date"))
	if err != nil || errNow != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
