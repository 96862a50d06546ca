package api

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
)

// BufferBodies reads the bodies of requests before any handler does, and refuses those with more than limit bytes, for a server
// whose bodies are streams (fiber.Config.StreamRequestBody), which has no limit of its own: all but files and lists of
// recipients, which are read as they come. It must be the first handler of such a server, since what is left unread of a body
// would be taken for the next request.
func BufferBodies(limit int) fiber.Handler {
	return func(c *fiber.Ctx) error {
		stream := c.Context().RequestBodyStream()
		if stream == nil || streamed(c) {
			return c.Next()
		}
		body, refused := buffer(stream, c.Request().Header.ContentLength(), limit)
		if refused != nil {
			_, _ = io.CopyN(io.Discard, stream, maxLeft)
			c.Context().SetConnectionClose()
			return refused
		}
		c.Request().SetBodyRaw(body)
		return c.Next()
	}
}

// streamed says which requests are read as they come.
func streamed(c *fiber.Ctx) bool {
	return c.Method() == fiber.MethodPost && (recipientsPath.MatchString(c.Path()) || strings.TrimSuffix(c.Path(), "/") == "/v1"+mediaUploadRoute)
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

// incoming is a body on its way from somebody, who may not stand still for ever. It remembers whether he left.
type incoming struct {
	r    io.Reader
	from net.Conn
	err  error // but for its end
}

// incomingOf is a request's body to be read once: as it comes, where the server streams bodies, else as it came.
func incomingOf(c *fiber.Ctx) *incoming {
	if stream := c.Context().RequestBodyStream(); stream != nil {
		return &incoming{r: stream, from: c.Context().Conn()}
	}
	return &incoming{r: bytes.NewReader(c.Request().Body()), from: c.Context().Conn()}
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

// maxLeft is how much is read of a body that nobody wants any more, in bytes, so that its sender hears the answer.
const maxLeft = 8 << 20

// stallTimeout is how long the sender or receiver of something long may stand still.
const stallTimeout = time.Minute
