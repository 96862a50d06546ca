package wabatest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// templateCall is a send of a template.
type templateCall struct {
	Name     string `json:"name"`
	Language *struct {
		Code string `json:"code"`
	} `json:"language"`
	Components []component `json:"components"`
}

type component struct {
	Type       string          `json:"type"`
	SubType    string          `json:"sub_type"`
	Index      json.Number     `json:"index"`
	Parameters []templateValue `json:"parameters"`
}

type templateValue struct {
	Type    string  `json:"type"`
	Name    string  `json:"parameter_name"`
	Text    *string `json:"text"`
	Payload string  `json:"payload"`
}

// draft is one component of a template as it was created.
type draft struct {
	Type    string `json:"type"`
	Format  string `json:"format"` // of a header
	Text    string `json:"text"`
	Buttons []struct {
		Type string `json:"type"`
		Text string `json:"text"`
		URL  string `json:"url"`
	} `json:"buttons"`
}

// check checks what needs no template.
func (t *templateCall) check() *refusal {
	switch {
	case t == nil:
		return missing("template")
	case t.Name == "":
		return missing("template['name']")
	case t.Language == nil || t.Language.Code == "":
		return missing("template['language']['code']")
	}
	return nil
}

var variable = regexp.MustCompile(`\{\{\s*[A-Za-z0-9_]+\s*\}\}`)

// variables counts the distinct variables of a text.
func variables(text string) int {
	found := variable.FindAllString(text, -1)
	slices.Sort(found)
	return len(slices.Compact(found))
}

// call checks a send against the account's templates, and returns the one that it names.
func (a *account) call(t *templateCall) (Template, *refusal) {
	for _, have := range a.templates {
		if have.Name != t.Name || have.Language != t.Language.Code {
			continue
		}
		switch have.Status {
		case "PAUSED":
			return have, &refusal{code: 132015}
		case "DISABLED":
			return have, &refusal{code: 132016}
		case "APPROVED":
			return have, have.check(t.Components)
		}
	}
	return Template{}, &refusal{code: 132001, details: fmt.Sprintf("template name (%.60s) does not exist in %.20s", t.Name, t.Language.Code)}
}

// check compares the values of a send with the variables of the template.
func (t Template) check(given []component) *refusal {
	var drafts []draft
	if json.Unmarshal(t.Components, &drafts) != nil {
		return nil // made by hand and unreadable: takes anything
	}
	values := func(kind string) []templateValue {
		for _, c := range given {
			if strings.EqualFold(c.Type, kind) {
				return c.Parameters
			}
		}
		return nil
	}
	for _, d := range drafts {
		switch strings.ToUpper(d.Type) {
		case "BODY":
			if bad := countValues("body", values("body"), variables(d.Text)); bad != nil {
				return bad
			}
		case "HEADER":
			if d.Format == "" || d.Format == "TEXT" {
				if bad := countValues("header", values("header"), variables(d.Text)); bad != nil {
					return bad
				}
				continue
			}
			want := strings.ToLower(d.Format)
			if v := values("header"); len(v) != 1 || v[0].Type != want {
				return &refusal{code: 132012, details: "header: Format mismatch, expected " + strings.ToUpper(want)}
			}
		case "BUTTONS":
			if bad := d.checkButtons(given); bad != nil {
				return bad
			}
		}
	}
	return nil
}

func countValues(where string, values []templateValue, want int) *refusal {
	if len(values) != want {
		return &refusal{code: 132000, details: fmt.Sprintf("%s: number of localizable_params (%d) does not match the expected number of params (%d)",
			where, len(values), want)}
	}
	for i, v := range values {
		if v.Type == "text" && (v.Text == nil || *v.Text == "") {
			return missing(fmt.Sprintf("template['components'] of the %s, ['parameters'][%d]['text']", where, i))
		}
	}
	return nil
}

// checkButtons wants a value for every button whose address or code has one.
func (d draft) checkButtons(given []component) *refusal {
	for i, b := range d.Buttons {
		if variables(b.URL) == 0 && b.Type != "OTP" {
			continue
		}
		index := fmt.Sprint(i)
		found := slices.ContainsFunc(given, func(c component) bool {
			return strings.EqualFold(c.Type, "button") && c.Index.String() == index && len(c.Parameters) > 0
		})
		if !found {
			return &refusal{code: 131008, details: fmt.Sprintf("buttons: Button at index %d of type %s requires a parameter", i, b.Type)}
		}
	}
	return nil
}

// quickReply is the text of the template's first quick reply; empty for none.
func (t Template) quickReply() string {
	var drafts []draft
	_ = json.Unmarshal(t.Components, &drafts) // unreadable ones have no buttons
	for _, d := range drafts {
		for _, b := range d.Buttons {
			if b.Type == "QUICK_REPLY" {
				return b.Text
			}
		}
	}
	return ""
}
