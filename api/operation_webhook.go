package api

import (
	"encoding/json"
	"net/http"

	"wabagate/fanout/check"
)

type webhooksQuery struct {
	Cursor string `json:"cursor"`             // of the page, as the one before gave it; the first has none
	Limit  int    `json:"limit" enum:"1-200"` // how many to a page; 50
}

type eventQuery struct {
	Event string `json:"event"` // the name of a type
}

type statsQuery struct {
	Hours int `json:"hours" enum:"1-720"` // how far back; 24
}

type chartQuery struct {
	spanQuery
	Interval  string `json:"interval" enum:"hour,day"`
	WebhookID int64  `json:"webhook_id"` // one of them; all
}

type webhookBody struct {
	Name              string            `json:"name"`
	URL               string            `json:"url"`
	Events            []string          `json:"events"` // names of types, * for all, or such as message.*
	Secret            *string           `json:"secret"` // text; made here where it is left out; null: deliveries are not signed
	IsActive          flag              `json:"is_active"`
	Description       string            `json:"description"`
	NumberID          *int64            `json:"number_id"` // the events of one number; null: of all
	Dialect           string            `json:"dialect" enum:"@dialects"`
	RateLimit         *int              `json:"rate_limit"`     // deliveries per second; null: no limit
	RetrySchedule     *schedule         `json:"retry_schedule"` // waits in seconds, or none; null: the dialect's
	Timeout           *int              `json:"timeout"`        // seconds; null: the dialect's
	Headers           map[string]string `json:"headers"`        // sent with every delivery; the value <secret> leaves the one there is
	Ordering          string            `json:"ordering" enum:"none,conversation"`
	Filter            json.RawMessage   `json:"filter"` // a condition such as {"field":"message.type","eq":"text"}; null: every event of the types
	Auth              *authBody         `json:"auth"`   // how the gateway says who it is; null: not at all
	ClientCertificate *certificateBody  `json:"client_certificate"`
}

type authBody struct {
	Type     string `json:"type" enum:"basic,bearer"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	Token    string `json:"token,omitempty"`
}

type certificateBody struct {
	Certificate string `json:"certificate"` // PEM; the client's own first
	Key         string `json:"key"`         // PEM, not encrypted
}

type rotationBody struct {
	OverlapSeconds int64  `json:"overlap_seconds" enum:"0-604800"` // how long the old secret signs too
	Secret         string `json:"secret"`                          // made here where it is left out
	Force          flag   `json:"force"`                           // ends a rotation that is open
}

type trialBody struct {
	WebhookID int64  `json:"webhook_id"` // the path's, where it has one
	Event     string `json:"event"`      // the name of a type; message.received
}

type previewBody struct {
	Event     string            `json:"event"`      // the name of a type
	WebhookID *int64            `json:"webhook_id"` // what is not given is this one's; null: a new one
	Dialect   string            `json:"dialect" enum:"@dialects"`
	Events    []string          `json:"events"`
	Secret    *string           `json:"secret"`
	Headers   map[string]string `json:"headers"`
	URL       string            `json:"url"`
}

type filterBody struct {
	Filter   json.RawMessage `json:"filter"` // a condition such as {"field":"message.type","eq":"text"}
	Events   []string        `json:"events"`
	NumberID *int64          `json:"number_id"`
	Dialect  string          `json:"dialect" enum:"@dialects"`
}

type catchUpBody struct {
	From string `json:"from" enum:"count,gap,now"` // count them only, deliver them, or give them up
}

type replayBody struct {
	Since  string   `json:"since" format:"date-time"`
	Until  string   `json:"until" format:"date-time"`
	Status string   `json:"status" enum:"failed,succeeded,skipped,held,any"`
	Events []string `json:"events"`
	DryRun bool     `json:"dry_run"` // counts, and does nothing
}

func webhookTopics() []topic {
	return []topic{
		{"Webhooks", "Where events are delivered.", []operation{
			op("GET", "webhooks", "listWebhooks", "The webhooks, the oldest first.").with(webhooksQuery{}).ok(webhookList{}),
			op("POST", "webhooks", "createWebhook", "Makes a webhook. A dialect with a challenge asks the receiver at once.").
				takes(webhookBody{}, `{"name":"CRM","url":"https://example.com/hook","events":["message.received"]}`, "name", "url", "events").
				gives(http.StatusCreated, webhookCreated{}).refuses(http.StatusNotFound, http.StatusConflict),
			op("GET", "webhooks/:id<int>", "getWebhook", "A webhook.").ok(members{"webhook": webhookJSON{}}),
			op("PUT", "webhooks/:id<int>", "updateWebhook", "Changes what is given of a webhook.").takes(webhookBody{}, `{"events":["message.*"],"is_active":true}`).ok(webhookUpdated{}).refuses(http.StatusConflict),
			op("DELETE", "webhooks/:id<int>", "deleteWebhook", "Deletes a webhook and what waits for it.").ok(message{}),
			op("POST", "webhooks/test", "testWebhookNamed", "Posts a sample of an event now, and answers what became of it.").takes(trialBody{}, `{"webhook_id":7,"event":"message.received"}`, "webhook_id").
				ok(trialJSON{}).refuses(http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests),
			op("POST", "webhooks/:id<int>/test", "testWebhook", "Posts a sample of an event now, and answers what became of it.").takes(trialBody{}, `{"event":"message.received"}`).
				ok(trialJSON{}).refuses(http.StatusConflict, http.StatusTooManyRequests),
			op("POST", "webhooks/:id<int>/verify", "verifyWebhook", "Asks the receiver again to prove itself, in a dialect that has a challenge.").takes(nothing{}, "").ok(verdictJSON{}).refuses(http.StatusBadRequest, http.StatusConflict),
			op("POST", "webhooks/:id<int>/check", "checkWebhook", "Tries the receiver with good, forged and unusual events, for up to a minute, and says what to mend.").takes(nothing{}, "").
				ok(check.Report{}).refuses(http.StatusConflict, http.StatusTooManyRequests),
			op("GET", "webhooks/:id<int>/preview", "previewWebhook", "The request that a delivery would be.").with(eventQuery{}).ok(previewJSON{}),
			op("POST", "webhooks/preview", "previewDraft", "The request that a delivery of a webhook would be that is not made or changed yet.").takes(previewBody{}, `{"event":"message.received","dialect":"platform"}`).
				ok(previewJSON{}).refuses(http.StatusNotFound),
			op("POST", "webhooks/filter-preview", "previewFilter", "Which of the latest events a filter lets through.").
				takes(filterBody{}, `{"filter":{"field":"message.type","eq":"text"},"events":["message.received"]}`).ok(matchesJSON{}).refuses(http.StatusNotFound),
			op("GET", "webhooks/:id<int>/secret", "getSecret", "The signing secret.").ok(secretJSON{}),
			op("POST", "webhooks/:id<int>/secret/rotate", "rotateSecret", "Makes the signing secret new. During the overlap the old one signs too.").takes(rotationBody{}, `{"overlap_seconds":3600}`).
				ok(secretJSON{}).refuses(http.StatusConflict),
			op("POST", "webhooks/:id<int>/secret/rotate/finish", "finishRotation", "Ends the old secret at once.").takes(nothing{}, "").ok(secretJSON{}),
		}},
		{"Figures", "What became of deliveries, counted.", []operation{
			op("GET", "webhooks/:id<int>/stats", "getWebhookStats", "A webhook's deliveries, counted, and what waits for it now.").with(statsQuery{}).ok(statsJSON{}),
			op("GET", "stats", "getStats", "The deliveries of the business, counted by hour or day.").with(chartQuery{}).ok(seriesJSON{}).refuses(http.StatusNotFound),
		}},
		{"Jobs", "Deliveries made again, or made late, in their order.", []operation{
			op("POST", "webhooks/:id<int>/catch-up", "catchUp", "Switches a webhook on, and delivers or gives up what was held while it was off.").takes(catchUpBody{}, `{"from":"count"}`, "from").
				ok(either{members{"held": heldJSON{}}, heldSkipped{}}).gives(http.StatusAccepted, jobStarted{}).refuses(http.StatusConflict),
			op("POST", "webhooks/:id<int>/replay", "replay", "Delivers again what has failed, or what fits a filter.").takes(replayBody{}, `{"since":"2026-11-21T09:00:00Z","status":"failed","dry_run":true}`, "since").
				ok(members{"replay": heldJSON{}}).gives(http.StatusAccepted, jobStarted{}).refuses(http.StatusConflict),
			op("GET", "webhooks/:id<int>/jobs", "listWebhookJobs", "The jobs of a webhook, the newest first.").with(webhooksQuery{}).ok(jobList{}),
			op("GET", "jobs", "listJobs", "The jobs, the newest first.").with(webhooksQuery{}).ok(jobList{}),
			op("GET", "jobs/:id<int>", "getJob", "A job.").ok(members{"job": jobJSON{}}),
			op("POST", "jobs/:id<int>/cancel", "cancelJob", "Ends a job; what was handed out is still delivered.").ok(jobStarted{}),
		}},
	}
}
