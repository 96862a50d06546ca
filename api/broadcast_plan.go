package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/gateway/broadcast"
	"wabagate/gateway/sending"
	"wabagate/models"
)

// registerPlans adds what the gateway's own broadcasts take.
func (s *Server) registerPlans(r fiber.Router) {
	r.Post("/broadcasts/:id<int>/start", s.client(s.handleBroadcastStart))
	r.Post("/broadcasts/:id<int>/pause", s.client(s.handleBroadcastPause))
	r.Post("/broadcasts/:id<int>/resume", s.client(s.handleBroadcastResume))
	r.Post("/broadcasts/:id<int>/cancel", s.client(s.handleBroadcastCancel))
}

// planJSON is what the gateway knows of a broadcast that it sends itself.
type planJSON struct {
	State       models.PlanState `json:"state"`
	Body        json.RawMessage  `json:"body"`
	ScheduledAt *event.Time      `json:"scheduled_at"` // null: as soon as it is started
	Pace        int              `json:"pace"`         // messages per second; 0: as many as the number may send
	Recipients  int64            `json:"recipients"`
	Waiting     int64            `json:"waiting"` // for their turn, another attempt or the platform's answer
	OptedOut    int64            `json:"opted_out"`
	Cancelled   int64            `json:"cancelled"`
	CreatedAt   event.Time       `json:"created_at"`
	StartedAt   *event.Time      `json:"started_at"`
	FinishedAt  *event.Time      `json:"finished_at"` // every message went out, failed or was cancelled
	// EstimatedEnd is when the last message should have gone out; null: it does not run.
	EstimatedEnd *event.Time `json:"estimated_end"`
}

// planStatus is the status of a broadcast that the gateway sends: draft, scheduled, running, paused, completed or cancelled.
func planStatus(p models.BroadcastPlan, now time.Time) string {
	if p.State == models.PlanRunning && p.ScheduledAt.After(now) {
		return "scheduled"
	}
	return string(p.State)
}

// broadcastViews shows a business's broadcasts, with the plans of those that the gateway sends.
func (s *Server) broadcastViews(ctx context.Context, business int64, rows ...models.Broadcast) ([]broadcastJSON, error) {
	ids := make([]int64, len(rows))
	for i, b := range rows {
		ids[i] = b.ID
	}
	plans, err := s.store.BroadcastPlans(ctx, business, ids)
	if err != nil {
		return nil, err
	}
	list := make([]broadcastJSON, len(rows))
	for i, b := range rows {
		list[i] = broadcastView(b)
		p, planned := plans[b.ID]
		if !planned {
			continue
		}
		list[i].Status = planStatus(p, s.now())
		if list[i].Plan, err = s.planView(ctx, p); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (s *Server) planView(ctx context.Context, p models.BroadcastPlan) (*planJSON, error) {
	v := &planJSON{State: p.State, Body: p.Body, ScheduledAt: timeView(p.ScheduledAt), Pace: p.Pace, Recipients: p.Recipients, OptedOut: p.OptedOut, Cancelled: p.Cancelled,
		CreatedAt: event.Time{Time: p.CreatedAt}, StartedAt: timeView(p.StartedAt), FinishedAt: timeView(p.FinishedAt)}
	if !p.FinishedAt.IsZero() {
		return v, nil
	}
	open, err := s.store.OpenSends(ctx, p.BroadcastID)
	if err != nil {
		return nil, err
	}
	v.Waiting = open.Ready + open.Later + open.Undecided
	if p.State != models.PlanCancelled {
		v.Waiting += p.Recipients - p.Place
	}
	if p.State != models.PlanRunning {
		return v, nil
	}
	rate, _, err := s.rateOf(ctx, p.NumberID)
	if err != nil {
		return nil, err
	}
	v.EstimatedEnd = timeView(broadcast.End(p, open, rate, s.now()))
	return v, nil
}

// rateOf is how many messages per second a number may send, and whether it can send at all.
func (s *Server) rateOf(ctx context.Context, number int64) (rate int, connected bool, err error) {
	u, err := s.store.UpstreamOf(ctx, number)
	if errors.Is(err, models.ErrNotFound) {
		return sending.RateOf(models.Upstream{}), false, nil
	}
	return sending.RateOf(u), err == nil, err
}

// plans says whether a body asks for a broadcast that the gateway is to send. One that is not an object is for others to
// refuse.
func plans(body []byte) bool {
	var o map[string]json.RawMessage
	_ = json.Unmarshal(body, &o)
	return slices.ContainsFunc([]string{"template", "body", "recipients"}, func(name string) bool { _, given := o[name]; return given })
}

// draft is a broadcast to be made.
type draft struct {
	broadcast  models.Broadcast
	plan       models.BroadcastPlan
	letter     broadcast.Letter
	recipients json.RawMessage // an array; nil: none yet
}

func parseDraft(body []byte) (d draft, err error) {
	o := parseObject(body, "name", "number_id", "template", "body", "recipients", "scheduled_at", "pace")
	name, number := member[string](o, "name", "text"), member[int64](o, "number_id", "the id of the number that sends it")
	template, message := member[map[string]json.RawMessage](o, "template", "an object"), member[json.RawMessage](o, "body", "an object")
	recipients, scheduled := member[json.RawMessage](o, "recipients", "an array"), member[string](o, "scheduled_at", "text: a time such as 2026-11-21T10:00:00Z")
	pace := member[int](o, "pace", "a whole number")
	if o.err != nil {
		return d, o.err
	}
	d.broadcast = models.Broadcast{Name: strings.TrimSpace(name.value), NumberID: number.value}
	d.plan = models.BroadcastPlan{Body: message.value, Pace: pace.value}
	d.recipients = recipients.value
	if err := checkText("name", d.broadcast.Name, false, maxName); err != nil {
		return d, err
	}
	if d.plan.ScheduledAt, err = moment("scheduled_at", scheduled.value); err != nil {
		return d, err
	}
	switch {
	case number.value == 0:
		return d, invalid("number_id", codeRequired, "is required: the number that sends it")
	case pace.given && !pace.null && (pace.value < 1 || pace.value > maxSendRate):
		return d, invalid("pace", codeInvalid, "must be from 1 to %d messages per second", maxSendRate)
	case template.value != nil && message.value != nil:
		return d, invalid("body", codeInvalid, "is given besides template: give one of them")
	case template.value != nil:
		if d.plan.Body, err = templateBody(template.value); err != nil {
			return d, err
		}
	case message.value == nil:
		return d, invalid("template", codeRequired, "is required, or a body: what is to be sent")
	}
	if d.letter, err = broadcast.ParseLetter(d.plan.Body); err != nil {
		return d, badMessage(err)
	}
	var sent struct{ Template struct{ Name string } }
	_ = json.Unmarshal(d.plan.Body, &sent) // it was read before
	d.broadcast.TemplateName = sent.Template.Name
	return d, checkText("template.name", sent.Template.Name, false, maxTemplateName)
}

// templateBody is the platform's body for a template. Its language may be the code alone.
func templateBody(template map[string]json.RawMessage) ([]byte, error) {
	var code string
	if json.Unmarshal(template["language"], &code) == nil && code != "" {
		template["language"], _ = json.Marshal(map[string]string{"code": code}) // texts always marshal
	}
	if _, given := template["language"]; !given {
		return nil, invalid("template.language", codeRequired, "is required, such as en_US")
	}
	return json.Marshal(map[string]any{"messaging_product": "whatsapp", "type": "template", "template": template})
}

// dryRun says whether a request only asks what would happen.
func dryRun(c *fiber.Ctx) (bool, error) {
	switch c.Query("dry_run") {
	case "", "0", "false":
		return false, nil
	case "1", "true":
		return true, nil
	}
	return false, invalid("dry_run", codeInvalid, "must be true or false")
}

// createDraft makes a broadcast, with those recipients that the request has. Those with whom something is wrong are left
// out, and the answer says so. A dry run makes nothing.
func (s *Server) createDraft(c *fiber.Ctx, who caller) error {
	if s.sending == nil {
		return notHere("sends broadcasts")
	}
	dry, err := dryRun(c)
	if err != nil {
		return err
	}
	d, err := parseDraft(bytes.Clone(c.Request().Body())) // the server reuses its buffer
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	if err := s.checkDraft(ctx, who.Business, d); err != nil {
		return err
	}
	var list recipientList
	if d.recipients != nil {
		list = newJSONRecipients(bytes.NewReader(d.recipients))
	}
	if dry {
		noteOf(ctx).nothing()
		tally, err := readRecipients(list, d.letter, nil)
		if err != nil {
			return err
		}
		return reply(c, http.StatusOK, drafted{Message: "Nothing was made: this was a dry run.", Variables: variables(d.letter), Recipients: tally})
	}
	b, p, err := s.keepDraft(ctx, who.Business, d)
	if err != nil {
		return err
	}
	tally, err := readRecipients(list, d.letter, func(rs []models.Recipient) (int64, error) {
		return s.store.AddRecipients(ctx, who.Business, p.BroadcastID, rs)
	})
	if err != nil {
		return planError(err, "takes no recipients")
	}
	views, err := s.broadcastViews(ctx, who.Business, b)
	if err != nil {
		return err
	}
	return reply(c, http.StatusCreated, drafted{b.ID, "Broadcast created. Add recipients if there are more, and start it.", variables(d.letter), tally, &views[0]})
}

// checkDraft refuses a draft whose number is not the business's, or may not send as fast.
func (s *Server) checkDraft(ctx context.Context, businessID int64, d draft) error {
	ns, err := s.store.Numbers(ctx, businessID)
	if err != nil {
		return err
	}
	if !owns(ns, d.broadcast.NumberID) {
		return invalid("number_id", codeInvalid, "is not one of your numbers")
	}
	_, err = s.paceOf(ctx, d.broadcast.NumberID, d.plan.Pace)
	return err
}

// keepDraft makes a broadcast of a draft that was checked, without recipients.
func (s *Server) keepDraft(ctx context.Context, businessID int64, d draft) (models.Broadcast, models.BroadcastPlan, error) {
	d.broadcast.BusinessID = businessID
	b, p, err := s.store.CreateBroadcast(ctx, d.broadcast, d.plan)
	if err == nil {
		noteOf(ctx).about("broadcast", b.ID, b.Name)
	}
	return b, p, err
}

// drafted answers a request for a broadcast.
type drafted struct {
	ID         int64          `json:"id,omitempty"` // none after a dry run
	Message    string         `json:"message"`
	Variables  []string       `json:"variables"` // that every recipient must have
	Recipients tallyJSON      `json:"recipients"`
	Broadcast  *broadcastJSON `json:"broadcast,omitempty"`
}

func variables(l broadcast.Letter) []string { return append([]string{}, l.Names()...) }

// paceOf refuses a pace that is more than a number may send, and answers whether the number can send at all.
func (s *Server) paceOf(ctx context.Context, number int64, pace int) (connected bool, err error) {
	rate, connected, err := s.rateOf(ctx, number)
	if err == nil && pace > rate {
		err = invalid("pace", codeInvalid, "must be at most %d, which is what the number may send per second", rate)
	}
	return connected, err
}

// planError is the refusal of what a broadcast does not take as it is; does says what it would have done.
func planError(err error, does string) error {
	var state models.PlanStateError
	conflict := func(code, message string) error {
		return &Error{Status: http.StatusConflict, Code: code, Message: message}
	}
	switch {
	case errors.As(err, &state):
		return conflict("broadcast_"+string(state.State), "a broadcast that is "+string(state.State)+" "+does)
	case errors.Is(err, models.ErrNoRecipients):
		return conflict("no_recipients", "the broadcast has no recipients: add some first")
	case errors.Is(err, models.ErrTooManyRecipients):
		return conflict("too_many_recipients", "a broadcast takes at most a million recipients: make another for the rest")
	}
	return err
}

// ownPlan reads the plan that a request is about. A broadcast that is sent elsewhere has none.
func (s *Server) ownPlan(c *fiber.Ctx, who caller) (models.BroadcastPlan, error) {
	id, err := pathID(c, "id")
	if err != nil {
		return models.BroadcastPlan{}, err
	}
	p, err := s.store.BroadcastPlan(c.UserContext(), who.Business, id)
	if !errors.Is(err, models.ErrNotFound) {
		return p, err
	}
	if _, known := s.store.BroadcastByID(c.UserContext(), who.Business, id); known == nil {
		err = &Error{Status: http.StatusConflict, Code: "sent_elsewhere", Message: "this broadcast is sent elsewhere: the gateway counts it, and has nothing else to do with it"}
	}
	return p, err
}

// broadcastChanged says what was done to a broadcast and how it stands now.
type broadcastChanged struct {
	Message   string        `json:"message"`
	Broadcast broadcastJSON `json:"broadcast"`
}

// changePlan does something with a plan and shows the broadcast as it is then.
func (s *Server) changePlan(c *fiber.Ctx, who caller, change planChange) error {
	if o := parseObject(c.Request().Body()); o.err != nil {
		return o.err
	}
	p, err := s.ownPlan(c, who)
	if err != nil {
		return err
	}
	if err := change.do(s, c.UserContext(), p); err != nil {
		return planError(err, change.not)
	}
	b, err := s.store.BroadcastByID(c.UserContext(), who.Business, p.BroadcastID)
	if err != nil {
		return err
	}
	views, err := s.broadcastViews(c.UserContext(), who.Business, b)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, broadcastChanged{change.said, views[0]})
}

// handleBroadcastStart lets a draft run. A dry run says whether it could, and how many would get nothing.
func (s *Server) handleBroadcastStart(c *fiber.Ctx, who caller) error {
	if s.sending == nil {
		return notHere("sends broadcasts")
	}
	dry, err := dryRun(c)
	if err != nil {
		return err
	}
	if dry {
		noteOf(c.UserContext()).nothing()
		return s.rehearse(c, who)
	}
	return s.changePlan(c, who, startPlan)
}

// canStart refuses to start what cannot be sent.
func (s *Server) canStart(ctx context.Context, p models.BroadcastPlan) error {
	connected, err := s.paceOf(ctx, p.NumberID, p.Pace)
	if err == nil && !connected {
		err = &Error{Status: http.StatusConflict, Code: "not_connected", Message: "the number has no token, so that nothing can be sent: connect it first"}
	}
	return err
}

// planChange is something that people do with a broadcast that the gateway sends: what is said when it was done, what of a
// broadcast that does not take it, and how it is done.
type planChange struct {
	said, not string
	do        func(s *Server, ctx context.Context, p models.BroadcastPlan) error
}

var (
	startPlan = planChange{"Broadcast started.", "is not started: only a draft is", func(s *Server, ctx context.Context, p models.BroadcastPlan) error {
		if err := s.canStart(ctx, p); err != nil {
			return err
		}
		_, err := s.store.StartBroadcast(ctx, p.BusinessID, p.BroadcastID)
		return err
	}}
	pausePlan = planChange{"Broadcast paused. What is on its way to WhatsApp goes out.", "is not paused: only one that runs is", func(s *Server, ctx context.Context, p models.BroadcastPlan) error {
		_, err := s.store.PauseBroadcast(ctx, p.BusinessID, p.BroadcastID)
		return err
	}}
	resumePlan = planChange{"Broadcast goes on.", "does not go on: only one that is paused does", func(s *Server, ctx context.Context, p models.BroadcastPlan) error {
		_, work, err := s.store.ResumeBroadcast(ctx, p.BusinessID, p.BroadcastID)
		if err != nil {
			return err
		}
		if err := s.queue.Enqueue(ctx, work...); err != nil {
			s.log.Warn("messages not queued yet; the reconciler will", "broadcast_id", p.BroadcastID, "error", err)
		}
		return nil
	}}
	cancelPlan = planChange{"Broadcast cancelled. What is on its way to WhatsApp goes out.", "is not cancelled any more", func(s *Server, ctx context.Context, p models.BroadcastPlan) error {
		_, err := s.store.CancelBroadcast(ctx, p.BusinessID, p.BroadcastID)
		return err
	}}
)

// broadcastRehearsed is what starting a broadcast would do.
type broadcastRehearsed struct {
	Message      string      `json:"message"`
	Recipients   int64       `json:"recipients"`
	OptedOut     int64       `json:"opted_out"` // of them, as of now
	EstimatedEnd *event.Time `json:"estimated_end"`
}

// rehearse says what a start would do.
func (s *Server) rehearse(c *fiber.Ctx, who caller) error {
	p, err := s.ownPlan(c, who)
	if err != nil {
		return err
	}
	switch {
	case p.State != models.PlanDraft:
		err = models.PlanStateError{State: p.State}
	case p.Recipients == 0:
		err = models.ErrNoRecipients
	default:
		err = s.canStart(c.UserContext(), p)
	}
	if err != nil {
		return planError(err, startPlan.not)
	}
	optedOut, err := s.store.CountOptedOut(c.UserContext(), p)
	if err != nil {
		return err
	}
	rate, _, err := s.rateOf(c.UserContext(), p.NumberID)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, broadcastRehearsed{"The broadcast can be started: this was a dry run.", p.Recipients, optedOut, timeView(broadcast.End(p, models.OpenSends{}, rate, s.now()))})
}

func (s *Server) handleBroadcastPause(c *fiber.Ctx, who caller) error {
	return s.changePlan(c, who, pausePlan)
}

func (s *Server) handleBroadcastResume(c *fiber.Ctx, who caller) error {
	return s.changePlan(c, who, resumePlan)
}

func (s *Server) handleBroadcastCancel(c *fiber.Ctx, who caller) error {
	return s.changePlan(c, who, cancelPlan)
}
