package api

import (
	"encoding/json"
	"reflect"
	"time"

	"wabagate/models"
)

// Watching is how many live inspectors are open.
func (s *Server) Watching() int { return len(s.streams) }

// ApplyWebhook changes a webhook by the body of a request and shows it as the API does.
func ApplyWebhook(w models.Webhook, body string) (string, error) {
	ch, err := parseWebhook([]byte(body))
	if err == nil {
		err = ch.apply(&w)
	}
	b, _ := json.Marshal(webhookView(w))
	return string(b), err
}

// PlaceOf and ActionOf name what a route is and does.
func PlaceOf(route string) string          { return placeOf(route) }
func ActionOf(method, place string) string { return actionOf(method, place) }

// DidText is an action in words, and DeviceText a User-Agent.
func DidText(action string) string   { return didText(models.AuditEntry{Action: action}) }
func DeviceText(agent string) string { return deviceText(agent) }

// SpokenMoment reads a moment as people write it.
func SpokenMoment(text string, now time.Time) (time.Time, error) {
	return spokenMoment("from", text, now)
}

// Refused is why somebody of a role may not make a request to a place; nil: they may.
func Refused(method, place string, role models.Role) error {
	return caller{User: &models.User{Role: role}}.refused(needed(method, place))
}

// PathOf is a route as the OpenAPI document writes it.
func PathOf(route string) string { return pathOf(route) }

// OperationAction names what a request about the gateway as a whole does.
func OperationAction(method, route string) string { return operationAction(method, route) }

// OfWholeQueue is the queue that a request to the monitor changes as a whole.
func OfWholeQueue(method, path string) string { return ofWholeQueue(method, path) }

// DescribedFields are the fields of the types that the OpenAPI document describes, by the package of their type.
func DescribedFields() (map[string][]string, error) {
	fields := map[string][]string{}
	_, err := describe(documentTypes(func(of reflect.Type, field string) string {
		fields[of.PkgPath()] = append(fields[of.PkgPath()], of.String()+"."+field)
		return ""
	}))
	return fields, err
}

// Words are the comments of those fields, as they are embedded.
func Words() []byte { return words }
