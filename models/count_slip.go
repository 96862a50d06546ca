package models

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// countSlip is what one transaction counted. Counting in rows that others count in too would make transactions wait for
// each other, and asking what a statement wrote would cost a round trip. So the counts are made in memory, as if everything
// will be found as expected, and go into a row of the transaction's own; the few that find something else, because another
// transaction was there before, put into it what they wrote instead.
type countSlip struct {
	Hour   int64
	Counts []byte // an encoded countBook
	// Made, Ended and Tried, if they are not nil, are what was written instead of what Counts has: lists of [webhook,
	// event], of [webhook, state] and of [webhook, microseconds, outcome]. The latter two count in Hour.
	Made, Ended, Tried *string
}

// encode lays a book out as numbers of few bytes: for each key the hour, the webhook, seven counts, the extremes, and how
// many parts of the latencies follow, each with its place.
func (b countBook) encode() []byte {
	out := []byte{}
	for _, k := range b.keys() {
		c := b[k]
		l := c.Latencies
		for _, v := range []int64{k.webhook, k.hour, c.Made, c.Succeeded, c.Failed, c.Skipped, l.N, c.AttemptsFailed, l.Sum.Microseconds(), l.Least.Microseconds(), l.Most.Microseconds()} {
			out = binary.AppendVarint(out, v)
		}
		var parts []byte
		n := 0
		for i, v := range l.parts {
			if v != 0 {
				n++
				parts = binary.AppendVarint(binary.AppendVarint(parts, int64(i)), v)
			}
		}
		out = append(binary.AppendVarint(out, int64(n)), parts...)
	}
	return out
}

var errSlip = errors.New("what was counted cannot be read")

// decode adds what encode wrote.
func (b countBook) decode(in []byte) error {
	wrong := false
	next := func() int64 {
		v, n := binary.Varint(in)
		if n <= 0 {
			wrong, n = true, len(in)
		}
		in = in[n:]
		return v
	}
	us := func() time.Duration { return time.Duration(next()) * time.Microsecond }
	for len(in) > 0 {
		webhook, hour := next(), next()
		c := Count{Made: next(), Succeeded: next(), Failed: next(), Skipped: next()}
		c.Latencies.N, c.AttemptsFailed = next(), next()
		c.Latencies.Sum, c.Latencies.Least, c.Latencies.Most = us(), us(), us()
		for n := next(); n > 0 && !wrong; n-- {
			i, v := next(), next()
			if i < 0 || i >= latencyParts {
				return errSlip
			}
			c.Latencies.parts[i] = v
		}
		if wrong {
			return errSlip
		}
		b.of(webhook, hour).Add(c)
	}
	return nil
}

// openSlips adds slips up.
func openSlips(slips []countSlip) (countBook, error) {
	all := countBook{}
	for _, s := range slips {
		b, err := s.open()
		if err != nil {
			return nil, err
		}
		for k, c := range b {
			all.of(k.webhook, k.hour).Add(*c)
		}
	}
	return all, nil
}

// open reads a slip.
func (s countSlip) open() (countBook, error) {
	b := countBook{}
	if err := b.decode(s.Counts); err != nil {
		return nil, err
	}
	for _, c := range b {
		if s.Made != nil {
			c.Made = 0
		}
		if s.Ended != nil {
			c.Succeeded, c.Failed, c.Skipped = 0, 0, 0
		}
		if s.Tried != nil {
			c.AttemptsFailed, c.Latencies = 0, Latencies{}
		}
	}
	var made, ended [][2]int64
	var tried []triedRow
	if err := errors.Join(instead(s.Made, &made), instead(s.Ended, &ended), instead(s.Tried, &tried)); err != nil {
		return nil, fmt.Errorf("%w: %w", errSlip, err)
	}
	for _, r := range made {
		b.of(r[0], hourOfID(r[1])).Made++
	}
	for _, r := range ended {
		b.of(r[0], s.Hour).end(DeliveryState(r[1]))
	}
	for _, r := range tried {
		b.of(r.webhook, s.Hour).try(time.Duration(r.us)*time.Microsecond, r.outcome)
	}
	return b, nil
}

func instead(text *string, rows any) error {
	if text == nil {
		return nil
	}
	return json.Unmarshal([]byte(*text), rows)
}

// triedRow is an attempt that was written.
type triedRow struct {
	webhook, us int64
	outcome     string
}

// UnmarshalJSON reads it as a list.
func (r *triedRow) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&r.webhook, &r.us, &r.outcome})
}
