package outgoing

import "slices"

// The limits of interactive messages, in characters or in elements.
const (
	bodyLimit     = 1024
	listBodyLimit = 4096
	edgeLimit     = 60 // header, footer
	labelLimit    = 20 // what stands on a button
	titleLimit    = 24 // of sections and rows

	maxButtons    = 3
	buttonIDLimit = 256

	maxRows          = 10 // in all sections together
	rowIDLimit       = 200
	descriptionLimit = 72

	maxItems = 30 // products in all sections together

	leastCards, mostCards = 2, 10

	itemNameLimit = 60
)

// shape is what the platform asks of one type of interactive message.
type shape struct {
	name   string // that action.name must have; empty: the action has no name
	bare   bool   // the message may go without a body
	action func(action node)
}

var shapes = map[string]shape{
	"button":                   {action: readButtons},
	"list":                     {action: readList},
	"cta_url":                  {name: "cta_url", action: readCTA},
	"flow":                     {name: "flow", action: readFlow},
	"location_request_message": {name: "send_location"},
	"address_message":          {name: "address_message", action: readAddress},
	"request_contact_info":     {name: "request_contact_info", bare: true},
	"call_permission_request":  {name: "call_permission_request", bare: true},
	"voice_call":               {name: "voice_call", bare: true, action: readCall},
	"product":                  {bare: true, action: readProduct},
	"product_list":             {action: readProductList},
	"catalog_message":          {name: "catalog_message", action: readCatalog},
	"carousel":                 {action: readCarousel},
	"order_details":            {name: "review_and_pay", action: readOrderDetails},
	"order_status":             {name: "review_order", action: readOrderStatus},
}

// InteractiveTypes lists the types of interactive messages that can be sent, sorted. The list is the caller's to keep.
func InteractiveTypes() []string {
	types := make([]string, 0, len(shapes))
	for name := range shapes {
		types = append(types, name)
	}
	slices.Sort(types)
	return types
}

func (m *Message) readInteractive(interactive node) {
	if !interactive.object() {
		return
	}
	kind := interactive.get("type").oneOf(InteractiveTypes()...)
	shape, ok := shapes[kind]
	if !ok {
		return
	}
	readHeader(interactive.get("header"))
	limit := bodyLimit
	if kind == "list" {
		limit = listBodyLimit
	}
	if body := interactive.get("body"); !(shape.bare && body.absent()) && body.object() {
		m.Text = body.get("text").required(limit)
	}
	if footer := interactive.get("footer"); !footer.absent() && footer.object() {
		footer.get("text").required(edgeLimit)
	}
	action := interactive.get("action")
	if !action.object() {
		return
	}
	if shape.name != "" {
		action.get("name").oneOf(shape.name)
	}
	if shape.action != nil {
		shape.action(action)
	}
}

func readHeader(header node) {
	if header.absent() || !header.object() {
		return
	}
	switch kind := header.get("type").required(0); kind {
	case "text":
		header.get("text").required(edgeLimit)
	case "image", "video", "document":
		if media := header.get(kind); media.object() {
			source(media)
		}
	}
}

func readButtons(action node) {
	for _, button := range action.get("buttons").list(1, maxButtons) {
		if !button.object() {
			continue
		}
		button.get("type").oneOf("reply")
		if reply := button.get("reply"); reply.object() {
			reply.get("id").required(buttonIDLimit)
			reply.get("title").required(labelLimit)
		}
	}
}

func readList(action node) {
	action.get("button").required(labelLimit)
	left := maxRows
	for _, section := range action.get("sections").list(1, 0) {
		if !section.object() {
			continue
		}
		section.get("title").optional(titleLimit)
		for _, row := range shared(section.get("rows"), &left, maxRows, "rows") {
			if row.object() {
				row.get("id").required(rowIDLimit)
				row.get("title").required(titleLimit)
				row.get("description").optional(descriptionLimit)
			}
		}
	}
}

// shared reads a list that shares a limit with those of other sections. The first element that is too many is reported once.
func shared(list node, left *int, limit int, what string) []node {
	elements := list.list(1, 0)
	before := *left
	*left -= len(elements)
	if *left >= 0 {
		return elements
	}
	if before >= 0 {
		elements[before].fail("is too many: at most %d %s are allowed in all sections together", limit, what)
	}
	return elements[:max(before, 0)]
}

func readCTA(action node) {
	if parameters := action.get("parameters"); parameters.object() {
		parameters.get("display_text").required(labelLimit)
		parameters.get("url").link()
	}
}

func readFlow(action node) {
	parameters := action.get("parameters")
	if !parameters.object() {
		return
	}
	switch id, name := parameters.get("flow_id"), parameters.get("flow_name"); {
	case id.absent() && name.absent():
		parameters.fail("needs a flow_id or a flow_name")
	case !id.absent() && !name.absent():
		parameters.fail("takes a flow_id or a flow_name, not both")
	case name.absent():
		id.id()
	default:
		name.required(0)
	}
	parameters.get("flow_cta").required(0)
	if next := parameters.get("flow_action"); !next.absent() {
		next.oneOf("navigate", "data_exchange")
	}
}

func readAddress(action node) {
	if parameters := action.get("parameters"); parameters.object() {
		parameters.get("country").required(0)
	}
}

func readCall(action node) {
	if parameters := action.get("parameters"); !parameters.absent() && parameters.object() {
		parameters.get("display_text").optional(0)
	}
}

func readProduct(action node) {
	action.get("catalog_id").id()
	action.get("product_retailer_id").id()
}

func readProductList(action node) {
	action.get("catalog_id").id()
	left := maxItems
	for _, section := range action.get("sections").list(1, 0) {
		if !section.object() {
			continue
		}
		section.get("title").optional(titleLimit)
		for _, item := range shared(section.get("product_items"), &left, maxItems, "products") {
			if item.object() {
				item.get("product_retailer_id").id()
			}
		}
	}
}

func readCatalog(action node) {
	if parameters := action.get("parameters"); !parameters.absent() && parameters.object() {
		if thumbnail := parameters.get("thumbnail_product_retailer_id"); !thumbnail.absent() {
			thumbnail.id()
		}
	}
}

// readCarousel reads cards. Those that are products are known in detail, others are the platform's to judge.
func readCarousel(action node) {
	for _, card := range action.get("cards").list(leastCards, mostCards) {
		if card.object() && card.get("type").required(0) == "product" && card.get("action").object() {
			readProduct(card.get("action"))
		}
	}
}

func readOrderDetails(action node) {
	parameters := action.get("parameters")
	if !parameters.object() {
		return
	}
	parameters.get("reference_id").required(0)
	parameters.get("currency").required(0)
	readAmount(parameters.get("total_amount"))
	order := parameters.get("order")
	if !order.object() {
		return
	}
	for _, item := range order.get("items").list(1, 0) {
		if item.object() {
			item.get("name").required(itemNameLimit)
			readAmount(item.get("amount"))
		}
	}
}

// readAmount reads money: value counts parts of the currency, offset says how many of them are one.
func readAmount(amount node) {
	if amount.object() {
		amount.get("value").number(0, 1e15)
		amount.get("offset").number(1, 1e15)
	}
}

func readOrderStatus(action node) {
	parameters := action.get("parameters")
	if !parameters.object() {
		return
	}
	parameters.get("reference_id").required(0)
	if order := parameters.get("order"); order.object() {
		order.get("status").required(0)
	}
}
