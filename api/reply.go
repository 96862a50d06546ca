package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/deliver"
	"wabagate/fanout/event"
	replies "wabagate/gateway/reply"
	"wabagate/models"
)

// Replies tries out how a number would answer its customers by itself; a *replies.Responder does.
type Replies interface {
	Try(ctx context.Context, s models.Replies, text string) (replies.Trial, error)
}

func (s *Server) registerReplies(r fiber.Router) {
	r.Get("/numbers/:id<int>/replies", s.client(s.handleRepliesGet))
	r.Put("/numbers/:id<int>/replies", s.client(s.handleRepliesSet))
	r.Delete("/numbers/:id<int>/replies", s.client(s.handleRepliesDelete))
	r.Post("/numbers/:id<int>/replies/try", s.client(s.handleRepliesTry))
}

// repliesJSON is how a number answers by itself, without its key.
type repliesJSON struct {
	Active      bool        `json:"active"`
	Kind        string      `json:"kind"` // model or responder
	URL         string      `json:"url"`
	Model       string      `json:"model"`
	HasKey      bool        `json:"has_key"`    // of the model
	HasSecret   bool        `json:"has_secret"` // what requests to the responder are signed with
	Prompt      string      `json:"prompt"`
	History     int         `json:"history"`      // messages of the conversation that the model is told
	MaxTokens   int         `json:"max_tokens"`   // 0: as the model likes
	Timeout     int         `json:"timeout"`      // seconds
	HourlyLimit int         `json:"hourly_limit"` // answers in one conversation
	DailyLimit  int         `json:"daily_limit"`  // answers of the number
	Keywords    []string    `json:"keywords"`     // that call a person
	Fallback    string      `json:"fallback"`     // what a customer is told when a person takes over; empty: nothing
	ActiveSince *event.Time `json:"active_since"` // null: never was
}

func repliesView(r models.Replies) *repliesJSON {
	model := r.Kind == models.RepliesByModel
	v := &repliesJSON{Active: r.Active, Kind: r.Kind, URL: r.URL, Model: r.Model, HasKey: model && r.Key != "", HasSecret: !model && r.Key != "", Prompt: r.Prompt,
		History: r.History, MaxTokens: r.MaxTokens, Timeout: int(r.Timeout / time.Second), HourlyLimit: r.PerHour, DailyLimit: r.PerDay,
		Keywords: append([]string{}, r.Keywords...), Fallback: r.Fallback, ActiveSince: timeView(r.Since)}
	return v
}

// repliesOf reads the settings of a business's number. Nil: nobody said.
func (s *Server) repliesOf(c *fiber.Ctx, who caller) (numberID int64, r *models.Replies, err error) {
	id, err := pathID(c, "id")
	if err != nil {
		return 0, nil, err
	}
	ns, err := s.store.Numbers(c.UserContext(), who.Business)
	if err != nil {
		return 0, nil, err
	}
	if !owns(ns, id) {
		return 0, nil, fmt.Errorf("number %d: %w", id, models.ErrNotFound)
	}
	found, err := s.store.RepliesOf(c.UserContext(), id)
	if errors.Is(err, models.ErrNotFound) {
		return id, nil, nil
	}
	return id, &found, err
}

func (s *Server) handleRepliesGet(c *fiber.Ctx, who caller) error {
	_, r, err := s.repliesOf(c, who)
	if err != nil {
		return err
	}
	var v *repliesJSON
	if r != nil {
		v = repliesView(*r)
	}
	return reply(c, http.StatusOK, map[string]*repliesJSON{"replies": v})
}

// repliesUpdated is how a number answers by itself after a change.
type repliesUpdated struct {
	Message string       `json:"message"`
	Secret  string       `json:"secret,omitempty"` // one that was made now; it is shown this once
	Replies *repliesJSON `json:"replies"`
}

func (s *Server) handleRepliesSet(c *fiber.Ctx, who caller) error {
	id, before, err := s.repliesOf(c, who) // whether the number is there comes before what is wrong with the request
	if err != nil {
		return err
	}
	after, made, err := s.setReplies(c.UserContext(), who.Business, id, c.Request().Body())
	if err != nil {
		return err
	}
	said := "Replies updated."
	switch {
	case after.Active:
	case before == nil:
		said = "Replies kept. The number does not answer yet: try them, then set active to true."
	default:
		said = "Replies updated. The number does not answer by itself: active is false."
	}
	return reply(c, http.StatusOK, repliesUpdated{said, made.Text(), repliesView(after)})
}

// setReplies does what a body says of how a number answers. The secret is one that was made for a responder.
func (s *Server) setReplies(ctx context.Context, businessID, id int64, body []byte) (after models.Replies, made models.Secret, err error) {
	ch, err := parseReplies(body)
	if err != nil {
		return after, "", err
	}
	if ch.url.given {
		if err := s.guard.CheckURL(ctx, ch.url.value); errors.Is(err, deliver.ErrForbidden) {
			return after, "", invalid("url", "url_forbidden", "leads to a place that the gateway may not reach: %s", err)
		} else if err != nil {
			return after, "", invalid("url", codeInvalid, "%s", err)
		}
	}
	after, err = s.store.SetReplies(ctx, businessID, id, func(r *models.Replies) error {
		if r.Kind == "" {
			*r = repliesAtFirst(*r)
		}
		made, err = ch.apply(r)
		return err
	})
	if err == nil {
		s.refresh(ctx)
	}
	return after, made, err
}

func (s *Server) handleRepliesDelete(c *fiber.Ctx, who caller) error {
	id, _, err := s.repliesOf(c, who)
	if err != nil {
		return err
	}
	if err := s.store.DropReplies(c.UserContext(), who.Business, id); err != nil {
		return err
	}
	s.refresh(c.UserContext())
	return reply(c, http.StatusOK, message{"The number does not answer by itself any more. Its key is forgotten."})
}

// replyTrialJSON is what a customer would be answered.
type replyTrialJSON struct {
	Outcome   string `json:"outcome"` // answer, hand_over or silence
	Text      string `json:"text"`    // what the customer would read; empty: nothing
	Reason    string `json:"reason"`  // of a hand-over, in a word
	Detail    string `json:"detail"`  // and in a sentence
	LatencyMS int64  `json:"latency_ms"`
}

func (s *Server) handleRepliesTry(c *fiber.Ctx, who caller) error {
	_, r, err := s.repliesOf(c, who)
	if err != nil {
		return err
	}
	o := parseObject(c.Request().Body(), "text")
	text := member[string](o, "text", "text")
	if o.err != nil {
		return o.err
	}
	t, err := s.tryReplies(c.UserContext(), r, text.value)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, replyTrialJSON{Outcome: t.Outcome, Text: t.Text, Reason: t.Reason, Detail: t.Detail, LatencyMS: t.Took.Milliseconds()})
}

// tryReplies asks what settings would answer; nil settings are none.
func (s *Server) tryReplies(ctx context.Context, r *models.Replies, text string) (t replies.Trial, err error) {
	if err := checkText("text", text, true, maxReplyText); err != nil {
		return t, err
	}
	switch {
	case s.replies == nil:
		return t, notHere("answers customers by itself")
	case r == nil:
		return t, &Error{Status: http.StatusConflict, Code: "no_replies", Message: "nobody said yet how this number answers: PUT its replies first"}
	}
	// What an answer may take is the business's affair and not that of ordinary requests.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.Timeout+5*time.Second)
	defer cancel()
	return s.replies.Try(ctx, *r, text)
}

// applyAI does what a request says of the AI in a conversation.
func (ch conversationChange) applyAI(s *models.ConversationSettings, now time.Time) {
	switch {
	case !ch.ai.given:
	case bool(ch.ai.value):
		// Since now: what people of the business wrote before does not count any more.
		s.AI = models.AISetting{At: now.UTC()}
	case s.AI.Off == "":
		s.AI = models.AISetting{Off: aiOffByPerson, At: now.UTC()}
	}
}

// aiOffByPerson is the reason of an AI that somebody switched off by hand.
const aiOffByPerson = "person"

// repliesAtFirst are the settings that the first change begins with.
func repliesAtFirst(r models.Replies) models.Replies {
	r.Kind, r.History, r.Timeout, r.PerHour, r.PerDay = models.RepliesByModel, 20, 20*time.Second, 30, 1000
	r.Keywords = slices.Clone(firstKeywords[:])
	return r
}

// firstKeywords call a person unless a business says otherwise.
var firstKeywords = [...]string{"agent", "human", "موظف"}
