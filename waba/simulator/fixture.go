package simulator

import (
	"bufio"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"wabagate/waba"
)

// The fixtures: one file for each kind, a change as it stands in changes[] or, in onprem, a whole body. index.txt lists
// them.
//
//go:embed kinds
var files embed.FS

// library has every fixture, in the order of the index. The files are part of the program, so a broken one is a bug.
var library = sync.OnceValue(func() []*fixture {
	list, err := load(files)
	if err != nil {
		panic("simulator: " + err.Error())
	}
	return list
})

// fixture is a kind, taken apart.
type fixture struct {
	Kind
	weight  int
	shape   string // Fact.Kind
	status  string // of a delivery status
	body    template
	contact template // nil for none
	id      template
	gaps    []gap

	contactShows shows
	portfolio    bool // entry.id is the portfolio
	stamped      bool // nothing tells two of it apart but the time
	digits       bool // the number must be shown
	newNumber    bool // the customer has another number afterwards
	newUserID    bool // the customer has another user id afterwards
}

// shows is what a contact tells of a customer.
type shows struct{ number, digits, userID, name, username bool }

// load reads the index and the fixtures that it lists.
func load(files fs.FS) ([]*fixture, error) {
	index, err := files.Open("kinds/index.txt")
	if err != nil {
		return nil, err
	}
	defer func() { _ = index.Close() }()
	var list []*fixture
	for lines := bufio.NewScanner(index); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, rest, _ := strings.Cut(line, " ")
		weight, about, _ := strings.Cut(strings.TrimSpace(rest), " ")
		f := &fixture{Kind: Kind{Name: name, About: strings.TrimSpace(about), OnPremises: strings.HasPrefix(name, "onprem_")}}
		if f.weight, err = strconv.Atoi(weight); err != nil || f.weight < 1 || f.About == "" {
			return nil, fmt.Errorf("kinds/index.txt: %q: expected a name, a weight and what it is about", line)
		}
		if err := f.read(files); err != nil {
			return nil, fmt.Errorf("kind %s: %w", name, err)
		}
		list = append(list, f)
	}
	return list, nil
}

// read reads the file of a kind.
func (f *fixture) read(files fs.FS) error {
	folder := "kinds"
	if f.OnPremises {
		folder = "kinds/onprem"
	}
	raw, err := fs.ReadFile(files, path.Join(folder, f.Name+".json"))
	if err != nil {
		return err
	}
	value := json.RawMessage(raw)
	if !f.OnPremises {
		var change struct {
			Field string          `json:"field"`
			Value json.RawMessage `json:"value"`
		}
		if err := json.Unmarshal(raw, &change); err != nil {
			return err
		}
		f.Field, value = change.Field, change.Value
	}
	return f.parse(value)
}

// parse takes a value apart: into its one element and the contact beside it where it is no more than that, so that
// facts can share a change; else it stays whole.
func (f *fixture) parse(value json.RawMessage) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(value, &members); err != nil {
		return err
	}
	var t templates
	body := value
	f.shape = KindChange
	var contact json.RawMessage
	if f.OnPremises || f.Field == waba.FieldMessages {
		if shape, element, beside, ok := single(members); ok {
			f.shape, body, contact = shape, element, beside
		}
	}
	if f.OnPremises && f.shape == KindChange {
		return fmt.Errorf("an On-Premises body has one message, status or error")
	}
	var err error
	if f.body, err = t.json(body); err != nil {
		return err
	}
	if contact != nil {
		if f.contact, err = t.json(contact); err != nil {
			return err
		}
	}
	if f.id, err = f.identity(&t, body); err != nil {
		return err
	}
	f.gaps = t.gaps
	_, f.portfolio = members["waba_info"]
	f.portfolio = f.portfolio || f.Field == "partner_solutions"
	f.digits = t.uses(digits) || t.uses(newNumber)
	f.newNumber, f.newUserID = t.uses(newNumber), t.uses(newUserID)
	f.contactShows = shows{
		number:   strings.Contains(string(contact), `{{customer}}`),
		digits:   strings.Contains(string(contact), `{{digits}}`),
		userID:   strings.Contains(string(contact), `{{user_id}}`),
		name:     strings.Contains(string(contact), `{{name}}`),
		username: strings.Contains(string(contact), `{{username}}`),
	}
	return nil
}

// single returns the one element that a value consists of, and its contact.
func single(members map[string]json.RawMessage) (shape string, element, contact json.RawMessage, ok bool) {
	var elements, contacts []json.RawMessage
	for key, raw := range members {
		switch key {
		case "messaging_product", "metadata":
		case "contacts":
			if json.Unmarshal(raw, &contacts) != nil || len(contacts) != 1 {
				return "", nil, nil, false
			}
			contact = contacts[0]
		case "messages", "statuses", "errors":
			if shape != "" || json.Unmarshal(raw, &elements) != nil || len(elements) != 1 {
				return "", nil, nil, false
			}
			shape, element = map[string]string{"messages": KindMessage, "statuses": KindStatus, "errors": KindError}[key], elements[0]
		default:
			return "", nil, nil, false
		}
	}
	return shape, element, contact, shape != ""
}

// identity is the template of Fact.ID.
func (f *fixture) identity(t *templates, body json.RawMessage) (template, error) {
	var element struct{ ID, Status, Type string }
	if f.shape == KindMessage || f.shape == KindStatus {
		if err := json.Unmarshal(body, &element); err != nil {
			return nil, err
		}
	}
	switch f.shape {
	case KindMessage:
		return t.text(element.ID)
	case KindStatus:
		if element.Type == "payment" {
			f.shape = KindPayment
			return t.text(element.ID + ":" + element.Status + ":{{id}}")
		}
		f.status = element.Status
		return t.text(element.ID + ":" + element.Status)
	case KindError:
		return nil, nil // of no message; numbered
	}
	i := slices.IndexFunc(t.gaps, gap.identifies)
	if f.stamped = i < 0; f.stamped {
		return t.text(f.Name + ":{{now}}")
	}
	return template{{text: f.Name + ":", gap: noGap}, {gap: i}}, nil
}

func (t *templates) uses(s source) bool {
	return slices.ContainsFunc(t.gaps, func(g gap) bool { return g.source == s })
}
