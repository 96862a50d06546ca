package bench

// Pages are held against one bound up to a million deliveries, and another beyond. These begin the keys.
const (
	pagesFew  = "pages_"
	pagesMany = "pages_many_"

	stagePagesFew  = "pages of the dashboard, p95"
	stagePagesMany = "pages of the dashboard with more than a million deliveries, p95"

	// fewPages is how many deliveries are few, leastPages how many there have to be for every page to show something.
	fewPages   = 1_000_000
	leastPages = 2_000
)

const (
	pageHome               = "home"
	pageWebhooks           = "webhooks"
	pageWebhook            = "webhook"
	pageDeliveries         = "deliveries"
	pageDeliveriesFailed   = "deliveries_failed"
	pageReplay             = "replay"
	pageDelivery           = "delivery"
	pageMessages           = "messages"
	pageMessagesFailed     = "messages_failed"
	pageMessagesPhone      = "messages_phone"
	pageMessagesWamid      = "messages_wamid"
	pageLive               = "live"
	pageEvent              = "event"
	pageTimeline           = "timeline"
	pageBroadcasts         = "broadcasts"
	pageBroadcast          = "broadcast"
	pageUsage              = "usage"
	pageConversations      = "conversations"
	pageConversationsFound = "conversations_found"
	pageThread             = "thread"
	pageContacts           = "contacts"
	pageContactsFound      = "contacts_found"
	pageContact            = "contact"
	pageOrders             = "orders"
	pageForms              = "forms"
	pageNumbers            = "numbers"
	pageNumber             = "number"
	pageReport             = "report"
	pageTeam               = "team"
	pageAudit              = "audit"
)

// looking is the figures of pages, each below a bound in milliseconds.
func looking(prefix, stage string, bound float64) []kind {
	var ks []kind
	for _, page := range []struct{ key, label string }{
		{pageHome, "home"},
		{pageWebhooks, "webhooks"},
		{pageWebhook, "a webhook"},
		{pageDeliveries, "deliveries of a webhook"},
		{pageDeliveriesFailed, "failed deliveries of a webhook"},
		{pageReplay, "replay of a webhook's last day, counted"},
		{pageDelivery, "a delivery"},
		{pageMessages, "messages"},
		{pageMessagesFailed, "messages, failed"},
		{pageMessagesPhone, "messages, found by phone"},
		{pageMessagesWamid, "messages, found by wamid"},
		{pageLive, "live events"},
		{pageEvent, "an event"},
		{pageTimeline, "timeline of a message"},
		{pageBroadcasts, "broadcasts"},
		{pageBroadcast, "a broadcast"},
		{pageUsage, "usage"},
		{pageConversations, "conversations"},
		{pageConversationsFound, "conversations, found by phone"},
		{pageThread, "a conversation"},
		{pageContacts, "contacts"},
		{pageContactsFound, "contacts, found by phone"},
		{pageContact, "a contact"},
		{pageOrders, "orders"},
		{pageForms, "forms"},
		{pageNumbers, "numbers"},
		{pageNumber, "a number"},
		{pageReport, "daily report of a number"},
		{pageTeam, "team"},
		{pageAudit, "audit log"},
	} {
		ks = append(ks, kind{key: prefix + page.key, stage: stage, label: page.label, unit: "ms", rules: []rule{{sign: below, bound: bound}}})
	}
	return ks
}
