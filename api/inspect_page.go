package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout/signature"
	"wabagate/models"
)

const (
	// arrivalsShown is how many requests the page begins with, and the most that one look at the store brings.
	arrivalsShown = 50
	// lookEvery is how soon an arrival shows, whichever process took it.
	lookEvery = 500 * time.Millisecond
	// heartbeat finds out that nobody listens any more.
	heartbeat = 2 * time.Second
	// streamLength ends a stream now and then: the browser comes back, and has to be logged in still.
	streamLength = 10 * time.Minute
	// stuckAfter ends a stream whose reader takes nothing.
	stuckAfter = 20 * time.Second
)

// binOfCaller is the bin in the path, if it is the caller's.
func (s *Server) binOfCaller(c *fiber.Ctx, who caller) (bin, error) {
	b, ok := s.bins.find(c.Params("bin"))
	if !ok || b.business != who.Business {
		return b, fmt.Errorf("bin: %w", models.ErrNotFound)
	}
	return b, nil
}

func (s *Server) pageInspector(c *fiber.Ctx, who caller) error {
	b, err := s.binOfCaller(c, who)
	if err != nil {
		return err
	}
	found, err := s.store.Inspections(c.UserContext(), b.key(), 0, arrivalsShown)
	if err != nil {
		return err
	}
	last := int64(0)
	if len(found) > 0 {
		last = found[0].ID
	}
	view := dashboard.Inspector{Shell: shell(who, "Inspector"), Bin: b.name, URL: b.webhooks[0].URL, Above: []dashboard.Crumb{{Label: "Webhooks", Path: "/webhooks"}},
		Stream: fmt.Sprintf("/inspect/%s/stream?after=%d", b.name, last)}
	for _, w := range b.webhooks {
		view.Above = append(view.Above, dashboard.Crumb{Label: w.Name, Path: "/webhooks/" + strconv.FormatInt(w.ID, 10)})
	}
	for _, i := range found {
		view.Arrivals = append(view.Arrivals, arrivalView(i, b.webhooks, s.now()))
	}
	return s.render(c, http.StatusOK, view)
}

// arrivalView shows a request, with its signatures judged at the moment of its arrival.
func arrivalView(i models.Inspection, webhooks []models.Webhook, now time.Time) dashboard.Arrival {
	v := dashboard.Arrival{ID: i.ID, Received: dashboard.NewWhen(i.ReceivedAt, now), Event: eventNameIn(i.Body), Size: bytesText(len(i.Body)), Body: string(bytes.ToValidUTF8(i.Body, []byte("\uFFFD")))}
	for name, values := range i.Headers {
		for _, value := range values {
			v.Headers = append(v.Headers, dashboard.Header{Name: name, Value: value})
		}
	}
	slices.SortStableFunc(v.Headers, func(a, b dashboard.Header) int { return strings.Compare(a.Name, b.Name) })
	var secrets []signature.Secret
	for _, w := range webhooks {
		for _, secret := range w.Signing(i.ReceivedAt) {
			secrets = append(secrets, signature.NewSecret(secret.Text()))
		}
	}
	for _, r := range signature.Verify(i.Headers, i.Body, secrets, i.ReceivedAt) {
		v.Checks = append(v.Checks, dashboard.Check{Scheme: r.Scheme, Header: r.Header, OK: r.OK, Reason: r.Reason})
	}
	return v
}

// eventNameIn is what a body calls its event, in any of the dialects; empty when it does not say.
func eventNameIn(body []byte) string {
	var named struct {
		Type, Event, Object string
	}
	if json.Unmarshal(body, &named) != nil {
		return ""
	}
	for _, name := range []string{named.Type, named.Event, named.Object} {
		if name != "" {
			return name
		}
	}
	return ""
}

// handleInspectStream sends arrivals as they come, as server-sent events that hold finished HTML.
func (s *Server) handleInspectStream(c *fiber.Ctx, who caller) error {
	b, err := s.binOfCaller(c, who)
	if err != nil {
		return err
	}
	after, err := strconv.ParseInt(c.Get("Last-Event-Id", c.Query("after")), 10, 64)
	if err != nil {
		after = 0
	}
	select {
	case s.streams <- struct{}{}:
	default:
		return &Error{Status: http.StatusServiceUnavailable, Code: "busy", Message: "too many people are watching; try again later", RetryAfter: heartbeat}
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no")
	// What the stream needs of the request is taken now: the request is over when it runs.
	conn, stopped := c.Context().Conn(), c.Context().Done()
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer func() { <-s.streams }()
		st := stream{server: s, bin: b, after: after, w: w, deadline: conn.SetWriteDeadline}
		st.run(stopped)
		_ = conn.SetWriteDeadline(time.Time{})
	})
	return nil
}

// stream is one live inspector.
type stream struct {
	server   *Server
	bin      bin
	after    int64
	w        *bufio.Writer
	deadline func(time.Time) error
}

// run looks for arrivals until the reader goes away, the server stops or the stream is old enough.
func (st *stream) run(stopped <-chan struct{}) {
	end := time.NewTimer(streamLength)
	defer end.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	_, _ = st.w.WriteString("retry: 1000\n\n")
	silent := time.Time{} // the first words go out at once
	for {
		sent, err := st.send()
		if err == nil && (sent || time.Since(silent) >= heartbeat) {
			_, _ = st.w.WriteString(": alive\n\n")
			_ = st.deadline(time.Now().Add(stuckAfter))
			err = st.w.Flush()
			silent = time.Now()
		}
		if err != nil {
			return
		}
		select {
		case <-look.C:
		case <-end.C:
			return
		case <-stopped:
			return
		case <-st.server.closing:
			return
		}
	}
}

// send writes what has arrived since, oldest first. A store that does not answer is asked again.
func (st *stream) send() (sent bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	found, err := st.server.store.Inspections(ctx, st.bin.key(), st.after, arrivalsShown)
	if err != nil {
		return false, nil
	}
	// The secret may have been changed since the stream began.
	if now, ok := st.server.bins.find(st.bin.name); ok && now.business == st.bin.business {
		st.bin = now
	}
	for _, i := range slices.Backward(found) {
		var html bytes.Buffer
		if err := st.server.pages.RenderArrival(&html, arrivalView(i, st.bin.webhooks, st.server.now())); err != nil {
			return false, err
		}
		st.after = i.ID
		fmt.Fprintf(st.w, "event: arrival\nid: %d\n", i.ID)
		for line := range strings.SplitSeq(strings.ReplaceAll(html.String(), "\r", "&#13;"), "\n") {
			fmt.Fprintf(st.w, "data: %s\n", line)
		}
		_, _ = st.w.WriteString("\n")
	}
	return len(found) > 0, nil
}
