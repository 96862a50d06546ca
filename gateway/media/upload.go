package media

import (
	"context"
	"io"
	"strings"
)

// Upload is a file for the platform, to be sent later by the id that it gets.
type Upload struct {
	MimeType string
	Filename string
	File     io.Reader // read once, and never held
	Size     int64     // in bytes; below 0: not known
}

// Upload gives a file to the platform as a number's, which keeps it for 30 days, and answers its id. An
// [outgoing.FieldError] says what the platform would not take; a [models.MediaError] that it did not take it now; other
// errors are those of [graph.Client.UploadMedia].
func (f *Files) Upload(ctx context.Context, businessID, numberID int64, u Upload) (string, error) {
	a, err := f.account(ctx, businessID, numberID)
	if err != nil {
		return "", err
	}
	counted := &counting{r: u.File}
	id, err := f.o.Client.UploadMedia(ctx, a, kindOf(u.MimeType), saveAs(u.Filename, "upload", u.MimeType), u.MimeType, counted, u.Size)
	f.m.bytes.WithLabelValues("uploaded").Add(float64(counted.n))
	return id, err
}

// counting counts what is read.
type counting struct {
	r io.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// kindOf is the kind of message that a file makes by its type: pictures and sounds that the platform takes as such, and
// documents.
func kindOf(mimeType string) string {
	b := bare(mimeType)
	family, _, _ := strings.Cut(b, "/")
	switch {
	case b == "image/webp":
		return "sticker"
	case b == "image/jpeg", b == "image/png", family == "audio", family == "video":
		return family
	}
	return "document"
}
