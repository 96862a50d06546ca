package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/models"
)

func (s *Server) registerUsage(r fiber.Router) {
	r.Get("/usage", s.client(s.handleUsage))
}

// useJSON is traffic of numbers. Callbacks are those that told something new.
type useJSON struct {
	Callbacks int64 `json:"callbacks"`
	Events    int64 `json:"events"`
	Received  int64 `json:"received"` // messages of customers
	Sent      int64 `json:"sent"`     // messages of the business, whoever sent them
}

// numberUse is the traffic of one number.
type numberUse struct {
	NumberID int64 `json:"number_id"`
	useJSON
}

// deliveryUse is of all webhooks.
type deliveryUse struct {
	Deliveries int64 `json:"deliveries"`
	Attempts   int64 `json:"attempts"`
}

type dayUse struct {
	Day string `json:"day"` // UTC, such as 2026-11-20
	useJSON
	deliveryUse
	Numbers []numberUse `json:"numbers"` // those that had any traffic
}

// usageJSON is what a business used in a month, in all and day by day.
type usageJSON struct {
	Month string `json:"month"`
	// CountedUntil is up to when the traffic of numbers is counted, some minutes ago; deliveries and attempts are counted at
	// once. null: not at all yet.
	CountedUntil *event.Time `json:"counted_until"`
	Totals       struct {
		useJSON
		deliveryUse
	} `json:"totals"`
	Numbers []numberUse `json:"numbers"`
	Days    []dayUse    `json:"days"` // to today; the oldest first
}

func useView(u models.NumberUse) useJSON {
	return useJSON{Callbacks: u.Callbacks, Events: u.Events, Received: u.Received, Sent: u.Sent}
}

func numberUses(of map[int64]models.NumberUse) []numberUse {
	uses := make([]numberUse, 0, len(of))
	for id, u := range of {
		uses = append(uses, numberUse{id, useView(u)})
	}
	slices.SortFunc(uses, func(a, b numberUse) int { return cmp.Compare(a.NumberID, b.NumberID) })
	return uses
}

// usageMonth reads a month (UTC); without one it is the present.
func usageMonth(text string, now time.Time) (time.Time, error) {
	if text == "" {
		text = now.UTC().Format("2006-01")
	}
	month, err := time.Parse("2006-01", text)
	if err != nil || month.Year() < 2026 || month.Year() > maxYear {
		return month, invalid("month", codeInvalid, "must be a month (UTC) such as %s", now.UTC().Format("2006-01"))
	}
	if month.After(now) {
		return month, invalid("month", codeInvalid, "has not come yet")
	}
	return month, nil
}

func (s *Server) handleUsage(c *fiber.Ctx, who caller) error {
	month, err := usageMonth(c.Query("month"), s.now())
	if err != nil {
		return err
	}
	v, err := s.usage(c.UserContext(), who.Business, month)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, v)
}

// usage counts a month.
func (s *Server) usage(ctx context.Context, businessID int64, month time.Time) (usageJSON, error) {
	v := usageJSON{Month: month.Format("2006-01"), Days: []dayUse{}}
	end := month.AddDate(0, 1, 0)
	if tomorrow := s.now().UTC().Truncate(day).Add(day); tomorrow.Before(end) {
		end = tomorrow
	}
	days, through, err := s.store.Usage(ctx, businessID, month, end)
	if err != nil {
		return v, err
	}
	v.CountedUntil = timeView(through)
	used := map[time.Time]models.DayUse{}
	all, numbers := models.NumberUse{}, map[int64]models.NumberUse{}
	for _, d := range days {
		used[d.Day] = d
		all.Add(d.Traffic())
		v.Totals.Deliveries, v.Totals.Attempts = v.Totals.Deliveries+d.Deliveries, v.Totals.Attempts+d.Attempts
		for id, u := range d.Numbers {
			sum := numbers[id]
			sum.Add(u)
			numbers[id] = sum
		}
	}
	v.Totals.useJSON, v.Numbers = useView(all), numberUses(numbers)
	for at := month; at.Before(end); at = at.Add(day) {
		d := used[at]
		v.Days = append(v.Days, dayUse{at.Format(time.DateOnly), useView(d.Traffic()), deliveryUse{d.Deliveries, d.Attempts}, numberUses(d.Numbers)})
	}
	return v, nil
}
