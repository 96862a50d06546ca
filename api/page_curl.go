package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout"
	"wabagate/models"
)

// maxArgument is how long a body may be to stand in a command: shells take no argument beyond 128 KiB.
const maxArgument = 100 << 10

// curl is a shell command that posts a body with headers.
func curl(url string, header http.Header, flags []string, body string) string {
	var b strings.Builder
	data := quoted(body)
	if len(data) > maxArgument {
		b.WriteString("printf %s " + data + " | ")
		data = "@-"
	}
	b.WriteString("curl -i -X POST " + quoted(url))
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			b.WriteString(" \\\n  -H " + quoted(name+": "+value))
		}
	}
	for _, f := range flags {
		b.WriteString(" \\\n  " + f)
	}
	b.WriteString(" \\\n  --data-binary " + data + "\n")
	return b.String()
}

// quoted is a text as one word of a shell's command.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// handleCurl answers with a command that posts a delivery again from anywhere, signed as of now. Secrets are left out.
func (s *Server) handleCurl(c *fiber.Ctx, who caller) error {
	id, err := pathDelivery(c)
	if err != nil {
		return err
	}
	d, err := s.delivery(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	if err := emptied(d.Event); err != nil {
		return err
	}
	if len(d.Payload) == 0 {
		return &Error{Status: http.StatusConflict, Code: "no_payload", Message: "this event has no form in the dialect that the webhook has now"}
	}
	w := d.Webhook
	if !who.may(workers) {
		w.Secret, w.PreviousSecret = "", ""
	}
	header, err := fanout.Header(w, publicEventID(d.Row.Key), d.Payload, s.now())
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.SendString(curl(w.URL, withoutSecrets(w, header), identityFlags(w.Auth), string(d.Payload)))
}

// withoutSecrets replaces the values that a webhook's owner keeps secret by places to put them in.
func withoutSecrets(w models.Webhook, header http.Header) http.Header {
	shown := header.Clone()
	for name := range w.Headers {
		shown.Set(name, "<"+name+">")
	}
	shown.Del(fiber.HeaderAuthorization) // see identityFlags
	return shown
}

// identityFlags are those by which curl logs in as the gateway does, with places to put the secrets in.
func identityFlags(a models.Auth) []string {
	var flags []string
	switch a.Kind {
	case models.AuthBasic:
		flags = append(flags, "-u "+quoted(a.User+":<password>"))
	case models.AuthBearer:
		flags = append(flags, "-H "+quoted("Authorization: Bearer <token>"))
	}
	if a.Certificate != "" {
		flags = append(flags, "--cert client.pem --key client.key")
	}
	return flags
}

// curlNote is what a person has to know of the command.
func curlNote(w models.Webhook, mayChange bool) string {
	note := "The copied command is signed at the moment it is copied; most receivers take it for five minutes."
	switch {
	case w.Secret == "":
		note = "The copied command is unsigned, as the webhook's deliveries are."
	case !mayChange:
		note = "The copied command is unsigned: your role may look and not change."
	}
	if len(w.Headers) > 0 || w.Auth.Kind != "" {
		note += " Values that the webhook keeps secret are left out: put them in yourself."
	}
	if w.Auth.Certificate != "" {
		note += " Bring the client certificate and its key as files."
	}
	return note
}

// sentHeaders are the headers of a webhook's deliveries, as far as they are known and may be shown.
func sentHeaders(w models.Webhook, eventID string, d models.DeliveryDetail, body []byte) ([]dashboard.SentHeader, error) {
	at := d.Event.CreatedAt
	if n := len(d.Attempts); n > 0 {
		at = d.Attempts[n-1].StartedAt
	}
	header, err := fanout.Header(w, eventID, body, at)
	if err != nil {
		return nil, err
	}
	var list []dashboard.SentHeader
	for _, name := range slices.Sorted(maps.Keys(header)) {
		h := dashboard.SentHeader{Name: name, Value: header.Get(name)}
		if note := unshown(w, name); note != "" {
			h.Value, h.Note = "", note
		}
		list = append(list, h)
	}
	return list, nil
}

// unshown says in place of a header's value why it is not shown; empty: it is.
func unshown(w models.Webhook, name string) string {
	if _, own := w.Headers[name]; own {
		return "set by the webhook, kept secret"
	}
	lower := strings.ToLower(name)
	switch {
	case name == fiber.HeaderAuthorization:
		return fmt.Sprintf("the webhook's %s, kept secret", map[string]string{models.AuthBasic: "user name and password", models.AuthBearer: "token"}[w.Auth.Kind])
	case strings.Contains(lower, "timestamp"):
		return "the moment of each attempt"
	case strings.Contains(lower, "signature"):
		return "made anew for each attempt, and not kept"
	}
	return ""
}
