package dashboard

// Live shows a business's events as they happen.
type Live struct {
	Shell
	Stream string // where more comes from
	Number Field
	// Types are the types to choose from, TypesMore what was chosen besides.
	Types     []EventGroup
	TypesMore string
	Narrowed  bool
	// Error is what is wrong with the filter; nothing is shown then.
	Error  string
	Events []Happening // newest first
}

// Happening is one event.
type Happening struct {
	ID, Type, About string
	At              When
	Number          string
	// JSON is the event as the API gives it; empty: it is gone, or Large.
	JSON  string
	Large bool
}

func (Live) template() string { return "live.html" }
