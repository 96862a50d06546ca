package api

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
)

// typedForm is a form as somebody filled it in, or as it is at first, with what is wrong with it.
type typedForm struct {
	values map[string]string
	wrong  *Error
}

// readForm copies fields out of a request.
func readForm(c *fiber.Ctx, names ...string) typedForm {
	f := typedForm{values: make(map[string]string, len(names))}
	for _, name := range names {
		f.values[name] = strings.Clone(c.FormValue(name))
	}
	return f
}

// refuse keeps what is wrong, to be shown beside its field. An error that is not for the outside is given back.
func (f *typedForm) refuse(err error) error {
	if e := public(err); e != nil {
		f.wrong = e
		return nil
	}
	return err
}

// status is that of the page that shows the form.
func (f typedForm) status() int {
	if f.wrong != nil {
		return f.wrong.Status
	}
	return fiber.StatusOK
}

// field is a field with what was typed into it, and what is wrong with that.
func (f typedForm) field(d dashboard.Field) dashboard.Field {
	d.Value = f.values[d.Name]
	if d.Type == "password" {
		d.Value = "" // a page does not give back what was typed as a secret
	}
	if f.wrong != nil && f.wrong.Field == d.Name {
		d.Error = sentence(f.wrong)
	}
	for i := range d.Options {
		d.Options[i].Chosen = d.Options[i].Value == d.Value
	}
	return d
}

func (f typedForm) fields(ds ...dashboard.Field) []dashboard.Field { return views(ds, f.field) }

// general is what is wrong with no field of those that the page has; empty: nothing.
func (f typedForm) general(shown ...[]dashboard.Field) string {
	if f.wrong == nil {
		return ""
	}
	for _, some := range shown {
		for _, d := range some {
			if d.Name == f.wrong.Field {
				return ""
			}
		}
	}
	if f.wrong.Field != "" {
		return f.wrong.Field + ": " + sentence(f.wrong)
	}
	return sentence(f.wrong)
}

// body is what the API takes for the same: the named fields that are not blank, those of whole (numbers) as numbers and those
// of ticks (boxes) as true or false.
func (f typedForm) body(texts, whole, ticks []string) []byte {
	o := map[string]any{}
	for _, name := range texts {
		if strings.TrimSpace(f.values[name]) != "" {
			o[name] = f.values[name]
		}
	}
	for _, name := range whole {
		if text := strings.TrimSpace(f.values[name]); text != "" {
			o[name] = numberOrText(text)
		}
	}
	for _, name := range ticks {
		o[name] = f.values[name] != ""
	}
	b, _ := json.Marshal(o) // texts, numbers and booleans always marshal
	return b
}

// numberOrText is a number as JSON writes it; what is none stays text, so that whoever reads it refuses it.
func numberOrText(text string) any {
	var n json.Number
	if json.Unmarshal([]byte(text), &n) == nil && text[0] != '"' {
		return n
	}
	return text
}

// refusalOf is what is shown of an error that took several steps; nil: it is told beside a field.
func refusalOf(e *Error) *dashboard.Refusal {
	if e == nil {
		return nil
	}
	r := &dashboard.Refusal{Message: sentence(e), Advice: e.Advice}
	if p := e.Platform; p != nil {
		r.TraceID = p.TraceID
		var parts []string
		for _, part := range []string{p.Code, p.Title, p.Details} {
			if part != "" {
				parts = append(parts, part)
			}
		}
		r.Platform = strings.Join(parts, ", ")
	}
	return r
}

// asError is the refusal in an error; nil: there is none.
func asError(err error) *Error {
	var e *Error
	errors.As(err, &e)
	return e
}
