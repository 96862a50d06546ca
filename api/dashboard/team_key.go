package dashboard

// Keys lists what opens the API to programs.
type Keys struct {
	Shell
	Pages []Tab
	Keys  []APIKey
	Pager Pager
	// Fields are those of a new key; none: the viewer may not make one. Error is what is wrong with none of them.
	Fields []Field
	Error  string
	Fresh  *FreshKey
	Usage  Usage
}

// APIKey is a key, without what opens anything.
type APIKey struct {
	ID           int64
	Name, Prefix string
	// Number is the number that it opens; empty: the whole business.
	Number string
	// By is what whoever made it was called; empty: not known.
	By            string
	Made, LastUse When
}

// FreshKey shows a key, this once.
type FreshKey struct {
	Name, Key string
	// Note says what else has happened; empty: nothing.
	Note  string
	Usage Usage
}

// Usage is how to call with a key, from a shell.
type Usage struct {
	// Whole calls with a key of the business, One with that of a number. An empty one is not shown.
	Whole, One string
}

// Key shows one key.
type Key struct {
	Shell
	Above []Crumb
	Key   APIKey
	// Fields rename it. Error is what is wrong with none of them.
	Fields []Field
	Error  string
	Fresh  *FreshKey
	Usage  Usage
	End    Danger
}

func (Keys) template() string { return "keys.html" }
func (Key) template() string  { return "key.html" }
