package api

import (
	"bytes"
	"io"
	"net/http"

	"github.com/gofiber/fiber/v2"
)

// LimitBodies is for an app whose server streams bodies (fiber.Config.StreamRequestBody), which then has no limit of its own:
// it refuses bodies of more than limit bytes everywhere but where streams says that they are read as they come.
func LimitBodies(limit int, streams func(*fiber.Ctx) bool) fiber.Handler {
	return func(c *fiber.Ctx) error {
		stream := c.Context().RequestBodyStream()
		if stream == nil || streams(c) {
			return c.Next()
		}
		length := c.Request().Header.ContentLength()
		if 0 <= length && length <= limit { // which is all that will be read
			return c.Next()
		}
		var body bytes.Buffer
		if length < 0 { // nobody knows yet
			if _, err := io.Copy(&body, io.LimitReader(stream, int64(limit)+1)); err != nil {
				c.Context().SetConnectionClose()
				return &Error{Status: http.StatusBadRequest, Code: "body_broken_off", Message: "the body breaks off"}
			}
		}
		if length > limit || body.Len() > limit {
			c.Context().SetConnectionClose() // nobody reads the rest
			return ofStatus(http.StatusRequestEntityTooLarge)
		}
		c.Request().SetBody(body.Bytes())
		return c.Next()
	}
}

// StreamsBody says which requests of this room are read as they come, see LimitBodies.
func StreamsBody(c *fiber.Ctx) bool {
	return c.Method() == fiber.MethodPost && recipientsPath.MatchString(c.Path())
}
