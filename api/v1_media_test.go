package api_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"wabagate/api"
	keeping "wabagate/gateway/media"
	"wabagate/models"
	"wabagate/waba/graph"
	"wabagate/waba/wabatest"
)

// shelf is the server of a bundle with files, listening as the program does, beside a platform on loopback.
type shelf struct {
	*bundle
	sim   *wabatest.Server
	links *keeping.Links
	base  string
}

// bodyLimit is that of everything but files.
const bodyLimit = 64 << 10

func setupShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{sim: wabatest.New(wabatest.Options{
		WABAs: []wabatest.WABA{{ID: "500"}}, Numbers: []wabatest.Number{{ID: "600", WABAID: "500", Display: "15550100200"}, {ID: "601", WABAID: "500", Display: "15550100201"}}})}
	t.Cleanup(s.sim.Close)
	platform, err := s.sim.Start("127.0.0.1:0")
	require.NoError(t, err)
	keep, err := keeping.OpenDirectory(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { _ = keep.Close() })
	s.bundle = setup(t, func(o *api.Options) {
		key, err := o.Store.LinkKey(t.Context())
		require.NoError(t, err)
		s.links = keeping.NewLinks("", key)
		files, err := keeping.New(keeping.Options{Store: o.Store, Client: graph.New(&http.Client{}, "wabagate/test"), Keep: keep, Links: s.links, Limit: 100 << 20,
			Metrics: keeping.NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		t.Cleanup(files.Close)
		o.Media = files
	})
	require.NoError(t, s.store.SetUpstream(t.Context(), s.ours.ID, models.Upstream{NumberID: s.number.ID, Style: "cloud", Base: platform, Token: wabatest.DefaultToken}))

	app := fiber.New(fiber.Config{DisableStartupMessage: true, ErrorHandler: api.ErrorHandler(slog.New(slog.DiscardHandler)), BodyLimit: bodyLimit,
		StreamRequestBody: true, DisablePreParseMultipartForm: true, ReadTimeout: 5 * time.Second})
	app.Use(api.BufferBodies(bodyLimit))
	s.server.Register(app)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = app.Listener(l) }()
	t.Cleanup(func() { _ = app.ShutdownWithTimeout(5 * time.Second) })
	s.base = "http://" + l.Addr().String()
	return s
}

// answer is one of HTTP.
type answer struct {
	status int
	body   []byte
	header http.Header
	length int64
}

// ask makes a request over the network with our number's key, unless the headers, which come in pairs, name another.
func (s *shelf) ask(method, path string, body io.Reader, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.base+path, body)
	require.NoError(s.t, err)
	if strings.HasPrefix(path, "/v1/") {
		r.Header.Set("D360-API-KEY", s.numberKey.Text())
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	got, err := io.ReadAll(res.Body)
	require.NoError(s.t, errors.Join(err, res.Body.Close()))
	return answer{res.StatusCode, got, res.Header, res.ContentLength}
}

func (s *shelf) file(m wabatest.Media) string {
	s.t.Helper()
	m.PhoneNumberID = "600"
	id, err := s.sim.AddMedia(m)
	require.NoError(s.t, err)
	return id
}

// link is the path and query of a link to our number's file.
func (s *shelf) link(id string) string { return s.links.Link(s.number.ID, id) }

func TestMediaGet(t *testing.T) {
	s := setupShelf(t)
	id := s.file(wabatest.Media{MIME: "image/jpeg", Size: 100_000})
	first := s.ask("GET", "/v1/media/"+id, nil)
	require.Equal(t, 200, first.status, string(first.body))
	require.Len(t, first.body, 100_000)
	for name, want := range map[string]string{"Content-Type": "image/jpeg", "Content-Length": "100000", "X-Content-Type-Options": "nosniff", "Accept-Ranges": "bytes",
		"Content-Security-Policy": "default-src 'none'; sandbox", "Content-Disposition": `inline; filename=media-` + id + `.jpg`, "Referrer-Policy": "no-referrer", "Cache-Control": "private, max-age=300"} {
		require.Equal(t, want, first.header.Get(name), name)
	}
	tag := first.header.Get("ETag")

	opened := s.ask("GET", s.link(id), nil)
	require.Equal(t, first.body, opened.body)
	head := s.ask("HEAD", "/v1/media/"+id, nil)
	require.Equal(t, []any{200, 0, int64(100_000)}, []any{head.status, len(head.body), head.length})

	for _, c := range []struct {
		asked, ranged string
		status        int
		from, to      int
		headers       []string
	}{
		{"bytes=0-9", "bytes 0-9/100000", 206, 0, 10, nil},
		{"bytes=99990-", "bytes 99990-99999/100000", 206, 99_990, 100_000, nil},
		{"bytes=-5", "bytes 99995-99999/100000", 206, 99_995, 100_000, nil},
		{"bytes=500-1499", "bytes 500-1499/100000", 206, 500, 1500, []string{"If-Range", tag}},
		{"bytes=500-1499", "", 200, 0, 100_000, []string{"If-Range", `"another"`}},
		{"bytes=0-1,3-4", "", 200, 0, 100_000, nil},
	} {
		got := s.ask("GET", s.link(id), nil, append([]string{"Range", c.asked}, c.headers...)...)
		require.Equal(t, c.status, got.status, c.asked)
		require.Equal(t, c.ranged, got.header.Get("Content-Range"), c.asked)
		require.True(t, bytes.Equal(first.body[c.from:c.to], got.body), c.asked)
	}
	beyond := s.ask("GET", s.link(id), nil, "Range", "bytes=100000-")
	require.Equal(t, []any{416, "bytes */100000"}, []any{beyond.status, beyond.header.Get("Content-Range")})
	require.Equal(t, 304, s.ask("GET", s.link(id), nil, "If-None-Match", tag).status)

	saved := s.file(wabatest.Media{MIME: "application/pdf"})
	require.Equal(t, "attachment; filename=media-"+saved+".pdf", s.ask("GET", "/v1/media/"+saved, nil).header.Get("Content-Disposition"))
}

func TestMediaOfWhom(t *testing.T) {
	s := setupShelf(t)
	id := s.file(wabatest.Media{})
	require.Equal(t, 404, s.ask("GET", s.link(id), nil).status, "nothing came with it, and nobody asked by key")
	require.Equal(t, 200, s.ask("GET", "/v1/media/"+id, nil).status)
	require.Equal(t, 200, s.ask("GET", s.link(id), nil).status)

	require.Equal(t, 401, s.ask("GET", "/v1/media/"+id, nil, "D360-API-KEY", "wbn_nonsense").status)
	require.Equal(t, 403, s.ask("GET", "/v1/media/"+id, nil, "D360-API-KEY", "", "Authorization", "Bearer "+s.key.Text()).status)
	foreign := s.otherNumber(s.theirs, "601")
	got := s.ask("GET", "/v1/media/"+id, nil, "D360-API-KEY", foreign.Text())
	require.Equal(t, 409, got.status, "their number has no token, and ours is not asked")
	require.Contains(t, string(got.body), `"code":"media_no_access"`)
	require.Equal(t, 409, s.ask("DELETE", "/v1/media/"+id, nil, "D360-API-KEY", foreign.Text()).status)
	require.Equal(t, 200, s.ask("GET", "/v1/media/"+id, nil).status)

	other, err := s.sim.AddMedia(wabatest.Media{PhoneNumberID: "601"})
	require.NoError(t, err)
	got = s.ask("GET", "/v1/media/"+other, nil)
	require.Equal(t, 410, got.status)
	require.Contains(t, string(got.body), `"code":"media_gone"`)

	for _, path := range []string{"/v1/media/..%2f..%2fetc%2fpasswd", "/v1/media/%2e%2e", "/v1/media/a%00b", "/v1/media/" + strings.Repeat("1", 300), "/v1/media/..", "/v1/media/",
		"/media/" + id, "/media/" + id + "?token=", "/media/" + id + "?token=AAAA", strings.Replace(s.link(id), id, "4711", 1), "/media/..%2fx?token=x"} {
		require.Contains(t, []int{404, 405}, s.ask("GET", path, nil).status, path)
	}
}

func TestMediaRefused(t *testing.T) {
	s := setupShelf(t)
	for failure, m := range map[string]wabatest.Media{
		"type_refused": {MIME: "text/html"},
		"type_differs": {MIME: "image/png", ServedMIME: "application/pdf"},
		"too_large":    {MIME: "application/pdf", Size: 100<<20 + 1},
	} {
		got := s.ask("GET", "/v1/media/"+s.file(m), nil)
		require.Equal(t, 422, got.status, failure)
		require.Contains(t, string(got.body), `"code":"media_`+failure+`"`)
	}
	require.NoError(t, s.sim.AddFaults(wabatest.Fault{Kind: wabatest.FaultError, At: wabatest.AtMedia, Next: 1}))
	id := s.file(wabatest.Media{})
	got := s.ask("GET", "/v1/media/"+id, nil)
	require.Equal(t, []any{502, "5"}, []any{got.status, got.header.Get("Retry-After")})
	page := s.ask("GET", s.link(id), nil, "Accept", "text/html")
	require.Equal(t, 502, page.status)
	require.Contains(t, page.header.Get("Content-Type"), "text/html")
}

func TestMediaDelete(t *testing.T) {
	s := setupShelf(t)
	id := s.file(wabatest.Media{})
	require.Equal(t, 200, s.ask("GET", "/v1/media/"+id, nil).status)
	got := s.ask("DELETE", "/v1/media/"+id, nil)
	require.Equal(t, `{"success":true}`, string(got.body))
	require.Equal(t, 404, s.ask("GET", "/v1/media/"+id, nil).status)
	require.Equal(t, 404, s.ask("GET", s.link(id), nil).status)
	require.Equal(t, 404, s.ask("DELETE", "/v1/media/"+id, nil).status)
}

// form is a multipart body.
func form(t testing.TB, parts ...[3]string) (body *bytes.Buffer, contentType string) { // name, content type, content; a file has a type
	t.Helper()
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	for _, p := range parts {
		disposition := fmt.Sprintf(`form-data; name="%s"`, p[0])
		head := textproto.MIMEHeader{}
		if p[0] == "file" {
			disposition += `; filename="a.png"`
			if p[1] != "" {
				head.Set("Content-Type", p[1])
			}
		}
		head.Set("Content-Disposition", disposition)
		part, err := w.CreatePart(head)
		require.NoError(t, err)
		_, err = io.WriteString(part, p[2])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return body, w.FormDataContentType()
}

const pngBytes = "\x89PNG\r\n\x1a\n and so on"

func TestMediaUpload(t *testing.T) {
	s := setupShelf(t)
	product, kind := [3]string{"messaging_product", "", "whatsapp"}, [3]string{"type", "", "image/png"}
	for name, parts := range map[string][][3]string{
		"as the platform documents it":   {product, kind, {"file", "", pngBytes}},
		"the file first, with its type":  {{"file", "image/png", pngBytes}, kind, product},
		"the type in quotes, as its own": {{"type", "", `"image/png"`}, {"file", "application/octet-stream", pngBytes}},
	} {
		body, contentType := form(t, parts...)
		got := s.ask("POST", "/v1/media", body, "Content-Type", contentType)
		require.Equal(t, 200, got.status, name+string(got.body))
		id := decode[struct{ ID string }](t, string(got.body)).ID
		require.Equal(t, pngBytes, string(s.ask("GET", "/v1/media/"+id, nil).body), name)
	}
	got := s.ask("POST", "/v1/media", strings.NewReader(pngBytes), "Content-Type", "image/png")
	require.Equal(t, 200, got.status, string(got.body))
	require.NotEmpty(t, decode[struct{ Media []struct{ ID string } }](t, string(got.body)).Media[0].ID)

	for _, c := range []struct {
		name, code, field string
		status            int
		parts             [][3]string
	}{
		{"no file", "required", "file", 400, [][3]string{product, kind}},
		{"no type", "required", "type", 400, [][3]string{product, {"file", "", pngBytes}}},
		{"another product", "invalid", "messaging_product", 400, [][3]string{{"messaging_product", "", "signal"}}},
		{"a field that is none", "unknown_field", "kind", 400, [][3]string{{"kind", "", "x"}}},
		{"no MIME type", "invalid", "type", 400, [][3]string{{"type", "", "picture"}, {"file", "", pngBytes}}},
		{"an audio type that is none", "invalid", "type", 400, [][3]string{{"type", "", "audio/midi"}, {"file", "", pngBytes}}},
		{"a long type", "too_long", "type", 400, [][3]string{{"type", "", strings.Repeat("x", 2000)}, {"file", "", pngBytes}}},
		{"too large", "invalid", "file", 400, [][3]string{kind, {"file", "", strings.Repeat("x", 5<<20+1)}}},
	} {
		body, contentType := form(t, c.parts...)
		got := s.ask("POST", "/v1/media", body, "Content-Type", contentType)
		require.Equal(t, c.status, got.status, c.name+string(got.body))
		require.Contains(t, string(got.body), `"code":"`+c.code+`"`, c.name)
		require.Contains(t, string(got.body), `"field":"`+c.field+`"`, c.name)
	}
	got = s.ask("POST", "/v1/media", strings.NewReader("x"), "Content-Type", "multipart/form-data; boundary=y")
	require.Equal(t, 400, got.status)
	got = s.ask("POST", "/v1/media", strings.NewReader("x"), "Content-Type", "")
	require.Equal(t, 400, got.status)

	require.NoError(t, s.sim.AddFaults(wabatest.Fault{Kind: wabatest.FaultRefuse, At: wabatest.AtMedia, Code: 190, Next: 1}, wabatest.Fault{Kind: wabatest.FaultClose, At: wabatest.AtMedia, Next: 1}))
	for _, code := range []string{"platform_refused", "platform_unreachable"} {
		body, contentType := form(t, product, kind, [3]string{"file", "", pngBytes})
		got := s.ask("POST", "/v1/media", body, "Content-Type", contentType)
		require.Contains(t, string(got.body), `"code":"`+code+`"`)
		require.NotContains(t, string(got.body), wabatest.DefaultToken)
	}
}

// A server that streams takes no more of any other body than it did before.
func TestBodiesAreBounded(t *testing.T) {
	s := setupShelf(t)
	for name, length := range map[string]int64{"known": bodyLimit + 1, "not known": -1} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", s.base+"/api/client/login", io.LimitReader(endless{}, bodyLimit+1))
		require.NoError(t, err)
		r.ContentLength = length
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err, name)
		require.NoError(t, res.Body.Close())
		require.Equal(t, 413, res.StatusCode, name)
	}
	for range 3 { // over one connection: what came before left nothing behind
		got := s.ask("PUT", "/api/client/numbers/"+decimal(s.number.ID)+"/media", strings.NewReader(`{"fetch_ahead":true}`), "Authorization", "Bearer "+s.key.Text())
		require.Equal(t, `{"media":{"fetch_ahead":true}}`, string(got.body))
		chunked := s.ask("PUT", "/api/client/numbers/"+decimal(s.number.ID)+"/media", io.MultiReader(strings.NewReader(`{"fetch_ahead"`), strings.NewReader(`:false}`)), "Authorization", "Bearer "+s.key.Text())
		require.Equal(t, `{"media":{"fetch_ahead":false}}`, string(chunked.body))
		require.Equal(t, 401, s.ask("POST", "/v1/messages", strings.NewReader(strings.Repeat("x", 20_000)), "D360-API-KEY", "none").status)
	}
}

// endless is zero bytes.
type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A file of 100 MB goes both ways without being held.
func TestHundredMegabytesBothWays(t *testing.T) {
	s := setupShelf(t)
	var before, after runtime.MemStats
	id := s.file(wabatest.Media{MIME: "application/pdf", Size: 100 << 20})
	runtime.GC()
	runtime.ReadMemStats(&before)
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.base+"/v1/media/"+id, nil)
	require.NoError(t, err)
	r.Header.Set("D360-API-KEY", s.numberKey.Text())
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	n, err := io.Copy(io.Discard, res.Body)
	require.NoError(t, errors.Join(err, res.Body.Close()))
	require.EqualValues(t, 100<<20, n)
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20), "bytes that were ever allocated on the way to the browser")

	// The simulated platform holds what is uploaded; one that counts it shows what the gateway needs.
	took := make(chan int64, 1)
	counter := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		took <- n
		_, _ = io.WriteString(w, `{"id":"1"}`)
	}), ReadHeaderTimeout: time.Second}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = counter.Serve(l) }()
	t.Cleanup(func() { _ = counter.Close() })
	require.NoError(t, s.store.SetUpstream(t.Context(), s.ours.ID, models.Upstream{NumberID: s.number.ID, Style: "cloud", Base: "http://" + l.Addr().String(), Token: wabatest.DefaultToken}))
	const head = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\nContent-Type: application/pdf\r\n\r\n"
	runtime.GC()
	runtime.ReadMemStats(&before)
	got := s.ask("POST", "/v1/media", io.MultiReader(strings.NewReader(head), io.LimitReader(endless{}, 100<<20), strings.NewReader("\r\n--x--\r\n")), "Content-Type", "multipart/form-data; boundary=x")
	runtime.ReadMemStats(&after)
	require.Equal(t, `{"id":"1"}`, string(got.body))
	require.Greater(t, <-took, int64(100<<20))
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20), "bytes that were ever allocated on the way to the platform")
}

func TestMediaSettings(t *testing.T) {
	b := setupShelf(t)
	path := "/numbers/" + decimal(b.number.ID) + "/media"
	status, got := b.api("GET", path, "")
	require.Equal(t, []any{200, `{"media":{"fetch_ahead":false}}`}, []any{status, got})
	status, got = b.api("PUT", path, `{"fetch_ahead":1}`)
	require.Equal(t, []any{200, `{"media":{"fetch_ahead":true}}`}, []any{status, got})
	_, got = b.api("GET", path, "")
	require.Equal(t, `{"media":{"fetch_ahead":true}}`, got)
	for _, bad := range []string{`{}`, `{"fetch_ahead":null}`, `{"fetch_ahead":"x"}`, `{"ahead":true}`} {
		status, _ = b.api("PUT", path, bad)
		require.Equal(t, 400, status, bad)
	}
	for _, method := range []string{"GET", "PUT"} {
		status, _ = b.foreign(method, path, `{"fetch_ahead":false}`)
		require.Equal(t, 404, status)
	}
}

func TestNoMedia(t *testing.T) {
	b := setup(t)
	for _, c := range [][2]string{{"GET", "/media/1"}, {"DELETE", "/media/1"}, {"POST", "/media"}} {
		status, got := b.own(c[0], c[1], "")
		require.Equal(t, 501, status, got)
	}
	status, _, _ := b.call("GET", "/media/1?token=x", "")
	require.Equal(t, 501, status)
	status, _ = b.api("PUT", "/numbers/"+decimal(b.number.ID)+"/media", `{"fetch_ahead":true}`)
	require.Equal(t, 501, status)
	status, _ = b.api("PUT", "/numbers/"+decimal(b.number.ID)+"/media", `{"fetch_ahead":false}`)
	require.Equal(t, 200, status)
}
