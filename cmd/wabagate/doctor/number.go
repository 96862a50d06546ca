package doctor

import (
	"context"
	"fmt"
	"time"

	"wabagate/models"
)

// line is a number and how it is reached.
type line struct {
	models.Number
	Upstream *models.Upstream // nil: it only receives
	// SilentSince is the last callback before a silence that should not be; zero: none.
	SilentSince time.Time
}

// lookAtNumbers judges the numbers of every business by what checks have found.
func (d *doctor) lookAtNumbers(ctx context.Context) {
	lines, err := d.lines(ctx)
	if err != nil {
		d.say(wrong("numbers", "cannot be read: "+err.Error(), "look at the database and the master key first"))
		return
	}
	found := 0
	for _, l := range lines {
		fs := judgeLine(l, d.store.Now())
		found += len(fs)
		d.say(fs...)
	}
	parked, oldest, err := d.store.CountParked(ctx)
	if err == nil && parked > 0 {
		d.say(judgeParked(parked, oldest, d.store.Now()))
	}
	switch {
	case len(lines) == 0:
		d.say(warning("numbers", "none is connected", "wabagate admin bootstrap makes a business with its first number"))
	case found == 0:
		d.say(fine("numbers", "%s, none in trouble", plural(len(lines), "number", "numbers")))
	}
}

func (d *doctor) lines(ctx context.Context) ([]line, error) {
	businesses, err := d.store.Businesses(ctx)
	if err != nil {
		return nil, err
	}
	upstreams, err := d.store.Upstreams(ctx)
	if err != nil {
		return nil, err
	}
	of := map[int64]*models.Upstream{}
	for i := range upstreams {
		of[upstreams[i].NumberID] = &upstreams[i]
	}
	var lines []line
	for _, b := range businesses {
		ns, err := d.store.Numbers(ctx, b.ID)
		if err != nil {
			return nil, err
		}
		_, silent, err := d.store.Pulses(ctx, b.ID)
		if err != nil {
			return nil, err
		}
		for _, n := range ns {
			lines = append(lines, line{Number: n, Upstream: of[n.ID], SilentSince: silent[n.ID]})
		}
	}
	return lines, nil
}

// tokenSoon is how long before its end a token is talked about.
const tokenSoon = 7 * 24 * time.Hour

// judgeLine says what stops a number, or will. Nil: nothing.
func judgeLine(l line, now time.Time) []Finding {
	check := fmt.Sprintf("number %d", l.ID)
	name := fmt.Sprintf("%.40q ", l.Display)
	var fs []Finding
	if !l.SilentSince.IsZero() {
		fs = append(fs, wrong(check, name+"is silent: no callback for "+since(l.SilentSince, now)+", although there should have been some", "look whether the Meta app still posts to /webhooks/cloud/…, and whether the account is subscribed to it"))
	}
	u := l.Upstream
	if u == nil {
		return fs
	}
	const renew = "make a new one (that of a system user does not expire), and: wabagate admin connect, or PUT /api/client/numbers/{id}"
	switch ends := u.TokenExpiresAt; {
	case ends.IsZero():
	case !now.Before(ends):
		fs = append(fs, wrong(check, name+"has a token that expired on "+ends.UTC().Format(time.DateOnly)+": nothing is sent", renew))
	case ends.Sub(now) < tokenSoon:
		fs = append(fs, warning(check, name+"has a token that expires on "+ends.UTC().Format(time.DateTime)+" UTC", renew))
	}
	if !u.Checked.At.IsZero() && !u.Checked.OK {
		fs = append(fs, wrong(check, name+"was in trouble at its last check, "+since(u.Checked.At, now)+" ago: "+fmt.Sprintf("%.200q", u.Checked.Trouble), "do what it says; its page checks again"))
	}
	return fs
}

// parkedLong is how long callbacks wait for their number before it is more than a number that is being connected.
const parkedLong = time.Hour

func judgeParked(n int64, oldest, now time.Time) Finding {
	const check = "parked callbacks"
	says := fmt.Sprintf("%s for numbers that nobody connected, or cannot be read, the oldest for %s", plural(int(n), "callback waits", "callbacks wait"), since(oldest, now))
	if now.Sub(oldest) < parkedLong {
		return fine(check, "%s", says)
	}
	return warning(check, says, "connect the number (its callbacks are processed then), or take it out of the Meta app; the table parked names them")
}
