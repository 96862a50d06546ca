package api

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	replies "wabagate/gateway/reply"
	"wabagate/models"
)

// replyTexts and replyNumbers are the fields of the form that says how a number answers, besides its ticks and its keywords.
var (
	replyTexts   = []string{"kind", "url", "model", "prompt", "fallback"}
	replyNumbers = []string{"history", "max_tokens", "timeout", "hourly_limit", "daily_limit"}
)

func (s *Server) pageReplies(c *fiber.Ctx, who caller) error {
	_, r, err := s.repliesOf(c, who)
	if err != nil {
		return err
	}
	return s.showReplies(c, who, formOfReplies(r), func(*dashboard.NumberReplies) {})
}

// formOfReplies is the form of settings as they are; nil: of those that a first change begins with.
func formOfReplies(r *models.Replies) typedForm {
	if r == nil {
		first := repliesAtFirst(models.Replies{})
		r = &first
	}
	f := typedForm{values: map[string]string{"kind": r.Kind, "url": r.URL, "model": r.Model, "prompt": r.Prompt, "fallback": r.Fallback,
		"history": strconv.Itoa(r.History), "timeout": strconv.Itoa(int(r.Timeout / time.Second)), "hourly_limit": strconv.Itoa(r.PerHour), "daily_limit": strconv.Itoa(r.PerDay),
		"keywords": strings.Join(r.Keywords, "\n")}}
	if r.MaxTokens > 0 {
		f.values["max_tokens"] = strconv.Itoa(r.MaxTokens)
	}
	if r.Active {
		f.values["active"] = "1"
	}
	return f
}

// repliesBody is what the API takes for the form. A key or secret that is blank stays as it is; everything else is as the form
// says.
func repliesBody(f typedForm) []byte {
	o := map[string]any{"active": f.values["active"] != "", "keywords": strings.FieldsFunc(f.values["keywords"], func(r rune) bool { return r == '\n' || r == '\r' || r == ',' })}
	for _, name := range replyTexts {
		o[name] = f.values[name]
	}
	for _, name := range replyNumbers {
		if text := strings.TrimSpace(f.values[name]); text != "" {
			o[name] = numberOrText(text)
		} else if name == "max_tokens" {
			o[name] = 0
		}
	}
	if credential := strings.TrimSpace(f.values["credential"]); credential != "" {
		o[credentialOf(f.values["kind"])] = credential
	}
	var keywords []string
	for _, k := range o["keywords"].([]string) {
		if k = strings.TrimSpace(k); k != "" {
			keywords = append(keywords, k)
		}
	}
	o["keywords"] = append([]string{}, keywords...)
	b, _ := json.Marshal(o) // texts, numbers and booleans always marshal
	return b
}

// credentialOf is what the one field for a secret is called in the API: a model has a key, a responder a secret.
func credentialOf(kind string) string {
	if kind == models.RepliesByResponder {
		return "secret"
	}
	return "key"
}

func (s *Server) submitReplies(c *fiber.Ctx, who caller) error {
	id, _, err := s.repliesOf(c, who)
	if err != nil {
		return err
	}
	in := readForm(c, append([]string{"active", "keywords", "credential"}, append(replyTexts, replyNumbers...)...)...)
	_, made, err := s.setReplies(c.UserContext(), who.Business, id, repliesBody(in))
	if err != nil {
		if err := in.refuse(err); err != nil {
			return err
		}
		if in.wrong.Field == credentialOf(in.values["kind"]) {
			wrong := *in.wrong
			wrong.Field, in.wrong = "credential", &wrong
		}
		return s.showReplies(c, who, in, func(*dashboard.NumberReplies) {})
	}
	if made != "" { // it is shown this once
		return s.showReplies(c, who, in, func(v *dashboard.NumberReplies) { v.Secret = made.Text() })
	}
	return back(c, numberPath(id)+"/replies", "replies-saved")
}

func (s *Server) submitRepliesDelete(c *fiber.Ctx, who caller) error {
	id, _, err := s.repliesOf(c, who)
	if err != nil {
		return err
	}
	if err := s.store.DropReplies(c.UserContext(), who.Business, id); err != nil {
		return err
	}
	s.refresh(c.UserContext())
	return back(c, numberPath(id)+"/replies", "replies-deleted")
}

func (s *Server) submitRepliesTry(c *fiber.Ctx, who caller) error {
	_, r, err := s.repliesOf(c, who)
	if err != nil {
		return err
	}
	asked := readForm(c, "text")
	t, err := s.tryReplies(c.UserContext(), r, asked.values["text"])
	if err != nil {
		if err := asked.refuse(err); err != nil {
			return err
		}
	}
	in := formOfReplies(r)
	in.wrong = asked.wrong
	return s.showReplies(c, who, in, func(v *dashboard.NumberReplies) {
		v.Try = asked.field(v.Try)
		if asked.wrong == nil {
			v.Trial = replyTrial(asked.values["text"], t, s.now())
		}
	})
}

// replyTrial shows what a customer would be answered.
func replyTrial(asked string, t replies.Trial, now time.Time) *dashboard.ReplyTrial {
	at := dashboard.NewWhen(now, now)
	v := &dashboard.ReplyTrial{Asked: dashboard.Bubble{Text: asked, At: at}, Answer: dashboard.Bubble{Out: true, Actor: "AI", Text: t.Text, At: at}, Latency: latencyText(t.Took)}
	switch t.Outcome {
	case "answer":
		v.Badge, v.Text = dashboard.Badge{Tone: "good", Text: "answered"}, "The customer would read this."
	case "hand_over":
		v.Badge, v.Text = dashboard.Badge{Tone: "wait", Text: "handed over"}, "A person would take over: "+firstRunes(t.Detail, maxReplyText)
	default:
		v.Badge, v.Text = dashboard.Badge{Text: "silence"}, "The customer would read nothing. "+t.Detail
	}
	return v
}

// showReplies draws the page of a number's replies with the form as it is filled in.
func (s *Server) showReplies(c *fiber.Ctx, who caller, in typedForm, with func(*dashboard.NumberReplies)) error {
	n, _, err := s.pathNumber(c, who)
	if err != nil {
		return err
	}
	_, r, err := s.repliesOf(c, who)
	if err != nil {
		return err
	}
	view := dashboard.NumberReplies{Shell: shell(who, "Automatic replies"), Set: r != nil, Active: in.values["active"] != "",
		Kinds: []dashboard.Choice{{Value: models.RepliesByModel, Label: "A model", Hint: "Any OpenAI-compatible API: a provider's, or one of your own."},
			{Value: models.RepliesByResponder, Label: "A server of mine", Hint: "It gets a signed request for each message and answers with the text."}}}
	for i := range view.Kinds {
		view.Kinds[i].Chosen = view.Kinds[i].Value == in.values["kind"]
	}
	if view.Head, err = s.numberHead(c.UserContext(), who, n, "/replies"); err != nil {
		return err
	}
	kept := "Kept encrypted and never shown again."
	if r != nil && r.Key != "" {
		kept = "There is one; blank leaves it."
	}
	if r != nil {
		view.Active, view.Since = r.Active, dashboard.NewWhen(r.Since, s.now())
	}
	view.Both = in.fields(dashboard.Field{Name: "url", Label: "Address", Type: "url", Required: true, Placeholder: "https://api.openai.com/v1", Hint: "Of a model the base address of its API, of a server of yours the address that is posted to."},
		dashboard.Field{Name: "credential", Label: "Key of the model, or secret of the server", Type: "password", Complete: "off", Hint: kept})
	view.Model = in.fields(dashboard.Field{Name: "model", Label: "Model", Placeholder: "gpt-4.1-mini", Max: maxModel},
		dashboard.Field{Name: "prompt", Label: "Instructions", Type: "textarea", Rows: 8, Max: maxPrompt, Placeholder: "You answer the customers of a bookshop in Riyadh, briefly and in their language."},
		dashboard.Field{Name: "history", Label: "Turns", Hint: "How many messages of the conversation the model is told, 1 to 100."},
		dashboard.Field{Name: "max_tokens", Label: "Longest answer, in tokens", Hint: "Blank: as long as the model likes."})
	view.Responder = in.fields(dashboard.Field{Name: "timeout", Label: "Seconds to answer", Hint: "1 to 60. Later answers are dropped, and a person takes over."},
		dashboard.Field{Name: "hourly_limit", Label: "Answers in one conversation per hour"}, dashboard.Field{Name: "daily_limit", Label: "Answers of the number per day"},
		dashboard.Field{Name: "keywords", Label: "Words that call a person", Type: "textarea", Rows: 4, Hint: "One a line. Whoever writes one of them gets a person."},
		dashboard.Field{Name: "fallback", Label: "What the customer is told then", Type: "textarea", Rows: 2, Max: maxReplyText, Hint: "Blank: nothing."})
	view.Try = dashboard.Field{Name: "text", Label: "What a customer writes", Type: "textarea", Rows: 2, Required: true, Max: maxReplyText, Placeholder: "Where is my order?"}
	view.Error = in.general(view.Both, view.Model, view.Responder, []dashboard.Field{view.Try})
	view.Delete = dashboard.Danger{Summary: "Forget these settings…", Button: "Forget them", Action: numberPath(n.ID) + "/replies/delete",
		Text: "The number does not answer by itself any more, and the key or secret is forgotten. Conversations stay as they are."}
	with(&view)
	return s.render(c, in.status(), view)
}
