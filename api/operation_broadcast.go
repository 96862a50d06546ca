package api

import (
	"encoding/json"
	"net/http"
)

type dryQuery struct {
	DryRun bool `json:"dry_run"` // says what would be done, and does nothing
}

type recipientsQuery struct {
	pageQuery
	State string `json:"state" enum:"@recipients"`
}

type personQuery struct {
	WaID   string `json:"wa_id"`   // a phone number
	UserID string `json:"user_id"` // a business-scoped user id
}

type optOutsQuery struct {
	pageQuery
	personQuery
}

// broadcastBody is a broadcast that the gateway sends, or one that is sent elsewhere and only counted here.
type broadcastBody struct {
	Name        string          `json:"name"`
	NumberID    *int64          `json:"number_id"`
	Template    json.RawMessage `json:"template"`   // the platform's template object, with {{variables}} in its texts
	Body        json.RawMessage `json:"body"`       // or a whole message of the platform
	Recipients  []recipientBody `json:"recipients"` // some of them; more with POST …/recipients
	ScheduledAt string          `json:"scheduled_at"`
	Pace        *int            `json:"pace"` // messages per second; null: as many as the number may send

	Reference       string `json:"reference"` // of a broadcast that is sent elsewhere
	TemplateName    string `json:"template_name"`
	TotalRecipients int64  `json:"total_recipients"`
}

type recipientBody struct {
	To        string            `json:"to,omitempty"` // a phone number
	UserID    string            `json:"user_id,omitempty"`
	Variables map[string]string `json:"variables,omitempty"`
}

type optOutBody struct {
	WaID   string `json:"wa_id"`
	UserID string `json:"user_id"`
	Since  string `json:"since"` // RFC 3339; now
	Why    string `json:"why"`
}

func broadcastTopics() []topic {
	changed := func(path, id, summary string) operation {
		return op("POST", "broadcasts/:id<int>/"+path, id, summary).takes(nothing{}, "").ok(broadcastChanged{}).refuses(http.StatusConflict)
	}
	start := changed("start", "startBroadcast", "Starts a draft, at once or at its time.").with(dryQuery{}).refuses(http.StatusUnprocessableEntity)
	start.answers = []answered{{status: http.StatusOK, of: either{broadcastChanged{}, broadcastRehearsed{}}}}
	add := op("POST", "broadcasts/:id<int>/recipients", "addRecipients", "Adds recipients from a list of any length, which is read as it comes.").with(dryQuery{}).
		takes(map[string]any{"type": "array", "items": map[string]any{"type": "object"}}, "to,name\n15550177321,Layla\n").ok(recipientsAdded{}).refuses(http.StatusConflict, http.StatusUnsupportedMediaType)
	add.body.types, add.body.optional = []string{"text/csv", "application/x-ndjson", "application/json"}, false
	return []topic{
		{"Broadcasts", "One message to many.", []operation{
			op("GET", "broadcasts", "listBroadcasts", "The broadcasts, the newest first.").with(pageQuery{}).ok(broadcastList{}),
			op("POST", "broadcasts", "createBroadcast", "Makes a draft; or, with a reference, has a broadcast counted that is sent elsewhere.").with(dryQuery{}).
				takes(broadcastBody{}, `{"name":"Spring","number_id":3,"template":{"name":"spring","language":{"code":"en"}},"recipients":[{"to":"+1 555 017 7321"}]}`, "name").
				ok(drafted{}).gives(http.StatusCreated, either{drafted{}, broadcastRegistered{}}).refuses(http.StatusNotFound, http.StatusConflict),
			op("GET", "broadcasts/:id<int>", "getBroadcast", "A broadcast, and how far it is.").ok(members{"broadcast": broadcastJSON{}}),
			start,
			changed("pause", "pauseBroadcast", "Pauses a broadcast; what is on its way goes out."),
			changed("resume", "resumeBroadcast", "Goes on with a broadcast that was paused."),
			changed("cancel", "cancelBroadcast", "Ends a broadcast; what has not gone out will not."),
			add,
			op("GET", "broadcasts/:id<int>/recipients", "listRecipients", "The recipients of a broadcast. A page may be empty and not the last.").with(recipientsQuery{}).ok(recipientPage{}),
			op("GET", "opt-outs", "listOptOuts", "Who gets no broadcasts, the newest first.").with(optOutsQuery{}).ok(optOutList{}),
			op("POST", "opt-outs", "addOptOut", "Keeps that somebody gets no broadcasts.").takes(optOutBody{}, `{"wa_id":"+1 555 017 7321","why":"asked by phone"}`).ok(optOutAdded{}),
			op("DELETE", "opt-outs", "removeOptOut", "Keeps that somebody gets broadcasts again.").with(personQuery{}).ok(message{}).refuses(http.StatusNotFound),
		}},
	}
}
