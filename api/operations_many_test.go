package api_test

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/fanout/event"
	"wabagate/fanout/fanouttest"
	"wabagate/fanout/task"
	"wabagate/models"
	"wabagate/models/modelstest"
)

// manyTasksVar says how many tasks wait in TestOperationsWithManyTasks; empty: 50,000. What is promised is meant for 1000000.
const manyTasksVar = "WABAGATE_TEST_TASKS"

// answersWithin is what the pages of the queues and every search promise, in 95 of 100 requests, however many tasks wait.
const answersWithin = 300 * time.Millisecond

// crowd is a database and a Redis in which very many tasks wait, made in asynq's own format: of each webhook one is enqueued
// as the gateway does it, and the others are copies with an id of their own.
type crowd struct {
	t      *testing.T
	store  *models.Store
	redis  redis.UniversalClient
	queue  *task.Queue
	hooks  []models.Webhook
	works  int
	sought struct{ event, task string }
}

func newCrowd(t *testing.T, works int) *crowd {
	t.Helper()
	o, err := redis.ParseURL(fanouttest.RedisURL(t))
	require.NoError(t, err)
	c := &crowd{t: t, store: modelstest.Postgres(t), redis: redis.NewClient(o), works: works}
	t.Cleanup(func() { _ = c.redis.Close() })
	c.queue = task.NewQueue(c.redis, task.NewBell(), task.Layout{}, nil)
	for i := range 20 {
		b, err := c.store.CreateBusiness(t.Context(), fmt.Sprintf("Business %d", i+1))
		require.NoError(t, err)
		for j := range 5 {
			w, err := c.store.CreateWebhook(t.Context(), models.Webhook{BusinessID: b.ID, Name: fmt.Sprintf("CRM %d.%d", i+1, j+1), URL: "https://203.0.113.7/hook", Events: []string{"*"}, Dialect: "wabagate", Active: true})
			require.NoError(t, err)
			c.hooks = append(c.hooks, w)
		}
	}
	return c
}

// fill makes the tasks, nine in ten ready and the others for later, and in the middle of them the one that is sought.
func (c *crowd) fill() {
	c.t.Helper()
	each := c.works / len(c.hooks)
	for i, w := range c.hooks {
		if i == len(c.hooks)/2 {
			c.seek(w)
		}
		priority, due := models.Live, time.Now()
		if i%10 == 9 {
			priority, due = models.Report, time.Now().Add(time.Hour)
		}
		first := models.Work{ID: c.store.NextID(), Kind: models.Deliver, Priority: priority, WebhookID: w.ID, DueAt: due, Members: []int64{1}}
		require.NoError(c.t, c.queue.Enqueue(c.t.Context(), first))
		for left := each; left > 0; left -= min(left, 5000) {
			c.copies(first, min(left, 5000))
		}
	}
}

func (c *crowd) copies(first models.Work, n int) {
	c.t.Helper()
	ctx, id := c.t.Context(), strconv.FormatInt(first.ID, 10)
	queue := c.queue.Layout().Of(first)
	prefix := "asynq:{" + queue + "}:"
	model, err := c.redis.HGetAll(ctx, prefix+"t:"+id).Result()
	require.NoError(c.t, err)
	ws, ids, later := make([]models.Work, n), make([]any, n), make([]redis.Z, n)
	pipe := c.redis.Pipeline()
	for i := range ws {
		ws[i] = first
		ws[i].ID = c.store.NextID()
		own := strconv.FormatInt(ws[i].ID, 10)
		require.Len(c.t, own, len(id), "copies have ids as long as the original's")
		fields := map[string]any{}
		for name, value := range model {
			fields[name] = strings.ReplaceAll(value, id, own)
		}
		pipe.HSet(ctx, prefix+"t:"+own, fields)
		ids[i], later[i] = own, redis.Z{Score: float64(first.DueAt.Unix()), Member: own}
	}
	if model["state"] == task.StateScheduled {
		pipe.ZAdd(ctx, prefix+"scheduled", later...)
	} else {
		pipe.LPush(ctx, prefix+"pending", ids...)
	}
	_, err = pipe.Exec(ctx)
	require.NoError(c.t, err)
	require.NoError(c.t, c.store.AddWork(ctx, ws...))
}

// seek makes an event that is owed to a webhook and looked for later.
func (c *crowd) seek(w models.Webhook) {
	c.t.Helper()
	ctx := c.t.Context()
	e, err := event.Sample("message.received", time.Now())
	require.NoError(c.t, err)
	key, _ := event.ParseID(e.ID)
	row := models.Event{ID: c.store.NextID(), Key: key, BusinessID: w.BusinessID, Type: e.Type, CreatedAt: time.Now(), Data: e.Data}
	work := models.Work{ID: c.store.NextID(), Kind: models.Deliver, WebhookID: w.ID, DueAt: time.Now(), Members: []int64{row.ID}}
	require.NoError(c.t, c.store.Translate(ctx, func(t models.Translation) error {
		return t.Write(ctx, models.Changes{Events: []models.Event{row}, Deliveries: []models.Delivery{{EventID: row.ID, WebhookID: w.ID}}, Work: []models.Work{work}})
	}))
	require.NoError(c.t, c.queue.Enqueue(ctx, work))
	c.sought.event, c.sought.task = e.ID, strconv.FormatInt(work.ID, 10)
}

// The pages of the queues and every search answer within 300 ms, however many tasks wait.
func TestOperationsWithManyTasks(t *testing.T) {
	works := 50_000
	if text := os.Getenv(manyTasksVar); text != "" {
		var err error
		works, err = strconv.Atoi(text)
		require.NoError(t, err, manyTasksVar)
	}
	c := newCrowd(t, works)
	began := time.Now()
	c.fill()
	b := setup(t, func(o *api.Options) {
		var err error
		o.Store = c.store
		o.Directory, err = models.NewDirectory(t.Context(), c.store, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		at := c.redis.(*redis.Client).Options()
		o.MonitorRedis = func() redis.UniversalClient { return redis.NewClient(&redis.Options{Addr: at.Addr, DB: at.DB}) }
		operating(o)
	})
	b.store = c.store
	operator, err := c.store.CreateUser(t.Context(), 1, "operator@example.com", password, true)
	require.NoError(t, err)
	b.session = b.startSession(operator)
	ds, err := c.queue.Depths(t.Context())
	require.NoError(t, err)
	tasks := 0
	for _, d := range ds {
		tasks += d.Pending + d.Scheduled
	}
	require.GreaterOrEqual(t, tasks, works)
	t.Logf("%d tasks made in %v", tasks, time.Since(began).Round(time.Millisecond))
	require.Eventually(t, func() bool {
		_, got := b.page("/operations")
		return strings.Contains(got, "CRM ") && strings.Contains(got, "Business ")
	}, time.Minute, 50*time.Millisecond, "what waits is counted beside the pages")

	sought, hook := c.hooks[len(c.hooks)/2], decimal(c.hooks[3].ID)
	for _, ask := range []struct{ name, path, want string }{
		{"page of the queues", "/operations", "CRM "},
		{"queues", "/api/admin/queues", `"deliveries-live"`},
		{"list", "/operations/tasks", "deliveries-live/"},
		{"list of a queue", "/operations/tasks?queue=deliveries-reports&state=scheduled", "deliveries-reports/"},
		{"list, far on", fmt.Sprintf("/operations/tasks?queue=deliveries-live&state=pending&cursor=0.%d.0", works/2/50), "deliveries-live/"},
		{"a webhook", "/operations/tasks?webhook=" + hook, "CRM 1.4"},
		{"a webhook's ready", "/operations/tasks?state=pending&webhook=" + hook, "CRM 1.4"},
		{"a business", "/operations/tasks?business=" + decimal(sought.BusinessID), "deliveries-live/"},
		{"an event", "/operations/tasks?q=" + c.sought.event, "/operations/tasks/deliveries-live/" + c.sought.task},
		{"a task", "/operations/tasks?q=" + c.sought.task, "/operations/tasks/deliveries-live/" + c.sought.task},
		{"an error that none has", "/operations/tasks?error=teapot", ""},
		{"an error of a webhook", "/operations/tasks?error=teapot&webhook=" + hook, ""},
		{"an event, as an API", "/api/admin/tasks?q=" + c.sought.event, `"id":"` + c.sought.task + `"`},
		{"one task", "/operations/tasks/deliveries-live/" + c.sought.task, c.sought.event},
		{"webhooks that need care", "/operations/webhooks", "No webhook fails"},
		{"gateway", "/operations/gateway", "Reconciler"},
		{"asynq's queues", "/monitor/api/queues", "deliveries-live"},
		{"asynq's tasks", "/monitor/api/queues/deliveries-live/pending_tasks?page=1&size=100", `"id":`},
		{"asynq's tasks, far on", fmt.Sprintf("/monitor/api/queues/deliveries-live/pending_tasks?page=%d&size=100", works/2/100), `"id":`},
	} {
		took := make([]time.Duration, 20)
		for i := range took {
			start := time.Now()
			status, got, _ := b.call("GET", ask.path, "", "Cookie", b.session, "Accept", "text/html")
			took[i] = time.Since(start)
			require.Equal(t, 200, status, ask.name)
			require.Contains(t, got, ask.want, ask.name)
		}
		slices.Sort(took)
		t.Logf("%-28s p50 %8v  p95 %8v", ask.name, took[9].Round(100*time.Microsecond), took[18].Round(100*time.Microsecond))
		require.Less(t, took[18], answersWithin, ask.name)
	}
	status, got, _ := b.call("DELETE", "/monitor/api/queues/deliveries-live/pending_tasks:delete_all", "", "Cookie", b.session, "Sec-Fetch-Site", "same-origin")
	require.Equal(t, 409, status)
	require.Contains(t, got, "would stop Redis for everybody")
}
