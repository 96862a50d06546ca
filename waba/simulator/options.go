package simulator

import (
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"time"
)

// Options says whom to simulate. The zero value works.
type Options struct {
	PhoneNumberID      string // of the business number; empty → "600700800900100"
	DisplayPhoneNumber string // digits; empty → "15550100200"
	WABAID             string // empty → "500100200300400"

	Contacts int    // distinct customers; 0 or less → 200
	Seed     uint64 // 0 → 1
	Mix      Mix    // zero → the proportions of a live number, see [Mix]

	// Start is the time of the first fact, to the second; zero → now. Time then passes by itself, about 25 facts per
	// simulated second.
	Start time.Time

	// Prefix begins the random part of every wamid, so that runs do not collide and can be told apart in a database;
	// letters and digits suit best. Empty → derived from Seed and Start.
	Prefix string
}

// Mix says how often each kind of fact comes. The zero Mix stands for {1, 3, 0.01, 0.002}, which is what a live number
// sees: three statuses for each inbound message, one outbound message in a hundred failing.
type Mix struct {
	Messages float64 // weight of inbound messages against Statuses; only the proportion counts, below 0 is 0
	Statuses float64 // weight of statuses; when both weights are 0, Messages is 1
	Failed   float64 // share of the outbound messages that fail, 0 to 1
	Errors   float64 // share of all facts that are out-of-band errors, 0 to 1
}

func (o Options) withDefaults() Options {
	defaults(&o.PhoneNumberID, "600700800900100")
	defaults(&o.DisplayPhoneNumber, "15550100200")
	defaults(&o.WABAID, "500100200300400")
	if o.Contacts <= 0 {
		o.Contacts = 200
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Start.IsZero() {
		o.Start = time.Now()
	}
	if o.Mix == (Mix{}) {
		o.Mix = Mix{Messages: 1, Statuses: 3, Failed: 0.01, Errors: 0.002}
	}
	o.Mix.Messages, o.Mix.Statuses = max(o.Mix.Messages, 0), max(o.Mix.Statuses, 0)
	if o.Mix.Messages+o.Mix.Statuses == 0 {
		o.Mix.Messages = 1
	}
	defaults(&o.Prefix, prefixOf(o.Seed, o.Start))
	return o
}

func defaults(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// prefixOf hashes seed and start, to the nanosecond, into eight characters of base64url.
func prefixOf(seed uint64, start time.Time) string {
	hash := fnv.New64a()
	var text [16]byte
	binary.BigEndian.PutUint64(text[:8], seed)
	binary.BigEndian.PutUint64(text[8:], uint64(start.UnixNano()))
	hash.Write(text[:])
	return base64.RawURLEncoding.EncodeToString(hash.Sum(nil)[:6])
}
