package dashboard

import "strings"

// WebhookForm makes or changes a webhook.
type WebhookForm struct {
	Shell
	// ID is the webhook's, and the head that of its pages; 0 and empty for a new one.
	ID int64
	WebhookHead
	Values FormValues
	// Field and Error say what is wrong; Field is empty for what concerns no single one.
	Field, Error string
	// Retype says that secrets were typed, which a page does not give back.
	Retype    bool
	Groups    []EventGroup
	Dialects  []Choice
	Numbers   []Choice
	Orderings []Choice
	AuthTypes []Choice
	Inspector string // an address of the built-in inspector to try with; empty when unknown
	Local     string // an address of this machine to try with; empty where webhooks may not reach it
	// Preview is what this webhook would be posted; nil: it cannot be told, for the reason in the form.
	Preview *Preview
	// Samples are the events that can be previewed.
	Samples []EventGroup
	// Matches is what of the newest events the filter lets through; nil: nobody asked, or there is none.
	Matches *Matches
}

// Action is where the form goes.
func (f WebhookForm) Action() string {
	if f.ID == 0 {
		return "/webhooks/new"
	}
	return f.Item.Path("edit")
}

// Wrong is the error of a field, empty for the others.
func (f WebhookForm) Wrong(field string) string {
	if f.Field == field {
		return f.Error
	}
	return ""
}

// WrongIn reports whether a field or a part of it is wrong.
func (f WebhookForm) WrongIn(field string) bool {
	return f.Field == field || strings.HasPrefix(f.Field, field+".")
}

// FormValues are the fields as a person typed them.
type FormValues struct {
	Name, URL, Description, Dialect, Number string
	SecretMode, Secret                      string
	Rate, Timeout, Schedule, Headers        string
	Filter                                  string // JSON
	Ordering                                string
	AuthType, AuthUser                      string
	AuthPassword, AuthToken                 string
	Certificate, CertificateKey             string // PEM
	// More are subscriptions that have no box of their own, such as template.paused.
	More string
	// PreviewEvent is the type that the preview is of.
	PreviewEvent string
}

// EventGroup is a part of the event picker.
type EventGroup struct {
	Name   string
	Events []Choice
	// Folded groups are closed until somebody opens them, or has chosen from them.
	Folded bool
	// Chosen is how many options are.
	Chosen int
}

// Preview is a request that a webhook would get.
type Preview struct {
	Event, Note string
	// Ignored says that the webhook is not subscribed to the event.
	Ignored bool
	Headers []Header
	Body    string // empty: none is posted, as Note says
}

// Matches is what a filter lets through of the newest events.
type Matches struct {
	// Error says what is wrong with the filter; empty: nothing is.
	Error string
	// Text says how many matched, Share is 0 to 100.
	Text     string
	Share    float64
	None     bool // nothing matches
	Empty    bool // there are no events to look at
	Examples []HomeEvent
}

// field completes one of the form's fields, below, with what was typed and what is wrong with it. What they are called and
// explained as stands here, once.
func (f WebhookForm) field(d Field, value, wrong string) Field {
	d.Value, d.Error = value, f.Wrong(wrong)
	return d
}

func (f WebhookForm) NameField() Field {
	return f.field(Field{Name: "name", Label: "Name", Max: 100, Required: true, Placeholder: "My CRM", Hint: "For you and your team."}, f.Values.Name, "name")
}

func (f WebhookForm) URLField() Field {
	return f.field(Field{Name: "url", Label: "URL", Type: "url", Max: 2048, Required: true, Placeholder: "https://crm.example.com/webhooks/whatsapp",
		Hint: "Where events are posted to. It should answer with 200 as soon as it has an event, and work on it afterwards."}, f.Values.URL, "url")
}

func (f WebhookForm) DescriptionField() Field {
	return f.field(Field{Name: "description", Label: "Description (optional)", Max: 500}, f.Values.Description, "description")
}

func (f WebhookForm) MoreField() Field {
	return f.field(Field{Name: "more_events", Label: "Also", Hint: "Other names of events, such as message.incoming, with commas between them."}, f.Values.More, "more_events")
}

func (f WebhookForm) DialectField() Field {
	return f.field(Field{Name: "dialect", Label: "Dialect", Type: "select", Options: f.Dialects,
		Hint: "The payload, the signature and the manners that your receiver expects. A new receiver is best off with wabagate."}, "", "dialect")
}

func (f WebhookForm) NumberField() Field {
	return f.field(Field{Name: "number_id", Label: "Number", Type: "select", Options: f.Numbers, Hint: "Events of one number alone, or of all."}, "", "number_id")
}

func (f WebhookForm) SecretField() Field {
	return f.field(Field{Name: "secret", Label: "Secret", Max: 512, Complete: "off"}, "", "secret")
}

func (f WebhookForm) FilterField() Field {
	return f.field(Field{Name: "filter", Label: "Filter", Type: "textarea", Rows: 7, Placeholder: `{"field":"message.type","in":["image","document"]}`,
		Hint: "JSON. Blank lets every event of the chosen types through."}, f.Values.Filter, "filter")
}

func (f WebhookForm) RateField() Field {
	return f.field(Field{Name: "rate_limit", Label: "Rate limit", Placeholder: "no limit",
		Hint: "Deliveries per second at most. What comes faster waits; nothing is dropped."}, f.Values.Rate, "rate_limit")
}

func (f WebhookForm) TimeoutField() Field {
	return f.field(Field{Name: "timeout", Label: "Timeout", Placeholder: "the dialect's",
		Hint: "How many seconds an answer may take, 1 to 30. What takes longer has failed and is tried again."}, f.Values.Timeout, "timeout")
}

func (f WebhookForm) ScheduleField() Field {
	return f.field(Field{Name: "retry_schedule", Label: "Retry schedule", Placeholder: "the dialect's",
		Hint: "How long to wait before each further try of a delivery that failed: 5s, 1m, 15m, 6h. “none” means that there is one try."}, f.Values.Schedule, "retry_schedule")
}

func (f WebhookForm) OrderingField() Field {
	return f.field(Field{Name: "ordering", Label: "Ordering", Type: "select", Options: f.Orderings,
		Hint: "In order, the next event of a conversation waits until the one before it is through. That is slower, and needed by few: events carry a sequence."}, "", "ordering")
}

func (f WebhookForm) HeadersField() Field {
	return f.field(Field{Name: "headers", Label: "Headers", Type: "textarea", Placeholder: "X-Tenant: 42",
		Hint: "Sent with every delivery, one “Name: value” per line. Values are kept encrypted and not shown again: <secret> stands for one that stays."}, f.Values.Headers, "headers")
}

func (f WebhookForm) AuthField() Field {
	d := f.field(Field{Name: "auth_type", Label: "Login", Type: "select", Options: f.AuthTypes, Hint: "Sent as Authorization, for receivers behind a gateway that asks for it."}, "", "auth")
	if d.Error == "" {
		d.Error = f.Wrong("auth.type")
	}
	return d
}

func (f WebhookForm) UserField() Field {
	return f.field(Field{Name: "auth_username", Label: "User name", Max: 256, Complete: "off"}, f.Values.AuthUser, "auth.username")
}

func (f WebhookForm) PasswordField() Field {
	return f.field(Field{Name: "auth_password", Label: "Password", Max: 1024, Complete: "off"}, f.Values.AuthPassword, "auth.password")
}

func (f WebhookForm) TokenField() Field {
	return f.field(Field{Name: "auth_token", Label: "Bearer token", Max: 4096, Complete: "off"}, f.Values.AuthToken, "auth.token")
}

func (f WebhookForm) CertificateField() Field {
	d := f.field(Field{Name: "certificate", Label: "Client certificate", Type: "textarea", Rows: 4, Placeholder: "-----BEGIN CERTIFICATE-----",
		Hint: "PEM. By it a receiver with mutual TLS knows that the gateway is calling. Blank: none."}, f.Values.Certificate, "client_certificate.certificate")
	if d.Error == "" {
		d.Error = f.Wrong("client_certificate")
	}
	return d
}

func (f WebhookForm) KeyField() Field {
	return f.field(Field{Name: "certificate_key", Label: "Its key", Type: "textarea", Rows: 4, Complete: "off", Placeholder: "-----BEGIN PRIVATE KEY-----",
		Hint: "PEM, without a passphrase. Kept encrypted and not shown again."}, f.Values.CertificateKey, "client_certificate.key")
}

// EventType describes one type of event, with a sample and a schema.
type EventType struct {
	Shell
	Above             []Crumb
	Name, Description string
	When              string // what brings it
	Aliases           []string
	Dialects          []Tab
	Dialect           string
	Sample, Schema    string // empty: it has no form in the dialect
}

func (WebhookForm) template() string { return "webhook_form.html" }
func (EventType) template() string   { return "event_type.html" }
