package api_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/models/modelstest"
	"wabagate/waba/wabatest"
)

// things are the ids of what is ours, by the places of the document before their parameter: one of everything that has an id.
type things map[string]string

// things makes one of everything that operations name by an id.
func (b *bundle) things() things {
	b.t.Helper()
	t, ctx := b.t, b.t.Context()
	w := b.webhook(func(w *models.Webhook) { w.Name = "Zubaida's" })
	delivery := b.delivery(w, "message.received", models.Failed, models.Attempt{Outcome: "failed", Status: 500})
	p := b.person("Zubaida", "15550199887")
	b.tell(event.FormSubmitted, p.Conversation.ID, event.Data{Form: &event.Form{Name: "survey", Fields: []byte(`{"size":"L"}`)}})
	order := b.order(p, "wamid.1")
	b.accepted(nil, "wamid.77")
	require.NoError(t, refresh(b))
	status, got := b.api("POST", "/broadcasts", `{"name":"For Zubaida","number_id":`+decimal(b.number.ID)+`,`+templated+`,"recipients":[{"to":"15550199887","variables":{"name":"Zubaida"}}]}`)
	require.Equal(t, 201, status, got)
	broadcast := decode[broadcastAnswer](t, got).ID
	job, err := b.store.CreateJob(ctx, models.Job{WebhookID: w.ID, BusinessID: b.ours.ID, Kind: models.Replay, Filter: models.JobFilter{From: b.clock.now().Add(-time.Hour)}})
	require.NoError(t, err)
	happened := decode[struct{ Events []struct{ ID string } }](t, second(b.api("GET", "/events?limit=1", ""))).Events[0]
	ks, err := b.store.APIKeys(ctx, b.ours.ID)
	require.NoError(t, err)
	_, err = b.store.CreateApp(ctx, models.App{Name: "main", VerifyToken: "v", Secrets: []models.Secret{"s"}})
	require.NoError(t, err)
	require.NoError(t, b.enqueue(models.Work{ID: 77, Kind: models.Deliver, WebhookID: w.ID, DueAt: time.Now(), Members: []int64{4711}}))
	colleague, _ := b.user("colleague@example.com", models.RoleMember)
	in := b.invite("new@example.com", "member")
	sessions, err := b.store.Sessions(ctx, 1)
	require.NoError(t, err)
	return things{"webhooks": decimal(w.ID), "deliveries": delivery, "conversations": decimal(p.Conversation.ID), "contacts": decimal(p.Contact.ID), "orders": decimal(order.ID),
		"numbers": decimal(b.number.ID), "broadcasts": decimal(broadcast), "jobs": decimal(job.ID), "events": happened.ID, "timeline": "wamid.77", "keys": decimal(ks[0].ID),
		"team/users": decimal(colleague.ID), "team/invitations": decimal(in.ID), "me/sessions": sessions[0].ID, "messages": "wamid.77", "media": "123456789",
		"event-types": "message.received", "invitations": in.Token,
		"queues": "deliveries-live", "tasks": "deliveries-live", "tasks/deliveries-live": "77", "apps": "main", "businesses": decimal(b.ours.ID)}
}

// everybodys are the things that belong to nobody, or to whoever knows their name.
var everybodys = map[string]bool{"event-types": true, "invitations": true}

// elsewhere are operations about what the platform alone knows the owner of, and is asked in the name of one's own number; with the
// kind of thing. There another's is as if it had never been.
var elsewhere = map[string]string{"getMedia": "media", "deleteMedia": "media", "markRead": "messages"}

// anySend is the id of a message that is to be sent.
var anySend = regexp.MustCompile(`snd_[0-9]+`)

var braces = regexp.MustCompile(`\{[a-z_]+\}`)

// path is an address of an operation with our things in it.
func (ids things) path(t testing.TB, o *describedOperation) string {
	t.Helper()
	path := o.Path
	for {
		at := braces.FindStringIndex(path)
		if at == nil {
			return path
		}
		id, ok := ids[kindOfThing(path[:at[0]])]
		require.True(t, ok, "%s %s: say in things what stands for its parameter", o.Method, o.Path)
		path = path[:at[0]] + id + path[at[1]:]
	}
}

// kindOfThing is the place before a parameter.
func kindOfThing(path string) string {
	return strings.Trim(strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(path, "/api/client/"), "/api/admin/"), "/v1/"), "/")
}

// owned says whether an operation is about one thing that belongs to somebody.
func (o *describedOperation) owned() bool {
	at := braces.FindStringIndex(o.Path)
	return at != nil && !everybodys[kindOfThing(o.Path[:at[0]])]
}

// place is what the operation is about, as rights are given.
func (o *describedOperation) place() string {
	return api.PlaceOf(braces.ReplaceAllString(o.Path, ":id"))
}

// opened says whether a scheme opens the operation.
func (o *describedOperation) opened(scheme string) bool {
	return slices.ContainsFunc(o.Security, func(s map[string][]string) bool { _, ok := s[scheme]; return ok })
}

// opening are the headers with which we may ask for an operation.
func (b *bundle) opening(o *describedOperation) []string {
	return credentialsFor(o, b.session, b.numberKey)
}

func credentialsFor(o *describedOperation, session string, numberKey models.Secret) []string {
	switch {
	case o.opened("numberKey"):
		return []string{"D360-API-KEY", numberKey.Text()}
	case o.opened("session"):
		return []string{"Cookie", session}
	}
	return nil
}

// body is a body that an operation takes, with our things in it.
func (ids things) body(o *describedOperation) string {
	if o.RequestBody == nil {
		return ""
	}
	content := o.RequestBody.Content["application/json"]
	properties, _ := content.Schema["properties"].(map[string]any)
	members := map[string]any{}
	_ = json.Unmarshal(content.Example, &members) // there may be none
	for name, place := range map[string]string{"number_id": "numbers", "webhook_id": "webhooks"} {
		if _, ok := properties[name]; ok {
			members[name], _ = strconv.ParseInt(ids[place], 10, 64)
		}
	}
	text, _ := json.Marshal(members)
	return string(text)
}

// queries are what may be asked for in an operation's list that names something of ours.
func (ids things) queries(o *describedOperation) []string {
	list := []string{""}
	for _, p := range o.Parameters {
		value := map[string]string{"number_id": ids["numbers"], "webhook_id": ids["webhooks"], "contact_id": ids["contacts"], "event_id": ids["events"], "wamid": "wamid.77", "q": ids["events"],
			"phone": "15550199887", "wa_id": "15550199887", "search": "Zubaida", "actor": "user:1"}[p.Name]
		if p.In == "query" && value != "" {
			list = append(list, "?"+p.Name+"="+value)
		}
	}
	return list
}

// ours is found in answers that tell of our business.
var ours = regexp.MustCompile(`Zubaida|15550199887|wamid\.77|"Ours"|we@example\.com|colleague@example\.com|new@example\.com|203\.0\.113\.7`)

// moving is what goes on by itself: when our keys were used, which are tried where they open nothing, and how far pulls are, which
// is the database's and not a business's.
var moving = regexp.MustCompile(`"(last_used_at|next_cursor)":("[^"]*"|null)`)

// holdings is all that our owner can read, and our number.
func (w *walk) holdings() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	for _, id := range w.ids {
		o := w.operations[id]
		if o.Method != "GET" || o.place() == "webhooks/*/secret" || o.streams() || !strings.HasPrefix(o.Path, "/api/client/") && !strings.HasPrefix(o.Path, "/v1/") { // to reveal a secret is itself recorded
			continue
		}
		status, got, _ := w.call("GET", w.path(w.t, o), "", w.opening(o)...)
		require.Contains(w.t, []int{200, 404}, status, id+got)
		all[id] = decimal(int64(status)) + moving.ReplaceAllString(got, "")
	}
	return all
}

// walk goes through every operation of the document as somebody who is not to do it.
type walk struct {
	t *testing.T
	*bundle
	*described
	things
}

// asks is an answer to an operation about our things, which the document tells of.
func (w *walk) asks(o *describedOperation, query, body string, headers ...string) (int, string) {
	w.t.Helper()
	if o.streams() { // it gets as far as a cursor that is none; what streams show of whom has tests of its own
		query = "?after=nonsense&" + strings.TrimPrefix(query, "?")
	}
	status, got, head := w.call(o.Method, w.path(w.t, o)+query, body, append(headers, "Content-Type", "application/json")...)
	w.judge(o, status, head, got)
	return status, got
}

// Whatever the document tells of is closed to those it is not for: strangers, another business with our ids, whoever may only look,
// members where owners are asked for, and keys of another kind. Nothing of ours is told, and nothing of it has changed afterwards.
func TestOpenAPIKeepsBusinessesApart(t *testing.T) {
	for name, open := range map[string]func(testing.TB) *models.Store{"SQLite": modelstest.SQLite, "PostgreSQL": modelstest.Postgres} {
		t.Run(name, func(t *testing.T) {
			b, sim := whole(t, open(t), wabatest.Options{WABAs: []wabatest.WABA{{ID: "500"}, {ID: "501"}}, Numbers: []wabatest.Number{{ID: "600", WABAID: "500", Display: "15550100200"}, {ID: "700", WABAID: "501", Display: "15550100700"}},
				Tokens: []wabatest.Token{{Value: wabatest.DefaultToken, WABAs: []string{"500"}}, {Value: "theirs", WABAs: []string{"501"}}}},
				func(o *api.Options) { o.MetricsToken = "scrape" })
			w := &walk{t: t, bundle: b, described: document(t, b), things: b.things()}
			media, err := sim.AddMedia(wabatest.Media{PhoneNumberID: "600", MIME: "image/jpeg", Size: 100})
			require.NoError(t, err)
			w.things["media"] = media
			theirNumber := b.otherNumber(b.theirs, "700")
			numbers, err := b.store.Numbers(t.Context(), b.theirs.ID)
			require.NoError(t, err)
			require.NoError(t, b.store.SetUpstream(t.Context(), b.theirs.ID, models.Upstream{NumberID: numbers[0].ID, Style: "cloud", Base: sim.base, Token: "theirs", Rate: 80}))
			_, member := b.user("member@example.com", models.RoleMember)
			_, reader := b.user("reader@example.com", models.RoleReader)
			b.clock.stop(b.clock.now())
			before := w.holdings()
			require.Greater(t, len(before), 40)
			told := 0
			for _, answer := range before {
				if ours.MatchString(answer) {
					told++
				}
			}
			require.Greater(t, told, 15, "what is ours is known by its words where it is told")

			left := maps.Clone(ownersAffairs)
			for _, id := range w.ids {
				if o := w.operations[id]; len(o.Security) > 0 {
					w.asNobody(o)
					w.asAnother(o, b.theirUser, theirNumber)
					w.withWrongKeys(o)
					w.asColleague(o, reader, member)
					delete(left, o.Method+" "+o.place())
				}
			}
			maps.DeleteFunc(left, func(affair string, _ bool) bool { // pages
				return !slices.ContainsFunc(w.ids, func(id string) bool { o := w.operations[id]; return o.Method+" "+o.place() == affair })
			})
			require.Empty(t, left)
			for id, now := range w.holdings() {
				require.Equal(t, before[id], now, "%s: nothing of ours has changed", id)
			}
		})
	}
}

func (w *walk) asNobody(o *describedOperation) {
	w.t.Helper()
	for _, headers := range [][]string{nil, {"Cookie", "token=nonsense"}, {"Authorization", "Bearer wbk_nonsense"}, {"Authorization", "Bearer wbn_nonsense"}, {"D360-API-KEY", "wbn_nonsense"}} {
		status, got := w.asks(o, "", w.body(o), headers...)
		require.Equal(w.t, 401, status, "%s with %v: %s", o.ID, headers, got)
	}
}

// asAnother asks as the other business, in every way that it has.
func (w *walk) asAnother(o *describedOperation, session string, numberKey models.Secret) {
	w.t.Helper()
	ways := [][]string{credentialsFor(o, session, numberKey)}
	if o.opened("businessKey") {
		ways = append(ways, []string{"Authorization", "Bearer " + w.theirKey.Text()})
	}
	if o.Path == "/metrics" {
		return // which tells of no business
	}
	for _, way := range ways {
		for _, query := range w.queries(o) {
			status, got := w.asks(o, query, w.body(o), way...)
			require.False(w.t, ours.MatchString(got), "%s%s tells another business of ours", o.ID, query)
			switch {
			case strings.HasPrefix(o.Path, "/api/admin/"):
				require.Equal(w.t, 403, status, o.ID+got)
			case elsewhere[o.ID] != "":
				made := strings.Replace(w.path(w.t, o), "/"+w.things[elsewhere[o.ID]], "/wamid.987654", 1)
				same, never, _ := w.call(o.Method, made, w.body(o), append(way, "Content-Type", "application/json")...)
				require.Equal(w.t, []any{same, anySend.ReplaceAllString(never, "")}, []any{status, anySend.ReplaceAllString(got, "")}, "%s: what is ours is to another as what never was", o.ID)
			case o.owned():
				require.Equal(w.t, 404, status, o.ID+got)
			case strings.Contains(w.body(o), "_id\":"+w.things["numbers"]), strings.Contains(w.body(o), `"webhook_id":`+w.things["webhooks"]):
				require.Contains(w.t, []int{400, 403, 404}, status, "%s takes an id of ours: %s", o.ID, got)
			}
		}
	}
}

// withWrongKeys asks with keys of ours that are for something else.
func (w *walk) withWrongKeys(o *describedOperation) {
	w.t.Helper()
	key, number := []string{"Authorization", "Bearer " + w.key.Text()}, []string{"Authorization", "Bearer " + w.numberKey.Text()}
	switch {
	case o.opened("numberKey"):
		status, got := w.asks(o, "", w.body(o), key...)
		require.Equal(w.t, 403, status, o.ID+got)
	case strings.HasPrefix(o.Path, "/api/client/"):
		status, got := w.asks(o, "", w.body(o), number...)
		require.Equal(w.t, 403, status, o.ID+got)
		if !o.opened("businessKey") { // for people, says the document
			status, got = w.asks(o, "", w.body(o), key...)
			require.Equal(w.t, 403, status, o.ID+got)
		}
	default: // operators
		for _, wrong := range [][]string{key, number} {
			status, got := w.asks(o, "", w.body(o), wrong...)
			require.Equal(w.t, 401, status, o.ID+got)
		}
	}
}

// asColleague asks as those of our business who may not do everything, for what they may not do.
func (w *walk) asColleague(o *describedOperation, reader, member string) {
	w.t.Helper()
	if o.opened("numberKey") || o.Path == "/metrics" { // which have no people
		return
	}
	name := o.Method + " " + o.place()
	changes := o.Method != "GET" && ownAffairs[name] == ""
	for session, refused := range map[string]bool{
		member: ownersAffairs[name] || name == "GET audit" || strings.HasPrefix(o.Path, "/api/admin/"),
		reader: changes || name == "GET audit" || name == "GET webhooks/*/secret" || strings.HasPrefix(o.Path, "/api/admin/"),
	} {
		switch {
		case refused:
			status, got := w.asks(o, "", w.body(o), "Cookie", session)
			require.Equal(w.t, 403, status, o.ID+got)
		case o.Method == "GET" && api.ActionOf("GET", o.place()) == "": // what leaves no entry
			status, got := w.asks(o, "", "", "Cookie", session)
			require.NotContains(w.t, []int{401, 403}, status, o.ID+got)
		}
	}
}
