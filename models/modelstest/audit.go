package modelstest

import (
	"fmt"
	"testing"
	"time"

	"wabagate/models"
)

func testAudit(_ *testing.T, w *world) {
	other := w.otherBusiness()
	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	ann, key := models.Actor{Kind: models.ActorUser, ID: 1, Name: "Ann"}, models.Actor{Kind: models.ActorKey, ID: 1, Name: "CI"}
	record := func(business int64, minute int, by models.Actor, action string, changes ...models.Change) {
		w.t.Helper()
		w.ok(w.Record(w.ctx, models.AuditEntry{ID: models.FirstID(start.Add(time.Duration(minute)*time.Minute)) + business, BusinessID: business, Actor: by, IP: "203.0.113.1", Action: action,
			Object: models.Object{Kind: "webhook", ID: "7", Name: "CRM\x00"}, Changes: changes}))
	}
	record(w.business, 0, ann, "webhook.created")
	record(w.business, 1, key, "webhook.updated", models.Change{Field: "is_active", Before: true, After: false}, models.Change{Field: "secret"}, models.Change{Field: "name", Before: "a\xff", After: "b"})
	record(w.business, 2, ann, "webhook_x.updated")
	record(other, 3, ann, "webhook.deleted")
	w.ok(w.Record(w.ctx, models.AuditEntry{BusinessID: w.business, Actor: models.AdminActor, Action: "user.created"}))

	actions := func(f models.AuditFilter) []string {
		w.t.Helper()
		list, err := w.Audit(w.ctx, w.business, f)
		w.ok(err)
		out := []string{}
		for _, e := range list {
			out = append(out, e.Action)
		}
		return out
	}
	all := []string{"user.created", "webhook_x.updated", "webhook.updated", "webhook.created"}
	w.equal("all", actions(models.AuditFilter{}), all)
	w.equal("an action", actions(models.AuditFilter{Action: "webhook.created"}), all[3:])
	w.equal("a kind of thing", actions(models.AuditFilter{Action: "webhook.*"}), all[2:])
	w.equal("a kind of actor", actions(models.AuditFilter{ActorKind: models.ActorAdmin}), all[:1])
	w.equal("an actor", actions(models.AuditFilter{ActorKind: models.ActorUser, ActorID: 1}), []string{all[1], all[3]})
	w.equal("from", actions(models.AuditFilter{From: start.Add(2 * time.Minute)}), all[:2])
	w.equal("to", actions(models.AuditFilter{To: start.Add(2 * time.Minute)}), all[2:])
	list, err := w.Audit(w.ctx, w.business, models.AuditFilter{Limit: 3})
	w.ok(err)
	w.equal("the next page", actions(models.AuditFilter{Before: list[2].ID}), all[3:])
	e := list[2]
	w.equal("entry", []any{e.Actor, e.IP, e.Object, e.At().Sub(start).Truncate(time.Minute), e.Changes}, []any{key, "203.0.113.1", models.Object{Kind: "webhook", ID: "7", Name: "CRM\uFFFD"}, time.Minute,
		[]models.Change{{Field: "is_active", Before: true, After: false}, {Field: "secret"}, {Field: "name", Before: "a\uFFFD", After: "b"}}})

	w.equal("nothing is old", w.maintain(models.Retention{}).Deleted, 0)
	m, err := w.Maintain(w.ctx, time.Now().Add(399*day), models.Retention{})
	w.ok(err)
	w.equal("kept for 400 days", []any{m.Deleted, len(actions(models.AuditFilter{}))}, []any{int64(0), 4})
	m, err = w.Maintain(w.ctx, time.Now().Add(399*day), models.Retention{Audit: 399*day + 30*time.Minute})
	w.ok(err)
	w.equal("or as long as is said", []any{m.Deleted, actions(models.AuditFilter{})}, []any{int64(4), all[:1]})
	m, err = w.Maintain(w.ctx, time.Now().Add(401*day), models.Retention{})
	w.ok(err)
	w.equal("and no longer", m.Deleted, 1)
}

// testAuditOfGateway: what the gateway itself switches off is in the log, once.
func testAuditOfGateway(_ *testing.T, w *world) {
	for range 2 {
		_, err := w.DisableWebhook(w.ctx, w.webhook.ID, models.ByReceiver, "answered 410")
		w.ok(err)
	}
	list, err := w.Audit(w.ctx, w.business, models.AuditFilter{})
	w.ok(err)
	w.equal("entries", len(list), 1)
	w.equal("entry", []any{list[0].Actor, list[0].Action, list[0].Object}, []any{models.SystemActor, "webhook.disabled", models.Object{Kind: "webhook", ID: fmt.Sprint(w.webhook.ID), Name: w.webhook.Name}})
}
