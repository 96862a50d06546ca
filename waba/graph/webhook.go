package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// webhookPath is the same for every provider with a key per number.
var webhookPath = []string{"v1", "configs", "webhook"}

type webhookBody struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
}

// ConfigureWebhook has a provider post the number's callbacks to an address, with headers that it repeats on each: such
// callbacks are not signed. It replaces the address before. A new API key removes it at some providers, so it is set again,
// and read back, after every change of key. Not for Cloud.
func (c *Client) ConfigureWebhook(ctx context.Context, a Account, address string, headers map[string]string) error {
	const op = "set the provider's webhook"
	if err := a.only(op, Dialog360, OnPremises); err != nil {
		return err
	}
	return c.post(ctx, a, op, webhookBody{address, headers}, nil, webhookPath...)
}

type webhook struct {
	URL   text            `json:"url"`
	Error json.RawMessage `json:"error"`
}

// complete webhooks may have no address: none is set then.
func (w *webhook) complete() bool { return !isObject(w.Error) }

// Webhook reads the address that a provider posts the number's callbacks to; empty when none is set. Not for Cloud.
func (c *Client) Webhook(ctx context.Context, a Account) (string, error) {
	const op = "read the provider's webhook"
	if err := a.only(op, Dialog360, OnPremises); err != nil {
		return "", err
	}
	var answer webhook
	err := c.get(ctx, a, op, nil, &answer, webhookPath...)
	if answered(err, http.StatusNotFound) { // none is set; a key that is no good is 401
		return "", nil
	}
	return string(answer.URL), err
}

// DeleteWebhook takes the address away. Not every provider has a call for that: where it is unknown an empty address is set
// instead, and what stands there afterwards is read back. Not for Cloud.
func (c *Client) DeleteWebhook(ctx context.Context, a Account) error {
	const op = "remove the provider's webhook"
	if err := a.only(op, Dialog360, OnPremises); err != nil {
		return err
	}
	err := c.exchange(ctx, a, op, http.MethodDelete, nil, nil, nil, webhookPath...)
	if !answered(err, http.StatusNotFound, http.StatusMethodNotAllowed) {
		return err
	}
	emptied := c.post(ctx, a, op, webhookBody{}, nil, webhookPath...)
	left, err := c.Webhook(ctx, a)
	switch {
	case err != nil:
		return errors.Join(emptied, err)
	case left == "":
		return nil
	case emptied != nil:
		return emptied
	}
	return fmt.Errorf("%s: it took an empty address and still posts to %s: remove it in the provider's own console", op, left)
}

// answered tells whether an error is an answer with one of these statuses.
func answered(err error, statuses ...int) bool {
	var answer *Error
	return errors.As(err, &answer) && slices.Contains(statuses, answer.Status)
}
