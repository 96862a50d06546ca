package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/gateway/media"
	"wabagate/models"
)

// Media keeps the files of numbers and gives them; a *media.Files does.
type Media interface {
	// Open gives a number's file, and fetches it first where nobody has: until ctx ends, after which that goes on.
	Open(ctx context.Context, businessID, numberID int64, mediaID string) (*media.File, error)
	// OpenLink gives the file that a link is for.
	OpenLink(ctx context.Context, mediaID, token string) (*media.File, error)
	// Upload gives a file to the platform and answers its id.
	Upload(ctx context.Context, businessID, numberID int64, u media.Upload) (string, error)
	// Delete takes a file back, here and at the platform.
	Delete(ctx context.Context, businessID, numberID int64, mediaID string) error
}

const (
	// mediaWait is how long a request waits for a file to be fetched.
	mediaWait = 60 * time.Second
	// mediaTimeout bounds an upload.
	mediaTimeout = 10 * time.Minute
)

// registerMediaAPI adds what a number's key opens.
func (s *Server) registerMediaAPI(r fiber.Router) {
	r.Post(mediaUploadRoute, s.number(s.handleMediaUpload))
	r.Get("/media/:id", s.number(s.handleMediaGet))
	r.Delete("/media/:id", s.number(s.handleMediaDelete))
}

// registerMediaLinks adds what a link opens: who has one needs no key.
func (s *Server) registerMediaLinks(r fiber.Router) {
	r.Get(media.Path+":id", s.handleMediaLink)
}

// registerMediaSettings adds what a business says about the files of a number.
func (s *Server) registerMediaSettings(r fiber.Router) {
	r.Get("/numbers/:id<int>/media", s.client(s.handleMediaSettings))
	r.Put("/numbers/:id<int>/media", s.client(s.handleMediaSettingsUpdate))
}

// mediaID is the id in the path; what cannot be one is nobody's.
func mediaID(c *fiber.Ctx) (string, error) {
	id, err := url.PathUnescape(c.Params("id"))
	if err != nil {
		return "", models.ErrNotFound
	}
	return strings.Clone(id), nil // the server reuses its buffer, and a fetch goes on without the request
}

func (s *Server) handleMediaGet(c *fiber.Ctx, who numberCaller) error {
	return s.giveMedia(c, func(ctx context.Context, id string) (*media.File, error) {
		return s.media.Open(ctx, who.Business, who.Number, id)
	})
}

func (s *Server) handleMediaLink(c *fiber.Ctx) error {
	token := strings.Clone(c.Query("token"))
	return s.giveMedia(c, func(ctx context.Context, id string) (*media.File, error) {
		return s.media.OpenLink(ctx, id, token)
	})
}

// giveMedia answers with the file that open finds.
func (s *Server) giveMedia(c *fiber.Ctx, open func(ctx context.Context, id string) (*media.File, error)) error {
	if s.media == nil {
		return notHere("keeps files")
	}
	id, err := mediaID(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.UserContext()), mediaWait)
	defer cancel()
	f, err := open(ctx, id)
	if err != nil {
		return mediaRefusal(err)
	}
	return sendFile(c, f)
}

// mediaStatus are the statuses of HTTP of refusals.
var mediaStatus = map[string]int{
	media.Gone: http.StatusGone, media.TooLarge: http.StatusUnprocessableEntity, media.TypeRefused: http.StatusUnprocessableEntity,
	media.TypeDiffers: http.StatusUnprocessableEntity, media.Corrupt: http.StatusUnprocessableEntity, media.Unreachable: http.StatusBadGateway,
	media.NoAccess: http.StatusConflict, media.Underway: http.StatusServiceUnavailable,
}

// mediaRefusal says why there is no file; other errors stay as they are.
func mediaRefusal(err error) error {
	var refused *models.MediaError
	if !errors.As(err, &refused) {
		return err
	}
	status, known := mediaStatus[refused.Code]
	if !known || refused.Code == media.Corrupt && refused.RetryAfter > 0 {
		status = http.StatusBadGateway
	}
	return &Error{Status: status, Code: "media_" + refused.Code, Message: refused.Message, RetryAfter: refused.RetryAfter}
}

// sendFile answers with a file, or with the part of it that was asked for.
func sendFile(c *fiber.Ctx, f *media.File) error {
	tag := `"` + f.SHA256 + `"`
	for name, value := range map[string]string{
		fiber.HeaderContentType:           f.MimeType,
		fiber.HeaderContentDisposition:    disposition(f),
		fiber.HeaderXContentTypeOptions:   "nosniff",
		fiber.HeaderContentSecurityPolicy: "default-src 'none'; sandbox", // whatever it is, it runs nothing
		fiber.HeaderReferrerPolicy:        "no-referrer",                 // the address is a secret
		fiber.HeaderCacheControl:          "private, max-age=300",        // what is deleted is gone soon everywhere
		fiber.HeaderAcceptRanges:          "bytes",
		fiber.HeaderETag:                  tag,
		"X-Robots-Tag":                    "noindex",
	} {
		c.Set(name, value)
	}
	if matches(c.Get(fiber.HeaderIfNoneMatch), tag) {
		return c.SendStatus(http.StatusNotModified)
	}
	asked := c.Get(fiber.HeaderRange)
	if condition := c.Get(fiber.HeaderIfRange); condition != "" && condition != tag {
		asked = ""
	}
	part, ok := parseRange(asked, f.Size)
	if !ok {
		c.Set(fiber.HeaderContentRange, unsatisfied(f.Size))
		return &Error{Status: http.StatusRequestedRangeNotSatisfiable, Code: "range_not_satisfiable", Message: "the file is shorter than what was asked for"}
	}
	// The body is read after the handler has returned.
	ctx, cancel := context.WithCancel(context.WithoutCancel(c.UserContext()))
	r, err := f.Read(ctx, part.offset, part.length)
	if err != nil {
		cancel()
		return err
	}
	c.Status(http.StatusOK)
	if part.partial {
		c.Status(http.StatusPartialContent).Set(fiber.HeaderContentRange, part.header(f.Size))
	}
	c.Context().SetBodyStream(&fileBody{r, c.Context().Conn(), cancel}, int(part.length))
	return nil
}

// fileBody is a file on its way to somebody, who may not stand still for ever.
type fileBody struct {
	io.ReadCloser
	to     net.Conn
	cancel func()
}

func (b *fileBody) Read(p []byte) (int, error) {
	_ = b.to.SetWriteDeadline(time.Now().Add(stallTimeout)) // a connection that has none is one of a test
	return b.ReadCloser.Read(p)
}

func (b *fileBody) Close() error {
	_ = b.to.SetWriteDeadline(time.Time{}) // likewise
	b.cancel()
	return b.ReadCloser.Close()
}

// disposition says how a browser is to treat a file, and what to call it.
func disposition(f *media.File) string {
	how := "attachment"
	if f.Shown {
		how = "inline"
	}
	return mime.FormatMediaType(how, map[string]string{"filename": f.Name})
}

func (s *Server) handleMediaDelete(c *fiber.Ctx, who numberCaller) error {
	if s.media == nil {
		return notHere("keeps files")
	}
	id, err := mediaID(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.UserContext()), mediaWait)
	defer cancel()
	if err := s.media.Delete(ctx, who.Business, who.Number, id); err != nil {
		return mediaRefusal(err)
	}
	return reply(c, http.StatusOK, map[string]bool{"success": true})
}

// mediaSettingsJSON is what a business says about the files of a number.
type mediaSettingsJSON struct {
	FetchAhead bool `json:"fetch_ahead"` // as soon as their message came, and not only when somebody asks
}

func (s *Server) handleMediaSettings(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	ahead, err := s.store.MediaAhead(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string]mediaSettingsJSON{"media": {ahead}})
}

func (s *Server) handleMediaSettingsUpdate(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	o := parseObject(c.Request().Body(), "fetch_ahead")
	ahead := member[flag](o, "fetch_ahead", "true or false")
	switch {
	case o.err != nil:
		return o.err
	case !ahead.given || ahead.null:
		return invalid("fetch_ahead", codeRequired, "must be true or false")
	}
	if err := s.setMediaAhead(c.UserContext(), who.Business, id, bool(ahead.value)); err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string]mediaSettingsJSON{"media": {bool(ahead.value)}})
}

func (s *Server) setMediaAhead(ctx context.Context, businessID, id int64, ahead bool) error {
	if ahead && s.media == nil {
		return notHere("keeps files")
	}
	return s.store.SetMediaAhead(ctx, businessID, id, ahead)
}
