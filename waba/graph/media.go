package graph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"wabagate/waba/outgoing"
)

// Media is a file on the platform.
type Media struct {
	ID       string
	URL      string // good for 5 minutes, and only with the token of the number
	MimeType string // empty when it is not known
	SHA256   string // as it came: base64 or hex
	Size     int64  // in bytes; 0 when it is not known
}

type media struct {
	ID       text   `json:"id"`
	URL      text   `json:"url"`
	MimeType text   `json:"mime_type"`
	SHA256   text   `json:"sha256"`
	Size     number `json:"file_size"`
}

func (m *media) complete() bool { return m.URL != "" }

// Media asks where a file is. The On-Premises style has no such answer: it gives the file itself, to Download.
func (c *Client) Media(ctx context.Context, a Account, id string) (Media, error) {
	const op = "look up a file"
	if err := a.only(op, Cloud, Dialog360); err != nil {
		return Media{}, err
	}
	var query url.Values
	if a.style() == Cloud && a.PhoneNumberID != "" {
		query = url.Values{"phone_number_id": {a.PhoneNumberID}} // then another number's file is refused
	}
	var answer media
	if err := c.get(ctx, a, op, query, &answer, id); err != nil {
		return Media{}, err
	}
	return Media{id, string(answer.URL), string(answer.MimeType), string(answer.SHA256), int64(answer.Size)}, nil
}

// uploaded is the answer to an upload: an id or, in the On-Premises style, a list of them.
type uploaded struct {
	ID    text `json:"id"`
	Media []struct {
		ID text `json:"id"`
	} `json:"media"`
}

func (u *uploaded) id() string {
	if u.ID == "" && len(u.Media) > 0 {
		return string(u.Media[0].ID)
	}
	return string(u.ID)
}

func (u *uploaded) complete() bool { return u.id() != "" }

// UploadMedia gives a file to the platform, which keeps it for 30 days, and returns its id. The file is streamed; what it
// may be is checked by [outgoing.CheckMedia] first. Size is in bytes; a file of another size than it says is not uploaded.
// Below 0 it is not known, and the file is given up where it becomes too large.
func (c *Client) UploadMedia(ctx context.Context, a Account, kind, name, mimeType string, file io.Reader, size int64) (string, error) {
	const op = "upload a file"
	if err := outgoing.CheckMedia(kind, mimeType, size); err != nil {
		return "", fmt.Errorf("%s: %w", op, err)
	}
	mimeType = canonical(mimeType)
	if size >= 0 {
		file = &exact{file, size}
	} else {
		file = &checked{file, 0, func(size int64) error { return outgoing.CheckMedia(kind, mimeType, size) }}
	}
	address, err := a.address(nil, a.of("media")...)
	if err != nil {
		return "", fmt.Errorf("%s: %w", op, err)
	}
	r := request{op: op, method: http.MethodPost, address: address, contentType: mimeType, body: io.NopCloser(file), length: size}
	if a.style() != OnPremises { // which takes the file alone
		r.contentType, r.body, r.length = form(name, mimeType, file, size)
	}
	var answer uploaded
	if err := c.call(ctx, a, r, &answer); err != nil {
		return "", err
	}
	return answer.id(), nil
}

// canonical writes a MIME type that was checked before in the one way that can stand in a header.
func canonical(mimeType string) string {
	bare, parameters, _ := mime.ParseMediaType(mimeType)
	return mime.FormatMediaType(bare, parameters)
}

// form wraps a file into a multipart body without reading it.
func form(name, mimeType string, file io.Reader, size int64) (contentType string, body io.Reader, length int64) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b) // writes into memory, which has no way to fail
	_ = w.WriteField("messaging_product", "whatsapp")
	_ = w.WriteField("type", mimeType)
	_, _ = w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {multipart.FileContentDisposition("file", name)},
		"Content-Type":        {mimeType},
	})
	head := bytes.Clone(b.Bytes())
	b.Reset()
	_ = w.Close()
	tail := b.Bytes()
	length = -1
	if size >= 0 {
		length = int64(len(head)) + size + int64(len(tail))
	}
	return w.FormDataContentType(), io.MultiReader(bytes.NewReader(head), file, bytes.NewReader(tail)), length
}

var (
	errShorter = errors.New("the file is shorter than its size says")
	errLonger  = errors.New("the file is longer than its size says")
)

// exact fails when a file is not of the size that was announced, and holds its end back until that is known: a part of a
// file must not arrive as a whole.
type exact struct {
	file io.Reader
	left int64
}

func (e *exact) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n, err := e.file.Read(p[:min(int64(len(p)), e.left)])
	if e.left -= int64(n); e.left > 0 {
		if err == io.EOF {
			err = errShorter
		}
		return n, err
	}
	if more, _ := io.ReadFull(e.file, make([]byte, 1)); more > 0 {
		return 0, errLonger
	}
	return n, nil
}

// checked fails when a file whose size is not known has become one that is not allowed.
type checked struct {
	file  io.Reader
	size  int64
	check func(size int64) error
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.file.Read(p)
	if c.size += int64(n); n > 0 {
		if refused := c.check(c.size); refused != nil {
			return 0, refused
		}
	}
	return n, err
}

// File is one on its way. Whoever has it closes it. Its bytes end with an error when the connection breaks.
type File struct {
	io.ReadCloser
	MimeType string // as the answer says; else as the media did; may be empty
	Size     int64  // in bytes; below 0 when it is not known
}

// Download fetches a file. The address of the media is used when it has one, and asked for anew, once, when it has none
// or has gone stale (404). The key of the account goes to the platform's hosts, to the base's, and to no other.
func (c *Client) Download(ctx context.Context, a Account, m Media) (*File, error) {
	const op = "download a file"
	if a.style() == OnPremises {
		address, err := a.address(nil, a.of("media", m.ID)...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
		return c.download(ctx, a, op, address, m)
	}
	if m.URL != "" {
		file, err := c.downloadFrom(ctx, a, op, m)
		if m.ID == "" || !answered(err, http.StatusNotFound) {
			return file, err
		}
	}
	fresh, err := c.Media(ctx, a, m.ID)
	if err != nil {
		return nil, err
	}
	return c.downloadFrom(ctx, a, op, fresh)
}

func (c *Client) downloadFrom(ctx context.Context, a Account, op string, m Media) (*File, error) {
	address, err := a.mediaAddress(m.URL)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return c.download(ctx, a, op, address, m)
}

// mediaHosts are the domains that the platform serves files from.
var mediaHosts = [...]string{"fbsbx.com", "facebook.com", "fbcdn.net", "whatsapp.net"}

// mediaAddress is where to fetch a file from. 360dialog passes files on: its customers have no key for the platform's own
// host. Elsewhere the address must be one that may see the token.
func (a Account) mediaAddress(from string) (string, error) {
	u, err := url.Parse(from)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("%w: the file's address is not absolute", ErrAccount)
	}
	base, err := a.base()
	if err != nil {
		return "", err
	}
	if a.style() == Dialog360 {
		file := base.JoinPath(u.EscapedPath())
		file.RawQuery = u.RawQuery
		return file.String(), nil
	}
	if u.Scheme == base.Scheme && u.Hostname() == base.Hostname() {
		return from, nil
	}
	for _, host := range mediaHosts {
		if u.Scheme == "https" && (u.Hostname() == host || strings.HasSuffix(u.Hostname(), "."+host)) {
			return from, nil
		}
	}
	return "", fmt.Errorf("%w: the file's address leads to %s, which is no host of the platform", ErrAccount, u.Hostname())
}

func (c *Client) download(ctx context.Context, a Account, op, address string, m Media) (*File, error) {
	res, err := c.do(ctx, a, request{op: op, method: http.MethodGet, address: address})
	if err != nil {
		return nil, err
	}
	kind := res.Header.Get("Content-Type")
	// Asked without a token that it likes, the platform shows people a page.
	page := strings.HasPrefix(kind, "text/html") && !strings.HasPrefix(m.MimeType, "text/html")
	if res.StatusCode != http.StatusOK || page {
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(io.LimitReader(res.Body, answerLimit+1))
		if err != nil {
			return nil, &TransportError{Op: op, Connected: true, Err: err}
		}
		return nil, a.errorOf(op, res.StatusCode, res.Header, body)
	}
	if kind == "" {
		kind = m.MimeType
	}
	return &File{res.Body, kind, res.ContentLength}, nil
}
