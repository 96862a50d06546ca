package waba

import (
	"encoding/json"
	"errors"
)

// Error is the platform's one shape for a problem, beside the messages, on a message or on a status. Branch on Code,
// show Details.
type Error struct {
	Code    string // digits, such as "131047"; some group errors give it as text upstream
	Title   string
	Message string // repeats the title
	Details string // of error_data, or flat beside the code as old payloads have it
	Href    string

	Raw json.RawMessage // as it came
}

// errNoError is for people: the object says nothing that an error would.
var errNoError = errors.New("no code, title, message or details")

func parseError(raw json.RawMessage) (Error, error) {
	if !isObject(raw) {
		return Error{}, errNot("object", raw)
	}
	e := Error{Raw: raw}
	var r reading
	var flat string
	for key, value := range members(raw) {
		switch string(key) {
		case "code":
			e.Code = r.text("code", value)
		case "title":
			e.Title, _ = text(value)
		case "message":
			e.Message, _ = text(value)
		case "details":
			flat, _ = text(value)
		case "href":
			e.Href, _ = text(value)
		case "error_data":
			if isObject(value) {
				value = member(value, "details")
			}
			e.Details, _ = text(value)
		}
	}
	if e.Details == "" {
		e.Details = flat
	}
	if r.err == nil && e.blank() {
		r.err = errNoError
	}
	return e, r.err
}

// blank errors hold nothing but what came.
func (e Error) blank() bool {
	return e.Code == "" && e.Title == "" && e.Message == "" && e.Details == ""
}

// errorsOf reads the errors of a message or a status. What is no error object stays in its Raw, so that a count of
// problems is right even when one of them is unreadable.
func errorsOf(raw json.RawMessage) []Error {
	if isObject(raw) {
		e, _ := parseError(raw)
		return []Error{e}
	}
	var list []Error
	for element := range elements(raw) {
		e, _ := parseError(element)
		e.Raw = element
		list = append(list, e)
	}
	return list
}
