package api_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/models"
)

const templated = `"template":{"name":"spring","language":"en_US","components":[{"type":"body","parameters":[{"type":"text","text":"{{name}}"}]}]}`

// broadcastAnswer is what the tests read of answers.
type broadcastAnswer struct {
	ID         int64
	Variables  []string
	Recipients struct {
		Added, Duplicate, Invalid int64
		Problems                  []struct {
			Line       int
			Field, Why string
		}
	}
	Broadcast struct {
		Reference, Status, Name string
		TemplateName            string `json:"template_name"`
		NumberID                int64  `json:"number_id"`
		Plan                    *struct {
			State                               string
			Recipients, Waiting, Cancelled      int64
			OptedOut                            int64   `json:"opted_out"`
			EstimatedEnd, StartedAt, FinishedAt *string `json:"-"`
			Estimated                           *string `json:"estimated_end"`
			Body                                struct {
				Template struct{ Language struct{ Code string } }
			}
		}
	}
}

// connected makes our number one that can send, at a rate.
func (b *bundle) connected(rate int) {
	b.t.Helper()
	require.NoError(b.t, b.store.SetUpstream(b.t.Context(), b.ours.ID, models.Upstream{NumberID: b.number.ID, Style: "cloud", Token: "EAAG", Rate: rate}))
}

// drafted makes a broadcast of ours through the API, and answers its path.
func (b *bundle) drafted(more string) string {
	b.t.Helper()
	status, got := b.api("POST", "/broadcasts", `{"name":"Spring","number_id":`+decimal(b.number.ID)+`,`+templated+more+`}`)
	require.Equal(b.t, 201, status, got)
	return "/broadcasts/" + decimal(decode[broadcastAnswer](b.t, got).ID)
}

// upload posts a table of recipients.
func (b *bundle) upload(path, table string) (int, string) {
	b.t.Helper()
	status, got, _ := b.call("POST", "/api/client"+path+"/recipients", table, "Authorization", "Bearer "+b.key.Text(), "Content-Type", "text/csv; charset=utf-8")
	return status, got
}

func TestBroadcastFromDraftToEnd(t *testing.T) {
	b := setup(t, sending)
	status, got := b.api("POST", "/broadcasts", `{"name":" Spring ","number_id":`+decimal(b.number.ID)+`,`+templated+`,"scheduled_at":"2089-01-01T00:00:00Z",
		"recipients":[{"to":"+1 555 017 7321","variables":{"name":"Ada"}},{"to":"15550177321","variables":{"name":"Again"}},{"to":"15550177322"}]}`)
	require.Equal(t, 201, status, got)
	v := decode[broadcastAnswer](t, got)
	one := "/broadcasts/" + decimal(v.ID)
	require.Equal(t, []any{"bc_" + decimal(v.ID), "draft", "Spring", "spring", b.number.ID, []string{"name"}}, []any{v.Broadcast.Reference, v.Broadcast.Status, v.Broadcast.Name, v.Broadcast.TemplateName, v.Broadcast.NumberID, v.Variables})
	require.Equal(t, []int64{1, 1, 1, 1}, []int64{v.Recipients.Added, v.Recipients.Duplicate, v.Recipients.Invalid, v.Broadcast.Plan.Recipients}, got)
	require.Equal(t, []any{3, "name", "has no value"}, []any{v.Recipients.Problems[0].Line, v.Recipients.Problems[0].Field, v.Recipients.Problems[0].Why})
	require.Equal(t, "en_US", v.Broadcast.Plan.Body.Template.Language.Code)

	status, got = b.upload(one, "to,name\n15550177323,Layla\n15550177321,Twice\nx,y\n")
	require.Equal(t, 200, status, got)
	require.Equal(t, `{"message":"Recipients added.","added":1,"duplicate":1,"invalid":1,"problems":[{"line":4,"field":"to","why":"must be a number with its country code, from 5 to 15 digits, such as 15550177321"}],"recipients":2}`, got)

	status, got = b.api("POST", one+"/start", "")
	require.Equal(t, 409, status, got)
	require.Contains(t, got, "not_connected")
	b.connected(50)
	_, err := b.store.AddOptOuts(t.Context(), models.OptOut{BusinessID: b.ours.ID, WaID: "15550177323", Since: time.Now()})
	require.NoError(t, err)
	status, got = b.api("POST", one+"/start?dry_run=true", "")
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `"recipients":2,"opted_out":1,"estimated_end":"2089-01-01T00:00:00.040Z"`)
	for _, step := range []struct {
		do, code, status string
	}{{"pause", "broadcast_draft", "draft"}, {"resume", "broadcast_draft", "draft"}, {"start", "", "scheduled"}, {"start", "broadcast_running", "scheduled"}, {"start?dry_run=1", "broadcast_running", "scheduled"}, {"resume", "broadcast_running", "scheduled"},
		{"pause", "", "paused"}, {"pause", "broadcast_paused", "paused"}, {"resume", "", "scheduled"}, {"cancel", "", "cancelled"}, {"cancel", "broadcast_cancelled", "cancelled"}, {"resume", "broadcast_cancelled", "cancelled"}} {
		status, got := b.api("POST", one+"/"+step.do, "")
		if step.code == "" {
			require.Equal(t, 200, status, step.do+got)
		} else {
			require.Equal(t, 409, status, step.do+got)
			require.Contains(t, got, `"code":"`+step.code+`"`)
		}
		_, got = b.api("GET", one, "")
		require.Equal(t, step.status, decode[broadcastAnswer](t, got).Broadcast.Status, step.do)
	}
	status, got = b.upload(one, "to,name\n15550177329,Late\n")
	require.Equal(t, 409, status, got)
	require.Contains(t, got, "takes no recipients: only a draft does")
	_, got = b.api("GET", "/broadcasts", "")
	require.Contains(t, got, `"status":"cancelled"`)
}

// What a broadcast that runs shows, of the whole and of each recipient.
func TestBroadcastShown(t *testing.T) {
	b := setup(t, sending)
	b.connected(2)
	one := b.drafted(`,"pace":1,"recipients":[{"to":"15550177321","variables":{"name":"Ada"}},{"user_id":"US.1","variables":{"name":"Bob"}},{"to":"15550177323","variables":{"name":"Cy"}}]`)
	status, got := b.api("POST", one+"/start", "{}")
	require.Equal(t, 200, status, got)
	var id int64
	_, err := fmt.Sscanf(one, "/broadcasts/%d", &id)
	require.NoError(t, err)
	plans, err := b.store.ClaimBroadcasts(t.Context(), 1, time.Now().Add(time.Minute))
	require.NoError(t, err)
	require.Len(t, plans, 1)
	work, ok, err := b.store.ReleaseBroadcast(t.Context(), models.Release{BroadcastID: id, Owner: 1, To: 2, Sends: []models.Send{{BusinessID: b.ours.ID, NumberID: b.number.ID, Body: []byte("{}"), To: "15550177321", Place: 1},
		{BusinessID: b.ours.ID, NumberID: b.number.ID, Body: []byte("{}"), Recipient: "US.1", Place: 2}}})
	require.NoError(t, err)
	require.True(t, ok)
	sends := work[0].Members
	b.settle(models.SendResult{ID: sends[0], State: models.SendAccepted, Wamid: "wamid.1"})
	b.settle(models.SendResult{ID: sends[1], State: models.SendFailed, ErrorCode: "131026", ErrorTitle: "Undeliverable"})
	b.translate(func(tx models.Translation, c *models.Changes) error {
		found, err := tx.Broadcasts(t.Context(), []models.BroadcastRef{{BusinessID: b.ours.ID, Reference: "bc_" + decimal(id)}})
		if err == nil {
			v := *found[0]
			v.Sent, v.Failed, v.Failures = 1, 1, map[string]int64{"131026": 1}
			c.Broadcasts = []models.Broadcast{v}
		}
		return err
	})
	_, got = b.api("GET", one, "")
	v := decode[broadcastAnswer](t, got)
	require.Equal(t, []any{"running", int64(3), int64(1)}, []any{v.Broadcast.Status, v.Broadcast.Plan.Recipients, v.Broadcast.Plan.Waiting})
	require.Contains(t, got, `"failures":[{"code":"131026","count":1,"action":"user","advice":"The recipient is not on WhatsApp`)
	require.NotNil(t, v.Broadcast.Plan.Estimated)
	_, got = b.api("GET", one+"/recipients", "")
	require.Contains(t, got, `{"place":1,"to":"15550177321","variables":{"name":"Ada"},"state":"accepted","send_id":"snd_`+decimal(sends[0])+`","message_id":"wamid.1","error":null}`)
	require.Contains(t, got, `"error":{"code":"131026","title":"Undeliverable","advice":"The recipient is not on WhatsApp`)
	require.Contains(t, got, `{"place":3,"to":"15550177323","variables":{"name":"Cy"},"state":"waiting","send_id":null,"message_id":null,"error":null}`)
	_, got = b.api("GET", one+"/recipients?state=failed", "")
	require.Contains(t, got, `[{"place":2,"user_id":"US.1",`)
	require.NotContains(t, got, `"place":1`)
	_, got = b.api("GET", one+"/recipients?limit=2", "")
	require.Contains(t, got, `"next_cursor":"2"`)
	_, got = b.api("GET", one+"/recipients?limit=2&cursor=2", "")
	require.Contains(t, got, `[{"place":3,`)
	require.NotContains(t, got, "next_cursor")
	status, got = b.api("GET", one+"/recipients?state=lost", "")
	require.Equal(t, 400, status)
	require.Contains(t, got, "must be one of waiting, accepted")

	// Paused and resumed, what waits is given to the queue again.
	_, _, err = b.store.ReleaseBroadcast(t.Context(), models.Release{BroadcastID: id, Owner: 1, From: 2, To: 3, Sends: []models.Send{{BusinessID: b.ours.ID, NumberID: b.number.ID, Body: []byte("{}"), To: "15550177323", Place: 3}}})
	require.NoError(t, err)
	for _, do := range []string{"pause", "resume"} {
		status, got = b.api("POST", one+"/"+do, "")
		require.Equal(t, 200, status, got)
	}
	require.Len(t, b.queue.work, 1)
	require.Equal(t, models.SendMessages, b.queue.work[0].Kind)
}

func TestBroadcastRefusals(t *testing.T) {
	b := setup(t, sending)
	b.connected(50)
	number := `"number_id":` + decimal(b.number.ID)
	for body, want := range map[string]string{
		`{` + templated + `}`:                                                          "number_id: is required",
		`{"number_id":0,` + templated + `}`:                                            "number_id: is required",
		`{"number_id":99999,` + templated + `}`:                                        "number_id: is not one of your numbers",
		`{` + number + `,"recipients":[]}`:                                             "template: is required, or a body",
		`{` + number + `,"body":null}`:                                                 "template: is required, or a body",
		`{` + number + `,"body":{"text":{"body":"x"}},` + templated + `}`:              "body: is given besides template",
		`{` + number + `,"template":{"name":"x"}}`:                                     "template.language: is required",
		`{` + number + `,"template":{"language":"en"}}`:                                "template.name: is required",
		`{` + number + `,"template":7}`:                                                "template: must be an object",
		`{` + number + `,"body":{"to":"1"}}`:                                           "to: must not be given",
		`{` + number + `,"body":{"type":"nonsense"}}`:                                  "type: is",
		`{` + number + `,` + templated + `,"pace":0}`:                                  "pace: must be from 1 to 1000",
		`{` + number + `,` + templated + `,"pace":51}`:                                 "pace: must be at most 50",
		`{` + number + `,` + templated + `,"pace":"fast"}`:                             "pace: must be a whole number",
		`{` + number + `,` + templated + `,"scheduled_at":"soon"}`:                     "scheduled_at: must be a time",
		`{` + number + `,` + templated + `,"scheduled_at":1}`:                          "scheduled_at: must be text",
		`{` + number + `,` + templated + `,"recipients":{}}`:                           "recipients: must be an array",
		`{` + number + `,` + templated + `,"total_recipients":1}`:                      "total_recipients: is not a field here",
		`{` + number + `,` + templated + `,"name":"` + strings.Repeat("x", 101) + `"}`: "name: must have at most 100",
	} {
		status, got := b.api("POST", "/broadcasts?dry_run=true", body)
		require.Equal(t, 400, status, body+got)
		e := decode[struct {
			Error struct{ Field, Message string }
		}](t, got).Error
		require.Contains(t, e.Field+": "+e.Message, want, body)
	}
	status, got := b.api("POST", "/broadcasts?dry_run=true", `{`+number+`,`+templated+`,"recipients":[{"to":"15550177321","variables":{"name":"x"}},{"to":"1"}]}`)
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `"variables":["name"],"recipients":{"added":1,"duplicate":0,"invalid":1`)
	_, got = b.api("GET", "/broadcasts", "")
	require.Equal(t, `{"broadcasts":[]}`, got, "a dry run makes nothing")

	// One that is sent elsewhere is counted, and that is all; and its name and the gateway's own do not meet.
	one := b.drafted("")
	reference := "bc_" + strings.TrimPrefix(one, "/broadcasts/")
	status, got = b.api("POST", "/broadcasts", `{"reference":"`+reference+`","total_recipients":3}`)
	require.Equal(t, 400, status, got)
	require.Contains(t, got, "the gateway sends")
	_, got = b.api("POST", "/broadcasts", `{"reference":"89","total_recipients":3}`)
	elsewhere := "/broadcasts/" + decimal(decode[broadcastAnswer](t, got).ID)
	status, got = b.api("POST", elsewhere+"/start", "")
	require.Equal(t, 409, status, got)
	require.Contains(t, got, "sent_elsewhere")
	_, got = b.api("GET", elsewhere, "")
	require.Contains(t, got, `"plan":null`)

	status, got = b.api("POST", one+"/start", "")
	require.Equal(t, 409, status, got)
	require.Contains(t, got, "no_recipients")
	status, got = b.api("POST", one+"/recipients", `[{"to":"15550177321","variables":{"name":"x"}}`)
	require.Equal(t, 400, status, got)
	require.Contains(t, got, "unexpected EOF")
	status, got, _ = b.call("POST", "/api/client"+one+"/recipients", "x", "Authorization", "Bearer "+b.key.Text(), "Content-Type", "text/html")
	require.Equal(t, 415, status, got)
	status, got = b.api("POST", one+"/recipients?dry_run=true", `[{"to":"15550177322","variables":{"name":"x"}}]`)
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `"added":1,"duplicate":0,"invalid":0,"problems":[],"recipients":1}`)

	// Another business's are not there.
	for _, c := range [][2]string{{"GET", one}, {"POST", one + "/start"}, {"POST", one + "/pause"}, {"POST", one + "/resume"}, {"POST", one + "/cancel"}, {"GET", one + "/recipients"}, {"POST", one + "/recipients"}, {"POST", one + "/start?dry_run=1"}} {
		status, got := b.foreign(c[0], c[1], "")
		require.Equal(t, 404, status, c[1]+got)
	}
	status, got = b.foreign("POST", "/broadcasts", `{`+number+`,`+templated+`}`)
	require.Equal(t, 400, status, got)
	require.Contains(t, got, "is not one of your numbers")
	require.NotContains(t, b.log.String(), "15550177321")

	without := setup(t)
	status, _ = without.api("POST", "/broadcasts", `{"number_id":`+decimal(without.number.ID)+`,`+templated+`}`)
	require.Equal(t, 501, status)
}

func TestOptOuts(t *testing.T) {
	b := setup(t)
	status, got := b.api("POST", "/opt-outs", `{"wa_id":"+1 555 017 7321","user_id":"US.1","since":"2026-11-21T10:00:00Z","why":"asked by mail"}`)
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `"added":2`)
	_, got = b.api("POST", "/opt-outs", `{"wa_id":"15550177321"}`)
	require.Contains(t, got, `"added":0`)
	_, got = b.api("GET", "/opt-outs?wa_id=15550177321", "")
	require.Contains(t, got, `"wa_id":"15550177321","since":"2026-11-21T10:00:00.000Z","why":"asked by mail"}]}`)
	_, got = b.api("GET", "/opt-outs?limit=1", "")
	next := decode[struct {
		Next string `json:"next_cursor"`
	}](t, got).Next
	require.NotEmpty(t, next)
	_, got = b.api("GET", "/opt-outs?limit=1&cursor="+next, "")
	require.NotContains(t, got, "next_cursor")
	for body, want := range map[string]string{`{}`: "is required, or user_id", `{"wa_id":"x"}`: "must be a phone number", `{"wa_id":"15550177321","since":"x"}`: "must be a time",
		`{"wa_id":"15550177321","why":"` + strings.Repeat("x", 201) + `"}`: "at most 200", `{"to":"1"}`: "is not a field here"} {
		status, got := b.api("POST", "/opt-outs", body)
		require.Equal(t, 400, status, body)
		require.Contains(t, got, want, body)
	}
	_, got = b.foreign("GET", "/opt-outs", "")
	require.Equal(t, `{"opt_outs":[]}`, got)
	status, _ = b.foreign("DELETE", "/opt-outs?wa_id=15550177321", "")
	require.Equal(t, 404, status)
	status, got = b.api("DELETE", "/opt-outs", "")
	require.Equal(t, 400, status, got)
	status, got = b.api("DELETE", "/opt-outs?wa_id=15550177321&user_id=US.1", "")
	require.Equal(t, 200, status, got)
	_, got = b.api("GET", "/opt-outs", "")
	require.Equal(t, `{"opt_outs":[]}`, got)
}

// streaming serves the bundle's routes as a server that streams bodies, on loopback.
func (b *bundle) streaming() string {
	b.t.Helper()
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ErrorHandler: b.app.Config().ErrorHandler, BodyLimit: 1 << 20, StreamRequestBody: true})
	app.Use(api.BufferBodies(1 << 20))
	b.server.Register(app)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b.t, err)
	go func() { _ = app.Listener(listener) }()
	b.t.Cleanup(func() { _ = app.ShutdownWithTimeout(time.Second) })
	return "http://" + listener.Addr().String() + "/api/client"
}

// post posts a body as it comes.
func (b *bundle) post(url, contentType string, length int64, body io.Reader) (int, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), "POST", url, body)
	require.NoError(b.t, err)
	r.ContentLength = length
	r.Header.Set("Authorization", "Bearer "+b.key.Text())
	r.Header.Set("Content-Type", contentType)
	res, err := http.DefaultClient.Do(r)
	require.NoError(b.t, err)
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	return res.StatusCode, string(got)
}

// table is a table of n recipients that is written while it is read.
type table struct {
	n, at int
	left  []byte
}

func (l *table) Read(p []byte) (int, error) {
	for len(l.left) == 0 {
		switch {
		case l.at == 0:
			l.left = []byte("to,name,notes\n")
		case l.at > l.n:
			return 0, io.EOF
		default:
			l.left = fmt.Appendf(nil, "%d,Ada %d,%s\n", 15550000000+l.at, l.at, strings.Repeat("x", 200))
		}
		l.at++
	}
	n := copy(p, l.left)
	l.left = l.left[n:]
	return n, nil
}

// A list of 20,000 is added, and one of 200,000, which is 45 MB, read through, in memory that does not grow with it.
func TestLongLists(t *testing.T) {
	b := setup(t, sending)
	url := b.streaming()
	one := b.drafted("")
	status, got := b.post(url+one+"/recipients", "text/csv", -1, &table{n: 20_000})
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `"added":20000,"duplicate":0,"invalid":0,"problems":[],"recipients":20000}`)
	status, got = b.post(url+one+"/recipients", "text/csv", -1, &table{n: 20_001}) // as after it broke off
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `"added":1,"duplicate":20000,`)

	peak := watchHeap(t)
	status, got = b.post(url+one+"/recipients?dry_run=true", "text/csv", -1, &table{n: 200_000})
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `"added":200000,`)
	require.Less(t, peak(), int64(24<<20), "bytes of heap")
}

// watchHeap answers how much the heap has grown at most since it was called.
func watchHeap(t *testing.T) func() int64 {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	percent := debug.SetGCPercent(10) // so that what counts is what is held, and not what is left lying
	t.Cleanup(func() { debug.SetGCPercent(percent) })
	runtime.GC()
	before := heap()
	var most atomic.Int64
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	go func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
				most.Store(max(most.Load(), heap()-before))
			}
		}
	}()
	return most.Load
}

// Where bodies are streamed, all but lists have the limit that they had.
func TestBufferBodies(t *testing.T) {
	b := setup(t, sending)
	url := b.streaming()
	long := `{"name":"` + strings.Repeat("x", 2<<20) + `"}`
	for _, length := range []int64{int64(len(long)), -1} {
		status, got := b.post(url+"/broadcasts", "application/json", length, strings.NewReader(long))
		require.Equal(t, 413, status, got)
		require.Contains(t, got, "body_too_large")
	}
	short := `{"reference":"89","name":"` + strings.Repeat("x", 90) + `","total_recipients":3}` + strings.Repeat(" ", 100<<10)
	for _, length := range []int64{int64(len(short)), -1} {
		status, got := b.post(url+"/broadcasts", "application/json", length, io.MultiReader(strings.NewReader(short)))
		require.Equal(t, 201, status, got)
	}
}
