package bench

const stageSending = "a number sends, and its statuses come back"

// The figures of sending, as they are called in JSON.
const (
	keySendAsked       = "sending_asked_per_second"
	keySendAckP50      = "sending_answer_p50"
	keySendAckP99      = "sending_answer_p99"
	keySendPace        = "sending_per_second"
	keySendP50         = "sending_p50"
	keySendP99         = "sending_p99"
	keySendCallbacks   = "sending_callbacks_per_second"
	keySendTold        = "sending_events_per_second"
	keySendBacklogHalf = "sending_backlog_halfway"
	keySendBacklogEnd  = "sending_backlog_end"
	keySendCPU         = "sending_cpu"
	keySendPeak        = "sending_peak_rss"
	keySendRefused     = "sending_throttled"
	keySendTwice       = "sending_twice"
	keySendMissing     = "sending_missing"
	keySendLost        = "sending_lost"
	keySendDuplicated  = "sending_duplicated"
)

// sends are the figures of messages that leave. The backlog is what waits in the outbox.
var sends = []kind{
	{key: keySendAsked, stage: stageSending, label: "messages taken by the API", unit: "/s"},
	{key: keySendAckP50, stage: stageSending, label: "answer of the API p50", unit: "ms"},
	{key: keySendAckP99, stage: stageSending, label: "answer of the API p99", unit: "ms"},
	{key: keySendPace, stage: stageSending, label: "messages taken by the platform", unit: "/s", rules: []rule{{sign: atLeast, bound: 0.95, limit: keySendAsked}}},
	{key: keySendP50, stage: stageSending, label: "due to taken by the platform p50", unit: "ms"},
	{key: keySendP99, stage: stageSending, label: "due to taken by the platform p99", unit: "ms"},
	{key: keySendCallbacks, stage: stageSending, label: "callbacks acknowledged", unit: "/s"},
	{key: keySendTold, stage: stageSending, label: "events delivered", unit: "/s"},
	{key: keySendBacklogHalf, stage: stageSending, label: "pieces of work waiting, halfway"},
	{key: keySendBacklogEnd, stage: stageSending, label: "pieces of work waiting, at the last message"},
	{key: keySendCPU, stage: stageSending, label: "gateway CPU per message and its statuses", unit: "ms"},
	{key: keySendPeak, stage: stageSending, label: "peak memory", unit: "MiB"},
	{key: keySendRefused, stage: stageSending, label: "refused as too fast", worst: true, rules: never},
	{key: keySendTwice, stage: stageSending, label: "sent twice", worst: true, rules: never},
	{key: keySendMissing, stage: stageSending, label: "not sent", worst: true, rules: never},
	{key: keySendLost, stage: stageSending, label: "events lost", worst: true, rules: never},
	{key: keySendDuplicated, stage: stageSending, label: "events duplicated", worst: true, rules: never},
}
