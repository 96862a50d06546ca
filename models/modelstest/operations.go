package modelstest

import (
	"slices"
	"testing"
	"time"

	"wabagate/models"
)

func testOperators(t *testing.T, w *world) {
	ann, bob := w.user("ann@example.com", models.RoleOwner), w.user("bob@example.com", models.RoleReader)
	w.equal("roles", []models.OperationsRole{ann.Operations(), bob.Operations()}, []models.OperationsRole{models.Operator, models.NoOperations})
	_, err := w.SetOperations(w.ctx, "ann@example.com", models.Viewer)
	w.is(err, models.ErrLastOperator)
	_, err = w.SetOperations(w.ctx, "nobody@example.com", models.Viewer)
	w.is(err, models.ErrNotFound)
	if _, err = w.SetOperations(w.ctx, "bob@example.com", "king"); err == nil {
		t.Fatal("an unknown role was taken")
	}
	for _, role := range []models.OperationsRole{models.Viewer, models.Operator, models.NoOperations, models.Operator} {
		before, err := w.SetOperations(w.ctx, " Bob@example.com", role)
		w.ok(err)
		now, err := w.UserByEmail(w.ctx, "bob@example.com")
		w.ok(err)
		w.equal("role", []any{before.ID, now.Operations(), now.IsViewer && now.IsOperator}, []any{bob.ID, role, false})
	}
	_, err = w.SetOperations(w.ctx, "ann@example.com", models.NoOperations)
	w.ok(err)
	viewer, err := w.AddUser(w.ctx, models.User{BusinessID: w.business, Email: "cat@example.com", Role: models.RoleReader, IsViewer: true}, "correct horse")
	w.ok(err)
	w.equal("made as a viewer", viewer.Operations(), models.Viewer)

	by := models.Actor{Kind: models.ActorOperator, ID: bob.ID, Name: "Bob"}
	w.ok(w.Record(w.ctx, models.AuditEntry{BusinessID: w.business, Actor: models.AdminActor, Action: "user.created"}))
	w.ok(w.Record(w.ctx, models.AuditEntry{Actor: by, Action: "queue.paused", Object: models.Object{Kind: "queue", ID: "sends"}}))
	w.ok(w.Record(w.ctx, models.AuditEntry{BusinessID: w.business, Actor: by, Action: "business.updated"}))
	w.ok(w.Record(w.ctx, models.AuditEntry{Actor: models.AdminActor, Action: "operator.updated"}))
	actions := func(f models.AuditFilter) (list []string) {
		w.t.Helper()
		found, err := w.OperationsAudit(w.ctx, f)
		w.ok(err)
		for _, e := range found {
			list = append(list, e.Action)
		}
		return list
	}
	all := []string{"operator.updated", "business.updated", "queue.paused"}
	w.equal("of operations", actions(models.AuditFilter{}), all)
	w.equal("of a person", actions(models.AuditFilter{ActorKind: models.ActorOperator, ActorID: bob.ID}), all[1:])
	w.equal("of queues", actions(models.AuditFilter{Action: "queue.*"}), all[2:])
	first, err := w.OperationsAudit(w.ctx, models.AuditFilter{Limit: 1})
	w.ok(err)
	w.equal("the next page", actions(models.AuditFilter{Before: first[0].ID}), all[1:])
	own, err := w.Audit(w.ctx, w.business, models.AuditFilter{})
	w.ok(err)
	w.equal("the business sees what operators did to it", []any{len(own), own[0].Actor}, []any{2, by})
}

// Work is found by webhook, by business and by event, whatever else waits.
func testWorkFound(_ *testing.T, w *world) {
	other := w.otherBusiness()
	second, foreign := w.newWebhook(w.business), w.newWebhook(other)
	events := w.owe(5)
	start := time.Now()
	var mine, sends []int64
	add := func(kind models.Kind, of int64, members ...int64) int64 {
		w.t.Helper()
		id := w.NextID()
		w.ok(w.AddWork(w.ctx, models.Work{ID: id, Kind: kind, WebhookID: of, Priority: models.Report, DueAt: start.Add(time.Hour), Members: members}))
		return id
	}
	add(models.TranslateCallbacks, 0, 1, 9)
	add(models.Deliver, foreign.ID, events[0])
	mine = append(mine, add(models.Deliver, w.webhook.ID, events[0], events[1]), add(models.Deliver, w.webhook.ID, events[2]))
	sends = append(sends, add(models.SendMessages, w.number.ID, 7), add(models.ReplyMessages, w.number.ID, events[3]))
	theirs := add(models.Deliver, second.ID, 99)

	ids := func(f models.WorkFilter) (list []int64) {
		w.t.Helper()
		ws, err := w.WorkOf(w.ctx, f)
		w.ok(err)
		for _, one := range ws {
			list = append(list, one.ID)
		}
		return list
	}
	w.equal("of a webhook", ids(models.WorkFilter{WebhookID: w.webhook.ID}), mine)
	w.equal("of a business", ids(models.WorkFilter{BusinessID: w.business}), slices.Concat(mine, sends, []int64{theirs}))
	w.equal("a page", ids(models.WorkFilter{BusinessID: w.business, Limit: 2, After: mine[0]}), []int64{mine[1], sends[0]})
	w.equal("of a webhook of a business", ids(models.WorkFilter{BusinessID: w.business, WebhookID: second.ID}), []int64{theirs})
	w.equal("of another's webhook", len(ids(models.WorkFilter{BusinessID: w.business, WebhookID: foreign.ID})), 0)
	one, err := w.Work(w.ctx, mine[0])
	w.ok(err)
	w.equal("work", []any{one.Kind, one.Priority, one.WebhookID, one.Members}, []any{models.Deliver, models.Report, w.webhook.ID, events[:2]})
	_, err = w.Work(w.ctx, 4711)
	w.is(err, models.ErrNotFound)

	// Of an event: the work that has it, also the retry made long after it, and none of what is over.
	w.settle(models.Result{WebhookID: w.webhook.ID, Attempts: []models.Attempt{w.attempt(events[3], 1, 500), w.attempt(events[4], 1, 200)},
		Updates: []models.DeliveryUpdate{{EventID: events[3], Attempts: 1, DueAt: start.Add(time.Hour), FailedAt: start}, {EventID: events[4], State: models.Succeeded, Attempts: 1, DueAt: start}}})
	retry := models.FirstID(start.Add(4*time.Hour)) + 1
	w.ok(w.AddWork(w.ctx, models.Work{ID: retry, Kind: models.Deliver, WebhookID: w.webhook.ID, DueAt: start.Add(time.Hour), Members: []int64{events[3]}}))
	of := func(id int64) models.OwedDelivery {
		w.t.Helper()
		found, err := w.EventsByID(w.ctx, []int64{id, 12345})
		w.ok(err)
		w.equal("events by id", len(found), 1)
		e, err := w.EventAnywhere(w.ctx, found[id].Key)
		w.ok(err)
		w.equal("the event", []any{e.ID, e.BusinessID}, []any{id, w.business})
		ds, err := w.DeliveriesOfEvent(w.ctx, e)
		w.ok(err)
		w.equal("deliveries", []any{len(ds), ds[0].WebhookID}, []any{1, w.webhook.ID})
		return ds[0]
	}
	w.equal("its work", of(events[1]).Work.ID, mine[0])
	w.equal("its retry", []any{of(events[3]).Work.ID, of(events[3]).Reason}, []any{retry, "status 500"})
	w.equal("over", []any{of(events[4]).Work == nil, of(events[4]).State}, []any{true, models.Succeeded})
	_, err = w.EventAnywhere(w.ctx, eventKey("no such event"))
	w.is(err, models.ErrNotFound)
	reasons, err := w.Reasons(w.ctx, []models.DeliveryRef{{WebhookID: w.webhook.ID, EventID: events[3]}, {WebhookID: w.webhook.ID, EventID: events[1]}, {WebhookID: second.ID, EventID: events[3]}})
	w.ok(err)
	w.equal("reasons", reasons, map[models.DeliveryRef]string{{WebhookID: w.webhook.ID, EventID: events[3]}: "status 500"})

	all, err := w.WaitingAll(w.ctx)
	w.ok(err)
	w.equal("all that waits", []any{all.Callbacks, all.Backlog.Deliveries, all.Sends, all.Replies, all.Tasks, len(all.Webhooks), all.Webhooks[0].Deliveries},
		[]any{1, 5, 1, 1, 8, 3, 4})
	w.equal("names", all.Names[foreign.ID], models.WebhookName{ID: foreign.ID, Name: "CRM", BusinessID: other, Business: "Other", Active: true})
}

func testTrouble(_ *testing.T, w *world) {
	other := w.newWebhook(w.otherBusiness())
	names := func(list []models.WebhookTrouble, err error) (ids []int64) {
		w.t.Helper()
		w.ok(err)
		for _, one := range list {
			ids = append(ids, one.ID)
		}
		return ids
	}
	w.equal("all is well", []any{len(names(w.Disabled(w.ctx))), len(names(w.Failing(w.ctx))), len(names(w.Slow(w.ctx, time.Now())))}, []any{0, 0, 0})
	event := w.owe(1)[0]
	slow := w.attempt(event, 1, 500)
	slow.Duration = 3 * time.Second
	w.settle(models.Result{WebhookID: w.webhook.ID, Attempts: []models.Attempt{slow}, Updates: []models.DeliveryUpdate{{EventID: event, Attempts: 1, DueAt: time.Now().Add(time.Hour), FailedAt: time.Now()}}})
	w.ok(w.FoldCounts(w.ctx))
	failing, err := w.Failing(w.ctx)
	w.ok(err)
	w.equal("failing", []any{len(failing), failing[0].ID, failing[0].Business, failing[0].Health.FailingSince.IsZero(), failing[0].Health.Spread}, []any{1, w.webhook.ID, "Acme", false, 1})
	sluggish, err := w.Slow(w.ctx, time.Now().Add(-time.Hour))
	w.ok(err)
	w.equal("slow", []any{len(sluggish), sluggish[0].ID, sluggish[0].Mean}, []any{1, w.webhook.ID, 3 * time.Second})
	w.disable(other.ID, models.ByReceiver, "answered 410")
	disabled, err := w.Disabled(w.ctx)
	w.ok(err)
	w.equal("disabled", []any{len(disabled), disabled[0].ID, disabled[0].DisabledBy, disabled[0].Reason, disabled[0].DisabledAt.IsZero(), disabled[0].Business}, []any{1, other.ID, models.ByReceiver, "answered 410", false, "Other"})

	silent, err := w.SilentNumbers(w.ctx)
	w.ok(err)
	w.equal("no silence", len(silent), 0)
	since := time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)
	w.ok(w.BeginSilence(w.ctx, w.number.ID, since, since.Add(time.Minute)))
	silent, err = w.SilentNumbers(w.ctx)
	w.ok(err)
	w.equal("silence", silent, []models.SilentNumber{{NumberID: w.number.ID, Display: "15550100", BusinessID: w.business, Business: "Acme", Since: since, FoundAt: since.Add(time.Minute)}})
}

func testTenants(_ *testing.T, w *world) {
	other := w.otherBusiness()
	w.user("ann@example.com", models.RoleOwner)
	w.disable(w.webhook.ID, models.ByFailures, "failed for five days")
	list := func(f models.TenantFilter) (ids []int64) {
		w.t.Helper()
		found, err := w.Tenants(w.ctx, f)
		w.ok(err)
		for _, one := range found {
			ids = append(ids, one.ID)
		}
		return ids
	}
	w.equal("all", list(models.TenantFilter{}), []int64{w.business, other})
	w.equal("a page", list(models.TenantFilter{After: w.business, Limit: 1}), []int64{other})
	w.equal("by name", list(models.TenantFilter{Search: "oTh"}), []int64{other})
	w.equal("by id", list(models.TenantFilter{Search: " 1 "}), []int64{w.business})
	w.equal("a sign is no pattern", len(list(models.TenantFilter{Search: "%"})), 0)
	one, err := w.Tenant(w.ctx, w.business)
	w.ok(err)
	w.equal("counts", []any{one.Name, one.Numbers, one.Users, one.Webhooks, one.Failing}, []any{"Acme", 1, 1, 1, 1})
	_, err = w.Tenant(w.ctx, 999)
	w.is(err, models.ErrNotFound)
	before, err := w.RenameBusiness(w.ctx, w.business, "Acme\x00 & Co")
	w.ok(err)
	after, err := w.Business(w.ctx, w.business)
	w.ok(err)
	w.equal("renamed", []any{before.Name, after.Name}, []any{"Acme", "Acme\uFFFD & Co"})
	_, err = w.RenameBusiness(w.ctx, 999, "x")
	w.is(err, models.ErrNotFound)

	_, err = w.CreateApp(w.ctx, models.App{Name: "meta", BusinessID: &other, VerifyToken: "hello", Secrets: []models.Secret{"one", "two"}})
	w.ok(err)
	apps, err := w.Apps(w.ctx)
	w.ok(err)
	w.equal("apps", []any{len(apps), apps[0].Name, apps[0].Business, *apps[0].BusinessID, len(apps[0].Secrets), apps[0].Secrets[0].ID > apps[0].Secrets[1].ID}, []any{1, "meta", "Other", other, 2, true})
	w.ok(w.SetVerifyToken(w.ctx, "meta", "goodbye"))
	w.equal("the token", w.routes().Apps["meta"].VerifyToken.Text(), "goodbye")
	w.is(w.SetVerifyToken(w.ctx, "nobody", "x"), models.ErrNotFound)
	_, err = w.AppNamed(w.ctx, "nobody")
	w.is(err, models.ErrNotFound)
}

func testChores(t *testing.T, w *world) {
	r, err := w.LastMaintenance(w.ctx)
	w.ok(err)
	w.equal("none yet", r.At.IsZero(), true)
	w.owe(1)
	m := w.maintain(models.Retention{})
	r, err = w.LastMaintenance(w.ctx)
	w.ok(err)
	w.equal("what was done", []any{r.Error, r.Took > 0, time.Since(r.At) < time.Minute, len(r.Done.Made)}, []any{"", true, true, len(m.Made)})
	if _, err := w.Maintain(w.ctx, time.Now(), models.Retention{Audit: -1}); err == nil {
		t.Fatal("a negative retention was taken")
	}
	r, err = w.LastMaintenance(w.ctx)
	w.ok(err)
	w.equal("what failed", r.Error, "retention of audit: -1ns is negative; 0 is the default")
	kept, err := w.Kept(w.ctx)
	w.ok(err)
	i := slices.IndexFunc(kept, func(k models.KeptTable) bool { return k.Name == "events" })
	today := time.Now().UTC().Truncate(day)
	w.equal("how far back", []any{kept[i].Oldest.IsZero(), kept[i].Oldest.After(time.Now()), kept[i].Newest.Before(today), kept[i].Leaves > 0 == !w.Embedded()}, []any{false, false, false, true})
}
