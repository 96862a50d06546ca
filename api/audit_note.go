package api

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"wabagate/models"
)

// note is what a handler adds to the audit log's entry of its request. The entry is written without it too; then the object
// has the id in the path and no name.
type note struct {
	object  models.Object
	changes []models.Change
	action  string // empty: what the route says
	idle    bool
	// business is whose thing it is that an operator has changed; 0: nobody's. Others are told by who they are.
	business int64
}

type noteKey struct{}

// noteOf is the note of the request that a context belongs to; of any other it is one that nobody reads.
func noteOf(ctx context.Context) *note {
	if n, ok := ctx.Value(noteKey{}).(*note); ok {
		return n
	}
	return &note{}
}

// about says what it was done to. The name is one that the business gave the thing, never a customer's.
func (n *note) about(kind string, id int64, name string) *note {
	n.object = models.Object{Kind: kind, ID: strconv.FormatInt(id, 10), Name: name}
	return n
}

// called says what it was done to that has a name for an id.
func (n *note) called(kind, id string) *note {
	n.object = models.Object{Kind: kind, ID: id, Name: id}
	return n
}

// of says whose it is; see business.
func (n *note) of(business int64) *note {
	n.business = business
	return n
}

// changed adds a field, if it has changed, with what it was and what it is.
func (n *note) changed(field string, before, after any) *note {
	if !reflect.DeepEqual(before, after) {
		n.changes = append(n.changes, models.Change{Field: field, Before: before, After: after})
	}
	return n
}

// changedSecretly is changed for what is secret, long or may name a customer: only that it has changed is told.
func (n *note) changedSecretly(field string, before, after any) *note {
	if !reflect.DeepEqual(before, after) {
		n.changes = append(n.changes, models.Change{Field: field})
	}
	return n
}

// did names the action of a route that does one thing or another.
func (n *note) did(action string) { n.action = action }

// nothing says that the request, after all, changed nothing.
func (n *note) nothing() { n.idle = true }

// webhook tells how a webhook has changed.
func (n *note) webhook(before, after models.Webhook) {
	n.about("webhook", after.ID, after.Name)
	a, b := webhookView(before), webhookView(after)
	n.changed("name", a.Name, b.Name).changed("url", bareURL(a.URL), bareURL(b.URL)).changed("events", a.Events, b.Events).changed("is_active", before.Active, after.Active)
	if bareURL(a.URL) == bareURL(b.URL) {
		n.changedSecretly("url", a.URL, b.URL)
	}
	n.changed("number_id", plain(a.NumberID), plain(b.NumberID)).changed("dialect", a.Dialect, b.Dialect).changed("rate_limit", a.RateLimit, b.RateLimit)
	n.changed("retry_schedule", a.RetrySchedule, b.RetrySchedule).changed("timeout", a.Timeout, b.Timeout).changed("ordering", a.Ordering, b.Ordering)
	n.changedSecretly("description", a.Description, b.Description).changedSecretly("filter", string(a.Filter), string(b.Filter)).changedSecretly("secret", before.Secret, after.Secret)
	n.changedSecretly("headers", before.Headers, after.Headers)
	one, other := before.Auth, after.Auth
	n.changedSecretly("client_certificate", []any{one.Certificate, one.Key}, []any{other.Certificate, other.Key})
	one.Certificate, one.Key, other.Certificate, other.Key = "", "", "", ""
	n.changedSecretly("auth", one, other)
}

func plain(id *int64) any {
	if id == nil {
		return nil
	}
	return *id
}

// bareURL is an address without what it may hide: the user and what follows the path.
func bareURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// fieldsOf are the names of what a request said, for changes of which the handler tells nothing.
func fieldsOf(c *fiber.Ctx) []models.Change {
	var members map[string]json.RawMessage
	if c.Method() != fiber.MethodPut || c.Request().IsBodyStream() || json.Unmarshal(c.Request().Body(), &members) != nil {
		return nil
	}
	var changes []models.Change
	for _, name := range slices.Sorted(maps.Keys(members)) {
		changes = append(changes, models.Change{Field: name})
	}
	return changes
}
