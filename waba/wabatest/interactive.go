package wabatest

import (
	"encoding/json"
	"fmt"
)

// interactive is an interactive message, as far as the platform checks it.
type interactive struct {
	Type   string   `json:"type"`
	Header *heading `json:"header"`
	Body   *passage `json:"body"`
	Footer *passage `json:"footer"`
	Action *action  `json:"action"`
}

type heading struct {
	Type string  `json:"type"`
	Text *string `json:"text"`
}

type passage struct {
	Text *string `json:"text"`
}

type action struct {
	Name       string            `json:"name"`
	Button     *string           `json:"button"`
	Buttons    []button          `json:"buttons"`
	Sections   []section         `json:"sections"`
	Cards      []json.RawMessage `json:"cards"`
	CatalogID  string            `json:"catalog_id"`
	Product    string            `json:"product_retailer_id"`
	Parameters json.RawMessage   `json:"parameters"`
}

type button struct {
	Type  string `json:"type"`
	Reply *struct {
		ID    *string `json:"id"`
		Title *string `json:"title"`
	} `json:"reply"`
}

type section struct {
	Title string `json:"title"`
	Rows  []struct {
		ID          *string `json:"id"`
		Title       *string `json:"title"`
		Description string  `json:"description"`
	} `json:"rows"`
	Products []struct {
		ID string `json:"product_retailer_id"`
	} `json:"product_items"`
}

// The limits of interactive messages, in characters where nothing else is said.
const (
	bodyLimit     = 1024
	listBodyLimit = 4096
	edgeLimit     = 60 // header and footer
	buttonsLimit  = 3  // buttons
	buttonIDLimit = 256
	labelLimit    = 20 // of buttons
	rowsLimit     = 10 // rows of a list in all
	sectionLimit  = 24 // title
	rowIDLimit    = 200
	rowTitleLimit = 24
	rowAboutLimit = 72
	itemNameLimit = 60
	leastCards    = 2 // cards
	mostCards     = 10
	productsLimit = 30 // products
)

// names are the actions that a type of interactive message has by name.
var names = map[string]string{
	"cta_url": "cta_url", "flow": "flow", "location_request_message": "send_location", "address_message": "address_message",
	"request_contact_info": "request_contact_info", "call_permission_request": "call_permission_request", "voice_call": "voice_call",
	"catalog_message": "catalog_message", "order_details": "review_and_pay", "order_status": "review_order",
}

func (i *interactive) check() *refusal {
	switch {
	case i == nil:
		return missing("interactive")
	case i.Type == "":
		return missing("interactive['type']")
	case i.Action == nil:
		return missing("interactive['action']")
	}
	if bad := i.checkWords(); bad != nil {
		return bad
	}
	if name := names[i.Type]; name != "" {
		if i.Action.Name == "" {
			return missing("interactive['action']['name']")
		}
		if i.Action.Name != name {
			return invalid("interactive['action']['name']", "must be "+name)
		}
	}
	switch i.Type {
	case "button":
		return i.Action.checkButtons()
	case "list":
		return i.Action.checkList()
	case "product", "product_list":
		return i.checkProducts()
	case "carousel":
		if n := len(i.Action.Cards); n < leastCards || n > mostCards {
			return invalid("interactive['action']['cards']", fmt.Sprintf("must have %d to %d cards", leastCards, mostCards))
		}
		return nil
	case "cta_url", "flow", "order_details", "order_status", "address_message":
		return i.Action.checkParameters(i.Type)
	}
	if names[i.Type] == "" {
		return invalid("interactive['type']", "is not a known type of interactive message")
	}
	return nil
}

// checkWords checks what every interactive message has.
func (i *interactive) checkWords() *refusal {
	limit := bodyLimit
	if i.Type == "list" {
		limit = listBodyLimit
	}
	switch {
	case i.Body == nil && i.Type != "product":
		return missing("interactive['body']")
	case i.Body != nil:
		if bad := needText("interactive['body']['text']", i.Body.Text, limit); bad != nil {
			return bad
		}
	}
	if i.Header != nil && (i.Header.Type == "text" || i.Header.Type == "") {
		if bad := needText("interactive['header']['text']", i.Header.Text, edgeLimit); bad != nil {
			return bad
		}
	}
	if i.Footer != nil {
		return needText("interactive['footer']['text']", i.Footer.Text, edgeLimit)
	}
	return nil
}

func (a *action) checkButtons() *refusal {
	const where = "interactive['action']['buttons']"
	if n := len(a.Buttons); n == 0 {
		return missing(where)
	} else if n > buttonsLimit {
		return invalid(where, fmt.Sprintf("must have 1 to %d buttons", buttonsLimit))
	}
	ids, titles := map[string]bool{}, map[string]bool{}
	for i, b := range a.Buttons {
		param := fmt.Sprintf("%s[%d]", where, i)
		if b.Reply == nil {
			return missing(param + "['reply']")
		}
		if bad := needText(param+"['reply']['id']", b.Reply.ID, buttonIDLimit); bad != nil {
			return bad
		}
		if bad := needText(param+"['reply']['title']", b.Reply.Title, labelLimit); bad != nil {
			return bad
		}
		if ids[*b.Reply.ID] || titles[*b.Reply.Title] {
			return invalid(param, "repeats the id or the title of another button")
		}
		ids[*b.Reply.ID], titles[*b.Reply.Title] = true, true
	}
	return nil
}

func (a *action) checkList() *refusal {
	if bad := needText("interactive['action']['button']", a.Button, labelLimit); bad != nil {
		return bad
	}
	if len(a.Sections) == 0 {
		return missing("interactive['action']['sections']")
	}
	rows, ids := 0, map[string]bool{}
	for i, s := range a.Sections {
		param := fmt.Sprintf("interactive['action']['sections'][%d]", i)
		if s.Title == "" && len(a.Sections) > 1 {
			return missing(param + "['title']")
		}
		if bad := checkLength(param+"['title']", s.Title, sectionLimit); bad != nil {
			return bad
		}
		if len(s.Rows) == 0 {
			return missing(param + "['rows']")
		}
		for j, row := range s.Rows {
			here := fmt.Sprintf("%s['rows'][%d]", param, j)
			if bad := needText(here+"['id']", row.ID, rowIDLimit); bad != nil {
				return bad
			}
			if bad := needText(here+"['title']", row.Title, rowTitleLimit); bad != nil {
				return bad
			}
			if bad := checkLength(here+"['description']", row.Description, rowAboutLimit); bad != nil {
				return bad
			}
			if ids[*row.ID] {
				return invalid(here+"['id']", "repeats that of another row")
			}
			ids[*row.ID] = true
			rows++
		}
	}
	if rows > rowsLimit {
		return invalid("interactive['action']['sections']", fmt.Sprintf("must have at most %d rows in all", rowsLimit))
	}
	return nil
}

func (i *interactive) checkProducts() *refusal {
	if i.Action.CatalogID == "" {
		return missing("interactive['action']['catalog_id']")
	}
	if i.Type == "product" {
		if i.Action.Product == "" {
			return missing("interactive['action']['product_retailer_id']")
		}
		return nil
	}
	if i.Header == nil {
		return missing("interactive['header']")
	}
	n := 0
	for _, s := range i.Action.Sections {
		n += len(s.Products)
	}
	if n == 0 || n > productsLimit {
		return invalid("interactive['action']['sections']", fmt.Sprintf("must have 1 to %d products in all", productsLimit))
	}
	return nil
}

// checkParameters checks action.parameters of the types that cannot do without.
func (a *action) checkParameters(kind string) *refusal {
	const where = "interactive['action']['parameters']"
	var p struct {
		DisplayText *string         `json:"display_text"`
		URL         *string         `json:"url"`
		FlowID      string          `json:"flow_id"`
		FlowName    string          `json:"flow_name"`
		FlowCTA     *string         `json:"flow_cta"`
		Version     json.RawMessage `json:"flow_message_version"`
		Country     string          `json:"country"`
		Reference   string          `json:"reference_id"`
		Order       *struct {
			Status string `json:"status"`
			Items  []struct {
				Name string `json:"name"`
			} `json:"items"`
		} `json:"order"`
	}
	if a.Parameters == nil {
		return missing(where)
	}
	if json.Unmarshal(a.Parameters, &p) != nil {
		return invalid(where, "does not have the form of "+kind)
	}
	param := func(name string) string { return where + "['" + name + "']" }
	switch kind {
	case "cta_url":
		if bad := needText(param("display_text"), p.DisplayText, labelLimit); bad != nil {
			return bad
		}
		if p.URL == nil {
			return missing(param("url"))
		}
		if !address.MatchString(*p.URL) {
			return invalid(param("url"), "is not a valid URI.")
		}
	case "flow":
		switch {
		case p.FlowID == "" && p.FlowName == "":
			return missing(param("flow_id") + " or " + param("flow_name"))
		case p.FlowID != "" && p.FlowName != "":
			return parameter("Only one of flow_id and flow_name may be given")
		case p.FlowCTA == nil || *p.FlowCTA == "":
			return missing(param("flow_cta"))
		case p.Version == nil:
			return missing(param("flow_message_version"))
		}
	case "address_message":
		if p.Country == "" {
			return missing(param("country"))
		}
	case "order_details", "order_status":
		switch {
		case p.Reference == "":
			return missing(param("reference_id"))
		case p.Order == nil:
			return missing(param("order"))
		}
		for i, item := range p.Order.Items {
			if bad := checkLength(fmt.Sprintf("%s['items'][%d]['name']", param("order"), i), item.Name, itemNameLimit); bad != nil {
				return bad
			}
		}
	}
	return nil
}
