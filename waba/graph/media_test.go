package graph_test

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"wabagate/waba/graph"
	"wabagate/waba/outgoing"
)

func TestUploadMedia(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		style  graph.Style
		size   int64
		route  string
		answer string
	}{
		{graph.Cloud, 7, "POST /v26.0/600700800900100/media", `{"id":"900010"}`},
		{graph.Cloud, -1, "POST /v26.0/600700800900100/media", `{"id":900010}`},
		{graph.Dialog360, 7, "POST /media", `{"id":"900010"}`},
		{graph.OnPremises, 7, "POST /v1/media", `{"media":[{"id":"900010"}]}`},
	} {
		u := one(t, tc.route, tc.answer)
		id, err := newClient().UploadMedia(t.Context(), u.account(tc.style), "audio", "a \"b\"\r\n.ogg", "audio/ogg; Codecs=opus", strings.NewReader("OggS\x00\r\n"), tc.size)
		if err != nil || id != "900010" {
			t.Errorf("%s: %q, %v", tc.style, id, err)
			continue
		}
		body, header := u.last(t)
		if tc.style == graph.OnPremises {
			if body != "OggS\x00\r\n" || header.Get("Content-Type") != "audio/ogg; codecs=opus" || header.Get("Content-Length") != "7" {
				t.Errorf("%q with %s", body, header)
			}
			continue
		}
		kind, parameters, _ := mime.ParseMediaType(header.Get("Content-Type"))
		form, err := multipart.NewReader(strings.NewReader(body), parameters["boundary"]).ReadForm(1 << 20)
		if kind != "multipart/form-data" || err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		file := form.File["file"][0]
		content, _ := file.Open()
		bytes, _ := io.ReadAll(content)
		if form.Value["messaging_product"][0] != "whatsapp" || form.Value["type"][0] != "audio/ogg; codecs=opus" || string(bytes) != "OggS\x00\r\n" ||
			file.Header.Get("Content-Type") != "audio/ogg; codecs=opus" || strings.ContainsAny(file.Filename, "\r\n") {
			t.Errorf("%+v", form)
		}
		if known := header.Get("Content-Length") != ""; known != (tc.size >= 0) {
			t.Errorf("with %d bytes its length is known: %v", tc.size, known)
		}
	}
}

func TestUploadMediaTroubles(t *testing.T) {
	t.Parallel()
	u := one(t, "POST /v26.0/600700800900100/media", `{"id":"900010"}`)
	upload := func(file io.Reader, size int64) error {
		_, err := newClient().UploadMedia(t.Context(), u.account(graph.Cloud), "document", "a.pdf", "application/pdf", file, size)
		return err
	}
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"longer than it says":  {upload(strings.NewReader("12345678"), 7), "longer"},
		"shorter than it says": {upload(strings.NewReader("123456"), 7), "shorter"},
		"breaks off":           {upload(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("1234567"))), 7), "timeout"},
	} {
		var transport *graph.TransportError
		if !errors.As(tc.err, &transport) || !strings.Contains(tc.err.Error(), tc.want) {
			t.Errorf("%s: %v", name, tc.err)
		}
	}
	var field outgoing.FieldError
	if err := upload(strings.NewReader(""), 100<<20+1); !errors.As(err, &field) || field.Field != "file" {
		t.Errorf("too large: %v", err)
	}
	_, err := newClient().UploadMedia(t.Context(), u.account(graph.Cloud), "image", "a.png", "image/png", &zeros{5<<20 + 1}, -1)
	if !errors.As(err, &field) || field.Field != "file" || !strings.Contains(err.Error(), "at most") {
		t.Errorf("too large without saying so: %v", err)
	}
	must(t, upload(iotest.DataErrReader(strings.NewReader("1234567")), 7))
	must(t, upload(iotest.OneByteReader(strings.NewReader("1234567")), 7))
}

// zeros is a file of that many bytes that takes no memory.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	clear(p[:n])
	z.left -= n
	return int(n), nil
}

// TestMediaIsStreamed sends 64 MiB there and back; what is allocated on the way must not grow with it.
func TestMediaIsStreamed(t *testing.T) {
	const size = 64 << 20
	var received int64
	u := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			received, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, `{"id":"1"}`)
			return
		}
		_, _ = io.Copy(w, &zeros{size})
	}))
	defer u.Close()
	a := graph.Account{Base: u.URL, Token: token, PhoneNumberID: "1"}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := newClient().UploadMedia(t.Context(), a, "document", "a.bin", "application/octet-stream", &zeros{size}, size)
	must(t, err)
	file, err := newClient().Download(t.Context(), a, graph.Media{URL: u.URL + "/file"})
	must(t, err)
	n, err := io.Copy(io.Discard, file)
	must(t, err)
	must(t, file.Close())
	runtime.ReadMemStats(&after)
	if received <= size || n != size {
		t.Errorf("%d bytes went up, %d came down", received, n)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > size/16 {
		t.Errorf("%d bytes were allocated", grown)
	}
}

func TestMedia(t *testing.T) {
	t.Parallel()
	for style, route := range map[graph.Style]string{graph.Cloud: "GET /v26.0/900001?phone_number_id=600700800900100", graph.Dialog360: "GET /900001"} {
		u := one(t, route, `{"messaging_product":"whatsapp","id":"900001","url":"https://lookaside.fbsbx.com/x","mime_type":"image/jpeg","sha256":"abcdef0123","file_size":"49664"}`)
		got, err := newClient().Media(t.Context(), u.account(style), "900001")
		must(t, err)
		if want := (graph.Media{"900001", "https://lookaside.fbsbx.com/x", "image/jpeg", "abcdef0123", 49664}); got != want {
			t.Errorf("%+v", got)
		}
	}
	u := one(t, "GET /900001", `{"id":"900001"}`)
	if _, err := newClient().Media(t.Context(), u.account(graph.Dialog360), "900001"); err == nil {
		t.Error("a file without an address is none")
	}
}

func TestDownload(t *testing.T) {
	t.Parallel()
	const lookUp = "GET /v26.0/900001?phone_number_id=600700800900100"
	for name, tc := range map[string]struct {
		style  graph.Style
		media  graph.Media
		routes map[string][]string
		asked  []string
		want   string // part of the error; empty: the file
	}{
		"by address":         {graph.Cloud, graph.Media{URL: "UPSTREAM/f?a=%2F"}, map[string][]string{"GET /f?a=%2F": {"FILE"}}, []string{"GET /f?a=%2F"}, ""},
		"by id":              {graph.Cloud, graph.Media{ID: "900001"}, map[string][]string{lookUp: {`{"url":"UPSTREAM/f"}`}, "GET /f": {"FILE"}}, []string{lookUp, "GET /f"}, ""},
		"stale, then fresh":  {graph.Cloud, graph.Media{ID: "900001", URL: "UPSTREAM/old"}, map[string][]string{"GET /old": {"404 "}, lookUp: {`{"url":"UPSTREAM/f"}`}, "GET /f": {"FILE"}}, []string{"GET /old", lookUp, "GET /f"}, ""},
		"stale twice":        {graph.Cloud, graph.Media{ID: "900001", URL: "UPSTREAM/old"}, map[string][]string{"GET /old": {"404 "}, lookUp: {`{"url":"UPSTREAM/old"}`}}, []string{"GET /old", lookUp, "GET /old"}, "answered 404"},
		"stale, without id":  {graph.Cloud, graph.Media{URL: "UPSTREAM/old"}, map[string][]string{"GET /old": {"404 "}}, []string{"GET /old"}, "answered 404"},
		"gone":               {graph.Cloud, graph.Media{ID: "900001"}, map[string][]string{lookUp: {`400 {"error":{"code":100,"message":"no such id"}}`}}, []string{lookUp}, "code 100: no such id"},
		"refused":            {graph.Cloud, graph.Media{ID: "900001", URL: "UPSTREAM/f"}, map[string][]string{"GET /f": {"401 "}}, []string{"GET /f"}, "answered 401"},
		"360dialog":          {graph.Dialog360, graph.Media{URL: "https://lookaside.fbsbx.com/whatsapp/f?mid=1&hash=a%2Bb"}, map[string][]string{"GET /whatsapp/f?mid=1&hash=a%2Bb": {"FILE"}}, []string{"GET /whatsapp/f?mid=1&hash=a%2Bb"}, ""},
		"360dialog, by id":   {graph.Dialog360, graph.Media{ID: "9"}, map[string][]string{"GET /9": {`{"url":"https://lookaside.fbsbx.com/f"}`}, "GET /f": {"FILE"}}, []string{"GET /9", "GET /f"}, ""},
		"On-Premises":        {graph.OnPremises, graph.Media{ID: "9", URL: "https://elsewhere.example/f"}, map[string][]string{"GET /v1/media/9": {"FILE"}}, []string{"GET /v1/media/9"}, ""},
		"On-Premises, error": {graph.OnPremises, graph.Media{ID: "9"}, map[string][]string{"GET /v1/media/9": {`404 {"errors":[{"code":1006,"title":"Resource not found"}]}`}}, []string{"GET /v1/media/9"}, "code 1006"},
	} {
		u := answering(t, tc.routes)
		tc.media.URL = strings.ReplaceAll(tc.media.URL, "UPSTREAM", u.URL)
		file, err := newClient().Download(t.Context(), u.account(tc.style), tc.media)
		u.said(t, tc.asked...)
		if tc.want != "" {
			if err == nil || !strings.Contains(err.Error(), tc.want) || file != nil {
				t.Errorf("%s: %v", name, err)
			}
			leaksNothing(t, err)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		content, err := io.ReadAll(file)
		if must(t, file.Close()); err != nil || string(content) != "FILE" || file.Size != 4 || file.MimeType != "application/json" {
			t.Errorf("%s: %q, %+v, %v", name, content, file, err)
		}
		if _, header := u.last(t); header.Get("Authorization")+header.Get("D360-API-KEY") == "" || header.Get("User-Agent") != "wabagate/test" {
			t.Errorf("%s was asked with %s", name, header)
		}
	}
}

// TestDownloadOfAPage is what the platform shows to whoever has no token.
func TestDownloadOfAPage(t *testing.T) {
	t.Parallel()
	u := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<html>Log in</html>")
	}))
	defer u.Close()
	a := graph.Account{Base: u.URL, Token: token, PhoneNumberID: "1"}
	if _, err := newClient().Download(t.Context(), a, graph.Media{URL: u.URL, MimeType: "image/jpeg"}); err == nil || !strings.Contains(err.Error(), "HTML page") {
		t.Errorf("%v", err)
	}
	file, err := newClient().Download(t.Context(), a, graph.Media{URL: u.URL, MimeType: "text/html"})
	must(t, err)
	defer func() { _ = file.Close() }()
	if content, _ := io.ReadAll(file); !bytes.Equal(content, []byte("<html>Log in</html>")) {
		t.Errorf("%s", content)
	}
}

// TestDownloadBreaksOff must not end like a whole file.
func TestDownloadBreaksOff(t *testing.T) {
	t.Parallel()
	u := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "half")
	}))
	defer u.Close()
	file, err := newClient().Download(t.Context(), graph.Account{Base: u.URL, Token: token}, graph.Media{URL: u.URL})
	must(t, err)
	defer func() { _ = file.Close() }()
	if content, err := io.ReadAll(file); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%q, %v", content, err)
	}
}

func TestDeleteMedia(t *testing.T) {
	t.Parallel()
	for style, route := range map[graph.Style]string{
		graph.Cloud: "DELETE /v26.0/900001?phone_number_id=600700800900100", graph.Dialog360: "DELETE /900001", graph.OnPremises: "DELETE /v1/media/900001",
	} {
		u := one(t, route, `{"success":true}`)
		if err := newClient().DeleteMedia(t.Context(), u.account(style), "900001"); err != nil {
			t.Errorf("%s: %v", style, err)
		}
		u = one(t, route, `{"success":false}`)
		if err := newClient().DeleteMedia(t.Context(), u.account(style), "900001"); err == nil {
			t.Errorf("%s: a refusal is taken for a success", style)
		}
	}
}
