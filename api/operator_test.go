package api_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/fanout"
	"wabagate/fanout/deliver"
	"wabagate/fanout/task"
	"wabagate/models"
)

// operating gives a server real queues, on the Redis of the test.
func operating(o *api.Options) {
	client := o.MonitorRedis()
	q := task.NewQueue(client, task.NewBell(), task.Layout{}, nil)
	o.Queues, o.Tasks, o.Breakers = q, q, deliver.NewBreaker(client, o.Now)
	o.Reconciliation = func(ctx context.Context) (fanout.Reconciliation, error) {
		return fanout.ReadReconciliation(ctx, client)
	}
}

// operatorOf makes a person with a role in operations, and logs them in.
func (b *bundle) operatorOf(email string, role models.OperationsRole) (cookie string) {
	b.t.Helper()
	u, err := b.store.AddUser(b.t.Context(), models.User{BusinessID: b.theirs.ID, Email: email, Role: models.RoleReader}, password)
	require.NoError(b.t, err)
	_, err = b.store.SetOperations(b.t.Context(), email, role)
	require.NoError(b.t, err)
	return b.startSession(u)
}

// Whoever does not operate the gateway sees nothing of it as a whole, and viewers change nothing.
func TestOperationsKnowWhoAsks(t *testing.T) {
	b := setup(t, operating)
	viewer := b.operatorOf("viewer@example.com", models.Viewer)
	_, err := b.store.CreateApp(t.Context(), models.App{Name: "987654", VerifyToken: "v", Secrets: []models.Secret{"s"}})
	require.NoError(t, err)
	changes, looks := 0, 0
	for _, r := range b.app.GetRoutes(true) {
		if !strings.HasPrefix(r.Path, "/operations") && !strings.HasPrefix(r.Path, "/api/admin") && !strings.HasPrefix(r.Path, "/monitor") {
			continue
		}
		path, name := strings.ReplaceAll(registered{r.Method, r.Path}.url(), "*", "api/queues"), r.Method+" "+r.Path
		reading := r.Method == "GET" || r.Method == "HEAD" || r.Method == "OPTIONS"
		ask := func(headers ...string) int {
			status, _, to := b.call(r.Method, path, "", append(headers, "Content-Type", "application/json", "Sec-Fetch-Site", "same-origin")...)
			if loc := to.Get("Location"); strings.HasPrefix(loc, "/login") { // of pages
				require.Contains(t, []int{302, 303}, status, name)
				return 401
			}
			return status
		}
		if path == "/operations/tasks/act" && reading { // only leads to its page
			continue
		}
		require.Equal(t, 401, ask(), "%s: a stranger", name)
		require.Equal(t, 401, ask("Cookie", "token=forged"), "%s: a forged session", name)
		require.Equal(t, 401, ask("Authorization", "Bearer "+b.key.Text()), "%s: a key of a business", name)
		require.Equal(t, 403, ask("Cookie", b.theirUser), "%s: an owner of a business", name)
		if !reading {
			changes++
			require.Equal(t, 403, ask("Cookie", viewer), "%s: a viewer", name)
			continue
		}
		looks++
		seen := []int{200, 404}
		if r.Method != "GET" { // asynq's page knows no HEAD and no OPTIONS
			seen = append(seen, 405)
		}
		require.Contains(t, seen, ask("Cookie", viewer), "%s: a viewer", name)
		require.Contains(t, seen, ask("Cookie", b.session), "%s: an operator", name)
	}
	require.Greater(t, changes, 30)
	require.Greater(t, looks, 20)
	log, err := b.store.OperationsAudit(t.Context(), models.AuditFilter{})
	require.NoError(t, err)
	require.Empty(t, log, "what was refused changed nothing")

	// Pages offer viewers nothing that is refused.
	for _, path := range []string{"/operations", "/operations/tasks", "/operations/tasks?state=pending", "/operations/webhooks", "/operations/gateway", "/operations/businesses", "/operations/businesses/1", "/operations/apps", "/operations/apps/987654", "/operations/audit"} {
		status, got, _ := b.read(viewer, path)
		require.Equal(t, 200, status, path+got)
		for _, to := range changesIn(got, path) {
			require.Contains(t, []string{"/look", "/logout"}, to, path)
		}
		status, got, _ = b.read(b.session, path)
		require.Equal(t, 200, status, path)
		require.Contains(t, got, `href="/operations/gateway"`)
	}
	_, got, _ := b.read(b.theirUser, "/")
	require.NotContains(t, got, "/operations")
	_, got, _ = b.read(viewer, "/")
	require.Contains(t, got, `href="/operations"`)
	_, _, head := b.call("GET", "/operations/tasks?webhook=7", "", "Accept", "text/html")
	require.Equal(t, "/login?next="+url.QueryEscape("/operations/tasks?webhook=7"), head.Get("Location"))
}

// Every change has a name in the log, and words.
func TestOperationsAreNamed(t *testing.T) {
	b := setup(t, operating)
	for _, r := range b.app.GetRoutes(true) {
		if !strings.HasPrefix(r.Path, "/operations") && !strings.HasPrefix(r.Path, "/api/admin") {
			continue
		}
		action := api.OperationAction(r.Method, r.Path)
		if r.Method == "GET" || r.Method == "HEAD" {
			require.Empty(t, action, r.Path)
			continue
		}
		require.Regexp(t, `^(queue|task|business|app)\.[a-z_]+$`, action, r.Method+" "+r.Path)
		if action != "task.changed" { // says the handler
			require.NotContains(t, api.DidText(action), "did “", action)
		}
	}
}

func TestMonitorOfViewers(t *testing.T) {
	b := setup(t, operating)
	viewer := b.operatorOf("viewer@example.com", models.Viewer)
	w := b.webhook()
	require.NoError(t, b.enqueue(models.Work{ID: 77, Kind: models.Deliver, WebhookID: w.ID, DueAt: time.Now(), Members: []int64{4711}}))
	for who, session := range map[string]string{"viewer": viewer, "operator": b.session} {
		status, got, _ := b.call("GET", "/monitor/api/queues/deliveries-live/pending_tasks", "", "Cookie", session)
		require.Equal(t, 200, status, who)
		require.Contains(t, got, `"id":"77"`)
		require.NotContains(t, got, "4711", "what a task carries is redacted for a "+who)
		require.Contains(t, got, "redacted; reveal it at /operations/tasks")
	}
	_, got, _ := b.call("GET", "/monitor/", "", "Cookie", viewer)
	require.Contains(t, got, "FLAG_READ_ONLY=\"true\"")
	_, got, _ = b.call("GET", "/monitor/", "", "Cookie", b.session)
	require.Contains(t, got, "FLAG_READ_ONLY=\"false\"")
	status, _, _ := b.call("POST", "/monitor/api/queues/deliveries-live:pause", "", "Cookie", b.session, "Sec-Fetch-Site", "same-origin")
	require.Less(t, status, 300)
	log, err := b.store.OperationsAudit(t.Context(), models.AuditFilter{})
	require.NoError(t, err)
	require.Equal(t, []any{"monitor.used", "POST queues/deliveries-live:pause", models.ActorOperator}, []any{log[0].Action, log[0].Object.Name, log[0].Actor.Kind})
}

// enqueue puts work into the real queue of the test.
func (b *bundle) enqueue(ws ...models.Work) error {
	return b.tasks().Enqueue(b.t.Context(), ws...)
}

func TestWholeQueuesOfTheMonitor(t *testing.T) {
	for request, want := range map[string]string{
		"DELETE /monitor/api/queues/sends/pending_tasks:delete_all": "sends", "POST /monitor/api/queues/sends/retry_tasks:run_all": "sends", "DELETE /monitor/api/queues/sends": "sends",
		"GET /monitor/api/queues/sends": "", "POST /monitor/api/queues/sends:pause": "", "DELETE /monitor/api/queues/sends/pending_tasks/7": "", "POST /monitor/api/queues/sends/retry_tasks:batch_run": "", "POST /monitor/": "",
	} {
		method, path, _ := strings.Cut(request, " ")
		require.Equal(t, want, api.OfWholeQueue(method, path), request)
	}
}
