package dashboard

import "slices"

// Home is the first page: the guide while nothing has arrived, then what matters now.
type Home struct {
	Shell
	// Guide is nil once an event has arrived.
	Guide *FirstRun
	Cards []Stat
	Chart Chart
	// Troubled are the webhooks and numbers that want somebody to look at them.
	Troubled []Trouble
	Webhooks []HomeWebhook
	Events   []HomeEvent
}

// HomeWebhook is a webhook on the first page.
type HomeWebhook struct {
	Item WebhookItem
	// Total (in words), Failed and Rate are those of the last 24 hours.
	Total, Failed, Rate string
}

// HomeEvent is an event that has just happened.
type HomeEvent struct {
	ID, Type, About string
	At              When
}

// Trouble is what is wrong with one thing, and where it is mended.
type Trouble struct {
	Badge      Badge
	Name, Path string
	Text       string
}

// Guide is the first run by itself, for who comes back to it.
type Guide struct {
	Shell
	FirstRun FirstRun
}

// FirstRun is the state of the way from nothing to an event that was seen to arrive.
type FirstRun struct {
	// Number is the number that events come from; empty: none is connected. More says that there are others.
	Number string
	More   bool
	// Command plays many customers from a shell, where a button can play one; empty: real ones have to write.
	Command string
	// Webhook is the newest webhook; nil: there is none. Own is one that does not point at the inspector.
	Webhook, Own *WebhookItem
	// Inspector is a path where deliveries can be watched; empty: no webhook points there.
	Inspector string
	// CanChange says that the viewer may do what it asks for.
	CanChange bool
	// Loopback says that webhooks may post to this machine.
	Loopback bool
	// Event is the newest that arrived and Delivered the newest delivery of it; nil: none yet.
	Event     *HomeEvent
	Delivered *DeliveryItem
}

// HasNumber, HasWebhook, HasEvent and Seen are the steps that are done.
func (f FirstRun) HasNumber() bool  { return f.Number != "" }
func (f FirstRun) HasWebhook() bool { return f.Webhook != nil }
func (f FirstRun) HasEvent() bool   { return f.Event != nil }
func (f FirstRun) Seen() bool       { return f.Delivered != nil && f.Delivered.Status == "succeeded" }

// Step is how a step stands: done, now for the first that is not done, or empty.
func (f FirstRun) Step(n int) string {
	done := []bool{f.HasNumber(), f.HasWebhook(), f.HasEvent(), f.Seen()}
	switch {
	case done[n-1]:
		return "done"
	case slices.Index(done, false) == n-1:
		return "now"
	}
	return ""
}
