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
	a := arrivals{server: s, bin: b, after: after}
	return s.stream(c, lookEvery, a.send, nil)
}

// arrivals are what one live inspector has yet to show.
type arrivals struct {
	server *Server
	bin    bin
	after  int64
}

// send writes what has arrived since, oldest first. A store that does not answer is asked again.
func (a *arrivals) send(w *bufio.Writer) (sent bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	found, err := a.server.store.Inspections(ctx, a.bin.key(), a.after, arrivalsShown)
	if err != nil {
		return false, nil
	}
	// The secret may have been changed since the stream began.
	if now, ok := a.server.bins.find(a.bin.name); ok && now.business == a.bin.business {
		a.bin = now
	}
	for _, i := range slices.Backward(found) {
		var html bytes.Buffer
		if err := a.server.pages.RenderArrival(&html, arrivalView(i, a.bin.webhooks, a.server.now())); err != nil {
			return false, err
		}
		a.after = i.ID
		writeSent(w, "arrival", strconv.FormatInt(i.ID, 10), html.String())
	}
	return len(found) > 0, nil
}
