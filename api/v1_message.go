package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/waba"
	"wabagate/waba/outgoing"
)

// maxSendWait is how long a request may wait for its message to be taken by the platform, in seconds.
const maxSendWait = 25

// sendPrefix begins the public id of a message that was asked to be sent.
const sendPrefix = "snd_"

func sendID(id int64) string { return sendPrefix + strconv.FormatInt(id, 10) }

func parseSendID(text string) (int64, bool) {
	digits, ok := strings.CutPrefix(text, sendPrefix)
	id, err := strconv.ParseInt(digits, 10, 64)
	return id, ok && err == nil && id > 0
}

// acceptedJSON answers a message in the form of the platform's own answer.
type acceptedJSON struct {
	Product  string            `json:"messaging_product"`
	Success  bool              `json:"success,omitempty"` // of a message marked as read
	Contacts []acceptedContact `json:"contacts,omitempty"`
	Messages []acceptedMessage `json:"messages"`
}

type acceptedContact struct {
	Input  string `json:"input"` // the recipient as the caller wrote it
	WaID   string `json:"wa_id,omitempty"`
	UserID string `json:"user_id,omitempty"`
}

type acceptedMessage struct {
	ID     string `json:"id"` // the wamid once the platform took it, else the gateway's own
	SendID string `json:"send_id,omitempty"`
	Status string `json:"message_status"`
}

// The states of a message on its way, in the words of the API.
var sendStates = map[models.SendState]string{
	models.SendWaiting: "queued", models.SendUnderway: "sending", models.SendAccepted: "accepted", models.SendFailed: "failed",
	models.SendUndecided: "undecided", models.SendCancelled: "cancelled",
}

func acceptedView(m models.Send, input string, isRead bool) acceptedJSON {
	v := acceptedJSON{Product: "whatsapp", Success: isRead, Messages: []acceptedMessage{{ID: sendID(m.ID), Status: sendStates[m.State]}}}
	if m.Wamid != "" {
		v.Messages[0].ID, v.Messages[0].SendID = m.Wamid, sendID(m.ID)
	}
	if !isRead {
		v.Contacts = []acceptedContact{{Input: input, WaID: m.WaID, UserID: m.UserID}}
	}
	return v
}

// handleMessageSend takes a message. It answers as soon as the message is kept or, with wait, as soon as the platform has
// answered.
func (s *Server) handleMessageSend(c *fiber.Ctx, who numberCaller) error {
	if s.sending == nil {
		return notHere("sends messages")
	}
	return s.send(c, who, c.Request().Body())
}

// handleMessageRead marks a message of a customer as read, as the On-Premises style does it.
func (s *Server) handleMessageRead(c *fiber.Ctx, who numberCaller) error {
	if s.sending == nil {
		return notHere("sends messages")
	}
	wamid, err := messageID(c)
	if err != nil {
		return err
	}
	o := parseObject(c.Request().Body(), "status", "typing_indicator")
	status, typing := member[string](o, "status", `"read"`), member[json.RawMessage](o, "typing_indicator", "an object")
	if o.err != nil {
		return o.err
	}
	if status.value != "read" {
		return invalid("status", codeInvalid, `must be "read"`)
	}
	mark := struct {
		Product string          `json:"messaging_product"`
		Status  string          `json:"status"`
		Message string          `json:"message_id"`
		Typing  json.RawMessage `json:"typing_indicator,omitempty"`
	}{"whatsapp", "read", wamid, typing.value}
	body, err := json.Marshal(mark)
	if err != nil {
		return err
	}
	return s.send(c, who, body)
}

// send keeps a message and answers what became of it.
func (s *Server) send(c *fiber.Ctx, who numberCaller, body []byte) error {
	wait, err := number("wait", c.Query("wait"), 0, 0, maxSendWait)
	if err != nil {
		return err
	}
	m, parsed, err := parseSend(bytes.Clone(body), strings.Clone(c.Get("X-Sent-By")), strings.Clone(c.Get("Idempotency-Key"))) // the server reuses its buffers
	if err != nil {
		return err
	}
	m.BusinessID, m.NumberID = who.Business, who.Number
	kept, err := s.sending.Queue(c.UserContext(), m)
	if err != nil {
		return err
	}
	if len(kept) != 1 {
		return errors.New("one message was queued, and the answer has another number of them")
	}
	if kept[0].Existed {
		if !sameMessage(kept[0], m) {
			return &Error{Status: http.StatusUnprocessableEntity, Code: "idempotency_key_used", Field: "Idempotency-Key",
				Message: "was used for another message within the last 8 days (" + sendID(kept[0].ID) + "): give each message a key of its own"}
		}
		c.Set("Idempotent-Replayed", "true")
	}
	now := kept[0]
	if wait > 0 {
		if now = s.await(c.UserContext(), now, time.Duration(wait)*time.Second); now.State == models.SendFailed || now.State == models.SendCancelled {
			return notSent(now)
		}
	}
	status := http.StatusAccepted
	if wait > 0 && now.State == models.SendAccepted {
		status = http.StatusOK
	}
	return reply(c, status, acceptedView(now, recipientOf(body, parsed), parsed.IsRead))
}

// sameMessage says whether a key comes again with the message that it came with. What was erased cannot be compared.
func sameMessage(then, now models.Send) bool {
	return len(then.Body) == 0 || string(then.Body) == string(now.Body)
}

// await waits until the platform has answered, or as long as may be waited. The message is safe whatever goes wrong here.
func (s *Server) await(ctx context.Context, m models.Send, wait time.Duration) models.Send {
	select {
	case s.waiting <- struct{}{}:
		defer func() { <-s.waiting }()
	default:
		return m // too many wait already
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait+requestTimeout)
	defer cancel()
	go func() {
		select {
		case <-s.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	settled, err := s.sending.Await(ctx, m.ID, wait)
	if err != nil {
		s.log.Warn("nobody could say what became of a message", "send_id", m.ID, "error", err)
		return m
	}
	return settled
}

// recipientOf is the recipient as the caller wrote it.
func recipientOf(body []byte, m outgoing.Message) string {
	var written struct {
		To json.RawMessage `json:"to"`
	}
	_ = json.Unmarshal(body, &written) // it was read before
	var text string
	if json.Unmarshal(written.To, &text) != nil {
		text = string(written.To) // a number
	}
	return cmp.Or(text, m.Recipient)
}

// notSent is the refusal of a message that did not go out and will not.
func notSent(m models.Send) *Error {
	if m.State == models.SendCancelled {
		return &Error{Status: http.StatusConflict, Code: "cancelled", Message: "the message did not go out: its broadcast was ended before its turn"}
	}
	if m.ErrorCode == "" {
		return &Error{Status: http.StatusConflict, Code: "not_sent", Message: "the message did not go out and will not: " + cmp.Or(m.ErrorTitle, "no reason is known") + after(": ", m.ErrorDetails)}
	}
	meaning, known := waba.Explain(m.ErrorCode)
	e := &Error{Status: httpStatusOf(meaning, known), Code: "platform_refused", Message: "WhatsApp refused the message with " + m.ErrorCode + after(", ", m.ErrorTitle) + after(": ", m.ErrorDetails),
		Advice: meaning.Advice, Platform: &platformJSON{Code: m.ErrorCode, Title: m.ErrorTitle, Details: m.ErrorDetails}}
	return e
}

// after is a text behind what leads to it; empty when there is none.
func after(lead, text string) string {
	if text == "" {
		return ""
	}
	return lead + text
}

// httpStatusOf is the status of HTTP for a code of the platform, by what it calls for.
func httpStatusOf(meaning waba.Explanation, known bool) int {
	if !known {
		return http.StatusBadRequest
	}
	switch meaning.Action {
	case waba.ActionRetry: // tried often enough
		return http.StatusBadGateway
	case waba.ActionLater:
		return http.StatusTooManyRequests
	case waba.ActionUser:
		return http.StatusUnprocessableEntity
	case waba.ActionAccount:
		return http.StatusForbidden
	}
	return http.StatusBadRequest
}

// outgoingJSON is a message that a number was asked to send, or that was sent from it or to it without the gateway.
type outgoingJSON struct {
	ID        string         `json:"id"`      // as it was asked for
	SendID    *string        `json:"send_id"` // null: the gateway did not send it, or it was asked for by its wamid
	Wamid     *string        `json:"wamid"`   // null until the platform took it
	Direction string         `json:"direction"`
	Status    string         `json:"status"` // queued, sending, undecided, accepted, failed or cancelled; then as the platform reports it; empty: no report
	Type      string         `json:"type"`   // empty for a mark as read
	Text      string         `json:"text"`
	SentBy    string         `json:"sent_by"`
	To        string         `json:"to,omitempty"`        // digits
	Recipient string         `json:"recipient,omitempty"` // a business-scoped user id
	Tracking  string         `json:"biz_opaque_callback_data,omitempty"`
	Attempts  int            `json:"attempts,omitempty"` // given to the platform so often
	CreatedAt *event.Time    `json:"created_at"`         // when it was asked for; null: not here
	SentAt    *event.Time    `json:"sent_at"`            // null: not yet
	StatusAt  *event.Time    `json:"status_at"`
	Error     *sendErrorJSON `json:"error"`
}

type sendErrorJSON struct {
	platformJSON
	Advice string `json:"advice,omitempty"`
}

func sendView(m models.Send) outgoingJSON {
	id := sendID(m.ID)
	v := outgoingJSON{ID: id, SendID: &id, Direction: "outbound", Status: sendStates[m.State], Type: m.Type, Text: m.Text, SentBy: m.SentBy, To: m.To, Recipient: m.Recipient,
		Tracking: m.Tracking, Attempts: m.Attempts, CreatedAt: timeView(m.CreatedAt), StatusAt: timeView(m.SettledAt)}
	if m.Wamid != "" {
		v.Wamid = &m.Wamid
	}
	if m.ErrorCode != "" || m.ErrorTitle != "" {
		meaning, _ := waba.Explain(m.ErrorCode)
		v.Error = &sendErrorJSON{platformJSON{Code: m.ErrorCode, Title: m.ErrorTitle, Details: m.ErrorDetails}, meaning.Advice}
	}
	return v
}

// report adds what is kept of the message since the platform took it.
func (v *outgoingJSON) report(m models.Message) {
	v.Wamid, v.Type, v.Text, v.SentBy = &m.Wamid, cmp.Or(m.Type, v.Type), m.Text, cmp.Or(m.SentBy, v.SentBy)
	v.Status, v.SentAt = cmp.Or(m.Status, v.Status), timeView(m.SentAt)
	if !m.StatusAt.IsZero() {
		v.StatusAt = timeView(m.StatusAt)
	}
	if m.Inbound {
		v.Direction = "inbound"
	}
}

// handleMessageGet tells where a message stands: one that was asked for here, by its id, or any of the number's by its wamid.
func (s *Server) handleMessageGet(c *fiber.Ctx, who numberCaller) error {
	asked, err := messageID(c)
	if err != nil {
		return err
	}
	v := outgoingJSON{ID: asked, Direction: "outbound"}
	wamid := asked
	if id, ok := parseSendID(asked); ok {
		m, err := s.store.SendByID(c.UserContext(), who.Business, id)
		if err == nil && m.NumberID != who.Number {
			err = models.ErrNotFound
		}
		if err != nil {
			return err
		}
		v, wamid = sendView(m), m.Wamid
	}
	if wamid != "" {
		t, err := s.store.Timeline(c.UserContext(), who.Business, wamid)
		found := err == nil && t.Message != nil && t.Message.NumberID == who.Number
		switch {
		case err != nil && !errors.Is(err, models.ErrNotFound):
			return err
		case !found && v.SendID == nil:
			return models.ErrNotFound
		case found:
			v.report(*t.Message)
		}
	}
	return reply(c, http.StatusOK, map[string]outgoingJSON{"message": v})
}

// messageID is the id in the path.
func messageID(c *fiber.Ctx) (string, error) {
	id, err := url.PathUnescape(c.Params("*"))
	if err != nil || id == "" || len(id) > 512 {
		return "", ofStatus(http.StatusNotFound)
	}
	return strings.Clone(id), nil
}
