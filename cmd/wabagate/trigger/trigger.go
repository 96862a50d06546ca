package trigger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"wabagate/cmd/wabagate/remote"
)

// Options say which event is sent where. Gateway must be set.
type Options struct {
	Gateway *remote.Client
	Webhook int64  // 0 → the only one there is
	Event   string // type of the event
}

// Trial is what came of a sample.
type Trial struct {
	Webhook   int64  `json:"webhook_id"`
	Event     string `json:"event"`
	EventID   string `json:"event_id"`
	Outcome   string `json:"outcome"`    // "delivered" when the receiver accepted it
	Status    int    `json:"status"`     // the receiver's; 0 when no answer came
	Reason    string `json:"reason"`     // of a failure, for people
	LatencyMS int64  `json:"latency_ms"` // of the attempt
	Answer    string `json:"answer"`     // what the receiver said, clipped
	Payload   string `json:"payload"`    // the exact bytes that were posted
}

// delivered is the outcome of an attempt that the receiver accepted.
const delivered = "delivered"

// Accepted says whether the receiver took the event.
func (t Trial) Accepted() bool { return t.Outcome == delivered }

// Run sends the event. An error means that nothing was sent; what the receiver made of it is in the trial.
func Run(ctx context.Context, o Options) (Trial, error) {
	if o.Webhook == 0 {
		var err error
		if o.Webhook, err = onlyWebhook(ctx, o.Gateway); err != nil {
			return Trial{}, err
		}
	}
	var t Trial
	path := "/api/client/webhooks/" + strconv.FormatInt(o.Webhook, 10) + "/test"
	err := o.Gateway.Call(ctx, http.MethodPost, path, map[string]string{"event": o.Event}, &t)
	t.Webhook = o.Webhook
	var refused *remote.RefusalError
	if errors.As(err, &refused) && refused.Status == http.StatusNotFound && refused.Message != "" {
		err = fmt.Errorf("there is no webhook %d, or it is not of this key's business; without --webhook the webhooks there are get listed", o.Webhook)
	}
	return t, err
}

// webhook is as much of a webhook as a person needs to choose one.
type webhook struct {
	ID      int64  `json:"id"`
	Name    string `json:"name"`
	URL     string `json:"url"`
	Dialect string `json:"dialect"`
}

// onlyWebhook returns the business's webhook when it has one. It asks to choose from several by an error that lists
// them.
func onlyWebhook(ctx context.Context, c *remote.Client) (int64, error) {
	var all []webhook
	for cursor := ""; ; {
		var page struct {
			Webhooks []webhook `json:"webhooks"`
			Next     string    `json:"next_cursor"`
		}
		path := "/api/client/webhooks"
		if cursor != "" {
			path += "?cursor=" + url.QueryEscape(cursor)
		}
		if err := c.Call(ctx, http.MethodGet, path, nil, &page); err != nil {
			return 0, err
		}
		all = append(all, page.Webhooks...)
		if page.Next == "" || page.Next == cursor {
			break
		}
		cursor = page.Next
	}
	switch len(all) {
	case 0:
		return 0, fmt.Errorf("there is no webhook: create one in the dashboard or with POST /api/client/webhooks")
	case 1:
		return all[0].ID, nil
	}
	var list strings.Builder
	fmt.Fprintf(&list, "there are %d webhooks, name one with --webhook:\n", len(all))
	table := tabwriter.NewWriter(&list, 0, 0, 2, ' ', 0)
	for _, w := range all {
		fmt.Fprintf(table, "  %d\t%s\t%s\t%s\n", w.ID, remote.Plain(w.Name), w.Dialect, remote.Plain(w.URL))
	}
	_ = table.Flush() // into memory: never fails
	return 0, errors.New(strings.TrimSuffix(list.String(), "\n"))
}

// List writes the table of every event type of a gateway. dialect narrows it to the types that a dialect has a form for, as it
// calls them; empty: all.
func List(ctx context.Context, w io.Writer, c *remote.Client, dialect string) error {
	var answer struct {
		Types []struct {
			Name        string   `json:"name"`
			Description string   `json:"description"`
			Aliases     []string `json:"aliases"`
			Dialects    []string `json:"dialects"`
		} `json:"event_types"`
	}
	path := "/api/client/event-types"
	if dialect != "" {
		path += "?dialect=" + url.QueryEscape(dialect)
	}
	if err := c.Call(ctx, http.MethodGet, path, nil, &answer); err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "EVENT\tWHEN")
	for _, t := range answer.Types {
		if dialect != "" && !slices.Contains(t.Dialects, dialect) {
			continue
		}
		also := ""
		if len(t.Aliases) > 0 {
			also = " (also " + strings.Join(t.Aliases, ", ") + ")"
		}
		fmt.Fprintf(table, "%s\t%s%s\n", remote.Plain(t.Name), remote.Plain(t.Description), remote.Plain(also))
	}
	return table.Flush()
}
