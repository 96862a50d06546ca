package dashboard

// Numbers lists a business's WhatsApp numbers.
type Numbers struct {
	Shell
	Items []NumberItem
	Pager Pager
}

// NumberItem is a number and how it is.
type NumberItem struct {
	ID                    int64
	Name, Phone           string // the phone as people write it: +15550100200
	PhoneNumberID, WABAID string
	Health                NumberHealth
	// CanCheck says that there is a token to check.
	CanCheck bool
}

// NumberHealth is how a number is, and what to do about it.
type NumberHealth struct {
	Badge Badge
	// Texts say what is wrong and what to do, a sentence or two each; none: nothing is.
	Texts        []string
	Token        Badge
	TokenEnds    When // zero: it does not end, or nobody said when
	Subscribed   Badge
	Quality      Badge
	Limit        string // how many customers it may begin to write to in a day, as the platform says it
	Throughput   string
	LastCallback When
	Checked      When
}

// Refusal is what went wrong in several steps, and what to do.
type Refusal struct {
	Message, Advice string
	// Platform is what WhatsApp or a provider answered, TraceID what its support asks for.
	Platform, TraceID string
}

// NumberForm connects a number, or with an ID gives one that is connected another token.
type NumberForm struct {
	Shell
	ID      int64
	Above   []Crumb
	Refusal *Refusal
	// Known are the fields about the number, Way those about the platform or the provider, More those that are seldom needed.
	Known, Way, More []Field
	Styles           []Choice
	Override         bool
	// MoreOpen unfolds those fields.
	MoreOpen bool
}

// NumberHead stands above the pages of a number.
type NumberHead struct {
	Item  NumberItem
	Above []Crumb
	Tabs  []Tab
	// CanChange says that the viewer may check it, IsOwner that they may change how it is reached.
	CanChange, IsOwner bool
}

// Number shows one number.
type Number struct {
	Shell
	Head  NumberHead
	Style string // empty: it is not connected by a token
	// Base is the address of the API where it is not the platform's own, AppID Meta's id of the app.
	Base, AppID, Rate string
	Created           When
	Callbacks         []CallbackAddress
	// OnPremises says that there is an address for a provider; Address is a new one, which is shown this once.
	OnPremises bool
	Address    string
	Keys       []NumberKey
	// NewKey is a key that was just made; it is shown this once. KeyNote says what went with the one before.
	NewKey, KeyNote string
	KeyName         Field
	FetchAhead      bool
	Disconnect      Danger
}

// CallbackAddress is where the platform posts an app's callbacks.
type CallbackAddress struct {
	App, URL string
	// VerifyToken is empty where only the operator may see it.
	VerifyToken string
}

// NumberKey is a key of a number.
type NumberKey struct {
	ID                int64
	Name, Prefix      string
	CreatedBy         string
	Created, LastUsed When
	Path              string // that its forms post below
}

// NumberReplies says how a number answers by itself.
type NumberReplies struct {
	Shell
	Head NumberHead
	// Set says that there are settings, Active that they are in force.
	Set, Active bool
	Since       When
	Error       string // of what concerns no single field
	Kinds       []Choice
	// Model, Responder and Both are the fields of either kind and of both.
	Model, Responder, Both []Field
	Secret                 string // one that was made for a responder; it is shown this once
	Try                    Field
	Trial                  *ReplyTrial
	Delete                 Danger
}

// ReplyTrial is what a customer would be answered.
type ReplyTrial struct {
	Asked, Answer Bubble
	Badge         Badge
	// Text says what became of it in words.
	Text, Latency string
}

// NumberReport is what became of a number's traffic in one day.
type NumberReport struct {
	Shell
	Head         NumberHead
	Day          string // such as 2026-11-20
	Today        string
	Before, Next string // paths of the days around it; empty: there is none
	Verdict      Badge
	Summary      string
	Cards        []Stat
	Counted      When
	// Findings are what is missing or wrong, and what to do about it.
	Findings []Finding
	Statuses []Count
	Failures []Failed
	Messages []UnreportedItem
	Pager    Pager
}

// Finding is something that is missing or wrong.
type Finding struct {
	Badge       Badge
	Title, Text string
}

// Count is how many of something there were.
type Count struct {
	Name  string
	Value string
}

// Failed is how many messages failed for a reason.
type Failed struct {
	Code, Count string
	Advice      string // what to do; empty: nobody knows
}

// UnreportedItem is a message that was accepted and that no status came for.
type UnreportedItem struct {
	ID, MessageID, Recipient, Type, SentBy string
	At                                     When
}

func (Numbers) template() string       { return "numbers.html" }
func (NumberForm) template() string    { return "number_form.html" }
func (Number) template() string        { return "number.html" }
func (NumberReplies) template() string { return "number_replies.html" }
func (NumberReport) template() string  { return "number_report.html" }
