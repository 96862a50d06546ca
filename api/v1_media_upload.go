package api

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/gateway/media"
	"wabagate/waba"
	"wabagate/waba/graph"
	"wabagate/waba/outgoing"
)

// mediaUploadRoute takes files, below /v1.
const mediaUploadRoute = "/media"

const (
	// maxUploadField bounds the fields beside the file, in bytes.
	maxUploadField = 1024
	// maxLeft is how much is read of a body that nobody wants any more, so that its sender hears the answer.
	maxLeft = 8 << 20
)

// BufferBodies reads the bodies of requests before any handler does, and refuses those with more than limit bytes, for a server
// whose bodies are streams: all but uploads of files, which are read as they come. It must be the first handler of such a
// server, since what is left unread of a body would be taken for the next request.
func BufferBodies(limit int) fiber.Handler {
	return func(c *fiber.Ctx) error {
		stream := c.Context().RequestBodyStream()
		if stream == nil || c.Method() == http.MethodPost && strings.TrimSuffix(c.Path(), "/") == "/v1"+mediaUploadRoute {
			return c.Next()
		}
		body, refused := buffer(stream, c.Request().Header.ContentLength(), limit)
		if refused != nil {
			c.Context().SetConnectionClose()
			return refused
		}
		c.Request().SetBodyRaw(body)
		return c.Next()
	}
}

// buffer reads a body of a length, which is below 0 when it is not known.
func buffer(stream io.Reader, length, limit int) (body []byte, refused error) {
	var err error
	if length >= 0 && length <= limit {
		body = make([]byte, length)
		_, err = io.ReadFull(stream, body)
	} else if length < 0 {
		body, err = io.ReadAll(io.LimitReader(stream, int64(limit)+1))
	}
	switch {
	case length > limit, len(body) > limit:
		return nil, ofStatus(http.StatusRequestEntityTooLarge)
	case err != nil:
		return nil, ofStatus(http.StatusBadRequest)
	}
	return body, nil
}

// handleMediaUpload passes a file on to the platform as it comes: the file of a form, as the Graph API takes it, or the body
// itself, as the On-Premises style does.
func (s *Server) handleMediaUpload(c *fiber.Ctx, who numberCaller) error {
	body := s.uploadBody(c)
	id, form, err := s.upload(c, who, body)
	// What is left of the body must not be taken for the next request.
	if left, _ := io.Copy(io.Discard, io.LimitReader(body, maxLeft+1)); left > maxLeft || body.err != nil {
		c.Context().SetConnectionClose()
	}
	switch {
	case err != nil:
		return err
	case form:
		return reply(c, http.StatusOK, map[string]string{"id": id})
	}
	return reply(c, http.StatusOK, map[string][]map[string]string{"media": {{"id": id}}})
}

// uploadBody is the body of a request as it comes.
func (s *Server) uploadBody(c *fiber.Ctx) *incoming {
	if stream := c.Context().RequestBodyStream(); stream != nil {
		return &incoming{r: stream, from: c.Context().Conn()}
	}
	return &incoming{r: bytes.NewReader(c.Request().Body()), from: c.Context().Conn()} // a server that does not stream
}

// incoming is a file on its way from somebody, who may not stand still for ever. It remembers whether he left.
type incoming struct {
	r    io.Reader
	from net.Conn
	err  error // but for its end
}

func (b *incoming) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	_ = b.from.SetReadDeadline(time.Now().Add(stallTimeout)) // a connection that has none is one of a test
	n, err := b.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// upload answers the platform's id of a file, and whether the file came in a form.
func (s *Server) upload(c *fiber.Ctx, who numberCaller, body *incoming) (id string, form bool, err error) {
	if s.media == nil {
		return "", false, notHere("keeps files")
	}
	contentType := strings.Clone(c.Get(fiber.HeaderContentType))
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", false, invalid("Content-Type", codeRequired, "must be multipart/form-data with the parts messaging_product, type and file, or the type of the file that the body is")
	}
	u := media.Upload{MimeType: contentType, File: body, Size: int64(c.Request().Header.ContentLength())}
	if form = strings.HasPrefix(kind, "multipart/"); form {
		if u, err = uploadOf(multipart.NewReader(body, parameters["boundary"])); err != nil {
			return "", form, err
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.UserContext()), uploadTimeout)
	defer cancel()
	id, err = s.media.Upload(ctx, who.Business, who.Number, u)
	if err != nil && body.err != nil {
		return "", form, &Error{Status: http.StatusBadRequest, Code: "body_incomplete", Message: "the body ended before the file did"}
	}
	return id, form, uploadRefusal(err)
}

// uploadOf reads a form as far as its file, which is read later. What follows the file is not looked at.
func uploadOf(form *multipart.Reader) (media.Upload, error) {
	var u media.Upload
	for {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return u, invalid("file", codeRequired, "is required: the file is a part of this name")
		case err != nil:
			return u, &Error{Status: http.StatusBadRequest, Code: "malformed_form", Message: "the body is not a form of the type multipart/form-data that its Content-Type promises"}
		}
		switch name := part.FormName(); name {
		case "file":
			u.Filename, u.File, u.Size = part.FileName(), part, -1
			u.MimeType = cmp.Or(u.MimeType, part.Header.Get("Content-Type"))
			if u.MimeType == "" {
				return u, invalid("type", codeRequired, "is required: give the MIME type in a part before the file, or as the Content-Type of the file's part")
			}
			return u, nil
		case "type", "messaging_product":
			value, err := io.ReadAll(io.LimitReader(part, maxUploadField+1))
			switch {
			case err != nil:
				return u, &Error{Status: http.StatusBadRequest, Code: "body_incomplete", Message: "the body ended before the file did"}
			case len(value) > maxUploadField:
				return u, invalid(name, codeTooLong, "must have at most %d bytes", maxUploadField)
			case name == "type":
				u.MimeType = strings.Trim(string(value), "\" \r\n") // examples of the platform have it in quotes
			case string(value) != "whatsapp":
				return u, invalid(name, codeInvalid, `must be "whatsapp"`)
			}
		default:
			return u, invalid(clipped(name), codeUnknownField, "is not a field here; known are messaging_product, type and file")
		}
	}
}

// uploadRefusal says why the platform has not got a file.
func uploadRefusal(err error) error {
	var wrong outgoing.FieldError
	var answer *graph.Error
	var transport *graph.TransportError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		if wrong.Field == "mime_type" { // the form calls it so
			wrong.Field = "type"
		}
		return invalid(wrong.Field, codeInvalid, "%s", wrong.Message)
	case errors.As(err, &answer):
		e := &Error{Status: http.StatusBadGateway, Code: "platform_refused", Message: "WhatsApp did not take the file: " + answer.Title + after(": ", answer.Details), Advice: answer.Advice(),
			Platform: &platformJSON{Title: answer.Title, Details: answer.Details, TraceID: answer.TraceID}, RetryAfter: answer.RetryAfter}
		if answer.Coded {
			e.Platform.Code = strconv.Itoa(answer.Code)
			meaning, known := waba.Explain(e.Platform.Code)
			e.Status = httpStatusOf(meaning, known)
		}
		return e
	case errors.As(err, &transport):
		return &Error{Status: http.StatusBadGateway, Code: "platform_unreachable", Message: "WhatsApp did not answer: try again", RetryAfter: 5 * time.Second}
	}
	return mediaRefusal(err)
}
