package modelstest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"wabagate/models"
)

// Exercise is the conformance suite: what every engine does, and does alike. open gives a fresh store per call.
func Exercise(t *testing.T, open func(testing.TB) *models.Store) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *world)
	}{
		{"users", testUsers}, {"sessions", testSessions}, {"keys", testKeys}, {"key use", testKeyUse},
		{"team", testTeam}, {"owners leave", testOwnersLeave}, {"own account", testOwnAccount}, {"invitations", testInvitations}, {"audit", testAudit}, {"operators", testOperators}, {"work found", testWorkFound}, {"trouble", testTrouble}, {"tenants", testTenants}, {"chores", testChores}, {"audit of the gateway", testAuditOfGateway},
		{"apps", testApps}, {"numbers", testNumbers}, {"webhooks", testWebhooks}, {"webhook update", testUpdateWebhook},
		{"webhook deletion", testDeleteWebhook}, {"routes version", testRoutesVersion}, {"directory", testDirectory},
		{"accept", testAccept}, {"unfinished", testUnfinished}, {"parked", testParked}, {"parked while connecting", testParkedStale}, {"parked for an account", testParkedAccount},
		{"people", testPeople}, {"people learn names", testNames}, {"people in one call", testPeopleTogether},
		{"merge", testMerge}, {"new owner of a number", testRecycled}, {"former names", testFormerly}, {"parent ids", testParents},
		{"spellings", testSpellings}, {"link", testLink}, {"pointed at", testPointed}, {"anybody in any order", testAnyOrder}, {"meanwhile", testMeanwhile}, {"rush of merges", testMergeRush},
		{"threads", testThreads}, {"message rules", testMessageRules}, {"settings", testSettings}, {"digests", testDigests},
		{"orders", testOrders}, {"orders that are one", testOrdersJoined}, {"broadcasts", testBroadcasts}, {"rush of trade", testTradeRush},
		{"plans", testPlans}, {"recipients", testRecipients}, {"many recipients", testManyRecipients}, {"release", testRelease}, {"lease", testLease}, {"pause", testPause}, {"cancel a broadcast", testCancelBroadcast},
		{"recipient reports", testRecipientReports}, {"opt-outs", testOptOuts}, {"rush of releases", testReleaseRush}, {"retention of recipients", testRetentionOfRecipients},
		{"contacts", testContacts}, {"conversations", testConversations}, {"inbox", testInbox}, {"inbox with a filter", testInboxFiltered}, {"forms", testForms}, {"changes of a contact", testContactChanges}, {"number token", testNumberToken}, {"webhook filter", testWebhookFilter},
		{"events", testEvents}, {"messages", testMessages}, {"rollback", testRollback}, {"text", testText}, {"times", testTimes},
		{"rush", testRush}, {"rush of reports", testStatusRush},
		{"settle", testSettle}, {"health", testHealth}, {"load group", testLoadGroup}, {"settle twice", testSettleTwice},
		{"feed", testFeed}, {"feed of late commits", testFeedLate}, {"rush of a feed", testFeedRush}, {"search", testSearch}, {"search over days", testSearchOverDays}, {"timeline", testTimeline}, {"erase", testErase},
		{"deliveries", testDeliveries}, {"delivery", testDelivery}, {"reopen", testReopen}, {"stats", testStats}, {"counts", testCounts}, {"spans of counts", testCountSpans}, {"rush of counts", testCountRush}, {"retention of counts", testRetentionOfCounts},
		{"history of all", testHistoryOfAll}, {"bounded history", testHistoryBounded}, {"history of a customer", testHistoryOfCustomer}, {"usage", testUsage}, {"inspections", testInspections},
		{"failing", testFailing}, {"troubled", testTroubled}, {"switch", testSwitch}, {"resume", testResume},
		{"held", testHeld}, {"held by old routes", testHeldStale}, {"skip", testSkip}, {"base", testBase}, {"waiting", testWaiting},
		{"jobs", testJobs}, {"catch-up", testCatchUp}, {"catch-up beside a writer", testCatchUpBeside}, {"catch-up beside writers", testCatchUpRush}, {"catch-up waits for the last", testCatchUpLast},
		{"replay", testReplay}, {"replay choices", testReplayFilter}, {"cancel", testCancel}, {"job of a webhook switched off", testJobSwitchedOff},
		{"two steps at once", testStepTwice}, {"job and crash", testJobCrash}, {"job counts", testJobCounts},
		{"lanes", testLanes}, {"order of a lane", testLaneOrder}, {"blocked lane", testLaneBlocked}, {"aside", testLaneAside}, {"late settlements", testLaneLate},
		{"stand down", testStandDown}, {"resend out of line", testLaneResend}, {"stale work of a lane", testLaneStale}, {"freed lanes", testLanesFreed}, {"lanes meanwhile", testLaneMeanwhile}, {"rush of lanes", testLaneRush}, {"lanes at random", testLaneProperty},
		{"retention", testRetention}, {"retention of what is not translated", testRetentionUntranslated}, {"retention of identity", testRetentionIdentity},
		{"retention of payloads", testRetentionPayloads}, {"retention of the rest", testRetentionRest}, {"missing days", testMissingDays}, {"turn of a generation", testTurn},
		{"rush of maintenance", testMaintainRush},
		{"sends", testSends}, {"keys of sends", testSendKeys}, {"rush of keys", testSendKeysRush}, {"take sends", testTakeSends}, {"rush of takers", testTakeSendsRush},
		{"doubt and lapse", testDoubtSends}, {"rule of sends", testSendRule}, {"settle sends", testSettleSends}, {"sends in translations", testSendsTranslated}, {"rush of sends", testSendsRush},
		{"erase sends", testEraseSends}, {"retention of sends", testRetentionSends}, {"upstreams", testUpstreams}, {"update number", testUpdateNumber}, {"media", testMedia}, {"media told", testMediaTold},
		{"files of media", testMediaFiles}, {"media taken back", testMediaTakenBack}, {"rush of media", testMediaRush}, {"key of links", testLinkKey}, {"turns of media", testMediaTurns}, {"traffic", testTraffic},
		{"rush of traffic", testTrafficRush}, {"holes", testHoles}, {"unreported", testUnreported}, {"silences", testSilences}, {"parked numbers", testParkedNumbers}, {"replies", testReplies},
		{"tally of replies", testReplyTally}, {"AI of a conversation", testConversationAI}, {"work of replies", testReplyWork}, {"turns of replies", testReplyTurns},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, newWorld(t, open(t)))
		})
	}
}

// world is a store with one business and what it needs to receive and deliver.
type world struct {
	*models.Store
	t        *testing.T
	ctx      context.Context
	business int64
	number   models.Number
	webhook  models.Webhook
}

func newWorld(t *testing.T, s *models.Store) *world {
	t.Helper()
	w := &world{Store: s, t: t, ctx: t.Context()}
	b, err := s.CreateBusiness(w.ctx, "Acme")
	w.ok(err)
	w.business = b.ID
	w.number, err = s.CreateNumber(w.ctx, models.Number{BusinessID: b.ID, PhoneNumberID: "100", Display: "15550100", WABAID: "w1"})
	w.ok(err)
	w.webhook = w.newWebhook(b.ID)
	return w
}

func (w *world) newWebhook(business int64) models.Webhook {
	w.t.Helper()
	h, err := w.CreateWebhook(w.ctx, models.Webhook{BusinessID: business, Name: "CRM", URL: "https://crm.example/in", Events: []string{"*"}, Dialect: "wabagate", Active: true})
	w.ok(err)
	return h
}

func (w *world) otherBusiness() int64 {
	w.t.Helper()
	b, err := w.CreateBusiness(w.ctx, "Other")
	w.ok(err)
	return b.ID
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) is(err, want error) {
	w.t.Helper()
	if !errors.Is(err, want) {
		w.t.Fatalf("error %v, want %v", err, want)
	}
}

func (w *world) equal(what string, got, want any) {
	w.t.Helper()
	g, x := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want)
	if g != x {
		w.t.Fatalf("%s:\n got %s\nwant %s", what, g, x)
	}
}

// translate runs one translation that succeeds.
func (w *world) translate(fn func(models.Translation) error) {
	w.t.Helper()
	w.ok(w.Translate(w.ctx, fn))
}

func (w *world) write(c models.Changes) {
	w.t.Helper()
	w.translate(func(tx models.Translation) error { return tx.Write(w.ctx, c) })
}

func (w *world) people(refs ...models.PersonRef) (people []models.Person) {
	w.t.Helper()
	w.translate(func(tx models.Translation) (err error) {
		people, err = tx.People(w.ctx, refs)
		return err
	})
	return people
}

// ref names a customer of the world's number.
func (w *world) ref(waID, userID string, create bool) models.PersonRef {
	return models.PersonRef{BusinessID: w.business, NumberID: w.number.ID, WaID: waID, UserID: userID, Create: create}
}

func eventKey(text string) [16]byte {
	sum := sha256.Sum256([]byte(text))
	return [16]byte(sum[:16])
}

func (w *world) event(key string) models.Event {
	return models.Event{ID: w.NextID(), Key: eventKey(key), BusinessID: w.business, NumberID: w.number.ID, Type: "message.received",
		CreatedAt: time.Now(), Data: []byte(`{"k":"` + key + `"}`)}
}

// owe makes n events that are owed to the world's webhook.
func (w *world) owe(n int) (events []int64) {
	w.t.Helper()
	var c models.Changes
	for i := range n {
		e := w.event(fmt.Sprintf("owed %d %d", i, w.NextID()))
		events = append(events, e.ID)
		c.Events = append(c.Events, e)
		c.Deliveries = append(c.Deliveries, models.Delivery{EventID: e.ID, WebhookID: w.webhook.ID})
	}
	w.write(c)
	return events
}

// attempt is one that began now; a status of 200 delivers.
func (w *world) attempt(event int64, n, status int) models.Attempt {
	a := models.Attempt{EventID: event, WebhookID: w.webhook.ID, N: n, StartedAt: time.Now(), Duration: 25 * time.Millisecond, Status: status, Outcome: models.Delivered}
	if status != 200 {
		a.Outcome, a.Reason = "refused", fmt.Sprintf("status %d", status)
	}
	return a
}

func (w *world) settle(rs ...models.Result) {
	w.t.Helper()
	_, err := w.Settle(w.ctx, rs)
	w.ok(err)
}

// disable switches a webhook off that is on.
func (w *world) disable(webhook int64, by models.DisabledBy, reason string) {
	w.t.Helper()
	changed, err := w.DisableWebhook(w.ctx, webhook, by, reason)
	w.ok(err)
	w.equal("switched off", changed, true)
}

func (w *world) row(event int64) models.DeliveryRow {
	w.t.Helper()
	d, err := w.Delivery(w.ctx, w.business, event, w.webhook.ID)
	w.ok(err)
	return d.Row
}

func (w *world) unfinished() []models.Work {
	w.t.Helper()
	ws, err := w.Unfinished(w.ctx, time.Now().Add(1000*time.Hour), 0, 1000)
	w.ok(err)
	return ws
}
