package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/gateway/line"
	"wabagate/models"
)

func (s *Server) registerNumbers(r fiber.Router) {
	r.Get("/numbers", s.client(s.handleNumberList))
	r.Post("/numbers", s.client(s.handleNumberCreate))
	s.registerLines(r)
}

type numberJSON struct {
	ID            int64      `json:"id"`
	PhoneNumberID string     `json:"phone_number_id"`
	Display       string     `json:"display_phone_number"`
	WABAID        string     `json:"waba_id"`
	Name          string     `json:"name"`
	CreatedAt     event.Time `json:"created_at"`
	OnPremises    bool       `json:"onprem"` // whether it has an On-Premises address
}

func numberView(n models.Number) numberJSON {
	return numberJSON{ID: n.ID, PhoneNumberID: n.PhoneNumberID, Display: n.Display, WABAID: n.WABAID, Name: n.Name, CreatedAt: event.Time{Time: n.CreatedAt},
		OnPremises: n.OnpremToken != ""}
}

func (s *Server) handleNumberList(c *fiber.Ctx, who caller) error {
	ns, err := s.store.Numbers(c.UserContext(), who.Business)
	if err != nil {
		return err
	}
	list := make([]numberJSON, len(ns))
	for i, n := range ns {
		list[i] = numberView(n)
	}
	return reply(c, http.StatusOK, map[string][]numberJSON{"numbers": list})
}

// numberConnected is a number that was connected.
type numberConnected struct {
	ID      int64     `json:"id"`
	Message string    `json:"message"`
	Number  *lineJSON `json:"number,omitempty"` // what can be sent from; none without a token
}

// handleNumberCreate connects a number. Whoever claims one gets its messages, so it takes either a token that the platform
// confirms for the number, or an operator.
func (s *Server) handleNumberCreate(c *fiber.Ctx, who caller) error {
	n, connection, err := parseNumber(c.Request().Body())
	if err != nil {
		return err
	}
	if connection.given {
		made, err := s.connect(c.UserContext(), who, n, connection.value)
		if err != nil {
			return err
		}
		status, said := http.StatusOK, "Number connected again."
		if made.New {
			status, said = http.StatusCreated, "Number connected."
		}
		return reply(c, status, numberConnected{made.Number.ID, attention(said, made.Upstream.Checked), &lineJSON{numberView(made.Number), upstreamView(made.Upstream)}})
	}
	if !who.operator() {
		return &Error{Status: http.StatusForbidden, Code: "operators_only", Message: "without its token an operator connects a number; send token and waba_id, which prove that it is yours, " +
			"ask your operator, or use wabagate admin number"}
	}
	n.BusinessID = who.Business
	if n, err = s.store.CreateNumber(c.UserContext(), n); err != nil {
		return err
	}
	noteOf(c.UserContext()).about("number", n.ID, n.Name)
	s.refresh(c.UserContext())
	return reply(c, http.StatusCreated, numberConnected{ID: n.ID, Message: "Number connected."})
}

// operator says whether the caller runs the gateway.
func (who caller) operator() bool { return who.User != nil && who.User.IsOperator }

// connection is what a request says of the way to a number.
type connection struct {
	token, appSecret                   models.Secret
	style, base, version, app, appMeta string
	override                           bool
	rate                               int
}

// parseNumber reads a number to connect. The connection is not given in a request that has nothing but the number.
func parseNumber(body []byte) (models.Number, maybe[connection], error) {
	var no maybe[connection]
	o := parseObject(body, "phone_number_id", "display_phone_number", "waba_id", "name", "token", "style", "base_url", "version", "app", "app_id", "app_secret", "override", "rate")
	id, display := member[string](o, "phone_number_id", "text of digits"), member[string](o, "display_phone_number", "text")
	waba, name := member[string](o, "waba_id", "text of digits"), member[string](o, "name", "text")
	how, err := parseConnection(o)
	if err != nil {
		return models.Number{}, no, err
	}
	n := models.Number{PhoneNumberID: id.value, Display: digitsOf(display.value), WABAID: waba.value, Name: strings.TrimSpace(name.value)}
	switch {
	case n.PhoneNumberID == "" && how.value.style != line.Style360dialog: // where the key says it
		return n, no, invalid("phone_number_id", codeRequired, "is required")
	case !allDigits(n.PhoneNumberID) || len(n.PhoneNumberID) > 32:
		return n, no, invalid("phone_number_id", codeInvalid, "must be the platform's id of the number: digits only")
	case display.value != "" && (len(n.Display) < 5 || len(n.Display) > 15):
		return n, no, invalid("display_phone_number", codeInvalid, "must be a phone number with country code, such as +1 555 010 0200")
	case !allDigits(n.WABAID) || len(n.WABAID) > 32:
		return n, no, invalid("waba_id", codeInvalid, "must be the platform's id of the account: digits only")
	}
	return n, how, checkText("name", n.Name, false, maxName)
}

func allDigits(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
}

// digitsOf is a phone number as callbacks write it.
func digitsOf(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}

func owns(ns []models.Number, id int64) bool {
	return slices.ContainsFunc(ns, func(n models.Number) bool { return n.ID == id })
}

// queryID reads the id of something from a query; 0 when it is not there.
func queryID(field, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return 0, invalid(field, codeInvalid, "must be an id")
	}
	return id, nil
}
