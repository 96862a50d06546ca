package api

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
)

const (
	// heartbeat finds out that nobody listens any more.
	heartbeat = 2 * time.Second
	// streamLength ends a stream now and then: the browser comes back, and has to be logged in still.
	streamLength = 10 * time.Minute
	// stuckAfter ends a stream whose reader takes nothing.
	stuckAfter = 20 * time.Second
)

// stream answers with server-sent events until the reader goes away, the server stops or the stream is old enough. look is asked
// every so often; it writes what is new and says whether that was anything. over is called at the end, after a refusal too; nil:
// nothing is.
func (s *Server) stream(c *fiber.Ctx, every time.Duration, look func(w *bufio.Writer) (sent bool, err error), over func()) error {
	if over == nil {
		over = func() {}
	}
	select {
	case s.streams <- struct{}{}:
	default:
		over()
		return &Error{Status: http.StatusServiceUnavailable, Code: "busy", Message: "too many people are watching; try again later", RetryAfter: heartbeat}
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no")
	// What the stream needs of the request is taken now: the request is over when it runs.
	conn, stopped := c.Context().Conn(), c.Context().Done()
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer over()
		defer func() { <-s.streams }()
		s.runStream(w, conn.SetWriteDeadline, stopped, every, look)
		_ = conn.SetWriteDeadline(time.Time{})
	})
	return nil
}

func (s *Server) runStream(w *bufio.Writer, deadline func(time.Time) error, stopped <-chan struct{}, every time.Duration, look func(w *bufio.Writer) (bool, error)) {
	end := time.NewTimer(streamLength)
	defer end.Stop()
	tick := time.NewTicker(every)
	defer tick.Stop()
	_, _ = w.WriteString("retry: 1000\n\n")
	silent := time.Time{} // the first words go out at once
	for {
		sent, err := look(w)
		if err == nil && (sent || time.Since(silent) >= heartbeat) {
			_, _ = w.WriteString(": alive\n\n")
			_ = deadline(time.Now().Add(stuckAfter))
			err = w.Flush()
			silent = time.Now()
		}
		if err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-end.C:
			return
		case <-stopped:
			return
		case <-s.closing:
			return
		}
	}
}

// writeSent writes one server-sent event that holds finished HTML. An empty id leaves the reader's place where it was.
func writeSent(w *bufio.Writer, name, id, html string) {
	fmt.Fprintf(w, "event: %s\n", name)
	if id != "" {
		fmt.Fprintf(w, "id: %s\n", id)
	}
	for line := range strings.SplitSeq(strings.ReplaceAll(html, "\r", "&#13;"), "\n") {
		fmt.Fprintf(w, "data: %s\n", line)
	}
	_, _ = w.WriteString("\n")
}
