package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/api/openapi"
)

// reading is the shell of a page that everybody may read: that of whoever is logged in, else that of a page before the login.
func (s *Server) reading(c *fiber.Ctx, title string) (dashboard.Shell, error) {
	if user, err := s.sessionUser(c); err == nil {
		sh, err := s.shellOf(c, caller{Business: user.BusinessID, User: &user})
		sh.Title = title
		return sh, err
	}
	return gateShell(c, title), nil
}

// pageDocs lists what programs can ask for.
func (s *Server) pageDocs(c *fiber.Ctx) error {
	d, err := s.document()
	if err != nil {
		return err
	}
	sh, err := s.reading(c, "API")
	if err != nil {
		return err
	}
	search := strings.TrimSpace(strings.Clone(c.Query("q")))
	if err := checkText("q", search, false, maxName); err != nil {
		return err
	}
	return s.render(c, http.StatusOK, dashboard.Docs{Shell: sh, About: d.Description, Search: search, Topics: docTopics(d.Document, search)})
}

// docTopics are the operations that a search finds, by their topics.
func docTopics(d openapi.Document, search string) (list []dashboard.DocTopic) {
	for _, tag := range d.Tags {
		t := dashboard.DocTopic{Name: tag.Name, About: tag.Description}
		for _, o := range d.Operations {
			if o.Tag == tag.Name && found(search, o.Tag, o.Method+" "+o.Path, o.ID, o.Summary) {
				t.Operations = append(t.Operations, dashboard.DocLine{ID: o.ID, Method: o.Method, Path: o.Path, Summary: o.Summary})
			}
		}
		if len(t.Operations) > 0 {
			list = append(list, t)
		}
	}
	return list
}

// found says whether every word of a search is in one of the texts.
func found(search string, texts ...string) bool {
	all := strings.ToLower(strings.Join(texts, "\n"))
	for _, word := range strings.Fields(strings.ToLower(search)) {
		if !strings.Contains(all, word) {
			return false
		}
	}
	return true
}

// pageDocsOperation shows one operation.
func (s *Server) pageDocsOperation(c *fiber.Ctx) error {
	d, err := s.document()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(d.Operations, func(o openapi.Operation) bool { return o.ID == c.Params("id") })
	if i < 0 {
		return ofStatus(http.StatusNotFound)
	}
	v := docOperation(d.Document, d.Operations[i], s.base(c))
	if v.Shell, err = s.reading(c, v.Method+" "+v.Path); err != nil {
		return err
	}
	return s.render(c, http.StatusOK, v)
}

// docOperation is the page of an operation, of a server at an address.
func docOperation(d openapi.Document, o openapi.Operation, base string) dashboard.DocOperation {
	v := dashboard.DocOperation{Above: []dashboard.Crumb{{Label: "API", Path: "/docs"}}, Method: o.Method, Path: o.Path, Summary: o.Summary, Who: o.Description}
	for _, p := range o.Parameters {
		field := d.Fields(map[string]any{"properties": map[string]any{p.Name: p.Schema}})[0]
		v.Parameters = append(v.Parameters, dashboard.DocField{Name: p.Name, Type: p.In + ", " + field.Type, About: p.Description, Required: p.Required, Values: field.Values, Bounds: bounds(p.Schema)})
	}
	if o.Body != nil {
		for _, content := range o.Body.Content {
			v.Bodies = append(v.Bodies, dashboard.DocBody{Type: content.Type, Fields: docFields(d, content.Schema), Sample: d.SampleText(content)})
		}
	}
	for _, a := range o.Answers {
		one := dashboard.DocAnswer{Status: a.Status, About: a.Description}
		if a.Status >= "4" {
			v.Refusals = append(v.Refusals, one)
			v.Refusal = docFields(d, a.Content[0].Schema)
			continue
		}
		for _, content := range a.Content {
			one.Type, one.Fields = content.Type, docFields(d, content.Schema)
			if content.Type == fiber.MIMEApplicationJSON {
				one.Sample = sampleText(d.Sample(content.Schema))
			}
		}
		for i := range one.Fields { // what is required is what is to be sent
			one.Fields[i].Required = false
		}
		v.Answers = append(v.Answers, one)
	}
	for i := range v.Refusal {
		v.Refusal[i].Required = false
	}
	v.Command = docCommand(o, v, base)
	return v
}

func docFields(d openapi.Document, schema map[string]any) (list []dashboard.DocField) {
	for _, f := range d.Fields(schema) {
		list = append(list, dashboard.DocField{Name: f.Name, Type: f.Type, About: f.About, Required: f.Required, Values: f.Values})
	}
	return list
}

// bounds are the least and the greatest that a number may be; empty: not said.
func bounds(schema map[string]any) string {
	least, ok := schema["minimum"]
	most, too := schema["maximum"]
	if !ok || !too {
		return ""
	}
	return sampleText(least) + " to " + sampleText(most)
}

func sampleText(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return ""
	}
	return strings.TrimSpace(b.String())
}

// docCommand is a shell command that asks for an operation.
func docCommand(o openapi.Operation, v dashboard.DocOperation, base string) string {
	const next = " \\\n  "
	var b strings.Builder
	b.WriteString("curl -X " + o.Method + " " + quoted(base+o.Path))
	switch {
	case slices.Contains(o.Schemes, schemeD360):
		b.WriteString(next + "-H " + quoted(keyHeader+": wbn_…"))
	case slices.Contains(o.Schemes, schemeKey):
		b.WriteString(next + "-H " + quoted("Authorization: Bearer wbk_…"))
	case slices.Contains(o.Schemes, schemeSession):
		b.WriteString(next + "-b " + quoted(sessionCookie+"=…"))
	}
	if len(v.Bodies) > 0 && v.Bodies[0].Sample != "" {
		b.WriteString(next + "-H " + quoted("Content-Type: "+v.Bodies[0].Type) + next + "-d " + quoted(v.Bodies[0].Sample))
	}
	return b.String()
}
