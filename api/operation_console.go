package api

import "net/http"

// The bodies and answers of /api/admin that have no other name.
type (
	oneTask struct {
		Task taskJSON `json:"task"`
	}
	taskQuery struct {
		Q        string `json:"q"`        // the id of an event, or of a task
		Business string `json:"business"` // an id
		Webhook  string `json:"webhook"`  // an id
		Error    string `json:"error"`    // a part of it, whatever the case
		Queue    string `json:"queue"`
		State    string `json:"state"`
		Cursor   string `json:"cursor"`
	}
	actBody struct {
		Action   string `json:"action"` // run, archive or delete
		Q        string `json:"q"`
		Business string `json:"business"`
		Webhook  string `json:"webhook"`
		Error    string `json:"error"`
		Queue    string `json:"queue"`
		State    string `json:"state"`
	}
	troublesJSON struct {
		Disabled []troubleJSON `json:"disabled"`
		Failing  []troubleJSON `json:"failing"`
		Slow     []troubleJSON `json:"slow"`
		Breakers []troubleJSON `json:"breakers"`
	}
	tenantQuery struct {
		Search string `json:"search"` // a part of the name, or an id
		Cursor string `json:"cursor"`
		Limit  int    `json:"limit"`
	}
	tenantsJSON struct {
		Businesses []tenantJSON `json:"businesses"`
		Next       string       `json:"next_cursor,omitempty"`
	}
	oneTenant struct {
		Business tenantJSON `json:"business"`
	}
	tenantBody struct {
		Name string `json:"name"`
	}
	appsJSON struct {
		Apps []appJSON `json:"apps"`
	}
	oneApp struct {
		App appJSON `json:"app"`
	}
	appBody struct {
		Name        string `json:"name"`
		BusinessID  *int64 `json:"business_id"` // null: it serves every business
		VerifyToken string `json:"verify_token"`
		Secret      string `json:"secret"`
	}
	appTokenBody struct {
		VerifyToken string `json:"verify_token"`
	}
	appSecretBody struct {
		Secret string `json:"secret"`
	}
	operationEntriesJSON struct {
		Entries []operationEntryJSON `json:"entries"`
		Next    string               `json:"next_cursor,omitempty"`
	}
	operationEntryQuery struct {
		Action string `json:"action"`
		Actor  string `json:"actor"`
		From   string `json:"from"`
		To     string `json:"to"`
		Cursor string `json:"cursor"`
		Limit  int    `json:"limit"`
	}
)

// consoleOperations are those of the console for operations.
func consoleOperations() []operation {
	const oneOf = "/api/admin/tasks/:queue/:id"
	missing := func(o operation) operation { return o.refuses(http.StatusNotFound) }
	list := []operation{
		op("GET", "/api/admin/queues", "getQueues", "What waits, by queue, by webhook and by business.").ok(queuesJSON{}),
		missing(op("POST", "/api/admin/queues/:queue/pause", "pauseQueue", "Has workers take no more tasks of a queue.").ok(message{})),
		missing(op("POST", "/api/admin/queues/:queue/resume", "resumeQueue", "Lets a queue go on.").ok(message{})),
		op("GET", "/api/admin/tasks", "listTasks", "Finds tasks, in a time that does not grow with the queues: a list may end early, and go on at its cursor.").with(taskQuery{}).ok(tasksJSON{}).refuses(http.StatusBadRequest),
		op("POST", "/api/admin/tasks/act", "changeTasks", "Runs, archives or deletes up to 200 of the tasks that a filter with a state lets through.").
			takes(actBody{}, `{"action":"archive","queue":"deliveries-live","state":"pending"}`, "action").ok(actedJSON{}).refuses(http.StatusBadRequest),
		missing(op("GET", oneOf, "getTask", "A task, without what it carries.").ok(oneTask{})),
		missing(op("POST", oneOf+"/run", "runTask", "Makes a task ready now.").ok(message{})).refuses(http.StatusConflict),
		missing(op("POST", oneOf+"/archive", "archiveTask", "Puts a task aside: its work stays undone until somebody runs it.").ok(message{})).refuses(http.StatusConflict),
		missing(op("DELETE", oneOf, "deleteTask", "Takes a task from its queue. Its work stands in the database, and is put in again when it is due.").ok(message{})).refuses(http.StatusConflict),
		missing(op("POST", oneOf+"/reveal", "revealTask", "What a task carries. The audit log knows who has seen it.").ok(revealedJSON{})),
		op("GET", "/api/admin/webhooks", "listTroubles", "The webhooks of all businesses that somebody should look after.").ok(troublesJSON{}),
		op("GET", "/api/admin/gateway", "getGateway", "Backlog, reconciler, retention, silent numbers.").ok(gatewayJSON{}),
		op("GET", "/api/admin/businesses", "listBusinesses", "The businesses, by id.").with(tenantQuery{}).ok(tenantsJSON{}).refuses(http.StatusBadRequest),
		op("POST", "/api/admin/businesses", "createBusiness", "Makes a business.").takes(tenantBody{}, `{"name":"Shop"}`, "name").gives(http.StatusCreated, oneTenant{}),
		missing(op("GET", "/api/admin/businesses/:id<int>", "getBusiness", "A business, and how much it has.").ok(oneTenant{})),
		missing(op("PUT", "/api/admin/businesses/:id<int>", "renameBusiness", "Calls a business something else.").takes(tenantBody{}, `{"name":"Shop"}`, "name").ok(message{})),
		op("GET", "/api/admin/apps", "listApps", "The Meta apps whose callbacks come here.").ok(appsJSON{}),
		op("POST", "/api/admin/apps", "createApp", "Adds an app; its name is part of its callback address.").
			takes(appBody{}, `{"name":"main","verify_token":"choose-one","secret":"of-the-app"}`, "name", "verify_token", "secret").gives(http.StatusCreated, oneApp{}).refuses(http.StatusConflict),
		missing(op("GET", "/api/admin/apps/:name", "getApp", "An app, without what is secret of it.").ok(oneApp{})),
		missing(op("PUT", "/api/admin/apps/:name/token", "setAppToken", "Replaces the verify token at once.").takes(appTokenBody{}, `{"verify_token":"choose-one"}`, "verify_token").ok(message{})),
		missing(op("POST", "/api/admin/apps/:name/secrets", "addAppSecret", "Makes one more secret valid.").takes(appSecretBody{}, `{"secret":"of-the-app"}`, "secret").ok(message{})),
		missing(op("POST", "/api/admin/apps/:name/secrets/old", "endOldAppSecrets", "Leaves only the newest secret valid: the end of a rotation.").ok(message{})),
		op("GET", "/api/admin/audit", "listOperations", "What was done to the gateway as a whole, and by operators to businesses.").with(operationEntryQuery{}).ok(operationEntriesJSON{}).refuses(http.StatusBadRequest),
	}
	return list
}
