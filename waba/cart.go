package waba

import (
	"encoding/json"
	"strings"
)

// Cart is what a user wants to buy.
type Cart struct {
	CatalogID string
	Text      string // also the Text of the message
	Items     []Item
	RawItems  json.RawMessage // product_items; nil when absent
}

// Item is one line of a cart. Price is per piece, as the platform wrote it: an integer or a fraction, in units of the
// currency; empty when absent or not written as plain digits.
type Item struct {
	RetailerID string
	Quantity   int64 // 0 when absent or not a whole number
	Price      string
	Currency   string
}

func parseCart(content json.RawMessage, r *reading) *Cart {
	c := Cart{
		CatalogID: r.text("order.catalog_id", member(content, "catalog_id")),
		Text:      r.text("order.text", member(content, "text")),
		RawItems:  member(content, "product_items"),
	}
	if c.RawItems != nil && !isArray(c.RawItems) {
		r.fail("order.product_items", c.RawItems)
	}
	for element := range elements(c.RawItems) {
		if !isObject(element) {
			r.fail("an element of order.product_items", element)
			continue
		}
		item := Item{
			RetailerID: r.text("order.product_items.product_retailer_id", member(element, "product_retailer_id")),
			Currency:   optional(member(element, "currency")),
		}
		item.Quantity, _ = integer(member(element, "quantity"))
		if price := optional(member(element, "item_price")); isDecimal(price) {
			item.Price = price
		}
		c.Items = append(c.Items, item)
	}
	return &c
}

// isDecimal tells whether s is a number without an exponent: with one, a few bytes could stand for a sum of any length.
func isDecimal(s string) bool {
	whole, fraction, dotted := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return isDigits(whole) && (!dotted || isDigits(fraction))
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
