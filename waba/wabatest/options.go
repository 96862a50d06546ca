package wabatest

import (
	"net/http"
	"time"
)

// Options say who exists and how the simulated platform behaves. The zero value works.
type Options struct {
	Apps      []App      // none → [DefaultAppID] with [DefaultAppSecret]
	WABAs     []WABA     // none → [DefaultWABAID]
	Numbers   []Number   // none → [DefaultNumberID]
	Tokens    []Token    // none → [DefaultToken], which may do everything
	Templates []Template // none → those of [DefaultTemplates], in every account
	Groups    []Group
	Keys      []Key // of the 360dialog style; none → no number is at a provider

	// CallbackURL is where the first app wants its callbacks, and every account is subscribed to it from the start. Empty →
	// subscriptions are made through the API, as on the platform.
	CallbackURL string

	Seed   uint64 // of everything that is left to chance; 0 → 1
	Prefix string // begins every wamid, so that runs can be told apart; empty → derived from the seed and the time

	// Throughput is how many messages a second a number takes, in and out together, unless the number says otherwise. 0 → 80.
	Throughput int
	// LimitStatus is the HTTP status beside 130429; 0 → 400, as documented. 429 is met as well.
	LimitStatus int
	PairEvery   time.Duration // one message to one user in this time; 0 → 6 s, below 0 → no limit
	PairBurst   int           // messages to one user that may come at once; 0 → 45

	// OpenWindow counts the service window of every customer as open. Otherwise it is open for 24 hours after the customer
	// wrote, and what is sent outside of it, templates apart, fails with 131047.
	OpenWindow bool

	Latency   Latency
	Delivered float64 // share of the sent messages that are delivered, 0 to 1; 0 → all, below 0 → none
	Read      float64 // share of the delivered ones that are read; 0 → all, below 0 → none
	Played    bool    // voice messages are played after they were read

	// Batch is how many facts one callback carries at most; 0 → 100, above 1,000 → 1,000. They share one only when they
	// come within Gather.
	Batch       int
	Gather      time.Duration // 0 → 10 ms
	Connections int           // callbacks under way at a time; 0 → 32
	Retry       Retry         // of callbacks that are not answered 200

	// Posts makes the requests that leave the simulator: callbacks and handshakes. Nil → a client of its own, which waits 10 s
	// for an answer and follows no redirect.
	Posts *http.Client

	MediaURLFor    time.Duration // how long the url of a media object works; 0 → 5 minutes
	MediaBytes     int64         // kept of what is uploaded, the oldest forgotten first; 0 → 256 MiB
	ProviderDelete bool          // the provider lets a webhook be deleted; otherwise it answers 405

	// ModelKey is what the language model wants as bearer token; empty → anything will do.
	ModelKey string

	// Remember is how many messages are kept one by one, the oldest forgotten first; 0 → 1,000,000, each some 200 bytes.
	// Counts, also those by recipient, are of all messages: a recipient, some 300 bytes, is never forgotten.
	Remember int
}

// Latency is how long a message takes, each step counted from the one before.
type Latency struct {
	Sent      Delay // zero → a median of 150 ms
	Delivered Delay // zero → 600 ms
	Read      Delay // zero → 2 s
	Played    Delay // zero → 2 s
}

// Delay is a time left to chance: log-normal, which has the long tail of phones that are off.
type Delay struct {
	Median time.Duration // below 0 → none at all
	Spread float64       // deviation of the logarithm; 0 → always the median, 0.5 → one in a hundred takes three times as long
}

// At returns a latency with the same delay for each step; 0 means none at all.
func At(d time.Duration) Latency {
	if d <= 0 {
		d = -1
	}
	each := Delay{Median: d}
	return Latency{Sent: each, Delivered: each, Read: each, Played: each}
}

// Retry is how callbacks that are not answered 200 come again: after First, then after twice as long each time up to
// Longest, until For has passed.
type Retry struct {
	First   time.Duration // 0 → 1 s
	Longest time.Duration // 0 → 10 minutes
	For     time.Duration // 0 → 7 days
}

// window is how long after a customer wrote anything may be sent to them.
const window = 24 * time.Hour

func (o Options) withDefaults() Options {
	o.Apps = or(o.Apps, []App{{ID: DefaultAppID, Name: "Gateway", Secret: DefaultAppSecret}})
	o.WABAs = or(o.WABAs, []WABA{{ID: DefaultWABAID, Name: DefaultName}})
	o.Numbers = or(o.Numbers, []Number{{ID: DefaultNumberID, Display: DefaultDisplay, VerifiedName: DefaultName}})
	o.Tokens = or(o.Tokens, []Token{{Value: DefaultToken}})
	if len(o.Templates) == 0 {
		for _, a := range o.WABAs {
			o.Templates = append(o.Templates, DefaultTemplates(a.ID)...)
		}
	}
	defaults(&o.Seed, 1)
	defaults(&o.Throughput, 80)
	defaults(&o.LimitStatus, http.StatusBadRequest)
	defaults(&o.PairEvery, 6*time.Second)
	defaults(&o.PairBurst, 45)
	defaults(&o.Delivered, 1)
	defaults(&o.Read, 1)
	defaults(&o.Batch, 100)
	o.Batch = min(max(o.Batch, 1), 1000)
	defaults(&o.Gather, 10*time.Millisecond)
	defaults(&o.Connections, 32)
	defaults(&o.Retry.First, time.Second)
	defaults(&o.Retry.Longest, 10*time.Minute)
	defaults(&o.Retry.For, 7*24*time.Hour)
	defaults(&o.MediaURLFor, 5*time.Minute)
	defaults(&o.MediaBytes, 256<<20)
	defaults(&o.Remember, 1_000_000)
	defaults(&o.Latency.Sent, Delay{Median: 150 * time.Millisecond})
	defaults(&o.Latency.Delivered, Delay{Median: 600 * time.Millisecond})
	defaults(&o.Latency.Read, Delay{Median: 2 * time.Second})
	defaults(&o.Latency.Played, Delay{Median: 2 * time.Second})
	if o.Posts == nil {
		o.Posts = &http.Client{
			Timeout:   10 * time.Second,
			Transport: &http.Transport{MaxIdleConns: o.Connections, MaxIdleConnsPerHost: o.Connections, DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			},
		}
	}
	return o
}

// defaults gives a field its value when it has none.
func defaults[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func or[T any](list, others []T) []T {
	if len(list) == 0 {
		return others
	}
	return list
}
