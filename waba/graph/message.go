package graph

import (
	"context"
	"net/http"
)

// Accepted is the answer to a message: the platform has taken it, which is not to say that it was sent.
type Accepted struct {
	Wamid string // never empty; of On-Premises style providers an id of another form

	Input  string // the recipient as it was given
	WaID   string // the recipient's number as the platform knows it, which may differ; empty when it is withheld
	UserID string // the recipient's BSUID; empty when unknown

	// MessageStatus comes with templates: accepted, held_for_quality_assessment (it may be dropped later) or paused.
	MessageStatus string
	GroupID       string // of a message to a group
}

type accepted struct {
	Contacts []struct {
		Input  text `json:"input"`
		WaID   text `json:"wa_id"`
		UserID text `json:"user_id"`
	} `json:"contacts"`
	Messages []struct {
		ID      text `json:"id"`
		Status  text `json:"message_status"`
		GroupID text `json:"group_id"`
	} `json:"messages"`
}

func (a *accepted) complete() bool { return len(a.Messages) > 0 && a.Messages[0].ID != "" }

// Send posts a message, as [wabagate/waba/outgoing.Message.Body] or BodyOnPremises writes it, once. [Judge] says what an error
// means. A good status without an id is an error too, and undecided.
func (c *Client) Send(ctx context.Context, a Account, body []byte) (Accepted, error) {
	var answer accepted
	if err := c.exchange(ctx, a, "send a message", http.MethodPost, nil, body, &answer, a.of("messages")...); err != nil {
		return Accepted{}, err
	}
	message := answer.Messages[0]
	accepted := Accepted{Wamid: string(message.ID), MessageStatus: string(message.Status), GroupID: string(message.GroupID)}
	if len(answer.Contacts) > 0 {
		contact := answer.Contacts[0]
		accepted.Input, accepted.WaID, accepted.UserID = string(contact.Input), string(contact.WaID), string(contact.UserID)
	}
	return accepted, nil
}

type readBody struct {
	Product string  `json:"messaging_product,omitempty"`
	Status  string  `json:"status"`
	Message string  `json:"message_id,omitempty"`
	Typing  *typing `json:"typing_indicator,omitempty"`
}

type typing struct {
	Type string `json:"type"`
}

// MarkRead marks a message of a user, and those before it, as read. With typing the user also sees for up to 25 seconds that
// an answer is being written; the On-Premises style knows no such thing, and only marks.
func (c *Client) MarkRead(ctx context.Context, a Account, wamid string, isTyping bool) error {
	const op = "mark a message as read"
	if a.style() == OnPremises {
		return c.put(ctx, a, op, readBody{Status: "read"}, nil, a.of("messages", wamid)...)
	}
	body := readBody{Product: "whatsapp", Status: "read", Message: wamid}
	if isTyping {
		body.Typing = &typing{"text"}
	}
	return c.post(ctx, a, op, body, nil, a.of("messages")...)
}
