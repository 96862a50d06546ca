package api

import "net/http"

type webhookDeliveriesQuery struct {
	webhooksQuery
	spanQuery
	Status string `json:"status" enum:"succeeded,failed,pending,retrying,held,skipped"`
	Event  string `json:"event"` // names of types, with commas between them
}

type historyQuery struct {
	webhookDeliveriesQuery
	WebhookID int64  `json:"webhook_id"`
	Q         string `json:"q"` // an event id, a wamid, a phone number or a user id
}

type eventsQuery struct {
	After    string `json:"after"` // a next_cursor, or now; left out, a pull begins with the oldest event that is kept
	Types    string `json:"types"` // names of types, with commas between them
	Limit    int    `json:"limit" enum:"1-200"`
	NumberID int64  `json:"number_id"`
	Wait     int    `json:"wait" enum:"0-30"` // seconds to wait for an event where there is none
	Q        string `json:"q"`                // searches: an event id, a wamid, a phone number or a user id
	Phone    string `json:"phone"`            // searches
	UserID   string `json:"user_id"`          // searches
	Wamid    string `json:"wamid"`            // searches
	EventID  string `json:"event_id"`         // searches
	Before   string `json:"before"`           // a next_before of a search
}

type streamQuery struct {
	dialectQuery
	After    string `json:"after"` // the id of the last event that was seen, or now; left out, it begins with the oldest event that is kept
	Since    string `json:"since" format:"date-time"`
	Types    string `json:"types"` // names of types, with commas between them
	NumberID int64  `json:"number_id"`
}

type dialectQuery struct {
	Dialect string `json:"dialect" enum:"@dialects"`
}

func eventTopics() []topic {
	stream := op("GET", "events/stream", "streamEvents", "Events as they happen, as server-sent events, each rendered for a dialect.").with(streamQuery{}).refuses(http.StatusTooManyRequests)
	stream.answers = []answered{{status: http.StatusOK, of: map[string]any{"type": "string"}, typ: "text/event-stream", about: "The stream"}}
	return []topic{
		{"Events", "What has happened, to pull or to search.", []operation{
			op("GET", "events", "listEvents", "Pulls events in their order, or searches them, the newest first.").with(eventsQuery{}).ok(either{eventPull{}, eventSearch{}}).refuses(http.StatusTooManyRequests),
			stream,
			op("GET", "events/:id/payload", "getPayload", "An event as a webhook of a dialect would be posted it.").with(dialectQuery{}).ok(payloadJSON{}),
			op("GET", "events/:id", "getEvent", "An event, the callback that brought it, and its deliveries.").ok(eventDetailJSON{}),
			op("GET", "timeline/*", "getTimeline", "What happened to a message, from its callback to each attempt.").ok(timelineJSON{}),
			op("GET", "event-types", "listEventTypes", "The types of events, with a sample and a JSON Schema of each.").with(dialectQuery{}).ok(members{"event_types": []eventTypeJSON{}}),
			op("GET", "event-types/:name", "getEventType", "A type of events, under its name or an alias.").with(dialectQuery{}).ok(members{"event_type": eventTypeJSON{}}),
			op("GET", "dialects", "listDialects", "The shapes in which events are delivered.").ok(members{"dialects": []dialectJSON{}}),
		}},
		{"Deliveries", "One event to one webhook, and each attempt.", []operation{
			op("GET", "deliveries", "listDeliveries", "The deliveries of the business, the newest first. A page may be empty and not the last.").with(historyQuery{}).ok(historyPage{}).refuses(http.StatusNotFound),
			op("GET", "webhooks/:id<int>/deliveries", "listWebhookDeliveries", "The deliveries of a webhook, the newest first.").with(webhookDeliveriesQuery{}).ok(historyPage{}),
			op("GET", "deliveries/:id", "getDelivery", "A delivery with the exact bytes that were posted, and each attempt.").ok(members{"delivery": deliveryDetailJSON{}}),
			op("POST", "deliveries/:id/resend", "resendDelivery", "Attempts a delivery again.").gives(http.StatusAccepted, message{}).refuses(http.StatusConflict),
		}},
	}
}
