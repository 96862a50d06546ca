package api

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/openapi"
	"wabagate/fanout/check"
	"wabagate/fanout/dialect"
	"wabagate/models"
)

// operation is what the OpenAPI document says of a route that the route does not say by itself. Who may call it comes from
// rightsAt, what it takes and answers from the types of its handler.
type operation struct {
	// method and path are those of the route; a path without a slash at its beginning is below /api/client.
	method, path string
	id, summary  string
	query        any // a struct of what is optional; nil: none
	headers      []openapi.Parameter
	body         *taken
	answers      []answered
	refusals     []int // beside those that go with its kind; see refusalsOf
	// inPerson says that keys are refused, whatever rightsAt says; open, that nobody needs to say who they are.
	inPerson, open bool
}

// taken is a request's body.
type taken struct {
	of       any      // a struct, or a schema
	required []string // of its members
	sample   string   // of the first type
	optional bool     // there may be none
	types    []string // of content; empty: JSON
}

// answered is an answer that is no refusal.
type answered struct {
	status int
	of     any    // a struct or a map of one; nil: no body that is described
	typ    string // of content; empty: JSON
	about  string // empty: what the status is called
}

func op(method, path, id, summary string) operation {
	return operation{method: method, path: path, id: id, summary: summary}
}

// with is an operation whose list is narrowed by a query.
func (o operation) with(query any) operation {
	o.query = query
	return o
}

// takes is an operation with a body of JSON, an example of it, and the members that must be given.
func (o operation) takes(of any, sample string, required ...string) operation {
	o.body = &taken{of: of, sample: sample, required: required, optional: len(required) == 0}
	return o
}

func (o operation) gives(status int, of any) operation {
	o.answers = append(slices.Clip(o.answers), answered{status: status, of: of})
	return o
}

// ok is gives with 200.
func (o operation) ok(of any) operation { return o.gives(http.StatusOK, of) }

func (o operation) refuses(statuses ...int) operation {
	o.refusals = append(slices.Clip(o.refusals), statuses...)
	return o
}

func (o operation) byPerson() operation {
	o.inPerson = true
	return o
}

func (o operation) byAnybody() operation {
	o.open = true
	return o
}

// topic is a group of operations that the document shows together.
type topic struct {
	name, about string
	operations  []operation
}

// topics is all that the document tells of. TestOpenAPIIsWhatIsRegistered compares it with the routes.
func topics() []topic {
	return slices.Concat(accountTopics(), webhookTopics(), eventTopics(), peopleTopics(), broadcastTopics(), numberTopics(), operationsTopics())
}

// route is the operation's path as it is registered.
func (o operation) route() string {
	if strings.HasPrefix(o.path, "/") {
		return o.path
	}
	return "/api/client/" + o.path
}

// routeParameter is a parameter of a route; the last text is its constraint.
var routeParameter = regexp.MustCompile(`:([a-z]+)(<int>)?|\*`)

// pathOf is a route as the document writes it. A star is a wamid, which may hold slashes.
func pathOf(route string) string {
	return routeParameter.ReplaceAllStringFunc(route, func(p string) string { return "{" + parameterName(p) + "}" })
}

func parameterName(p string) string {
	if p == "*" {
		return "wamid"
	}
	return routeParameter.FindStringSubmatch(p)[1]
}

// The ways to say who one is.
const (
	schemeSession   = "session"
	schemeKey       = "businessKey"
	schemeNumberKey = "numberKey"
	schemeD360      = "numberKeyHeader"
	schemeMetrics   = "metricsToken"
)

func schemes() map[string]openapi.Scheme {
	return map[string]openapi.Scheme{
		schemeSession:   {Type: "apiKey", In: "cookie", Name: sessionCookie, Description: "The session that a login begins."},
		schemeKey:       {Type: "http", Scheme: "bearer", Description: "A key of the business (wbk_…)."},
		schemeNumberKey: {Type: "http", Scheme: "bearer", Description: "The key of one number (wbn_…)."},
		schemeD360:      {Type: "apiKey", In: "header", Name: keyHeader, Description: "The key of one number, in the header of 360dialog."},
		schemeMetrics:   {Type: "http", Scheme: "bearer", Description: "What the configuration says."},
	}
}

// opens are the schemes of which one opens an operation, and who may use it, in words.
func (o operation) opens() (list []string, who string) {
	switch {
	case o.open:
		return nil, "Anybody."
	case strings.HasPrefix(o.path, "/v1/"):
		return []string{schemeD360, schemeNumberKey}, "The key of a number."
	case strings.HasPrefix(o.path, "/api/admin/") && reads(o.method):
		return []string{schemeSession}, "Operators and viewers who are logged in."
	case strings.HasPrefix(o.path, "/api/admin/"):
		return []string{schemeSession}, "Operators who are logged in."
	case o.path == "/metrics":
		return []string{schemeMetrics}, "Anybody, or who has the token that the configuration may ask for."
	}
	who = map[right]string{anybody: "Everybody of the business, and its keys.", workers: "Owners and members, and keys of the business.", owners: "Owners, and keys of the business.",
		ownersInPerson: "Owners who are logged in.", oneself: "Whoever is logged in."}[needed(o.method, placeOf(o.route()))]
	if o.inPerson || (caller{Key: &models.APIKey{}}).refused(needed(o.method, placeOf(o.route()))) != nil {
		return []string{schemeSession}, strings.Replace(who, ", and keys of the business.", " who are logged in.", 1)
	}
	return []string{schemeKey, schemeSession}, who
}

// refusalsOf are the statuses with which an operation may refuse, by what kind of operation it is, and its own.
func (o operation) refusalsOf() []int {
	list := slices.Clone(o.refusals)
	schemes, _ := o.opens()
	if len(schemes) > 0 {
		list = append(list, http.StatusUnauthorized)
	}
	if strings.HasPrefix(o.route(), "/api/") || strings.HasPrefix(o.route(), "/v1/") {
		list = append(list, http.StatusForbidden) // another site's request, a role's, or a key of the wrong kind
	}
	if o.query != nil || o.body != nil {
		list = append(list, http.StatusBadRequest)
	}
	if o.body != nil {
		list = append(list, http.StatusRequestEntityTooLarge)
	}
	if strings.ContainsAny(o.path, ":*") {
		list = append(list, http.StatusNotFound)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// words are the comments of the fields of described types, as TestOpenAPIWords writes them.
//
//go:embed words.json
var words []byte

// documentTypes describes what handlers take and answer; said is what a field is, in words.
func documentTypes(said func(of reflect.Type, field string) string) *openapi.Types {
	return openapi.NewTypes(openapi.TypesOptions{
		Home:  reflect.TypeFor[Error](),
		Names: map[reflect.Type]string{reflect.TypeFor[message](): "Done"},
		Own: map[reflect.Type]map[string]any{
			reflect.TypeFor[schedule]():      {"oneOf": []any{map[string]any{"const": "none"}, map[string]any{"type": "array", "items": map[string]any{"type": "integer", "minimum": 1, "maximum": 604800}}}},
			reflect.TypeFor[models.Secret](): {"type": "string"},
			reflect.TypeFor[check.Result]():  {"type": "string", "enum": []any{check.Passed, check.Advice, check.Warning, check.Serious, check.Fatal, check.Skipped}},
		},
		Values: map[string][]string{"dialects": dialect.Names(), "orders": orderStatuses(), "recipients": recipientStates()},
		Words:  said,
	})
}

func recipientStates() (names []string) {
	for _, s := range models.RecipientStates() {
		names = append(names, string(s))
	}
	return names
}

// Document describes what programs can ask this server for.
func Document() (openapi.Document, error) {
	said := map[string]string{}
	if err := json.Unmarshal(words, &said); err != nil {
		return openapi.Document{}, fmt.Errorf("words.json: %w", err)
	}
	return describe(documentTypes(func(of reflect.Type, field string) string { return said[of.String()+"."+field] }))
}

// describe writes down the topics.
func describe(types *openapi.Types) (d openapi.Document, err error) {
	d = openapi.Document{Title: "wabagate", Version: version(), Schemes: schemes(), Description: documentAbout}
	for _, t := range topics() {
		d.Tags = append(d.Tags, openapi.Tag{Name: t.name, Description: t.about})
		for _, o := range t.operations {
			d.Operations = append(d.Operations, o.described(t.name, types))
		}
	}
	d.Schemas, err = types.Named()
	return d, err
}

const documentAbout = "What a business and its programs can ask of this gateway. Everything belongs to the business of whoever asks: what is another's is not found. " +
	"Refusals are one shape, whose code is for programs and whose message says what to do. Lists are given in pages: next_cursor, where there is one, is the cursor of the next page."

// version is that of the program, as it was built.
var version = sync.OnceValue(func() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "0"
})

func (o operation) described(tag string, types *openapi.Types) openapi.Operation {
	v := openapi.Operation{Method: o.method, Path: pathOf(o.route()), ID: o.id, Summary: o.summary, Tag: tag}
	v.Schemes, v.Description = o.opens()
	for _, p := range routeParameter.FindAllStringSubmatch(o.route(), -1) {
		schema := map[string]any{"type": "string"}
		if p[2] != "" {
			schema = map[string]any{"type": "integer", "minimum": 1}
		}
		v.Parameters = append(v.Parameters, openapi.Parameter{Name: parameterName(p[0]), In: "path", Required: true, Schema: schema})
	}
	if o.query != nil {
		v.Parameters = append(v.Parameters, types.Query(o.query)...)
	}
	v.Parameters = append(v.Parameters, o.headers...)
	if o.body != nil {
		v.Body = o.body.described(types)
	}
	for _, a := range o.answers {
		v.Answers = append(v.Answers, a.described(types))
	}
	for _, status := range append(o.refusalsOf(), 0) {
		name, about := strconv.Itoa(status), http.StatusText(status)
		if status == 0 {
			name, about = "5XX", "Something failed here, or what it takes is missing"
		}
		v.Answers = append(v.Answers, openapi.Answer{Status: name, Description: about, Content: []openapi.Content{{Type: "application/json", Schema: types.Of(refusalJSON{})}}})
	}
	return v
}

func (t taken) described(types *openapi.Types) *openapi.Body {
	b := &openapi.Body{Required: !t.optional}
	schema, given := t.of.(map[string]any)
	if !given {
		schema = types.Declared(t.of)
		schema["additionalProperties"] = false // which parseObject refuses
		delete(schema, "required")
	}
	if len(t.required) > 0 {
		schema["required"] = t.required
	}
	if len(t.types) == 0 {
		b.Content = []openapi.Content{{Type: fiber.MIMEApplicationJSON, Schema: schema}}
		if t.sample != "" {
			b.Content[0].Sample = json.RawMessage(t.sample)
		}
		return b
	}
	for i, typ := range t.types {
		c := openapi.Content{Type: typ}
		if typ == fiber.MIMEApplicationJSON {
			c.Schema = schema
		}
		if i == 0 && t.sample != "" {
			c.Sample = t.sample
		}
		b.Content = append(b.Content, c)
	}
	return b
}

func (a answered) described(types *openapi.Types) openapi.Answer {
	v := openapi.Answer{Status: strconv.Itoa(a.status), Description: a.about}
	if v.Description == "" {
		v.Description = http.StatusText(a.status)
	}
	typ := a.typ
	if typ == "" {
		typ = "application/json"
	}
	if a.of != nil {
		v.Content = []openapi.Content{{Type: typ, Schema: schemaOf(a.of, types)}}
	}
	return v
}

// members is an answer that is an object of the members given; each is required, and a pointer may be null.
type members map[string]any

// either is an answer that is one of several.
type either []any

// schemaOf describes an answer.
func schemaOf(v any, types *openapi.Types) map[string]any {
	switch v := v.(type) {
	case map[string]any:
		return v
	case members:
		properties, required := map[string]any{}, []string{}
		for name, of := range v {
			properties[name] = schemaOf(of, types)
			required = append(required, name)
		}
		slices.Sort(required)
		return map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": true}
	case either:
		var list []any
		for _, of := range v {
			list = append(list, schemaOf(of, types))
		}
		return map[string]any{"anyOf": list}
	}
	if reflect.TypeOf(v).Kind() == reflect.Pointer {
		return map[string]any{"anyOf": []any{types.Of(v), map[string]any{"type": "null"}}}
	}
	return types.Of(v)
}
