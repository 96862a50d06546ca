package api

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"wabagate/api/dashboard"
	"wabagate/models"
)

// deed is an action in words: what stands between who did it and what it was done to.
type deed struct{ action, did string }

// deeds are the actions of the audit log, by what they are about.
var deeds = []deed{
	{"webhook.created", "made the webhook"}, {"webhook.updated", "changed the webhook"}, {"webhook.deleted", "deleted the webhook"},
	{"webhook.enabled", "switched on the webhook"}, {"webhook.disabled", "switched off the webhook"}, {"webhook.tested", "sent a test event to the webhook"},
	{"webhook.verified", "asked for the proof of the webhook"}, {"webhook.checked", "checked the receiver of the webhook"},
	{"webhook.secret_revealed", "looked at the signing secret of the webhook"}, {"webhook.secret_rotated", "rotated the signing secret of the webhook"},
	{"webhook.secret_rotation_finished", "ended the old signing secret of the webhook"}, {"webhook.catch_up_started", "chose what becomes of what was held for the webhook"},
	{"webhook.replay_started", "started a replay to the webhook"},
	{"delivery.resent", "sent again the delivery"}, {"job.cancelled", "cancelled the job"},
	{"number.created", "connected the number"}, {"number.connected", "connected the number"}, {"number.updated", "changed the number"}, {"number.checked", "checked the number"},
	{"number.upstream_deleted", "disconnected the number"}, {"number.media_updated", "changed how media are kept of the number"},
	{"number.replies_updated", "changed the automatic answers of the number"}, {"number.replies_deleted", "ended the automatic answers of the number"},
	{"number.onprem_token_created", "made an address for the provider of the number"}, {"number.onprem_token_deleted", "ended the provider's address of the number"},
	{"conversation.updated", "changed the conversation"}, {"message.sent", "wrote in the conversation"},
	{"contact.updated", "changed the contact"}, {"contact.erased", "erased the contact"}, {"order.updated", "changed the order"},
	{"opt_out.created", "noted that broadcasts leave out a contact"}, {"opt_out.deleted", "noted that a contact gets broadcasts again"},
	{"broadcast.created", "made the broadcast"}, {"broadcast.updated", "changed the broadcast"}, {"broadcast.deleted", "deleted the broadcast"},
	{"broadcast.recipients_added", "added recipients to the broadcast"}, {"broadcast.started", "started the broadcast"},
	{"broadcast.paused", "paused the broadcast"}, {"broadcast.resumed", "went on with the broadcast"}, {"broadcast.cancelled", "cancelled the broadcast"},
	{"key.created", "made the key"}, {"key.updated", "renamed the key"}, {"key.regenerated", "made anew the key"}, {"key.deleted", "ended the key"},
	{"user.created", "made the user"}, {"user.joined", "joined the team as"}, {"user.updated", "changed the user"}, {"user.deleted", "removed from the team"},
	{"user.password_changed", "changed the password of"}, {"user.logged_in", "logged in as"}, {"user.logged_out", "logged out as"}, {"user.login_failed", "failed to log in as"},
	{"invitation.created", "invited"}, {"invitation.deleted", "revoked the invitation of"},
	{"session.deleted", "ended a session"}, {"session.others_deleted", "ended the other sessions of"}, {"business.created", "made the business"},
}

// operations are what those who operate the gateway do, in words.
var operations = []deed{
	{"queue.paused", "paused the queue"}, {"queue.resumed", "resumed the queue"},
	{"task.run", "made ready the task"}, {"task.archived", "archived the task"}, {"task.deleted", "deleted from its queue the task"}, {"task.revealed", "revealed what is carried by the task"},
	{"business.created", "made the business"}, {"business.updated", "changed the business"},
	{"app.created", "added the app"}, {"app.token_rotated", "replaced the verify token of the app"}, {"app.secret_added", "added a secret to the app"}, {"app.old_secrets_ended", "ended the old secrets of the app"},
	{"operator.updated", "changed what in operations may do"}, {"monitor.used", "did in asynq's own page"},
}

// ownDeeds are those that somebody did to their own account.
var ownDeeds = map[string]string{
	"user.joined": "joined the team", "user.updated": "changed their own account", "user.password_changed": "changed their own password", "user.logged_in": "logged in",
	"user.logged_out": "logged out", "user.deleted": "left the team", "session.others_deleted": "ended their other sessions",
}

// ownAct says that the object of an entry is its actor.
func ownAct(e models.AuditEntry) bool {
	return e.Actor.Kind == models.ActorUser && e.Object.Kind == "user" && e.Object.ID == strconv.FormatInt(e.Actor.ID, 10) && ownDeeds[e.Action] != ""
}

// didText is what was done, in words. An action that has none of its own is shown as what it is called.
func didText(e models.AuditEntry) string {
	if ownAct(e) {
		return ownDeeds[e.Action]
	}
	for _, d := range slices.Concat(deeds, operations) {
		if d.action == e.Action {
			return d.did
		}
	}
	kind, done, _ := strings.Cut(e.Action, ".")
	return "did “" + strings.ReplaceAll(done, "_", " ") + "” to the " + strings.ReplaceAll(kind, "_", " ")
}

// auditChoices are the actions to choose from: each by itself, before them all that are about the same.
func auditChoices() []dashboard.Choice { return choicesOf(deeds) }

func choicesOf(deeds []deed) []dashboard.Choice {
	list := []dashboard.Choice{{Label: "Anything"}}
	last := ""
	for _, d := range deeds {
		kind, done, _ := strings.Cut(d.action, ".")
		name := capital(strings.ReplaceAll(kind, "_", "-"), "")
		if kind != last {
			list = append(list, dashboard.Choice{Value: kind + ".*", Label: name + ": anything"})
			last = kind
		}
		list = append(list, dashboard.Choice{Value: d.action, Label: name + ": " + strings.ReplaceAll(done, "_", " ")})
	}
	return list
}

// actorName is who did it, as they were called then.
func actorName(a models.Actor) string {
	switch a.Kind {
	case models.ActorKey:
		return "The key " + cmp.Or(a.Name, strconv.FormatInt(a.ID, 10))
	case models.ActorOperator:
		return "The gateway's operator " + cmp.Or(a.Name, strconv.FormatInt(a.ID, 10))
	case models.ActorUnknown:
		return "Somebody"
	}
	return cmp.Or(a.Name, a.Kind)
}

func actorPath(a models.Actor) string {
	if a.ID == 0 {
		return ""
	}
	return map[string]string{models.ActorUser: "/team/audit?actor=user:" + strconv.FormatInt(a.ID, 10), models.ActorKey: "/team/audit?actor=key:" + strconv.FormatInt(a.ID, 10)}[a.Kind]
}

// objectName is what it was done to, as it was called then; what has no name is told by its id.
func objectName(o models.Object) string {
	if o.Kind == "session" || o.Kind == "opt_out" {
		return ""
	}
	return cmp.Or(o.Name, o.ID)
}

// objectPages are where the pages of things are, by their kinds.
var objectPages = map[string]string{"webhook": "/webhooks/", "number": "/numbers/", "key": "/team/keys/", "user": "/team/users/", "contact": "/contacts/",
	"conversation": "/conversations/", "order": "/orders/", "broadcast": "/broadcasts/", "delivery": "/deliveries/"}

// gone are the ends of actions that leave nothing to look at.
var gone = []string{".deleted", ".erased"}

func objectPath(e models.AuditEntry) string {
	base := objectPages[e.Object.Kind]
	if base == "" || e.Object.ID == "" || slices.ContainsFunc(gone, func(end string) bool { return strings.HasSuffix(e.Action, end) }) {
		return ""
	}
	return base + url.PathEscape(e.Object.ID)
}

// changeText is a value of a field, in words; empty for none.
func changeText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return map[bool]string{true: "yes", false: "no"}[v]
	case []any:
		texts := make([]string, len(v))
		for i, one := range v {
			texts[i] = changeText(one)
		}
		return strings.Join(texts, ", ")
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}
