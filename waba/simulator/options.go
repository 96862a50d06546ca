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
	PortfolioID        string // the business portfolio that owns the account; empty → "400100200300400"

	Contacts int    // distinct customers; 0 or less → 200
	Seed     uint64 // 0 → 1
	Mix      Mix    // zero → the proportions of a live number, see [Mix]

	// OnPremises makes a number of the On-Premises style: bodies without an envelope, and only what such bodies carry. Mix
	// does not matter then.
	OnPremises bool

	// Start is the time of the first fact, to the second; zero → now. Time then passes by itself, about 25 facts per
	// simulated second.
	Start time.Time

	// Prefix begins the random part of every wamid, so that runs do not collide and can be told apart in a database;
	// letters and digits suit best. Empty → derived from Seed and Start.
	Prefix string
}

// Mix says how often each kind of fact comes. Messages, Statuses, Failed and Errors, when all are zero, stand for
// 1, 3, 0.01 and 0.002, which is what a live number sees: three statuses for each inbound message, one outbound message
// in a hundred failing.
type Mix struct {
	Messages float64 // weight of inbound messages against Statuses; only the proportion counts, below 0 is 0
	Statuses float64 // weight of statuses; when both weights are 0, Messages is 1
	Failed   float64 // share of the outbound messages that fail, 0 to 1
	Errors   float64 // share of these facts that are out-of-band errors, 0 to 1

	// All adds every one of [Kinds], some more often than others and history rarely: Other is 0.5 and Switching 0.1
	// unless they say otherwise, and the rest is as on a live number unless it says otherwise.
	All bool

	Other     float64 // share of all facts that are of any of the kinds, by their weights, 0 to 1
	Echoes    float64 // share of the remaining facts that are echoes of the phone app, whose statuses follow, 0 to 1
	History   float64 // share of the remaining facts that are past messages of the phone app, 0 to 1
	Switching float64 // share of the customers who are known by number first, then by both, then by user id only, 0 to 1
}

func (o Options) withDefaults() Options {
	defaults(&o.PhoneNumberID, "600700800900100")
	defaults(&o.DisplayPhoneNumber, "15550100200")
	defaults(&o.WABAID, "500100200300400")
	defaults(&o.PortfolioID, "400100200300400")
	if o.Contacts <= 0 {
		o.Contacts = 200
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Start.IsZero() {
		o.Start = time.Now()
	}
	o.Mix = o.Mix.withDefaults()
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

// withDefaults lets the extras be added to the traffic of a live number.
func (m Mix) withDefaults() Mix {
	if m.All {
		share(&m.Other, 0.5)
		share(&m.Switching, 0.1)
	}
	if m.Messages == 0 && m.Statuses == 0 && m.Failed == 0 && m.Errors == 0 {
		m.Messages, m.Statuses, m.Failed, m.Errors = 1, 3, 0.01, 0.002
	}
	return m
}

func share(field *float64, value float64) {
	if *field == 0 {
		*field = value
	}
}

// scatterOf hashes a prefix.
func scatterOf(prefix string) uint64 {
	hash := fnv.New64a()
	hash.Write([]byte(prefix))
	return hash.Sum64() >> 1
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
