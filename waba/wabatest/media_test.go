package wabatest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"runtime"
	"strings"
	"testing"
	"time"

	"wabagate/waba/wabatest"
)

// form is a multipart upload.
func form(t testing.TB, mime, name string, content []byte) (body []byte, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, field := range [][2]string{{"messaging_product", "whatsapp"}, {"type", mime}} {
		if err := w.WriteField(field[0], field[1]); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name="file"; filename=%q`, name)}, "Content-Type": {mime}})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(content)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w.FormDataContentType()
}

func TestUpload(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{OpenWindow: true})
	content := bytes.Repeat([]byte("roof"), 5000)
	body, contentType := form(t, "image/jpeg", "a.jpg", content)
	got := b.call("POST", number+"/media", body, "Content-Type", contentType)
	id := got.member("id")
	if got.status != 200 || id == "" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	sum := sha256.Sum256(content)
	about := b.call("GET", "/v26.0/"+id+"?phone_number_id="+wabatest.DefaultNumberID, nil)
	if about.member("mime_type") != "image/jpeg" || about.member("file_size") != "20000" || about.member("sha256") != hex.EncodeToString(sum[:]) ||
		about.member("messaging_product") != "whatsapp" {
		t.Errorf("%s", about.body)
	}
	url := about.member("url")
	if strings.HasPrefix(url, b.base) || !strings.HasPrefix(url, b.sim.MediaURL()) {
		t.Errorf("%s is on the same host", url)
	}
	if file := b.call("GET", url, nil); file.status != 200 || !bytes.Equal(file.body, content) || file.header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("%d, %d bytes", file.status, len(file.body))
	}
	if page := b.call("GET", url, nil, "Authorization", ""); page.status != 401 || !strings.Contains(string(page.body), "<html>") {
		t.Errorf("%d %s", page.status, page.body)
	}
	if page := b.call("GET", strings.Replace(url, "hash=", "hash=0", 1), nil); page.status != 404 {
		t.Errorf("%d for a forged address", page.status)
	}
	b.send(map[string]any{"messaging_product": "whatsapp", "to": customer, "type": "image", "image": map[string]string{"id": id}})
	if got := b.call("DELETE", "/v26.0/"+id, nil); string(got.body) != `{"success":true}` {
		t.Errorf("%d %s", got.status, got.body)
	}
	if page := b.call("GET", url, nil); page.status != 404 {
		t.Errorf("%d after it was deleted", page.status)
	}
	b.wants(b.call("GET", "/v26.0/"+id, nil), 400, "100")
}

func TestUploadsThatAreRefused(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{})
	for name, test := range map[string]struct {
		mime string
		size int
		code string
	}{
		"too large": {"image/png", 5<<20 + 1, "131053"},
		"hostile":   {"text/html", 10, "100"},
		"no type":   {"", 10, "100"},
	} {
		body, contentType := form(t, test.mime, "x", make([]byte, test.size))
		if got := b.call("POST", number+"/media", body, "Content-Type", contentType); got.status != 400 || got.member("error.code") != test.code {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	b.wants(b.call("POST", number+"/media", `{}`), 400, "100")
	body, contentType := form(t, "image/png", "x", make([]byte, 5<<20))
	if got := b.call("POST", number+"/media", body, "Content-Type", contentType); got.status != 200 {
		t.Errorf("exactly the limit: %d %s", got.status, got.body)
	}
}

func TestMediaAddressExpires(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{MediaURLFor: 100 * time.Millisecond})
	id, err := b.sim.AddMedia(wabatest.Media{})
	if err != nil {
		t.Fatal(err)
	}
	url := b.call("GET", "/v26.0/"+id, nil).member("url")
	if got := b.call("GET", url, nil); got.status != 200 {
		t.Errorf("%d", got.status)
	}
	time.Sleep(110 * time.Millisecond)
	if got := b.call("GET", url, nil); got.status != 404 {
		t.Errorf("%d after its time", got.status)
	}
	if got := b.call("GET", b.call("GET", "/v26.0/"+id, nil).member("url"), nil); got.status != 200 {
		t.Errorf("%d at a fresh address", got.status)
	}
}

func TestMediaOfCustomers(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{})
	if _, err := b.sim.Receive(wabatest.Inbound{From: customer, Media: &wabatest.Media{MIME: "application/pdf", Size: 7000, Filename: "quote é.pdf", Caption: "signed"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.sim.Receive(wabatest.Inbound{From: customer, Media: &wabatest.Media{MIME: "audio/ogg; codecs=opus", Voice: true}}); err != nil {
		t.Fatal(err)
	}
	b.settle()
	got := b.messages()
	if len(got) != 2 || got[0].Type != "document" || got[0].Media.Filename != "quote é.pdf" || got[0].Media.Caption != "signed" || !got[1].Media.Voice {
		t.Fatalf("%+v", got)
	}
	for _, address := range []string{got[0].Media.URL, b.call("GET", "/v26.0/"+got[0].Media.ID, nil).member("url")} {
		file := b.call("GET", address, nil)
		if file.status != 200 || len(file.body) != 7000 || !bytes.HasPrefix(file.body, []byte("%PDF")) {
			t.Errorf("%d, %d bytes", file.status, len(file.body))
		}
	}
}

// A file that is not what it says: another type, another size.
func TestMediaThatLies(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{})
	id, err := b.sim.AddMedia(wabatest.Media{MIME: "image/jpeg", Size: 1000, ServedMIME: "text/html", ServedSize: 5000})
	if err != nil {
		t.Fatal(err)
	}
	about := b.call("GET", "/v26.0/"+id, nil)
	file := b.call("GET", about.member("url"), nil)
	if about.member("mime_type") != "image/jpeg" || about.member("file_size") != "1000" || file.header.Get("Content-Type") != "text/html" || len(file.body) != 5000 {
		t.Errorf("%s: %s, %d bytes", about.body, file.header.Get("Content-Type"), len(file.body))
	}
}

func TestHundredMegabytes(t *testing.T) {
	const size = 100 << 20
	b := start(t, wabatest.Options{})
	id, err := b.sim.AddMedia(wabatest.Media{MIME: "application/pdf", Size: size})
	if err != nil {
		t.Fatal(err)
	}
	about := b.call("GET", "/v26.0/"+id, nil)
	req, err := http.NewRequestWithContext(t.Context(), "GET", about.member("url"), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+wabatest.DefaultToken)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	hash := sha256.New()
	n, err := io.Copy(hash, res.Body)
	runtime.ReadMemStats(&after)
	if err != nil || n != size || hex.EncodeToString(hash.Sum(nil)) != about.member("sha256") {
		t.Errorf("%d bytes, %v", n, err)
	}
	if after.HeapSys > before.HeapSys+50<<20 {
		t.Errorf("the heap grew from %d to %d", before.HeapSys, after.HeapSys)
	}
}
