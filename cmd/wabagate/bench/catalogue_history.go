package bench

// The ages of the history have the same figures. The key of one is the age, then the figure.
const (
	historySize       = "database"
	historyAccepted   = "accepted_per_second"
	historyAdded      = "added_per_second"
	historyCommits    = "commits"
	historyLost       = "lost"
	historyDuplicated = "duplicated"

	readList       = "list"
	readListLater  = "list_later"
	readListFailed = "list_failed"
	readListType   = "list_type"
	readListDay    = "list_day"
	readDelivery   = "delivery"
	readEvent      = "event"
	readContact    = "contact"
	readThread     = "thread"
	readPhone      = "search_phone"
	readWamid      = "search_wamid"
	readKey        = "search_event"
	readFeed       = "feed"
	readTimeline   = "timeline"

	// Of any day, each as likely: most of it nobody has asked for in a long time, and a database that is larger than the
	// memory reads it from disk.
	readWamidAny    = "search_wamid_any"
	readKeyAny      = "search_event_any"
	readTimelineAny = "timeline_any"
)

// What letting go of history is.
const (
	keyRetentionDay             = "retention_day"
	keyRetentionDays            = "retention_days"
	keyRetentionAcceptedBefore  = "retention_accepted_before"
	keyRetentionAccepted        = "retention_accepted"
	keyRetentionDeliveredBefore = "retention_delivered_before"
	keyRetentionDelivered       = "retention_delivered"
	keyRetentionLost            = "retention_lost"
	keyRetentionDuplicated      = "retention_duplicated"
)

const (
	stageRetention = "days of the history dropped at 200 callbacks/s"

	stageYoung = "with 100,000 events in the history"
	stageOld   = "with all events in the history"
)

// retiring is the figures of letting go of history.
var retiring = []kind{
	{key: keyRetentionDays, stage: stageRetention, label: "days dropped one after the other", unit: ""},
	{key: keyRetentionDay, stage: stageRetention, label: "a day, the slowest", unit: "s", worst: true, rules: []rule{{sign: below, bound: 1}}},
	{key: keyRetentionAcceptedBefore, stage: stageRetention, label: "slowest acknowledgement before", unit: "ms", as: "before"},
	{key: keyRetentionAccepted, stage: stageRetention, label: "slowest acknowledgement meanwhile", unit: "ms", rules: []rule{{limit: keyRetentionAcceptedBefore}}},
	{key: keyRetentionDeliveredBefore, stage: stageRetention, label: "slowest delivery before", unit: "ms", as: "before"},
	{key: keyRetentionDelivered, stage: stageRetention, label: "slowest delivery meanwhile", unit: "ms", rules: []rule{{limit: keyRetentionDeliveredBefore}}},
	{key: keyRetentionLost, stage: stageRetention, label: "lost", worst: true, rules: never},
	{key: keyRetentionDuplicated, stage: stageRetention, label: "duplicated", worst: true, rules: never},
}

// ageing is the figures of an age of the history, set beside those of another if that is not blank.
func ageing(age, stage, other string) []kind {
	figure := func(name, label, unit string, r rule) kind {
		k := kind{key: age + name, stage: stage, label: label, unit: unit, as: "at 100,000"}
		if other != "" {
			r.limit = other + name
			k.rules = []rule{r}
		}
		return k
	}
	rate := func(name, label string) kind { return figure(name, label, "/s", rule{sign: atLeast, bound: 1 / 1.3}) }
	read := func(name, label string) kind { return figure(name, label, "ms", rule{sign: atMost, bound: 1.3}) }
	return []kind{
		figure(historySize, "database", "MiB", rule{sign: beside}),
		rate(historyAccepted, "callbacks accepted"),
		rate(historyAdded, "events translated, delivered and settled"),
		figure(historyCommits, "commits per event", "", rule{sign: beside}),
		read(readList, "delivery list, newest"),
		read(readListLater, "delivery list, a later page"),
		read(readListFailed, "delivery list, failed"),
		read(readListType, "delivery list, one type"),
		read(readListDay, "delivery list, one day"),
		read(readDelivery, "delivery with its attempts"),
		read(readEvent, "event by id"),
		figure(readContact, "contact by number", "ms", rule{sign: beside}),
		figure(readThread, "messages of a conversation", "ms", rule{sign: beside}),
		read(readPhone, "search by phone, 20 events"),
		read(readWamid, "search by wamid"),
		read(readKey, "search by event id"),
		figure(readFeed, "pull, a page", "ms", rule{sign: beside}),
		read(readTimeline, "timeline of a message"),
		figure(readWamidAny, "search by wamid, of any day", "ms", rule{sign: beside}),
		figure(readKeyAny, "search by event id, of any day", "ms", rule{sign: beside}),
		figure(readTimelineAny, "timeline of a message of any day", "ms", rule{sign: beside}),
		{key: age + historyLost, stage: stage, label: "lost", worst: true, rules: never},
		{key: age + historyDuplicated, stage: stage, label: "duplicated", worst: true, rules: never},
	}
}
