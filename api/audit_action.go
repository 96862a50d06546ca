package api

import (
	"net/http"
	"slices"
	"strings"
)

// namedActions are the actions of requests to places (see placeOf) whose route does not tell them, and of the requests that
// look at what is secret. An empty one is left out of the audit log, for the reason beside it.
var namedActions = map[string]string{
	"GET webhooks/*/secret":                "webhook.secret_revealed",
	"POST webhooks/*/secret/rotate/finish": "webhook.secret_rotation_finished",
	"POST broadcasts/*/recipients":         "broadcast.recipients_added",
	"PUT me":                               "user.updated",
	"PUT me/password":                      "user.password_changed",
	"DELETE me/sessions":                   "session.others_deleted",
	"POST conversations/*/send":            "message.sent",
	"POST broadcasts/register":             "broadcast.created",
	"POST numbers/*/token":                 "number.updated",
	"POST numbers/*/keys/new":              "key.created",
	"POST account":                         "user.updated",
	"POST account/password":                "user.password_changed",
	"POST account/sessions/delete":         "session.others_deleted",
	"POST numbers/*/replies/try":           "",                // a rehearsal: nothing is changed and nobody is written to
	"POST contacts/*/opt-out":              "opt_out.created", // or deleted, says the page
	"POST broadcasts/check":                "",                // it only looks at a draft
	"POST webhooks/preview":                "",                // it only shows
	"POST webhooks/filter-preview":         "",                // it only counts
}

// verbs are the last segments of places that say what is done, as the log says that it was.
var verbs = map[string]string{
	"new": "created", "edit": "updated", "active": "updated", "rename": "updated", "role": "updated", "delete": "deleted", "remove": "deleted",
	"test": "tested", "verify": "verified", "check": "checked", "rotate": "rotated", "finish": "finished", "start": "started", "pause": "paused",
	"resume": "resumed", "cancel": "cancelled", "resend": "resent", "erase": "erased", "regenerate": "regenerated", "replay": "replay_started", "catch-up": "catch_up_started",
}

// methodVerbs are what is done where the place does not say it.
var methodVerbs = map[string]string{http.MethodPost: "created", http.MethodPut: "updated", http.MethodPatch: "updated", http.MethodDelete: "deleted"}

// actionOf names what a request to a place does: a kind of thing, a dot, and what happened to it. Every request that changes
// something has a name, so that no route can be forgotten; empty is what goes unrecorded.
func actionOf(method, place string) string {
	if named, ok := namedActions[method+" "+place]; ok {
		return named
	}
	if reads(method) {
		return ""
	}
	segments := strings.Split(place, "/")
	thing := thingOf(segments)
	rest := slices.DeleteFunc(slices.Clone(segments[thing+1:]), func(s string) bool { return s == "*" })
	done := methodVerbs[method]
	if n := len(rest); n > 0 && verbs[rest[n-1]] != "" {
		done, rest = verbs[rest[n-1]], rest[:n-1]
	}
	return word(singular(segments[thing])) + "." + word(strings.Join(append(rest, done), "_"))
}

// thingOf is the segment that says to what something is done: that before the last id, or else the last that is no verb.
func thingOf(segments []string) int {
	for i := len(segments) - 1; i > 0; i-- {
		if segments[i] == "*" {
			return i - 1
		}
	}
	for i := len(segments) - 1; i > 0; i-- {
		if verbs[segments[i]] == "" {
			return i
		}
	}
	return 0
}

func word(s string) string { return strings.ReplaceAll(s, "-", "_") }

func singular(s string) string {
	if stem, ok := strings.CutSuffix(s, "ies"); ok {
		return stem + "y"
	}
	return strings.TrimSuffix(s, "s")
}

// kindOf is the kind of thing that an action is about.
func kindOf(action string) string {
	kind, _, _ := strings.Cut(action, ".")
	return kind
}
