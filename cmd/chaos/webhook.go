//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// unhurried is how long some receivers take to answer.
const unhurried = 100 * time.Millisecond

// settling is how long the processes may take to hear of new webhooks: they look once a second.
const settling = 2 * time.Second

// startReceivers makes the webhooks through the API, and then has some of them lead to where the API lets none lead.
func (e *environment) startReceivers(ctx context.Context, o options) (err error) {
	if e.traps, err = newTraps(); err != nil {
		return err
	}
	e.onClose(func() error { e.traps.close(); return nil })
	seconds := func(list ...int) (ds []time.Duration) {
		for _, n := range list {
			ds = append(ds, time.Duration(n)*time.Second)
		}
		return ds
	}
	e.hooks = []hook{
		{name: "healthy 1", schedule: seconds(3, 5, 10, 10, 20, 30)},
		{name: "healthy 2", takes: unhurried, schedule: seconds(3, 5, 10, 10, 20, 30)},
		{name: "ordered 1", ordered: true, schedule: seconds(3, 5, 10, 10, 20, 30)},
		{name: "ordered 2", ordered: true, takes: unhurried, schedule: seconds(3, 5, 10, 10, 20, 30)},
		{name: "stubborn", kind: stubborn, side: true, schedule: seconds(3, 6, 10, 10, 20, 30)},
		{name: "moody", kind: moody, side: true, schedule: seconds(3, 3, 5, 5, 5, 10, 10, 20, 30, 30)},
		{name: "moody and ordered", kind: moody, side: true, ordered: true, schedule: seconds(3, 3, 5, 5, 5, 10, 10, 20, 30, 30)},
	}
	side, err := e.connect(ctx, e.numbers[1])
	if err != nil {
		return err
	}
	for i := range e.hooks {
		h := &e.hooks[i]
		r, err := newReceiver(i, *h, e.traps.addresses[0])
		if err != nil {
			return err
		}
		e.onClose(func() error { r.close(); return nil })
		e.receivers = append(e.receivers, r)
		number := int64(0)
		if h.side {
			number = side
		}
		if err := e.subscribe(ctx, h, r.base, number, o); err != nil {
			return err
		}
	}
	if err := e.buildWalls(ctx, o); err != nil {
		return err
	}
	return sleep(ctx, settling)
}

// wall is what a row judges the guard by: a number of its own, and webhooks of it that lead where none may. They are new
// in each row, because a gateway may well stop calling a webhook that always fails.
type wall struct {
	number string // phone number id
	hooks  []hook
}

// forbiddenName is how the names of forbidden webhooks begin.
const forbiddenName = "forbidden: "

// buildWalls makes a wall for each row.
func (e *environment) buildWalls(ctx context.Context, o options) error {
	misled := append(slices.Clone(e.traps.addresses), "http://169.254.169.254/latest/meta-data/")
	urls := map[int64]string{}
	for i := range o.faults {
		w := wall{number: fmt.Sprintf("6007008009003%02d", i)}
		number, err := e.connect(ctx, w.number)
		if err != nil {
			return err
		}
		for _, url := range misled {
			h := hook{name: forbiddenName + url, kind: forbidden}
			if err := e.subscribe(ctx, &h, e.receivers[0].base, number, o); err != nil {
				return err
			}
			urls[h.id] = url
			w.hooks = append(w.hooks, h)
		}
		e.walls = append(e.walls, w)
	}
	if err := e.db.mislead(ctx, urls); err != nil {
		return fmt.Errorf("lead webhooks astray: %w", err)
	}
	return nil
}

// connect connects a number and returns its id.
func (e *environment) connect(ctx context.Context, phoneNumberID string) (id int64, err error) {
	out, err := e.command(ctx, "admin", "number", phoneNumberID, "--business", strconv.FormatInt(e.business, 10), "--display-number", "1555"+phoneNumberID[8:])
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Sscanf(string(out), "number %d", &id); err != nil {
		return 0, fmt.Errorf("admin number printed something else than expected: %q", out)
	}
	return id, nil
}

func (e *environment) setMood(m mood) {
	for _, r := range e.receivers {
		if r.kind == moody {
			r.mood.Store(int32(m))
		}
	}
}

// record has receivers and traps write into a book from now on.
func (e *environment) record(b *book) {
	for _, r := range e.receivers {
		r.book.Store(b)
	}
	e.traps.book.Store(b)
}

// subscribe makes a webhook of a number, or of all when that is 0. Where the gateway keeps no order, one that asks for it is made without.
func (e *environment) subscribe(ctx context.Context, h *hook, url string, number int64, o options) error {
	body := map[string]any{"name": h.name, "url": url, "events": []string{"message.received", "message.report"}, "retry_schedule": "none"}
	if len(h.schedule) > 0 {
		waits := []int{}
		for _, d := range h.schedule {
			waits = append(waits, int(d/time.Second))
		}
		body["retry_schedule"] = waits
	}
	if number != 0 {
		body["number_id"] = number
	}
	if h.kind == moody {
		body["timeout"] = 1
	}
	if h.ordered = h.ordered && !e.orderless; h.ordered {
		body["ordering"] = "conversation"
	}
	id, field, err := e.createWebhook(ctx, body)
	if field == "ordering" {
		o.say("this gateway keeps no order, so it is not judged (%v)", err)
		e.orderless = true
		return e.subscribe(ctx, h, url, number, o)
	}
	h.id = id
	return err
}

// createWebhook returns the new webhook's id, or the field that was refused.
func (e *environment) createWebhook(ctx context.Context, body map[string]any) (id int64, field string, err error) {
	b, err := json.Marshal(body)
	if err != nil {
		return 0, "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.api.URL()+"/api/client/webhooks", bytes.NewReader(b))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+e.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		ID    int64
		Error struct{ Field, Message string }
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return 0, "", fmt.Errorf("create webhook %q: answered %d and no JSON: %w", body["name"], res.StatusCode, err)
	}
	if res.StatusCode != http.StatusCreated {
		return 0, answer.Error.Field, fmt.Errorf("create webhook %q: answered %d: %s %s", body["name"], res.StatusCode, answer.Error.Field, answer.Error.Message)
	}
	return answer.ID, "", nil
}
