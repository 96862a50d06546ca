package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/models"
)

func (s *Server) pageOrders(c *fiber.Ctx, who caller) error {
	f, err := parseOrderFilter(c.Query)
	if err != nil {
		return err
	}
	f.Limit = itemsPerPage
	rows, next, err := s.orders(c.UserContext(), who.Business, f)
	if err != nil {
		return err
	}
	ids := make([]int64, len(rows))
	for i, o := range rows {
		ids[i] = o.ConversationID
	}
	threads, err := s.store.ConversationsOf(c.UserContext(), who.Business, ids)
	if err != nil {
		return err
	}
	query := url.Values{}
	if f.Status != "" {
		query.Set("status", f.Status)
	}
	view := dashboard.Orders{Shell: shell(who, "Orders"), Filtered: f.Status != "", Pager: pagerOf("/orders", query, f.Before > 0, next), Export: exportOf("/orders.csv", s.now())}
	for _, o := range rows {
		view.Items = append(view.Items, s.orderItem(o, threads[o.ConversationID].Contact))
	}
	for _, status := range append([]string{""}, orderStatuses()...) {
		tab := dashboard.Tab{Label: capital(strings.ReplaceAll(status, "_", " "), "All"), Path: "/orders", Current: status == f.Status}
		if status != "" {
			tab.Path += "?status=" + status
		}
		view.Tabs = append(view.Tabs, tab)
	}
	return s.render(c, http.StatusOK, view)
}

func orderPath(id int64) string { return "/orders/" + strconv.FormatInt(id, 10) }

func (s *Server) orderItem(o models.Order, contact models.Contact) dashboard.OrderItem {
	item := dashboard.OrderItem{Path: orderPath(o.ID), Name: cmp.Or(o.Reference, "Order "+strconv.FormatInt(o.ID, 10)), Customer: contactName(contact), Total: moneyText(o.Total, o.Currency),
		Status: orderBadge(o.Status), Payment: strings.ReplaceAll(o.PaymentStatus, "_", " "), Created: dashboard.NewWhen(o.CreatedAt, s.now())}
	if lines, ok := orderLines(o.Items); ok && len(lines) > 0 {
		item.Things = plural(int64(len(lines)), "item", "items")
	}
	return item
}

// orderBadge is the status of an order in a colour.
func orderBadge(status string) dashboard.Badge {
	tones := map[string]string{"pending": "wait", "completed": "good", "shipped": "good", "canceled": "bad"}
	return dashboard.Badge{Tone: tones[status], Text: strings.ReplaceAll(status, "_", " ")}
}

// orderLine is a thing that was ordered, as the platform writes it: numbers may come as text.
type orderLine struct {
	Product  string      `json:"product_retailer_id"`
	Quantity json.Number `json:"quantity"`
	Price    json.Number `json:"item_price"`
	Currency string      `json:"currency"`
}

// orderLines reads the items of an order; false when they are something else.
func orderLines(items []byte) ([]orderLine, bool) {
	var lines []orderLine
	return lines, len(items) > 0 && json.Unmarshal(items, &lines) == nil
}

func (l orderLine) view(currency string) dashboard.OrderLine {
	currency = cmp.Or(l.Currency, currency)
	v := dashboard.OrderLine{Product: cmp.Or(l.Product, "–"), Quantity: cmp.Or(l.Quantity.String(), "1"), Price: "–", Sum: "–"}
	price, err1 := l.Price.Float64()
	quantity, err2 := json.Number(v.Quantity).Float64()
	if err1 == nil {
		v.Price = moneyText(price, currency)
	}
	if err1 == nil && err2 == nil {
		v.Sum = moneyText(price*quantity, currency)
	}
	return v
}

// wholeCurrencies have no parts, finestCurrencies have a thousand of them; all others have a hundred.
var (
	wholeCurrencies  = []string{"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"}
	finestCurrencies = []string{"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
)

// decimalsOf is how many digits a currency has behind the point.
func decimalsOf(currency string) int {
	switch {
	case slices.Contains(wholeCurrencies, currency):
		return 0
	case slices.Contains(finestCurrencies, currency):
		return 3
	}
	return 2
}

// moneyText writes an amount in its currency, as in KWD 1 250.500, with thin gaps between thousands.
func moneyText(amount float64, currency string) string {
	text := strconv.FormatFloat(math.Abs(amount), 'f', decimalsOf(currency), 64)
	whole, parts, _ := strings.Cut(text, ".")
	if n, err := strconv.ParseInt(whole, 10, 64); err == nil {
		whole = grouped(n)
	}
	if parts != "" {
		whole += "." + parts
	}
	if amount < 0 {
		whole = "−" + whole
	}
	return strings.TrimSpace(firstRunes(currency, 10) + "\u00a0" + whole)
}

func (s *Server) pageOrder(c *fiber.Ctx, who caller) error { return s.showOrder(c, who, nil, nil) }

// showOrder draws an order's page, with what was typed if it could not be done.
func (s *Server) showOrder(c *fiber.Ctx, who caller, typed *orderChange, failed error) error {
	wrong, err := refusal(failed)
	if err != nil {
		return err
	}
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	o, err := s.store.OrderByID(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	row, err := s.store.ConversationByID(c.UserContext(), who.Business, o.ConversationID)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	view := dashboard.Order{ID: id, Above: []dashboard.Crumb{{Label: "Orders", Path: "/orders"}}, Item: s.orderItem(o, row.Contact), Payment: string(o.Payment)}
	view.Shell = shell(who, view.Item.Name)
	view.Here = orderPath(id)
	if row.ID != 0 {
		view.Conversation = conversationPath(row.ID)
	}
	view.Text, view.Rest = splitText(o.Text, bubbleText)
	lines, ok := orderLines(o.Items)
	for _, l := range lines {
		view.Lines = append(view.Lines, l.view(o.Currency))
	}
	if !ok {
		view.Raw = string(o.Items)
	}
	view.Facts = orderFacts(o)
	if typed != nil {
		typed.apply(&o)
	}
	var statuses [][2]string
	for _, status := range orderStatuses() {
		statuses = append(statuses, [2]string{status, capital(strings.ReplaceAll(status, "_", " "), "")})
	}
	view.Fields = []dashboard.Field{{Name: "status", Label: "Status", Type: "select", Options: options(o.Status, statuses...)},
		{Name: "reference", Label: "Reference", Value: o.Reference, Max: maxReference, Hint: "What you call this order."}}
	status := http.StatusOK
	if wrong != nil {
		status = wrong.Status
		for i := range view.Fields {
			if view.Fields[i].Name == wrong.Field {
				view.Fields[i].Error = sentence(wrong)
			}
		}
	}
	return s.render(c, status, view)
}

// orderFacts are the details beside an order.
func orderFacts(o models.Order) (facts []dashboard.Pair) {
	for _, p := range []dashboard.Pair{{Key: "Order", Value: strconv.FormatInt(o.ID, 10), Plain: true}, {Key: "Reference", Value: o.Reference},
		{Key: "Payment", Value: strings.ReplaceAll(o.PaymentStatus, "_", " ")}, {Key: "Catalogue", Value: o.CatalogID, Plain: true}, {Key: "Message", Value: o.Wamid, Plain: true},
		{Key: "Created", Value: o.CreatedAt.UTC().Format(time.DateTime) + " UTC", Plain: true}, {Key: "Changed", Value: o.UpdatedAt.UTC().Format(time.DateTime) + " UTC", Plain: true}} {
		if p.Value != "" {
			facts = append(facts, p)
		}
	}
	return facts
}

func (s *Server) submitOrder(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	form := c.Request().PostArgs()
	ch := orderChange{status: maybe[string]{given: form.Has("status"), value: strings.Clone(c.FormValue("status"))},
		reference: maybe[string]{given: form.Has("reference"), value: strings.Clone(c.FormValue("reference"))}}
	if err := ch.check(); err != nil {
		return s.showOrder(c, who, &ch, err)
	}
	if _, err := s.setOrder(c.UserContext(), who.Business, id, ch); err != nil {
		return s.showOrder(c, who, &ch, err)
	}
	return back(c, orderPath(id), "order-saved")
}
