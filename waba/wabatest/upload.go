package wabatest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
)

// rule says what may be uploaded.
type rule struct {
	kind  string
	types []string // MIME; nil: any other
	limit int64    // bytes
}

// rules are those of the platform. A MIME type belongs to the first that names it.
var rules = []rule{
	{"image", []string{"image/jpeg", "image/png"}, 5 << 20},
	{"audio", []string{"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg", "audio/opus"}, 16 << 20},
	{"video", []string{"video/mp4", "video/3gpp"}, 16 << 20},
	{"sticker", []string{"image/webp"}, 500 << 10},
	{"document", []string{
		"text/plain", "text/csv", "application/pdf", "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint",
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
		"application/vnd.openxmlformats-officedocument.presentationml.presentation",
	}, 100 << 20},
}

// ruleFor is the rule of a MIME type.
func ruleFor(mimeType string) (rule, bool) {
	base, _, err := mime.ParseMediaType(mimeType)
	if err != nil {
		return rule{}, false
	}
	for _, r := range rules {
		if slices.Contains(r.types, base) {
			return r, true
		}
	}
	return rule{}, false
}

// formLimit is what the parts of an upload beside the file may have.
const formLimit = 4096

// readUpload reads a multipart upload into memory, as far as its type may be large. Files that were made up are never held.
func readUpload(r *http.Request) (*file, *refusal) {
	form, err := r.MultipartReader()
	if err != nil {
		return nil, parameter("The body must be multipart/form-data with the parts messaging_product, type and file")
	}
	fields := map[string]string{}
	var f *file
	var said string // content type of the part
	for {
		part, err := form.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, parameter("The multipart body is broken off")
		}
		if part.FormName() != "file" {
			value, err := io.ReadAll(io.LimitReader(part, formLimit))
			if err != nil {
				return nil, parameter("The multipart body is broken off")
			}
			fields[part.FormName()] = string(value)
			continue
		}
		said = part.Header.Get("Content-Type")
		var bad *refusal
		if f, bad = readFile(part); bad != nil {
			return nil, bad
		}
	}
	if f == nil {
		return nil, missing("file")
	}
	f.MIME = fields["type"]
	if !strings.Contains(f.MIME, "/") { // some senders give the kind there
		f.MIME = said
	}
	return f, f.fits()
}

// readFile reads the part with the file.
func readFile(part *multipart.Part) (*file, *refusal) {
	const most = 100 << 20 // of any kind
	var content bytes.Buffer
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(&content, hash), io.LimitReader(part, most+1))
	switch {
	case err != nil:
		return nil, parameter("The multipart body is broken off")
	case n > most:
		return nil, &refusal{code: 131053, details: fmt.Sprintf("The file has more than %d bytes", int64(most))}
	}
	f := &file{Media: Media{Size: n, Filename: part.FileName()}, content: content.Bytes()}
	if f.content == nil {
		f.content = []byte{}
	}
	hash.Sum(f.sum[:0])
	return f, nil
}

// fits checks an upload against the rule of its type.
func (f *file) fits() *refusal {
	r, known := ruleFor(f.MIME)
	if !known {
		return parameter(fmt.Sprintf("Param file must be a file with one of the types that the platform takes. Received file of type '%.60s'.", f.MIME))
	}
	if f.Size > r.limit {
		return &refusal{code: 131053, details: fmt.Sprintf("%s: the file has %d bytes, the limit is %d", r.kind, f.Size, r.limit)}
	}
	f.Kind, f.ServedMIME = r.kind, f.MIME
	return nil
}

// upload takes a file for a number. Its id is empty when it was refused.
func (s *Server) upload(r *http.Request, n *number) (string, *refusal) {
	f, bad := readUpload(r)
	if bad != nil {
		return "", bad
	}
	return s.keep(f, n), nil
}

func (s *Server) keep(f *file, n *number) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.ID, f.PhoneNumberID = s.newID(), n.ID
	s.media.add(f, s.o.MediaBytes)
	return f.ID
}
