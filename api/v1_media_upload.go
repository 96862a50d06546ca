package api

import (
	"cmp"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
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

// maxUploadField bounds the fields beside the file, in bytes.
const maxUploadField = 1024

// uploadedJSON is a file that the platform took.
type uploadedJSON struct {
	ID string `json:"id"`
}

// handleMediaUpload passes a file on to the platform as it comes: the file of a form, as the Graph API takes it, or the body
// itself, as the On-Premises style does.
func (s *Server) handleMediaUpload(c *fiber.Ctx, who numberCaller) error {
	body := incomingOf(c)
	id, form, err := s.upload(c, who, body)
	// What is left of the body must not be taken for the next request.
	if left, _ := io.Copy(io.Discard, io.LimitReader(body, maxLeft+1)); left > maxLeft || body.err != nil {
		c.Context().SetConnectionClose()
	}
	switch {
	case err != nil:
		return err
	case form:
		return reply(c, http.StatusOK, uploadedJSON{id})
	}
	return reply(c, http.StatusOK, map[string][]uploadedJSON{"media": {{id}}})
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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.UserContext()), mediaTimeout)
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
