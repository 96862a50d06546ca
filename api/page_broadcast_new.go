package api

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/gateway/broadcast"
	"wabagate/models"
)

// draftFields are those of the form that makes a broadcast.
var draftFields = []string{"name", "number_id", "template_name", "template_language", "header_type", "header", "values", "button", "body", "scheduled_at", "pace"}

func (s *Server) pageBroadcastNew(c *fiber.Ctx, who caller) error {
	if !who.may(workers) {
		return back(c, "/broadcasts", "")
	}
	return s.showBroadcastForm(c, who, typedForm{values: map[string]string{"template_language": "ar"}}, dashboard.LetterPreview{})
}

func (s *Server) submitBroadcastNew(c *fiber.Ctx, who caller) error {
	if s.sending == nil {
		return notHere("sends broadcasts")
	}
	in := readForm(c, draftFields...)
	d, err := draftOf(in)
	if err == nil {
		err = s.checkDraft(c.UserContext(), who.Business, d)
	}
	if err != nil {
		preview := previewOf(d.letter, models.Recipient{}, err)
		if err := in.refuse(err); err != nil {
			return err
		}
		return s.showBroadcastForm(c, who, in, preview)
	}
	b, _, err := s.keepDraft(c.UserContext(), who.Business, d)
	if err != nil {
		return err
	}
	return back(c, broadcastPath(b.ID), "drafted")
}

// submitBroadcastCheck says what is wrong with a message, and keeps nothing.
func (s *Server) submitBroadcastCheck(c *fiber.Ctx, who caller) error {
	noteOf(c.UserContext()).nothing()
	in := readForm(c, draftFields...)
	d, err := draftOf(in)
	if err == nil {
		err = s.checkDraft(c.UserContext(), who.Business, d)
	}
	if err != nil && public(err) == nil {
		return err
	}
	return s.showBroadcastForm(c, who, in, previewOf(d.letter, models.Recipient{}, err))
}

// draftOf is the draft that the form describes.
func draftOf(in typedForm) (draft, error) {
	body, err := draftBody(in)
	if err != nil {
		return draft{}, err
	}
	return parseDraft(body)
}

// draftBody is what the API takes for the form.
func draftBody(in typedForm) ([]byte, error) {
	v := func(name string) string { return strings.TrimSpace(in.values[name]) }
	o := map[string]any{"name": v("name")}
	if v("number_id") != "" {
		o["number_id"] = numberOrText(v("number_id"))
	}
	if v("pace") != "" {
		o["pace"] = numberOrText(v("pace"))
	}
	if at := v("scheduled_at"); at != "" {
		if len(at) == len("2026-11-21T10:00") { // as browsers write it
			at += ":00Z"
		}
		o["scheduled_at"] = at
	}
	switch {
	case v("body") != "":
		if !json.Valid([]byte(v("body"))) {
			var any json.RawMessage
			return nil, invalid("body", codeInvalid, "is not JSON%s", whereWrong(json.Unmarshal([]byte(v("body")), &any)))
		}
		o["body"] = json.RawMessage(v("body"))
	default:
		o["template"] = templateOf(v)
	}
	return json.Marshal(o)
}

// templateOf is the platform's template of a form.
func templateOf(v func(name string) string) map[string]any {
	text := func(value string) map[string]any { return map[string]any{"type": "text", "text": value} }
	var components []any
	if kind := v("header_type"); kind != "" {
		parameter := text(v("header"))
		if kind != "text" {
			parameter = map[string]any{"type": kind, kind: map[string]string{"link": v("header")}}
		}
		components = append(components, map[string]any{"type": "header", "parameters": []any{parameter}})
	}
	var values []any
	for line := range strings.Lines(v("values")) {
		if line = strings.TrimSpace(line); line != "" {
			values = append(values, text(line))
		}
	}
	if len(values) > 0 {
		components = append(components, map[string]any{"type": "body", "parameters": values})
	}
	if v("button") != "" {
		components = append(components, map[string]any{"type": "button", "sub_type": "url", "index": "0", "parameters": []any{text(v("button"))}})
	}
	template := map[string]any{"name": v("template_name"), "language": v("template_language")}
	if len(components) > 0 {
		template["components"] = components
	}
	return template
}

// previewOf shows a message to a recipient, or with placeholders to nobody, and what is wrong with it.
func previewOf(l broadcast.Letter, to models.Recipient, wrong error) dashboard.LetterPreview {
	p := dashboard.LetterPreview{Asked: true, Variables: l.Names()}
	if len(p.Variables) > 0 {
		p.Columns = strings.Join(append([]string{"to"}, p.Variables...), ",")
	}
	if e := asError(wrong); e != nil {
		all := e.All
		if len(all) == 0 {
			all = []*Error{e}
		}
		for _, one := range all {
			p.Problems = append(p.Problems, dashboard.Problem{Where: one.Field, Why: one.Message})
		}
		return p
	}
	if to.Variables == nil {
		to.Variables = map[string]string{}
		for _, name := range p.Variables {
			to.Variables[name] = "{{" + name + "}}"
		}
	}
	sent, _ := l.For(to) // of a message to nobody it is as far as it came
	p.Text = string(sent.Body)
	var template struct {
		Template struct {
			Name       string
			Components []struct {
				Parameters []struct{ Text string }
			}
		}
	}
	_ = json.Unmarshal(sent.Body, &template) // it was read before
	p.Bubble = dashboard.Bubble{Out: true, Text: sent.Text, Kind: sent.Type}
	if name := template.Template.Name; name != "" && sent.Text == "" {
		lines := []string{"Template " + name}
		for _, component := range template.Template.Components {
			for _, parameter := range component.Parameters {
				lines = append(lines, parameter.Text)
			}
		}
		p.Bubble.Text = strings.TrimSpace(strings.Join(lines, "\n"))
	}
	return p
}

// showBroadcastForm draws the form that makes a broadcast.
func (s *Server) showBroadcastForm(c *fiber.Ctx, who caller, in typedForm, preview dashboard.LetterPreview) error {
	numbers, err := s.senderChoices(c, who)
	if err != nil {
		return err
	}
	if in.wrong != nil { // the fields of the form have other names than those of the message
		wrong := *in.wrong
		switch {
		case wrong.Field == "template.name":
			wrong.Field = "template_name"
		case wrong.Field == "template.language", wrong.Field == "template.language.code":
			wrong.Field = "template_language"
		}
		in.wrong = &wrong
	}
	view := dashboard.BroadcastForm{Shell: shell(who, "New broadcast"), Above: []dashboard.Crumb{{Label: "Broadcasts", Path: "/broadcasts"}}, Preview: preview}
	view.About = in.fields(dashboard.Field{Name: "name", Label: "Name, for you", Max: maxName, Placeholder: "White Friday"},
		dashboard.Field{Name: "number_id", Label: "Number that sends it", Type: "select", Options: numbers})
	view.Template = in.fields(dashboard.Field{Name: "template_name", Label: "Template", Placeholder: "order_update", Complete: "off", Hint: "Its name in WhatsApp Manager; it must be approved."},
		dashboard.Field{Name: "template_language", Label: "Language", Placeholder: "ar", Complete: "off", Hint: "Its code, such as ar or en_US."},
		dashboard.Field{Name: "header_type", Label: "Header", Type: "select", Options: []dashboard.Choice{{Label: "None, or without a placeholder"}, {Value: "text", Label: "Text"}, {Value: "image", Label: "Image"}, {Value: "video", Label: "Video"}, {Value: "document", Label: "Document"}}},
		dashboard.Field{Name: "header", Label: "Value of the header", Hint: "A text, or the https address of the file."},
		dashboard.Field{Name: "values", Label: "Values of the body", Type: "textarea", Rows: 4, Placeholder: "{{name}}\n{{order}}", Hint: "One a line, in the order of the template's placeholders."},
		dashboard.Field{Name: "button", Label: "Value of the first button", Hint: "What is put at the end of its address, or its code."})
	view.Body = in.fields(dashboard.Field{Name: "body", Label: "Body, JSON", Type: "textarea", Rows: 12, Hint: "As the Cloud API takes it, without to. It takes the place of the template above.",
		Placeholder: `{"type":"template","template":{"name":"order_update","language":{"code":"ar"}}}`})
	view.BodyOpen = in.values["body"] != ""
	view.Pace = in.fields(dashboard.Field{Name: "scheduled_at", Label: "Not before (UTC)", Type: "datetime-local", Hint: "Blank: as soon as you start it."},
		dashboard.Field{Name: "pace", Label: "Messages per second", Hint: "Blank: as many as the number may send, less what others send from it."})
	view.Error = in.general(view.About, view.Template, view.Body, view.Pace)
	if len(preview.Problems) > 0 && in.wrong != nil && view.Error != "" {
		view.Error = "The message cannot be sent like this: see the preview."
	}
	return s.render(c, in.status(), view)
}

// senderChoices are the business's numbers, after what else there is to choose.
func (s *Server) senderChoices(c *fiber.Ctx, who caller, first ...dashboard.Choice) ([]dashboard.Choice, error) {
	ns, err := s.store.Numbers(c.UserContext(), who.Business)
	for _, n := range ns {
		first = append(first, dashboard.Choice{Value: strconv.FormatInt(n.ID, 10), Label: numberText(n)})
	}
	return first, err
}

func (s *Server) pageBroadcastRegister(c *fiber.Ctx, who caller) error {
	if !who.may(workers) {
		return back(c, "/broadcasts", "")
	}
	return s.showRegister(c, who, typedForm{})
}

func (s *Server) submitBroadcastRegister(c *fiber.Ctx, who caller) error {
	in := readForm(c, "reference", "name", "template_name", "total_recipients", "number_id")
	b, err := s.registerElsewhere(c.UserContext(), who.Business, in.body([]string{"reference", "name", "template_name"}, []string{"total_recipients", "number_id"}, nil))
	if err != nil {
		if err := in.refuse(err); err != nil {
			return err
		}
		return s.showRegister(c, who, in)
	}
	return back(c, broadcastPath(b.ID), "registered")
}

func (s *Server) showRegister(c *fiber.Ctx, who caller, in typedForm) error {
	numbers, err := s.senderChoices(c, who, dashboard.Choice{Label: "Several, or not known"})
	if err != nil {
		return err
	}
	view := dashboard.BroadcastRegister{Shell: shell(who, "Register a broadcast"), Above: []dashboard.Crumb{{Label: "Broadcasts", Path: "/broadcasts"}}}
	view.Fields = in.fields(dashboard.Field{Name: "reference", Label: "Reference", Required: true, Max: maxReference, Complete: "off", Placeholder: "friday-2026", Hint: "What its messages carry in their tracking strings: broadcast=friday-2026;"},
		dashboard.Field{Name: "name", Label: "Name, for you", Max: maxName}, dashboard.Field{Name: "template_name", Label: "Template", Complete: "off"},
		dashboard.Field{Name: "total_recipients", Label: "Recipients in all", Required: true, Hint: fmt.Sprintf("1 to %s: it says when the broadcast is complete.", grouped(maxRecipients))},
		dashboard.Field{Name: "number_id", Label: "Number", Type: "select", Options: numbers})
	view.Error = in.general(view.Fields)
	return s.render(c, in.status(), view)
}
