package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"wabagate/models"
	"wabagate/waba"
	"wabagate/waba/outgoing"
)

const (
	// maxMessage bounds a message: what the platform takes is far smaller.
	maxMessage = 256 << 10
	// maxIdempotencyKey bounds an idempotency key.
	maxIdempotencyKey = 255
	// senderField says in a body who sends the message. It is ours, and does not leave.
	senderField = "sent_by"
)

// senders are those who may be named as senders: the phone app is not one, it sends by itself.
var senders = []string{waba.OriginAgent, waba.OriginSystem, waba.OriginAPI, waba.OriginBroadcast, waba.OriginAI}

// parseSend reads a message to be sent: the platform's body, and who sends it. What is wrong with the body comes all at once.
func parseSend(body []byte, sentBy, key string) (models.Send, outgoing.Message, error) {
	var none models.Send
	if len(body) > maxMessage {
		return none, outgoing.Message{}, &Error{Status: http.StatusRequestEntityTooLarge, Code: "body_too_large", Message: "a message has at most 256 KiB; send files by link or by id"}
	}
	if err := checkKey(key); err != nil {
		return none, outgoing.Message{}, err
	}
	body, field := without(body, senderField)
	m, err := outgoing.Parse(body)
	if err != nil {
		return none, m, badMessage(err)
	}
	sender, err := senderOf(sentBy, field, m.Tracking)
	if err != nil {
		return none, m, err
	}
	return models.Send{Key: key, Body: body, To: m.To, Recipient: m.Recipient, Type: m.Type, Text: m.Text, ReplyTo: m.ReplyTo, MediaURL: m.MediaLink,
		SentBy: sender, Tracking: m.Tracking}, m, nil
}

// badMessage is the refusal of a body with problems: the first of them, and all.
func badMessage(err error) error {
	var problems outgoing.Errors
	if !errors.As(err, &problems) {
		return err
	}
	all := make([]*Error, len(problems))
	for i, p := range problems {
		all[i] = &Error{Status: http.StatusBadRequest, Code: codeInvalid, Message: p.Message, Field: p.Field}
	}
	first := *all[0]
	first.All = all
	return &first
}

// senderOf finds who sends a message: who the header or the field names, who the tracking string names, else the API.
func senderOf(header string, field json.RawMessage, tracking string) (string, error) {
	sender := strings.TrimSpace(header)
	if field != nil && string(field) != "null" {
		var named string
		if json.Unmarshal(field, &named) != nil {
			return "", invalid(senderField, codeInvalid, "must be text: one of %s", strings.Join(senders, ", "))
		}
		if sender != "" && sender != named {
			return "", invalid(senderField, codeInvalid, "is %q, and the header X-Sent-By says otherwise: give one of them", clipped(named))
		}
		sender = named
	}
	switch {
	case slices.Contains(senders, sender):
		return sender, nil
	case sender != "":
		return "", invalid(senderField, codeInvalid, "is %q; it must be one of %s", clipped(sender), strings.Join(senders, ", "))
	}
	if origin := waba.ParseTracking(tracking).Origin; slices.Contains(senders, origin) {
		return origin, nil
	}
	return waba.OriginAPI, nil
}

// clipped is a caller's word as it may be repeated.
func clipped(word string) string {
	if runes := []rune(word); len(runes) > 40 {
		return string(runes[:40]) + "…"
	}
	return word
}

func checkKey(key string) error {
	switch {
	case len(key) > maxIdempotencyKey:
		return invalid("Idempotency-Key", codeTooLong, "must have at most %d characters", maxIdempotencyKey)
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return invalid("Idempotency-Key", codeInvalid, "must be letters, digits and signs of ASCII without spaces, such as a UUID")
	}
	return nil
}

// without takes a member out of an object and leaves every other byte between the members as it is. The value is nil when
// there is no such member; anything but an object is left to whoever reads it next. Of several the last one counts.
func without(object []byte, key string) (rest []byte, value json.RawMessage) {
	d := json.NewDecoder(bytes.NewReader(object))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return object, nil
	}
	var kept [][]byte
	for d.More() {
		from := int(d.InputOffset())
		name, err := d.Token()
		if err != nil {
			return object, nil
		}
		var v json.RawMessage
		if d.Decode(&v) != nil {
			return object, nil
		}
		if name == key {
			value = v
			continue
		}
		kept = append(kept, bytes.TrimLeft(object[from:d.InputOffset()], ", \t\r\n"))
	}
	end := int(d.InputOffset())
	if value == nil {
		return object, nil
	}
	rest = append(rest, '{')
	rest = append(rest, bytes.Join(kept, []byte{','})...)
	// Whatever stands after the last member closes the object, or is wrong with it.
	return append(rest, bytes.TrimLeft(object[end:], ", \t\r\n")...), value
}
