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
	pageHome     = "home"
	pageWebhooks = "webhooks"
	pageWebhook  = "webhook"
	pageDelivery = "delivery"
)

// looking is the figures of pages, each below a bound in milliseconds.
func looking(prefix, stage string, bound float64) []kind {
	var ks []kind
	for _, page := range []struct{ key, label string }{
		{pageHome, "home"},
		{pageWebhooks, "webhooks"},
		{pageWebhook, "a webhook"},
		{pageDelivery, "a delivery"},
	} {
		ks = append(ks, kind{key: prefix + page.key, stage: stage, label: page.label, unit: "ms", rules: []rule{{sign: below, bound: bound}}})
	}
	return ks
}
