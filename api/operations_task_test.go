package api_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wabagate/fanout/task"
	"wabagate/models"
)

// tasks is the real queue of the test.
func (b *bundle) tasks() *task.Queue {
	client := redis.NewClient(&redis.Options{Addr: b.redis.Addr()})
	b.t.Cleanup(func() { _ = client.Close() })
	return task.NewQueue(client, task.NewBell(), task.Layout{}, nil)
}

// queued makes an event that is owed to a webhook, with its work and its task, and answers the ids of both.
func (b *bundle) queued(w models.Webhook, attempts ...models.Attempt) (eventID string, work models.Work) {
	b.t.Helper()
	delivery := b.delivery(w, "message.received", models.Pending, attempts...)
	row := decode[struct {
		Delivery struct {
			EventID string `json:"event_id"`
		}
	}](b.t, second(b.asOf(w, "GET", "/deliveries/"+delivery)))
	var id int64
	for _, c := range strings.Split(delivery, "_")[1] {
		id = id*10 + int64(c-'0')
	}
	work = models.Work{ID: b.store.NextID(), Kind: models.Deliver, WebhookID: w.ID, DueAt: b.clock.now(), Members: []int64{id}}
	require.NoError(b.t, b.store.AddWork(b.t.Context(), work))
	require.NoError(b.t, b.enqueue(work))
	return row.Delivery.EventID, work
}

func (b *bundle) asOf(w models.Webhook, method, path string) (int, string) {
	if w.BusinessID == b.theirs.ID {
		return b.foreign(method, path, "")
	}
	return b.api(method, path, "")
}

// admin calls the API of operations as our operator.
func (b *bundle) admin(method, path, body string) (int, string) {
	b.t.Helper()
	status, got, _ := b.call(method, "/api/admin"+path, body, "Cookie", b.session, "Content-Type", "application/json", "Sec-Fetch-Site", "same-origin")
	return status, got
}

type tasksAnswer struct {
	Tasks []struct {
		Queue, ID, Kind, Error, Reason, Business string
		State                                    *string
		EventID                                  string `json:"event_id"`
		WebhookID                                *int64 `json:"webhook_id"`
		Actions                                  []string
	}
	Looked int
	Cut    bool
	Next   string `json:"next_cursor"`
}

func (b *bundle) tasksLike(query string) (list tasksAnswer) {
	b.t.Helper()
	status, got := b.admin("GET", "/tasks?"+query, "")
	require.Equal(b.t, 200, status, got)
	return decode[tasksAnswer](b.t, got)
}

func ids(list tasksAnswer) (out []string) {
	for _, one := range list.Tasks {
		out = append(out, one.ID)
	}
	return out
}

func TestTasksAreFound(t *testing.T) {
	b := setup(t, operating)
	mine, foreign := b.webhook(), b.webhook(func(w *models.Webhook) { w.BusinessID, w.Name = b.theirs.ID, "Theirs" })
	first, one := b.queued(mine)
	bad := rejected
	bad.Reason = "answered 500 <Teapot>"
	_, two := b.queued(mine, bad)
	_, three := b.queued(foreign)
	later := models.Work{ID: b.store.NextID(), Kind: models.Deliver, WebhookID: mine.ID, DueAt: b.clock.now().Add(time.Hour), Members: one.Members}
	require.NoError(t, b.store.AddWork(t.Context(), later)) // it stays in the database until it is due
	a, c, d, l := decimal(one.ID), decimal(two.ID), decimal(three.ID), ""
	for query, want := range map[string][]string{
		"":                            {a, c, d},
		"queue=deliveries-live":       {a, c, d},
		"queue=sends":                 nil,
		"state=scheduled":             nil,
		"webhook=" + decimal(mine.ID): {a, c, l},
		"webhook=" + decimal(mine.ID) + "&state=pending":                     {a, c},
		"business=" + decimal(b.theirs.ID):                                   {d},
		"business=" + decimal(b.ours.ID) + "&webhook=" + decimal(foreign.ID): nil,
		"business=" + decimal(b.ours.ID):                                     {a, c, l},
		"q=" + first:                                                         {a},
		"q=evt_" + strings.Repeat("0", 32):                                   nil,
		"q=" + c:                                                             {c},
		"q=4711":                                                             nil,
		"error=teapot":                                                       {c},
		"error=%3CTEAPOT%3E&webhook=" + decimal(mine.ID):                     {c},
		"error=nothing+like+it":                                              nil,
		"webhook=" + decimal(foreign.ID) + "&error=teapot":                   nil,
		"q=" + first + "&webhook=" + decimal(foreign.ID):                     nil,
		"business=" + decimal(b.ours.ID) + "&queue=deliveries-live&state=pending": {a, c},
	} {
		require.Equal(t, want, ids(b.tasksLike(query)), query)
	}
	got := b.tasksLike("q=" + first).Tasks[0]
	require.Equal(t, []any{"deliveries", first, mine.ID, "Ours", "pending", []string{"archive", "delete"}}, []any{got.Kind, got.EventID, *got.WebhookID, got.Business, *got.State, got.Actions})
	require.Nil(t, b.tasksLike("webhook=" + decimal(mine.ID)).Tasks[2].State, "it is not queued yet")
	for query, field := range map[string]string{"queue=odd": "queue", "state=odd": "state", "business=x": "business", "webhook=-1": "webhook", "q=odd": "q", "q=evt_1": "q", "cursor=x": "cursor", "error=" + strings.Repeat("x", 300): "error"} {
		status, got := b.admin("GET", "/tasks?"+query, "")
		require.Equal(t, 400, status, query)
		require.Contains(t, got, `"field":"`+field+`"`, query)
		status, page := b.page("/operations/tasks?" + query)
		if field == "cursor" {
			require.Equal(t, 400, status)
			continue
		}
		require.Equal(t, 400, status, query)
		require.Contains(t, page, `id="field-`+field+`-wrong"`, query)
	}

	// The page says the same, and what became of an event.
	_, page := b.page("/operations/tasks?q=" + first)
	for _, want := range []string{"What became of the event", "Its task", "/operations/tasks/deliveries-live/" + a} {
		require.Contains(t, page, want)
	}
	_, page = b.page("/operations/tasks?error=teapot")
	require.Contains(t, page, "answered 500 &lt;Teapot&gt;")
	_, page = b.page("/operations")
	require.Contains(t, page, `/operations/tasks?webhook=`+decimal(mine.ID))
}

// Pages go on where the one before ended, and leave nothing out.
func TestPagesOfTasks(t *testing.T) {
	b := setup(t, operating)
	w := b.webhook()
	var want []string
	for i := range 120 {
		work := models.Work{ID: b.store.NextID(), Kind: models.Deliver, WebhookID: w.ID, DueAt: b.clock.now(), Members: []int64{int64(i + 1)}}
		if i%2 == 0 {
			work.Priority = models.Bulk
		}
		require.NoError(t, b.store.AddWork(t.Context(), work))
		require.NoError(t, b.enqueue(work))
		want = append(want, decimal(work.ID))
	}
	for _, filter := range []string{"", "state=pending", "webhook=" + decimal(w.ID), "business=" + decimal(b.ours.ID) + "&state=pending"} {
		var got []string
		for query := filter; ; {
			page := b.tasksLike(query)
			got = append(got, ids(page)...)
			if page.Next == "" {
				break
			}
			query = filter + "&cursor=" + page.Next
		}
		require.ElementsMatch(t, want, got, filter)
	}
}

func TestTasksAreChanged(t *testing.T) {
	b := setup(t, operating)
	mine, foreign := b.webhook(), b.webhook(func(w *models.Webhook) { w.BusinessID = b.theirs.ID })
	_, one := b.queued(mine)
	_, _ = b.queued(mine)
	_, theirs := b.queued(foreign)
	at := "/tasks/deliveries-live/" + decimal(one.ID)
	say := func(method, path, body string, want int) string {
		t.Helper()
		status, got := b.admin(method, path, body)
		require.Equal(t, want, status, got)
		return got
	}
	require.Contains(t, say("POST", at+"/run", "", 409), "wrong_state")
	require.Contains(t, say("POST", at+"/archive", "", 200), "stays undone")
	require.Equal(t, []string{decimal(one.ID)}, ids(b.tasksLike("state=archived")))
	require.Contains(t, say("POST", at+"/run", "", 200), "ready now")
	require.Contains(t, say("DELETE", at, "", 200), "put into the queue again when it is due")
	say("DELETE", at, "", 404)
	_, err := b.store.Work(t.Context(), one.ID)
	require.NoError(t, err, "the work stands in the database")
	say("GET", at, "", 404)
	say("GET", "/tasks/odd/1", "", 404)

	// Many at once say to which, and how many there were.
	require.Contains(t, say("POST", "/tasks/act", `{"action":"archive","state":"pending"}`, 400), `"field":"queue"`)
	require.Contains(t, say("POST", "/tasks/act", `{"action":"archive","queue":"deliveries-live"}`, 400), `"field":"state"`)
	require.Contains(t, say("POST", "/tasks/act", `{"action":"burn","queue":"deliveries-live","state":"pending"}`, 400), `"field":"action"`)
	require.Contains(t, say("POST", "/tasks/act", `{"action":"archive","state":"pending","webhook":"`+decimal(mine.ID)+`"}`, 200), `"changed":1,"missed":0,"more":false`)
	require.Equal(t, []string{decimal(theirs.ID)}, ids(b.tasksLike("state=pending")), "others' tasks are left alone")

	form := "queue=deliveries-live&state=pending&action=delete"
	status, got, _ := b.form("/operations/tasks/act", form+"&confirm=archive")
	require.Equal(t, 400, status)
	require.Contains(t, got, "to go on")
	status, got, _ = b.form("/operations/tasks/act", form+"&confirm=delete")
	require.Equal(t, 200, status)
	require.Contains(t, got, "1 task deleted from the queue; their work stands in the database")

	for range 2 { // once more changes nothing
		say("POST", "/queues/sends/pause", "", 200)
	}
	_, got = b.admin("GET", "/queues", "")
	require.Contains(t, got, `"paused":true`)
	status, _, _ = b.form("/operations/queues/sends/resume", "")
	require.Equal(t, 303, status)
	say("POST", "/queues/odd/pause", "", 404)

	log, err := b.store.OperationsAudit(t.Context(), models.AuditFilter{})
	require.NoError(t, err)
	var did []string
	for _, e := range log {
		did = append(did, e.Action)
	}
	require.Equal(t, []string{"queue.resumed", "queue.paused", "task.deleted", "task.archived", "task.deleted", "task.run", "task.archived"}, did)
	require.Equal(t, models.Object{Kind: "task", ID: "deliveries-live/" + decimal(one.ID), Name: "deliveries-live/" + decimal(one.ID)}, log[5].Object)
	own, err := b.store.Audit(t.Context(), b.ours.ID, models.AuditFilter{ActorKind: models.ActorOperator})
	require.NoError(t, err)
	require.Len(t, own, 3, "the business sees what an operator did to its tasks")
	_, page := b.page("/operations/audit")
	for _, want := range []string{"paused the queue", "archived the task", "of <a href=\"/operations/businesses/1\">"} {
		require.Contains(t, page, want)
	}
	_, page = b.page("/operations/audit?action=queue.*")
	require.NotContains(t, page, "archived the task</p>")
}

// What a task carries is seen by operators who ask for it, and that they have is noted.
func TestPayloadsAreRedacted(t *testing.T) {
	b := setup(t, operating)
	viewer := b.operatorOf("viewer@example.com", models.Viewer)
	w := b.webhook()
	event, one := b.queued(w)
	at := "/operations/tasks/deliveries-live/" + decimal(one.ID)
	for _, path := range []string{at, "/operations/tasks", "/operations/tasks?q=" + event, "/api/admin/tasks", "/api/admin" + strings.TrimPrefix(at, "/operations")} {
		for _, session := range []string{b.session, viewer} {
			status, got, _ := b.read(session, path)
			require.Equal(t, 200, status, path)
			require.NotContains(t, got, decimal(one.Members[0]), path)
			require.NotContains(t, got, "occurred_at", path)
		}
	}
	status, got, _ := b.call("POST", at+"/reveal", "", "Cookie", viewer, "Accept", "text/html", "Sec-Fetch-Site", "same-origin")
	require.Equal(t, 403, status)
	require.NotContains(t, got, decimal(one.Members[0]))
	status, got, _ = b.form(at+"/reveal", "")
	require.Equal(t, 200, status)
	require.Contains(t, got, decimal(one.Members[0]))
	require.Contains(t, got, "occurred_at")
	status, got = b.admin("POST", strings.TrimPrefix(at, "/operations")+"/reveal", "")
	require.Equal(t, 200, status)
	require.Contains(t, got, `"type":"message.received"`)
	own, err := b.store.Audit(t.Context(), b.ours.ID, models.AuditFilter{})
	require.NoError(t, err)
	require.Len(t, own, 2)
	require.Equal(t, "task.revealed", own[0].Action)
	_, page := b.page("/team/audit")
	require.Contains(t, page, "revealed what is carried by")
	require.Contains(t, page, "The gateway&#39;s operator we@example.com")
	require.NotContains(t, page, url.QueryEscape("occurred_at"))
}
