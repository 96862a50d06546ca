package api_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

// uploadForm posts a form with a file and a text as our user.
func (b *bundle) uploadForm(path, rows, file string) (int, string) {
	b.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	require.NoError(b.t, w.WriteField("rows", rows))
	part, err := w.CreateFormFile("file", "list.csv")
	require.NoError(b.t, err)
	_, err = part.Write([]byte(file))
	require.NoError(b.t, err)
	require.NoError(b.t, w.Close())
	status, got, _ := b.call("POST", path, body.String(), "Cookie", b.session, "Accept", "text/html", "Content-Type", w.FormDataContentType(), "Sec-Fetch-Site", "same-origin")
	return status, got
}

// broadcasting is a server that sends, with a number that has a token.
func broadcasting(t *testing.T) *bundle {
	t.Helper()
	b := setup(t, sending)
	require.NoError(t, b.store.SetUpstream(t.Context(), b.ours.ID, models.Upstream{NumberID: b.number.ID, Style: "cloud", Token: "t"}))
	return b
}

// A broadcast is made, gets its recipients from a paste and a file, is started, paused, resumed and cancelled.
func TestBroadcastPages(t *testing.T) {
	b := broadcasting(t)
	typed := url.Values{"name": {"عرض الجمعة"}, "number_id": {decimal(b.number.ID)}, "template_name": {"order update"}, "template_language": {"ar"}, "values": {"{{name}}\r\n{{order}}"}, "pace": {"fast"}}
	status, got, _ := b.form("/broadcasts/new", typed.Encode())
	require.Equal(t, 400, status)
	require.Contains(t, got, `id="field-pace-wrong"`)
	require.Contains(t, got, "عرض الجمعة", "what was typed is there")
	typed.Set("pace", "5")
	typed.Set("scheduled_at", "2026-01-01T10:00")
	typed.Set("body", "{")
	status, got, _ = b.form("/broadcasts/check", typed.Encode())
	require.Equal(t, 200, status)
	require.Contains(t, got, "is not JSON")
	typed.Del("body")
	typed.Set("template_name", "order_update")
	status, got, _ = b.form("/broadcasts/check", typed.Encode())
	require.Equal(t, 200, status)
	require.Contains(t, got, "The message is complete.")
	require.Contains(t, got, "to,name,order")

	status, got, head := b.form("/broadcasts/new", typed.Encode())
	require.Equal(t, 303, status, got)
	one, _, _ := strings.Cut(head.Get("Location"), "?")
	_, got = b.page(head.Get("Location"))
	require.Contains(t, got, "Add recipients, then start it here.")
	status, got = b.uploadForm(one+"/recipients", "966500000001,Ada,1\n966500000001,Ada,1\nx,Bea,2\n", "")
	require.Equal(t, 200, status)
	require.Contains(t, got, "1 added")
	require.Contains(t, got, "Row 4: to must be a number with its country code")
	status, got = b.uploadForm(one+"/recipients", "", "order;name;to\n7;<b>نورة</b>;+966 50 000 0002\n")
	require.Equal(t, 200, status)
	require.Contains(t, got, "1 added")
	require.Contains(t, got, "&lt;b&gt;نورة")
	for file, want := range map[string]string{"": "Choose a file or paste recipients", "name\nAda": "Must be a column"} {
		status, got = b.uploadForm(one+"/recipients", "", file)
		require.Equal(t, 400, status)
		require.Contains(t, got, want)
	}
	status, _, _ = b.call("POST", one+"/start", "", "Cookie", b.theirUser, "Accept", "text/html", "Sec-Fetch-Site", "same-origin")
	require.Equal(t, 404, status)
	for _, step := range []struct{ do, want string }{{"start", "It is being sent."}, {"pause", "It waits until somebody lets it go on."}, {"resume", "It is being sent."}, {"cancel", "What had not gone out will not."}} {
		status, got, _ = b.form(one+"/"+step.do, "")
		require.Equal(t, 303, status, got)
		_, got = b.page(one)
		require.Contains(t, got, step.want)
	}
	status, _ = b.uploadForm(one+"/recipients", "966500000003,Ada,1", "")
	require.Equal(t, 409, status)
	_, got = b.page(one + "?state=failed")
	require.Contains(t, got, "No recipients here.")
	_, got = b.page("/broadcasts")
	require.Contains(t, got, "عرض الجمعة")
}

// A file is read as it comes: it may be larger than what the server takes of other forms.
func TestBroadcastFileIsStreamed(t *testing.T) {
	b := broadcasting(t)
	base := strings.TrimSuffix(b.streaming(), "/api/client")
	row, _, err := b.store.CreateBroadcast(t.Context(), models.Broadcast{BusinessID: b.ours.ID, NumberID: b.number.ID}, models.BroadcastPlan{Body: []byte(`{"type":"text","text":{"body":"Hi {{name}}"}}`)})
	require.NoError(t, err)
	const edge = "--x\r\nContent-Disposition: form-data; name="
	body := io.MultiReader(strings.NewReader(edge+"\"rows\"\r\n\r\n\r\n"+edge+"\"file\"; filename=\"list.csv\"\r\n\r\n"), &table{n: 10_000}, strings.NewReader("\r\n--x--\r\n"))
	r, err := http.NewRequestWithContext(t.Context(), "POST", base+"/broadcasts/"+decimal(row.ID)+"/recipients", body)
	require.NoError(t, err)
	for name, value := range map[string]string{"Cookie": b.session, "Accept": "text/html", "Content-Type": "multipart/form-data; boundary=x", "Sec-Fetch-Site": "same-origin"} {
		r.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode)
	require.Contains(t, string(got), "10\u202f000 added")
}

func TestBroadcastRegisterAndOptOutPages(t *testing.T) {
	b := broadcasting(t)
	status, got, _ := b.form("/broadcasts/register", "reference=a;b&total_recipients=10")
	require.Equal(t, 400, status, got)
	status, got, _ = b.form("/broadcasts/register", url.Values{"reference": {"friday"}, "total_recipients": {"many"}}.Encode())
	require.Equal(t, 400, status)
	require.Contains(t, got, `id="field-total_recipients-wrong"`)
	status, _, head := b.form("/broadcasts/register", url.Values{"reference": {"friday"}, "total_recipients": {"10"}}.Encode())
	require.Equal(t, 303, status)
	_, got = b.page(head.Get("Location"))
	require.Contains(t, got, "It is sent elsewhere")

	status, got, _ = b.form("/opt-outs/new", "wa_id=12")
	require.Equal(t, 400, status)
	require.Contains(t, got, `id="field-wa_id-wrong"`)
	_, _, head = b.form("/opt-outs/new", "wa_id=%2B966500000001&why=%D8%B7%D9%84%D8%A8")
	require.Equal(t, "/opt-outs?done=opt-out-added", head.Get("Location"))
	_, _, head = b.form("/opt-outs/new", "wa_id=966500000001")
	require.Equal(t, "/opt-outs?done=opted-out-already", head.Get("Location"))
	_, got = b.page("/opt-outs?who=966+50+000+0001")
	require.Contains(t, got, "طلب")
	_, got = b.page("/opt-outs?who=966500000009")
	require.Contains(t, got, "Not on the list")
	status, _, _ = b.call("POST", "/opt-outs/remove", "wa_id=966500000001", "Cookie", b.theirUser, "Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
	require.Equal(t, 404, status)
	status, _, _ = b.form("/opt-outs/remove", "wa_id=966500000001")
	require.Equal(t, 303, status)
	_, got = b.page("/opt-outs")
	require.Contains(t, got, "Nobody has opted out")
}

func TestBroadcastPagesFit(t *testing.T) {
	b := broadcasting(t)
	base := b.listen()
	ctx := t.Context()
	make := func(name, text string) string {
		row, _, err := b.store.CreateBroadcast(ctx, models.Broadcast{BusinessID: b.ours.ID, NumberID: b.number.ID, Name: name, TemplateName: "order_update"},
			models.BroadcastPlan{Body: []byte(`{"messaging_product":"whatsapp","type":"text","text":{"body":"` + text + `"}}`), Pace: 5, ScheduledAt: time.Now().Add(time.Hour)})
		require.NoError(t, err)
		return "/broadcasts/" + decimal(row.ID)
	}
	fill := func(path, name string) {
		status, got := b.uploadForm(path+"/recipients", "", "to,name\n966500000001,"+name+"\n966500000002,نورة\nx,y\n")
		require.Equal(t, 200, status, got)
	}
	draft, hostile := make("عرض الجمعة البيضاء", "مرحبا {{name}}، طلبك في الطريق"), make("\u202e<b>عرض</b>", "مرحبا {{name}}")
	fill(draft, "سارة")
	fill(hostile, `"`+strings.ReplaceAll(twisted, `"`, `""`)+`"`)
	status, _, _ := b.form(hostile+"/start", "")
	require.Equal(t, 303, status)
	_, _, _ = b.form("/broadcasts/register", url.Values{"reference": {"friday"}, "total_recipients": {"1000000"}, "name": {"Sent by the CRM"}}.Encode())
	_, _, _ = b.form("/opt-outs/new", url.Values{"wa_id": {"966500000001"}, "why": {twisted[:100]}}.Encode())
	tab := browser(t)
	b.enter(tab, base)
	visit(t, tab, base, stop{name: "broadcasts", path: "/broadcasts"}, stop{name: "broadcast-draft", path: draft}, stop{name: "broadcast-running", path: hostile},
		stop{name: "broadcast-register", path: "/broadcasts/register"}, stop{name: "opt-outs", path: "/opt-outs"},
		stop{name: "broadcast-new", path: "/broadcasts/new", do: `(() => { const f = document.querySelector("form[data-live]");
			f.elements.template_name.value = "order_update"; f.elements.values.value = "{{name}}"; f.elements.values.dispatchEvent(new Event("input", { bubbles: true })); })()`, ready: "#preview .banner"})
}
