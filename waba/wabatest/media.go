package wabatest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mediaPath is where the bytes of media are, as on the platform's own host.
const mediaPath = "/whatsapp_business/attachments/"

// filesLimit is how many media objects are kept, the oldest forgotten first.
const filesLimit = 10_000

// Media is a file. One that is not uploaded is made up as it is read, whatever its size: nothing of it is kept.
type Media struct {
	ID            string `json:"id,omitempty"`              // empty → made up
	PhoneNumberID string `json:"phone_number_id,omitempty"` // that it belongs to; empty → the first number
	Kind          string `json:"kind,omitempty"`            // image, audio, video, document or sticker; empty → by the MIME type
	MIME          string `json:"mime_type"`                 // empty → image/jpeg
	Size          int64  `json:"file_size"`                 // bytes; 0 → 49,664
	Filename      string `json:"filename,omitempty"`
	Caption       string `json:"caption,omitempty"`
	Voice         bool   `json:"voice,omitempty"`

	// What the download really is, for those who must not believe what they are told. Empty and 0 → the truth.
	ServedMIME string `json:"served_mime_type,omitempty"`
	ServedSize int64  `json:"served_file_size,omitempty"`
}

// file is a media object.
type file struct {
	Media
	sum     [sha256.Size]byte
	content []byte // of what was uploaded; nil: made up
}

// shelf keeps media objects.
type shelf struct {
	files map[string]*file
	order []string // of age
	bytes int64
}

func (s *shelf) add(f *file, bytesLimit int64) {
	s.files[f.ID] = f
	s.order = append(s.order, f.ID)
	s.bytes += int64(len(f.content))
	for len(s.order) > 1 && (len(s.order) > filesLimit || s.bytes > bytesLimit) {
		s.remove(s.order[0])
	}
}

func (s *shelf) remove(id string) {
	if f := s.files[id]; f != nil {
		s.bytes -= int64(len(f.content))
		delete(s.files, id)
		s.order = slices.DeleteFunc(s.order, func(have string) bool { return have == id })
	}
}

// AddMedia makes a file that can be fetched, as if a customer had sent it. The result is its id.
func (s *Server) AddMedia(m Media) (string, error) {
	f, err := s.newFile(m)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.media.add(f, s.o.MediaBytes)
	return f.ID, nil
}

// newFile makes up a file.
func (s *Server) newFile(m Media) (*file, error) {
	defaults(&m.MIME, "image/jpeg")
	defaults(&m.Size, 49_664)
	defaults(&m.Kind, kindOf(m.MIME))
	defaults(&m.ServedMIME, m.MIME)
	defaults(&m.ServedSize, m.Size)
	if m.Size < 0 || m.ServedSize < 0 {
		return nil, errors.New("a file has no fewer than 0 bytes")
	}
	s.mu.Lock()
	if m.ID == "" {
		m.ID = s.newID()
	}
	if m.PhoneNumberID == "" {
		m.PhoneNumberID = s.numbers[0].ID
	}
	known := s.number(m.PhoneNumberID) != nil
	s.mu.Unlock()
	if !known {
		return nil, fmt.Errorf("there is no number %q", m.PhoneNumberID)
	}
	f := &file{Media: m}
	hash := sha256.New()
	_, _ = io.Copy(hash, io.NewSectionReader(f.madeUp(), 0, m.Size)) // neither side fails
	hash.Sum(f.sum[:0])
	return f, nil
}

// kindOf is the kind of message that a file makes.
func kindOf(mimeType string) string {
	base, _, _ := mime.ParseMediaType(mimeType)
	kind, _, _ := strings.Cut(base, "/")
	switch {
	case base == "image/webp":
		return "sticker"
	case slices.Contains([]string{"image", "audio", "video"}, kind):
		return kind
	}
	return "document"
}

// size is how many bytes a download has.
func (f *file) size() int64 {
	if f.content != nil {
		return int64(len(f.content))
	}
	return f.ServedSize
}

// reader reads the bytes of a download.
func (f *file) reader() *io.SectionReader {
	if f.content != nil {
		return io.NewSectionReader(bytes.NewReader(f.content), 0, f.size())
	}
	return io.NewSectionReader(f.madeUp(), 0, f.size())
}

// madeUp is the content of a file that was not uploaded.
func (f *file) madeUp() madeUp {
	sum := sha256.Sum256([]byte(f.ID))
	return madeUp{head: magic(f.ServedMIME), seed: binary.BigEndian.Uint64(sum[:])}
}

// madeUp is endless content that begins as files of a type do.
type madeUp struct {
	head []byte
	seed uint64
}

func (m madeUp) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		at := off + int64(i)
		if at < int64(len(m.head)) {
			p[i] = m.head[at]
			continue
		}
		p[i] = byte((uint64(at)*0x9e3779b97f4a7c15 + m.seed) >> 56)
	}
	return len(p), nil
}

// magic is how files of a type begin.
func magic(mimeType string) []byte {
	base, _, _ := mime.ParseMediaType(mimeType)
	switch base {
	case "image/jpeg":
		return []byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00")
	case "image/png":
		return []byte("\x89PNG\r\n\x1a\n")
	case "image/webp":
		return []byte("RIFF\xff\xff\xff\x7fWEBPVP8 ")
	case "application/pdf":
		return []byte("%PDF-1.7\n")
	case "video/mp4":
		return []byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom")
	case "audio/ogg":
		return []byte("OggS\x00\x02")
	case "text/html":
		return []byte("<!DOCTYPE html><html><script>alert(1)</script>")
	}
	return nil
}

// inCallback is the object of a file in a customer's message.
func (s *Server) inCallback(f *file) map[string]any {
	object := map[string]any{"id": f.ID, "mime_type": f.MIME, "sha256": base64.StdEncoding.EncodeToString(f.sum[:])}
	n := s.number(f.PhoneNumberID)
	switch {
	case n.key == nil && s.host != "":
		object["url"] = s.link(s.host, f.ID)
	case n.key != nil && !n.onPremises():
		object["url"] = s.link(platformMedia, f.ID)
	}
	if f.Caption != "" {
		object["caption"] = f.Caption
	}
	switch f.Kind {
	case "document":
		if f.Filename != "" {
			object["filename"] = f.Filename
		}
	case "audio":
		object["voice"] = f.Voice
	case "sticker":
		object["animated"] = false
	}
	return object
}

// platformMedia is the platform's own host. A customer of a provider replaces it with the address of the provider.
const platformMedia = "https://lookaside.fbsbx.com"

// link is an address where a file can be fetched for a while.
func (s *Server) link(base, id string) string {
	until := strconv.FormatInt(time.Now().Add(s.o.MediaURLFor).UnixMilli(), 10)
	return base + mediaPath + "?" + url.Values{"mid": {id}, "source": {"getMedia"}, "ext": {until}, "hash": {s.linkHash(id, until)}}.Encode()
}

func (s *Server) linkHash(id, until string) string {
	mac := hmac.New(sha256.New, s.linkKey)
	mac.Write([]byte(id + "." + until))
	return hex.EncodeToString(mac.Sum(nil)[:12])
}

// describe is the answer to GET of a media object. The caller holds the lock.
func (s *Server) describe(f *file, base string) map[string]any {
	return map[string]any{"messaging_product": "whatsapp", "id": f.ID, "url": s.link(base, f.ID), "mime_type": f.MIME,
		"sha256": hex.EncodeToString(f.sum[:]), "file_size": f.Size}
}

// mediaHost serves what the host of media serves: bytes, and pages for everything else.
func (s *Server) mediaHost(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, mediaPath) {
		html(w, http.StatusNotFound)
		return
	}
	s.download(w, r)
}

// download serves the bytes of a file to who has a token, or the provider's key.
func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		html(w, http.StatusMethodNotAllowed)
		return
	}
	q := r.URL.Query()
	s.mu.Lock()
	f := s.media.files[q.Get("mid")]
	allowed := s.mayDownload(r, f)
	s.mu.Unlock()
	if !allowed {
		html(w, http.StatusUnauthorized)
		return
	}
	until, err := strconv.ParseInt(q.Get("ext"), 10, 64)
	genuine := hmac.Equal([]byte(q.Get("hash")), []byte(s.linkHash(q.Get("mid"), q.Get("ext"))))
	if f == nil || err != nil || !genuine || time.Now().UnixMilli() >= until {
		html(w, http.StatusNotFound)
		return
	}
	s.serve(w, r, f)
}

// mayDownload says whether a request shows the right token or key. The caller holds the lock.
func (s *Server) mayDownload(r *http.Request, f *file) bool {
	if key := r.Header.Get(KeyHeader); key != "" {
		n := s.keys[key]
		return n != nil && (f == nil || f.PhoneNumberID == n.ID)
	}
	t, bad := s.token(bearer(r))
	if bad != nil {
		return false
	}
	return f == nil || t.sees(s.number(f.PhoneNumberID).WABAID)
}

// serve writes the bytes of a file, or whatever goes wrong with them.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, f *file) {
	s.mu.Lock()
	p := s.plan(AtDownload, f.PhoneNumberID, f.ID)
	s.mu.Unlock()
	ctx, done := s.during(r)
	defer done()
	if !pause(ctx, p.delay) {
		return
	}
	w.Header().Set("Content-Type", f.ServedMIME)
	switch {
	case p.before != nil:
		p.before.do(ctx, w, graph, nil)
		return
	case p.after != nil: // half of it
		w.Header().Set("Content-Length", strconv.FormatInt(f.size(), 10))
		_, _ = io.CopyN(w, f.reader(), f.size()/2)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	if f.Filename != "" {
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Filename}))
	}
	http.ServeContent(w, r, "", time.Time{}, f.reader())
}
