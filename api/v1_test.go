package api_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/models"
)

// outbox takes messages into the real store and leaves sending them to the test.
type outbox struct{ store *models.Store }

func (o outbox) Queue(ctx context.Context, sends ...models.Send) ([]models.Send, error) {
	kept, _, err := o.store.CreateSends(ctx, sends)
	return kept, err
}

func (o outbox) Await(ctx context.Context, id int64, timeout time.Duration) (models.Send, error) {
	for end := time.Now().Add(timeout); ; {
		found, err := o.store.Sends(ctx, []int64{id})
		if err != nil || len(found) == 0 {
			return models.Send{}, fmt.Errorf("send %d: %w", id, err)
		}
		if !found[0].SettledAt.IsZero() || time.Now().After(end) {
			return found[0], nil
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func sending(o *api.Options) { o.Sending = outbox{o.Store} }

// own calls as our number's program.
func (b *bundle) own(method, path, body string, headers ...string) (int, string) {
	b.t.Helper()
	status, got, _ := b.call(method, "/v1"+path, body, append([]string{"D360-API-KEY", b.numberKey.Text(), "Content-Type", "application/json"}, headers...)...)
	return status, got
}

// send asks for a message and returns its id, and what is kept of it.
func (b *bundle) send(body string, headers ...string) models.Send {
	b.t.Helper()
	status, got := b.own("POST", "/messages", body, headers...)
	require.Equal(b.t, 202, status, got)
	id := decode[struct{ Messages []struct{ ID string } }](b.t, got).Messages[0].ID
	return b.kept(id)
}

// kept reads a message from the store by its public id.
func (b *bundle) kept(public string) models.Send {
	b.t.Helper()
	var id int64
	_, err := fmt.Sscanf(public, "snd_%d", &id)
	require.NoError(b.t, err, public)
	m, err := b.store.SendByID(b.t.Context(), b.ours.ID, id)
	require.NoError(b.t, err)
	return m
}

// settle is the answer of the platform to a message.
func (b *bundle) settle(r models.SendResult) {
	b.t.Helper()
	_, err := b.store.TakeSends(b.t.Context(), []int64{r.ID})
	require.NoError(b.t, err)
	require.NoError(b.t, b.store.SettleSends(b.t.Context(), models.SendSettlement{Results: []models.SendResult{r}}))
}

// otherNumber is a second number of ours with a key, and of theirs.
func (b *bundle) otherNumber(business models.Business, phoneNumberID string) models.Secret {
	b.t.Helper()
	n, err := b.store.CreateNumber(b.t.Context(), models.Number{BusinessID: business.ID, PhoneNumberID: phoneNumberID})
	require.NoError(b.t, err)
	_, key, err := b.store.CreateAPIKey(b.t.Context(), business.ID, &n.ID, "n")
	require.NoError(b.t, err)
	return key
}

const hello = `{"messaging_product":"whatsapp","to":"+1 555 017 7321","type":"text","text":{"body":"Hi"}}`

func TestWhoMayCallANumber(t *testing.T) {
	b := setup(t, sending)
	for _, c := range []struct {
		name    string
		headers []string
		status  int
		code    string
	}{
		{"nobody", nil, 401, "unauthenticated"},
		{"the provider's header", []string{"D360-API-KEY", b.numberKey.Text()}, 202, ""},
		{"a bearer", []string{"Authorization", "Bearer " + b.numberKey.Text()}, 202, ""},
		{"a bearer in small letters", []string{"Authorization", "bearer " + b.numberKey.Text()}, 202, ""},
		{"both, and the number's own counts", []string{"D360-API-KEY", b.numberKey.Text(), "Authorization", "Bearer wbn_nonsense"}, 202, ""},
		{"a wrong key", []string{"D360-API-KEY", "wbn_nonsense"}, 401, "unauthenticated"},
		{"another scheme", []string{"Authorization", "Basic " + b.numberKey.Text()}, 401, "unauthenticated"},
		{"a business's key", []string{"Authorization", "Bearer " + b.key.Text()}, 403, "business_key"},
		{"a session", []string{"Cookie", b.session}, 401, "unauthenticated"},
		{"a browser", []string{"Accept", "text/html"}, 401, "unauthenticated"},
	} {
		status, got, head := b.call("POST", "/v1/messages", hello, c.headers...)
		require.Equal(t, c.status, status, c.name+got)
		require.Equal(t, "application/json", head.Get("Content-Type"), c.name)
		if c.code != "" {
			require.Contains(t, got, `"code":"`+c.code+`"`, c.name)
		}
	}
}

func TestSend(t *testing.T) {
	b := setup(t, sending)
	status, got := b.own("POST", "/messages", hello)
	require.Equal(t, 202, status, got)
	id := decode[struct{ Messages []struct{ ID string } }](t, got).Messages[0].ID
	require.Equal(t, `{"messaging_product":"whatsapp","contacts":[{"input":"+1 555 017 7321"}],"messages":[{"id":"`+id+`","message_status":"queued"}]}`, got)
	m := b.kept(id)
	require.Equal(t, []any{b.ours.ID, b.number.ID, "15550177321", "text", "Hi", "api", models.SendWaiting, hello}, []any{m.BusinessID, m.NumberID, m.To, m.Type, m.Text, m.SentBy, m.State, string(m.Body)})

	m = b.send(`{"recipient":"US.1","type":"image","image":{"link":"https://cdn.example/a.png","caption":"Look"},"context":{"message_id":"wamid.Q"},"biz_opaque_callback_data":"order 7"}`)
	require.Equal(t, []string{"", "US.1", "image", "Look", "wamid.Q", "https://cdn.example/a.png", "order 7"}, []string{m.To, m.Recipient, m.Type, m.Text, m.ReplyTo, m.MediaURL, m.Tracking})
}

func TestWhoSends(t *testing.T) {
	b := setup(t, sending)
	with := func(members string) string {
		return `{"to":"15550177321", "type":"text",  "text":{"body":"\u0048i"}` + members + `}`
	}
	for _, c := range []struct{ name, header, members, want, body string }{
		{"nobody says", "", "", "api", with("")},
		{"the header", "agent", "", "agent", with("")},
		{"the field, which does not leave", "", `, "sent_by":"ai"`, "ai", `{"to":"15550177321","type":"text","text":{"body":"\u0048i"}}`},
		{"the field in the middle", "", `,"sent_by":"system","context":{"message_id":"w"}`, "system", `{"to":"15550177321","type":"text","text":{"body":"\u0048i"},"context":{"message_id":"w"}}`},
		{"both, which agree", "ai", `,"sent_by":"ai"`, "ai", `{"to":"15550177321","type":"text","text":{"body":"\u0048i"}}`},
		{"null", "", `,"sent_by":null`, "api", `{"to":"15550177321","type":"text","text":{"body":"\u0048i"}}`},
		{"the tracking string", "", `,"biz_opaque_callback_data":"origin=ai;x=y"`, "ai", with(`,"biz_opaque_callback_data":"origin=ai;x=y"`)},
		{"a broadcast by its tracking string", "", `,"biz_opaque_callback_data":"broadcast=89"`, "broadcast", with(`,"biz_opaque_callback_data":"broadcast=89"`)},
		{"the phone app, which sends by itself", "", `,"biz_opaque_callback_data":"origin=app"`, "api", with(`,"biz_opaque_callback_data":"origin=app"`)},
		{"the header before the tracking string", "agent", `,"biz_opaque_callback_data":"origin=ai"`, "agent", with(`,"biz_opaque_callback_data":"origin=ai"`)},
	} {
		m := b.send(with(c.members), "X-Sent-By", c.header)
		require.Equal(t, c.want, m.SentBy, c.name)
		require.Equal(t, c.body, string(m.Body), c.name)
	}
	for _, c := range []struct{ header, members, says string }{
		{"", `,"sent_by":"robot"`, `is \"robot\"; it must be one of agent, system, api, broadcast, ai`},
		{"app", "", `is \"app\"; it must be`},
		{"", `,"sent_by":7`, "must be text"},
		{"ai", `,"sent_by":"agent"`, "the header X-Sent-By says otherwise"},
	} {
		status, got := b.own("POST", "/messages", with(c.members), "X-Sent-By", c.header)
		require.Equal(t, 400, status, got)
		require.Contains(t, got, `"field":"sent_by"`)
		require.Contains(t, got, c.says)
	}
}

// Every problem of a body comes at once, each with its field.
func TestBadMessages(t *testing.T) {
	b := setup(t, sending)
	for _, c := range []struct {
		body   string
		first  string
		fields []string // empty: of the body as a whole
	}{
		{``, "the body is not JSON: it is empty", []string{""}},
		{`[]`, "the body must be a JSON object", []string{""}},
		{`{"to":`, "the body is not JSON: it breaks off", []string{""}},
		{`{"to":"15550177321","type":"text","text":{"body":"Hi"},"to":"15550177321"}`, "is there twice", []string{"to"}},
		{`{"to":"15550177321","type":"poll"}`, `is \"poll\"; it must be`, []string{"type"}},
		{`{"to":"me","type":"text","text":{"body":""}}`, "must be a number with its country code", []string{"to", "text.body"}},
		{`{"to":"me","type":"text","text":{"body":""},"sent_by":"ai","sent_by":"ai"}`, "must be a number with its country code", []string{"to", "text.body"}},
		{`{"messaging_product":"sms","to":"15550177321","type":"image","image":{}}`, `is \"sms\"`, []string{"messaging_product", "image"}},
		{`{"status":"seen","message_id":"x"}`, `is \"seen\"`, []string{"status"}},
		{"{\"to\":\"15550177321\",\"type\":\"text\",\"text\":{\"body\":\"\xff\"}}", "not UTF-8", []string{""}},
		{`{"sent_by":"ai"}{}`, "goes on after its JSON object", []string{""}},
		{`{"sent_by":"ai",`, "the body is not JSON", []string{""}},
	} {
		status, got := b.own("POST", "/messages", c.body)
		require.Equal(t, 400, status, got)
		t.Log(got)
		type problem struct{ Code, Message, Field string }
		v := decode[struct {
			Error  problem
			Errors []problem
		}](t, got)
		require.Contains(t, got, c.first, c.body)
		var fields []string
		for _, e := range v.Errors {
			require.Equal(t, "invalid", e.Code)
			require.NotEmpty(t, e.Message)
			fields = append(fields, e.Field)
		}
		require.Equal(t, c.fields, fields, got)
		require.Equal(t, v.Errors[0], v.Error)
	}
	status, got := b.own("POST", "/messages", `{"to":"15550177321","type":"text","text":{"body":"`+strings.Repeat("x", 300<<10)+`"}}`)
	require.Equal(t, 413, status)
	require.Contains(t, got, `"code":"body_too_large"`)
	for _, q := range []string{"wait=26", "wait=-1", "wait=soon"} {
		status, got = b.own("POST", "/messages?"+q, hello)
		require.Equal(t, 400, status)
		require.Contains(t, got, "must be a whole number from 0 to 25")
	}
	ws, err := b.store.Unfinished(t.Context(), time.Now().Add(time.Hour), 0, 10)
	require.NoError(t, err)
	require.Empty(t, ws, "nothing was kept")
}

func TestIdempotency(t *testing.T) {
	b := setup(t, sending)
	first := b.send(hello, "Idempotency-Key", "order-7")
	status, got, head := b.call("POST", "/v1/messages", hello, "D360-API-KEY", b.numberKey.Text(), "Idempotency-Key", "order-7")
	require.Equal(t, 202, status)
	require.Contains(t, got, fmt.Sprintf(`"id":"snd_%d"`, first.ID))
	require.Equal(t, "true", head.Get("Idempotent-Replayed"))
	require.NotEqual(t, first.ID, b.send(hello, "Idempotency-Key", "order-8").ID)
	require.NotEqual(t, first.ID, b.send(hello).ID, "without a key each is a message")

	status, got = b.own("POST", "/messages", strings.Replace(hello, "Hi", "Bye", 1), "Idempotency-Key", "order-7")
	require.Equal(t, 422, status)
	require.Contains(t, got, `"code":"idempotency_key_used"`)
	require.Contains(t, got, fmt.Sprintf("(snd_%d)", first.ID))

	// It goes on to answer what became of the first.
	b.settle(models.SendResult{ID: first.ID, State: models.SendAccepted, Wamid: "wamid.1", WaID: "15550177321"})
	status, got = b.own("POST", "/messages", hello, "Idempotency-Key", "order-7")
	require.Equal(t, 202, status)
	require.Contains(t, got, fmt.Sprintf(`"messages":[{"id":"wamid.1","send_id":"snd_%d","message_status":"accepted"}]`, first.ID))
	status, _ = b.own("POST", "/messages?wait=1", hello, "Idempotency-Key", "order-7")
	require.Equal(t, 200, status)

	// Another number's key is another key.
	other := b.otherNumber(b.ours, "601")
	status, got, head = b.call("POST", "/v1/messages", hello, "D360-API-KEY", other.Text(), "Idempotency-Key", "order-7")
	require.Equal(t, 202, status)
	require.NotContains(t, got, fmt.Sprint(first.ID))
	require.Empty(t, head.Get("Idempotent-Replayed"))

	for _, key := range []string{strings.Repeat("k", 256), "two words", "schlüssel"} {
		status, got = b.own("POST", "/messages", hello, "Idempotency-Key", key)
		require.Equal(t, 400, status, key)
		require.Contains(t, got, `"field":"Idempotency-Key"`)
	}
}

func TestSendAndWait(t *testing.T) {
	b := setup(t, sending)
	// answered sends with wait while the platform answers so.
	answered := func(r models.SendResult) (int, string) {
		t.Helper()
		key := fmt.Sprint("k", b.store.NextID())
		r.ID = b.send(hello, "Idempotency-Key", key).ID
		done := make(chan struct{})
		go func() {
			defer close(done)
			time.Sleep(30 * time.Millisecond)
			b.settle(r)
		}()
		status, got := b.own("POST", "/messages?wait=5", hello, "Idempotency-Key", key)
		<-done
		t.Log(status, got)
		return status, got
	}
	status, got := answered(models.SendResult{State: models.SendAccepted, Wamid: "wamid.1", WaID: "5215550177321", UserID: "US.1"})
	require.Equal(t, 200, status)
	require.Contains(t, got, `{"messaging_product":"whatsapp","contacts":[{"input":"+1 555 017 7321","wa_id":"5215550177321","user_id":"US.1"}],"messages":[{"id":"wamid.1","send_id":"snd_`)

	for _, c := range []struct {
		code, title string
		status      int
		advises     string
	}{
		{"131009", "Parameter value is not valid", 400, "Correct the value"},
		{"132001", "Template name does not exist", 400, "check name and language code"},
		{"131047", "Re-engagement message", 400, "send a template"},
		{"131026", "Message undeliverable", 422, "use another channel"},
		{"131050", "User has stopped marketing messages", 422, "do not send them again"},
		{"131049", "Healthy ecosystem", 429, "wait at least 24 hours"},
		{"131042", "Payment", 403, "Put the payment method"},
		{"131016", "Service unavailable", 502, "try again"},
		{"190", "Access token has expired", 400, "Replace the access token"},
		{"999999", "Something new", 400, ""},
	} {
		status, got = answered(models.SendResult{State: models.SendFailed, ErrorCode: c.code, ErrorTitle: c.title, ErrorDetails: "the details"})
		require.Equal(t, c.status, status, got)
		e := decode[struct {
			Error struct {
				Code, Message, Advice string
				Platform              struct{ Code, Title, Details string }
			}
		}](t, got).Error
		require.Equal(t, "platform_refused", e.Code)
		require.Equal(t, "WhatsApp refused the message with "+c.code+", "+c.title+": the details", e.Message)
		require.Contains(t, e.Advice, c.advises)
		require.Equal(t, []string{c.code, c.title, "the details"}, []string{e.Platform.Code, e.Platform.Title, e.Platform.Details})
	}
	status, got = answered(models.SendResult{State: models.SendFailed, ErrorTitle: "this number has no token yet: connect it first"})
	require.Equal(t, 409, status)
	require.Contains(t, got, `"code":"not_sent","message":"the message did not go out and will not: this number has no token yet: connect it first"`)
	status, got = b.own("POST", "/messages?wait=1", hello)
	require.Equal(t, 202, status)
	require.Contains(t, got, `"message_status":"queued"`)
	m := b.send(hello, "Idempotency-Key", "u")
	b.settle(models.SendResult{ID: m.ID, State: models.SendUndecided, DueAt: time.Now().Add(time.Hour)})
	status, got = b.own("POST", "/messages?wait=1", hello, "Idempotency-Key", "u")
	require.Equal(t, 202, status)
	require.Contains(t, got, `"message_status":"undecided"`)
}

// ended is a message that came to an end while it was waited for.
type ended struct {
	outbox
	state models.SendState
	err   error
}

func (e ended) Await(_ context.Context, id int64, _ time.Duration) (models.Send, error) {
	return models.Send{ID: id, State: e.state}, e.err
}

func TestWaitForWhatCannotBeTold(t *testing.T) {
	b := setup(t, func(o *api.Options) { o.Sending = ended{outbox{o.Store}, models.SendCancelled, nil} })
	status, got := b.own("POST", "/messages?wait=1", hello)
	require.Equal(t, 409, status)
	require.Equal(t, `{"error":{"code":"cancelled","message":"the message did not go out: its broadcast was ended before its turn"}}`, got)

	// The message is kept: that nobody can say what became of it is no reason to have it sent again.
	b = setup(t, func(o *api.Options) {
		o.Sending = ended{outbox{o.Store}, models.SendFailed, errors.New("Redis is away")}
	})
	status, got = b.own("POST", "/messages?wait=1", hello)
	require.Equal(t, 202, status)
	require.Contains(t, got, `"message_status":"queued"`)
	require.Contains(t, b.log.String(), "Redis is away")
}

// A wait ends with the server.
func TestWaitEndsWithTheServer(t *testing.T) {
	b := setup(t, sending)
	go func() {
		time.Sleep(100 * time.Millisecond)
		_ = b.server.Close()
	}()
	began := time.Now()
	status, got := b.own("POST", "/messages?wait=25", hello)
	require.Equal(t, 202, status, got)
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestMarkRead(t *testing.T) {
	b := setup(t, sending)
	m := b.send(`{"messaging_product":"whatsapp","status":"read","message_id":"wamid.IN1","typing_indicator":{"type":"text"}}`)
	require.Empty(t, m.Type)
	status, got := b.own("PUT", "/messages/wamid.IN%2F1%3D%3D", `{"status":"read"}`)
	require.Equal(t, 202, status, got)
	require.Contains(t, got, `{"messaging_product":"whatsapp","success":true,"messages":[{"id":"snd_`)
	m = b.kept(decode[struct{ Messages []struct{ ID string } }](t, got).Messages[0].ID)
	require.Equal(t, `{"messaging_product":"whatsapp","status":"read","message_id":"wamid.IN/1=="}`, string(m.Body))
	require.Equal(t, []string{"", "", ""}, []string{m.To, m.Recipient, m.Type})
	for body, field := range map[string]string{``: "status", `{"status":"seen"}`: "status", `{"status":"read","message":"x"}`: "message"} {
		status, got = b.own("PUT", "/messages/wamid.IN1", body)
		require.Equal(t, 400, status, got)
		require.Contains(t, got, `"field":"`+field+`"`)
	}
}

func TestWhereAMessageStands(t *testing.T) {
	b := setup(t, sending)
	m := b.send(`{"to":"15550177321","type":"text","text":{"body":"Hi"},"biz_opaque_callback_data":"order 7"}`, "X-Sent-By", "agent")
	one := fmt.Sprintf("/messages/snd_%d", m.ID)
	type answer struct {
		Message struct {
			ID, Status, Type, Text, To, Direction string
			SendID                                *string `json:"send_id"`
			Wamid                                 *string
			SentBy                                string `json:"sent_by"`
			Tracking                              string `json:"biz_opaque_callback_data"`
			Attempts                              int
			Error                                 *struct{ Code, Title, Advice string }
		}
	}
	read := func(path string) (v answer) {
		t.Helper()
		status, got := b.own("GET", path, "")
		require.Equal(t, 200, status, got)
		return decode[answer](t, got)
	}
	v := read(one).Message
	require.Equal(t, []string{fmt.Sprintf("snd_%d", m.ID), "queued", "text", "Hi", "15550177321", "outbound", "agent", "order 7"}, []string{v.ID, v.Status, v.Type, v.Text, v.To, v.Direction, v.SentBy, v.Tracking})
	require.Nil(t, v.Wamid)
	b.settle(models.SendResult{ID: m.ID, State: models.SendAccepted, Wamid: "wamid.OUT/1=", WaID: "15550177321"})
	v = read(one).Message
	require.Equal(t, "accepted", v.Status)
	require.Equal(t, "wamid.OUT/1=", *v.Wamid)
	require.Equal(t, 1, v.Attempts)

	// Once the platform reports, its word counts; the wamid leads there too.
	p := b.person("Layla", "15550177321")
	b.translate(func(_ models.Translation, c *models.Changes) error {
		c.Messages = []models.Message{{NumberID: b.number.ID, Wamid: "wamid.OUT/1=", ConversationID: p.Conversation.ID, Type: "text", Text: "Hi", Status: "read", StatusAt: b.clock.now(), SentAt: b.clock.now(), SentBy: "agent"}}
		return nil
	})
	require.Equal(t, "read", read(one).Message.Status)
	v = read("/messages/wamid.OUT%2F1=").Message
	require.Equal(t, []string{"wamid.OUT/1=", "read", "outbound", "agent"}, []string{v.ID, v.Status, v.Direction, v.SentBy})
	require.Nil(t, v.SendID)

	failed := b.send(hello)
	b.settle(models.SendResult{ID: failed.ID, State: models.SendFailed, ErrorCode: "131026", ErrorTitle: "Message undeliverable"})
	v = read(fmt.Sprintf("/messages/snd_%d", failed.ID)).Message
	require.Equal(t, "failed", v.Status)
	require.Equal(t, "131026", v.Error.Code)
	require.Contains(t, v.Error.Advice, "use another channel")

	// Another number's key, of ours or of theirs, opens neither.
	for _, key := range []models.Secret{b.otherNumber(b.ours, "601"), b.otherNumber(b.theirs, "602")} {
		for _, path := range []string{one, "/messages/wamid.OUT%2F1=", fmt.Sprintf("/messages/snd_%d", failed.ID)} {
			status, got, _ := b.call("GET", "/v1"+path, "", "D360-API-KEY", key.Text())
			require.Equal(t, 404, status, path+got)
		}
	}
	for _, path := range []string{"/messages/snd_1", "/messages/snd_x", "/messages/wamid.nothing", "/messages/", "/messages/%25zz", "/messages/" + strings.Repeat("x", 600)} {
		status, got := b.own("GET", path, "")
		require.Equal(t, 404, status, path+got)
	}
}

func TestWithoutSending(t *testing.T) {
	b := setup(t)
	for _, c := range [][2]string{{"POST", "/messages"}, {"PUT", "/messages/wamid.1"}} {
		status, got := b.own(c[0], c[1], hello)
		require.Equal(t, 501, status)
		require.Equal(t, `{"error":{"code":"not_here","message":"no part of this gateway sends messages: ask its operator"}}`, got)
	}
}
