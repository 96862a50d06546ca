package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/openapi"
)

// document is the OpenAPI document as it is given out.
type document struct {
	openapi.Document
	text []byte
	tag  string // ETag
}

// writeDocument makes the document, which is the same for as long as the process lives.
func writeDocument() (*document, error) {
	d, err := Document()
	if err != nil {
		return nil, err
	}
	text, err := d.JSON()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	return &document{d, text, `"` + hex.EncodeToString(sum[:12]) + `"`}, nil
}

// registerDocument adds the document and the pages that show it, which are for everybody: they say what can be asked, and nothing of anybody.
func (s *Server) registerDocument(app *fiber.App) {
	app.Get("/openapi.json", s.handleDocument)
	app.Get("/docs", s.pageDocs)
	app.Get("/docs/:id", s.pageDocsOperation)
}

func (s *Server) handleDocument(c *fiber.Ctx) error {
	d, err := s.document()
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderETag, d.tag)
	c.Set(fiber.HeaderCacheControl, "no-cache") // asked for again each time, and given again when it has changed
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	if matches(c.Get(fiber.HeaderIfNoneMatch), d.tag) {
		return c.SendStatus(http.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(d.text)
}
