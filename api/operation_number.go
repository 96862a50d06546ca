package api

import (
	"encoding/json"
	"net/http"

	"wabagate/api/openapi"
)

type reportQuery struct {
	pageQuery
	Day string `json:"day"` // UTC, such as 2026-11-20; today
}

type sendQuery struct {
	Wait int `json:"wait" enum:"0-25"` // seconds to wait for the platform's answer
}

type numberBody struct {
	PhoneNumberID string `json:"phone_number_id"`
	Display       string `json:"display_phone_number"`
	WABAID        string `json:"waba_id"`
	Name          string `json:"name"`
	Token         string `json:"token"` // which proves that the number is yours
	Style         string `json:"style"` // cloud or 360dialog
	BaseURL       string `json:"base_url"`
	Version       string `json:"version"`
	App           string `json:"app"` // the name of an app here
	AppID         string `json:"app_id"`
	AppSecret     string `json:"app_secret"`
	Override      flag   `json:"override"` // has callbacks come here that go elsewhere now
	Rate          int    `json:"rate"`     // messages per second
}

type lineBody struct {
	Token string `json:"token"`
	Rate  *int   `json:"rate"` // messages per second; null: the usual
}

type mediaBody struct {
	FetchAhead flag `json:"fetch_ahead"`
}

type repliesMembers struct {
	Active      flag     `json:"active"`
	Kind        string   `json:"kind" enum:"model,responder"`
	URL         string   `json:"url"`
	Model       string   `json:"model"`
	Key         *string  `json:"key"`
	Secret      *string  `json:"secret"`
	Prompt      string   `json:"prompt"`
	History     int      `json:"history"`
	MaxTokens   int      `json:"max_tokens"`
	Timeout     int      `json:"timeout"`
	HourlyLimit int      `json:"hourly_limit"`
	DailyLimit  int      `json:"daily_limit"`
	Keywords    []string `json:"keywords"`
	Fallback    string   `json:"fallback"`
}

type textBody struct {
	Text string `json:"text"` // what a customer would write
}

type readBody struct {
	Status string          `json:"status" enum:"read"`
	Typing json.RawMessage `json:"typing_indicator"`
}

type configBody struct {
	URL     string            `json:"url"` // empty: none any more
	Headers map[string]string `json:"headers"`
}

func numberTopics() []topic {
	sending := func(o operation) operation {
		return o.refuses(http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusTooManyRequests).with(sendQuery{}).
			gives(http.StatusOK, acceptedJSON{}).gives(http.StatusAccepted, acceptedJSON{})
	}
	send := sending(op("POST", "/v1/messages", "sendMessage", "Sends a message, in the platform's own words.")).
		takes(map[string]any{"type": "object"}, `{"messaging_product":"whatsapp","to":"+1 555 017 7321","type":"text","text":{"body":"Hi"}}`, "messaging_product")
	text := map[string]any{"type": "string"}
	send.headers = []openapi.Parameter{{Name: "Idempotency-Key", In: "header", Description: "The same key within 8 days is the same message.", Schema: text},
		{Name: "X-Sent-By", In: "header", Description: "Who sends it: agent, system, api or ai.", Schema: text}}
	upload := op("POST", "/v1"+mediaUploadRoute, "uploadMedia", "Gives a file to the platform, as a form or as it is.").
		takes(map[string]any{}, "").ok(either{uploadedJSON{}, members{"media": []uploadedJSON{}}}).
		refuses(http.StatusConflict, http.StatusUnprocessableEntity, http.StatusTooManyRequests)
	upload.body = &taken{types: []string{"multipart/form-data", "*/*"}, of: map[string]any{}}
	file := op("GET", "/v1/media/:id", "getMedia", "A file of a message, for as long as it is kept.").refuses(http.StatusConflict, http.StatusGone, http.StatusUnprocessableEntity, http.StatusRequestedRangeNotSatisfiable)
	file.headers = []openapi.Parameter{{Name: "Range", In: "header", Schema: text}, {Name: "If-None-Match", In: "header", Schema: text}}
	binary := map[string]any{"type": "string", "format": "binary"}
	file.answers = []answered{{status: http.StatusOK, of: binary, typ: "*/*", about: "The file"}, {status: http.StatusPartialContent, of: binary, typ: "*/*", about: "The part asked for"},
		{status: http.StatusNotModified, about: "The file is the one that is known"}}
	return []topic{
		{"Numbers", "The WhatsApp numbers of the business.", []operation{
			op("GET", "numbers", "listNumbers", "The numbers.").ok(members{"numbers": []numberJSON{}}),
			op("POST", "numbers", "connectNumber", "Connects a number, or connects it again.").takes(numberBody{}, `{"phone_number_id":"106540352242922","waba_id":"102290129340398","token":"EAAG…"}`).
				ok(numberConnected{}).gives(http.StatusCreated, numberConnected{}).refuses(http.StatusConflict, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusTooManyRequests),
			op("GET", "numbers/:id<int>", "getNumber", "A number, and what it sends through.").ok(members{"number": lineJSON{}}),
			op("PUT", "numbers/:id<int>", "updateNumber", "Replaces a number's token, or changes its rate.").takes(lineBody{}, `{"rate":80}`).ok(numberUpdated{}).refuses(http.StatusConflict, http.StatusUnprocessableEntity, http.StatusTooManyRequests),
			op("POST", "numbers/:id<int>/check", "checkNumber", "Asks the platform how the number is.").takes(nothing{}, "").ok(members{"health": healthJSON{}}).refuses(http.StatusConflict, http.StatusTooManyRequests),
			op("DELETE", "numbers/:id<int>/upstream", "disconnectNumber", "Forgets a number's token: it receives, and sends no more.").ok(message{}).refuses(http.StatusConflict),
			op("GET", "numbers/:id<int>/report", "getReport", "What became of a number's traffic in a day, and its messages without any report.").with(reportQuery{}).ok(reportPage{}),
			op("POST", "numbers/:id<int>/onprem-token", "createAddress", "Makes an address for callbacks of an On-Premises style provider.").byPerson().takes(nothing{}, "").ok(addressCreated{}),
			op("DELETE", "numbers/:id<int>/onprem-token", "deleteAddress", "Ends the On-Premises address.").byPerson().ok(message{}),
			op("GET", "numbers/:id<int>/media", "getMediaSettings", "When files are fetched.").ok(members{"media": mediaSettingsJSON{}}),
			op("PUT", "numbers/:id<int>/media", "updateMediaSettings", "Says when files are fetched.").takes(mediaBody{}, `{"fetch_ahead":true}`, "fetch_ahead").ok(members{"media": mediaSettingsJSON{}}),
		}},
		{"Replies", "How a number answers by itself.", []operation{
			op("GET", "numbers/:id<int>/replies", "getReplies", "How the number answers; null: not at all.").ok(members{"replies": (*repliesJSON)(nil)}),
			op("PUT", "numbers/:id<int>/replies", "updateReplies", "Changes what is given of how the number answers.").takes(repliesMembers{}, `{"url":"https://example.com/v1","model":"small","key":"sk-…","prompt":"You help customers of a shop."}`).
				ok(repliesUpdated{}).refuses(http.StatusConflict),
			op("DELETE", "numbers/:id<int>/replies", "deleteReplies", "Has the number answer no more, and forgets its key.").ok(message{}),
			op("POST", "numbers/:id<int>/replies/try", "tryReplies", "What a customer would be answered. Nobody is written to.").takes(textBody{}, `{"text":"Are you open?"}`, "text").ok(replyTrialJSON{}).refuses(http.StatusConflict, http.StatusTooManyRequests),
		}},
		{"Messages", "What a number sends, with its own key.", []operation{
			send,
			op("GET", "/v1/messages/*", "getMessage", "What became of a message.").ok(members{"message": outgoingJSON{}}),
			sending(op("PUT", "/v1/messages/*", "markRead", "Marks a message as read, and shows that one writes.")).takes(readBody{}, `{"status":"read"}`, "status"),
			upload,
			file,
			op("DELETE", "/v1/media/:id", "deleteMedia", "Deletes a file, here and at the platform.").ok(members{"success": true}).refuses(http.StatusConflict, http.StatusGone, http.StatusTooManyRequests, http.StatusUnprocessableEntity),
		}},
		{"Number webhook", "One address for what comes to a number, in the On-Premises shape.", []operation{
			op("GET", "/v1/configs/webhook", "getConfig", "The number's address.").ok(configJSON{}).refuses(http.StatusNotFound),
			op("POST", "/v1/configs/webhook", "setConfig", "Sets the number's address, or with an empty one removes it.").takes(configBody{}, `{"url":"https://example.com/hook"}`, "url").
				ok(either{configJSON{}, message{}}).refuses(http.StatusConflict),
			op("DELETE", "/v1/configs/webhook", "deleteConfig", "Removes the number's address.").ok(message{}),
		}},
	}
}

func operationsTopics() []topic {
	plain := func(path, id, summary, typ string) operation {
		o := op("GET", path, id, summary).byAnybody()
		o.answers = []answered{{status: http.StatusOK, of: map[string]any{"type": "string"}, typ: typ}}
		return o
	}
	ready := plain("/readyz", "getReady", "Whether this process can do its work.", "text/plain")
	ready.answers = append(ready.answers, answered{status: http.StatusServiceUnavailable, of: map[string]any{"type": "string"}, typ: "text/plain", about: "Why not"})
	metrics := plain("/metrics", "getMetrics", "Figures for Prometheus.", "text/plain")
	metrics.open = false
	return []topic{{"Operations", "For those who run the gateway.", append(consoleOperations(),
		plain("/healthz", "getHealth", "Whether this process lives.", "text/plain"),
		ready,
		metrics,
	)}}
}
