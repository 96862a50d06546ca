package api

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"wabagate/fanout/dialect"
	"wabagate/models"
)

// percentText writes a share of 0 to 1.
func percentText(share float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*share), ".0") + " %"
}

func capital(word, empty string) string {
	if word == "" {
		return empty
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

func numberText(n models.Number) string {
	if n.Name != "" {
		return fmt.Sprintf("%s (+%s)", n.Name, n.Display)
	}
	return "+" + n.Display
}

func orderingText(ordering string) string {
	if ordering == models.OrderConversation {
		return "in order within a conversation"
	}
	return "as they come"
}

func authText(a models.Auth) string {
	switch a.Kind {
	case models.AuthBasic:
		return "password of " + a.User
	case models.AuthBearer:
		return "bearer token"
	}
	return "none"
}

// scheduleText says in words when failed deliveries are tried again.
func scheduleText(w models.Webhook) string {
	waits, own := w.RetrySchedule, w.RetrySchedule != nil
	if !own {
		d, _ := dialect.Lookup(w.Dialect)
		waits = d.Manners.Schedule
	}
	if len(waits) == 0 {
		return "none"
	}
	text := waitsText(waits)
	if !own {
		text += " (the dialect's)"
	}
	return text
}

// waitsText writes waits as people do: 5s, 1m, 6h, 1d.
func waitsText(waits []time.Duration) string {
	texts := make([]string, len(waits))
	for i, d := range waits {
		texts[i] = fmt.Sprintf("%ds", int(d.Seconds()))
		for _, unit := range []struct {
			length time.Duration
			name   string
		}{{time.Minute, "m"}, {time.Hour, "h"}, {24 * time.Hour, "d"}} {
			if d >= unit.length && d%unit.length == 0 {
				texts[i] = strconv.Itoa(int(d/unit.length)) + unit.name
			}
		}
	}
	return strings.Join(texts, ", ")
}

// paceText is how long so many deliveries take at a rate limit, at best; empty without one.
func paceText(n int64, rate int) string {
	if rate <= 0 {
		return ""
	}
	return "At the rate limit they take at least " + lengthText(time.Duration((n+int64(rate)-1)/int64(rate))*time.Second) + "."
}

// lengthText writes a length of time roundly.
func lengthText(d time.Duration) string {
	switch {
	case d < 90*time.Second:
		return plural(max(1, int64(d.Round(time.Second)/time.Second)), "second", "seconds")
	case d < 90*time.Minute:
		return plural(int64(d.Round(time.Minute)/time.Minute), "minute", "minutes")
	case d < 48*time.Hour:
		return plural(int64(d.Round(time.Hour)/time.Hour), "hour", "hours")
	}
	return plural(int64(d.Round(24*time.Hour)/(24*time.Hour)), "day", "days")
}
