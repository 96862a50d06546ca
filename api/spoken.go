package api

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // people's zones, on machines that know none

	"github.com/gofiber/fiber/v2"
)

// zoneCookie is where a page's script keeps the name of the viewer's time zone.
const zoneCookie = "tz"

// zoneOf is the viewer's time zone; UTC where it is not known.
func zoneOf(c *fiber.Ctx) *time.Location {
	name := strings.Clone(c.Cookies(zoneCookie))
	if name == "" || name == "Local" || len(name) > 64 {
		return time.UTC
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return zone
}

// zoneText names the zone of now to whoever it is that of.
func zoneText(now time.Time) string {
	if now.Location() == time.UTC {
		return "UTC"
	}
	return "your time zone, " + now.Location().String()
}

// maxSpoken is longer than anything that spokenMoment understands, in characters.
const maxSpoken = 64

// spokenHint says which moments people may write.
const spokenHint = "14:00, yesterday 9:30, monday, 3 hours ago, 21 Nov or 2026-11-21 14:00"

// spokenMoment reads a moment as people write it, in the zone of now; empty is the zero time. A day alone is its beginning, a
// time alone is today's, and the name of a day the last such day. What programs write is read too.
func spokenMoment(field, text string, now time.Time) (time.Time, error) {
	words := strings.ToLower(strings.Join(strings.Fields(text), " "))
	if words == "" {
		return time.Time{}, nil
	}
	if at, err := moment(field, strings.TrimSpace(text)); err == nil {
		return at, nil
	}
	at, ok := agoMoment(words, now)
	if !ok {
		at, ok = dayMoment(words, now)
	}
	if !ok || at.Year() < 1970 || at.Year() > maxYear {
		return time.Time{}, invalid(field, codeInvalid, "is no moment that is understood here; write it like %s", spokenHint)
	}
	return at, nil
}

// agoWords is a time before now: "3 hours ago", "2d", "30 min".
var agoWords = regexp.MustCompile(`^(\d{1,5}) ?(m|min|mins|minutes?|h|hours?|d|days?|w|weeks?)( ago)?$`)

func agoMoment(words string, now time.Time) (time.Time, bool) {
	m := agoWords.FindStringSubmatch(words)
	if m == nil {
		return now, words == "now"
	}
	n, _ := strconv.Atoi(m[1]) // digits, and few
	switch m[2][0] {
	case 'm':
		return now.Add(-time.Duration(n) * time.Minute), true
	case 'h':
		return now.Add(-time.Duration(n) * time.Hour), true
	case 'd':
		return now.AddDate(0, 0, -n), true
	}
	return now.AddDate(0, 0, -7*n), true
}

// clockWords is a time of the day at the end of what was written, or all of it.
var clockWords = regexp.MustCompile(`(?:^|[ t])(\d{1,2}):(\d{2})(?::(\d{2}))?$`)

// dayMoment reads a day, a time of the day, or both.
func dayMoment(words string, now time.Time) (time.Time, bool) {
	var h, m, s int
	day := words
	if at := clockWords.FindStringSubmatch(words); at != nil {
		h, _ = strconv.Atoi(at[1])
		m, _ = strconv.Atoi(at[2])
		s, _ = strconv.Atoi(at[3]) // zero when it is missing
		if h > 23 || m > 59 || s > 59 {
			return now, false
		}
		day = strings.TrimSuffix(strings.TrimSuffix(words, at[0]), ",")
	}
	date, ok := dayOf(day, now)
	return time.Date(date.Year(), date.Month(), date.Day(), h, m, s, 0, now.Location()), ok
}

// dayOf reads a day; none is today.
func dayOf(day string, now time.Time) (time.Time, bool) {
	switch day {
	case "", "today":
		return now, true
	case "yesterday":
		return now.AddDate(0, 0, -1), true
	}
	for back := 1; back <= 7; back++ {
		d := now.AddDate(0, 0, -back)
		if name := strings.ToLower(d.Weekday().String()); day == name || day == name[:3] {
			return d, true
		}
	}
	for _, layout := range []string{"2006-01-02", "2 Jan 2006", "2 January 2006", "Jan 2 2006", "January 2 2006", "Jan 2, 2006", "2.1.2006", "2/1/2006"} {
		if d, err := time.ParseInLocation(layout, day, now.Location()); err == nil {
			return d, true
		}
	}
	for _, layout := range []string{"2 Jan", "2 January", "Jan 2", "January 2"} { // the last such day
		if d, err := time.ParseInLocation(layout+" 2006", day+" "+strconv.Itoa(now.Year()), now.Location()); err == nil {
			if d.After(now) {
				d = d.AddDate(-1, 0, 0)
			}
			return d, true
		}
	}
	return now, false
}

// spokenText writes a moment as spokenMoment reads it and as people understand it in their zone.
func spokenText(at, now time.Time) string {
	at = at.In(now.Location())
	layout := "2 Jan 15:04"
	if at.Year() != now.Year() {
		layout = "2 Jan 2006 15:04"
	}
	return at.Format(layout)
}

// spokenAgain writes what a link says in the words of its viewer. What is no whole minute, or was written by a person, stays.
func spokenAgain(text string, now time.Time) string {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || !at.Equal(at.Truncate(time.Minute)) {
		return text
	}
	return spokenText(at, now)
}
