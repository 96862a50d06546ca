package dashboard

// ConsoleBusinesses lists the businesses, with a form for another.
type ConsoleBusinesses struct {
	Shell
	Search string
	Items  []TenantItem
	Pager  Pager
	Fields []Field // of the form; none: the viewer makes none
	Error  string
}

// TenantItem is a business in a list.
type TenantItem struct {
	ID                       int64
	Name                     string
	Numbers, Users, Webhooks string
	Failing                  string // webhooks; empty: none
	Created                  When
}

// ConsoleBusiness shows one business.
type ConsoleBusiness struct {
	Shell
	Above  []Crumb
	Item   TenantItem
	Cards  []Stat
	Fields []Field
	Error  string
}

// ConsoleApps lists the Meta apps, with a form for another.
type ConsoleApps struct {
	Shell
	Items  []AppItem
	Fields []Field
	Error  string
}

// AppItem is a Meta app.
type AppItem struct {
	Name, Path string
	Business   string // empty: it serves every business
	Secrets    string
	Created    When
}

// ConsoleApp shows one app.
type ConsoleApp struct {
	Shell
	Above    []Crumb
	Item     AppItem
	Callback string
	Live     []When // its live secrets, the newest first
	// Token and Secret are the forms for another of each.
	Token, Secret []Field
	Error         string
	Old           Danger // ends the secrets but the newest
}

func (ConsoleBusinesses) template() string { return "console_businesses.html" }
func (ConsoleBusiness) template() string   { return "console_business.html" }
func (ConsoleApps) template() string       { return "console_apps.html" }
func (ConsoleApp) template() string        { return "console_app.html" }
