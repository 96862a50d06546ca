package dialect

import (
	"encoding/json"
	"testing"
	"time"

	"wabagate/fanout/event"
)

func mustRead(t *testing.T, d event.Data) *facts {
	t.Helper()
	e, err := event.New(event.NewKey("facts"), event.OrderStatusUpdated, d, nil, time.Unix(1793534400, 0))
	if err != nil {
		t.Fatal(err)
	}
	f, err := read(e)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestPhone(t *testing.T) {
	for name, c := range map[string]struct {
		data            event.Data
		phone, customer string
	}{
		"of the contact":         {event.Data{Contact: &event.Contact{WaID: "1", UserID: "US.1"}}, "1", "1"},
		"of the sender":          {event.Data{Message: &event.Message{Direction: "inbound", From: "2", To: "9"}}, "2", "2"},
		"of whom it was sent to": {event.Data{Message: &event.Message{Direction: "outbound", From: "9", To: "2"}}, "2", "2"},
		"of the report":          {event.Data{Status: &event.Status{RecipientID: "3"}}, "3", "3"},
		"not of a group":         {event.Data{Status: &event.Status{RecipientID: "GRP3", RecipientUserID: "US.3"}}, "", "US.3"},
		"not a user id":          {event.Data{Contact: &event.Contact{UserID: "US.1"}, Message: &event.Message{Direction: "inbound", From: "US.1"}}, "", "US.1"},
		"nobody's":               {event.Data{}, "", ""},
	} {
		if f := mustRead(t, c.data); f.phone() != c.phone || f.customer() != c.customer {
			t.Errorf("%s: phone %q, customer %q", name, f.phone(), f.customer())
		}
	}
}

func TestOrderChange(t *testing.T) {
	payment := json.RawMessage(`{"reference_id":"r"}`)
	for name, c := range map[string]struct {
		order    event.Order
		previous string
		from, to string
	}{
		"status":                    {event.Order{Status: "accepted"}, `{"status":"pending"}`, "pending", "accepted"},
		"payment":                   {event.Order{Status: "pending", PaymentStatus: "captured", Payment: payment}, `{"payment_status":"pending"}`, "pending", "captured"},
		"first payment":             {event.Order{Status: "pending", PaymentStatus: "pending", Payment: payment}, `{"payment_status":""}`, "", "pending"},
		"late payment":              {event.Order{Status: "pending", PaymentStatus: "captured", Payment: payment}, ``, "", "captured"},
		"both":                      {event.Order{Status: "accepted", PaymentStatus: "captured"}, `{"payment_status":"pending","status":"pending"}`, "pending", "accepted"},
		"status of one that's paid": {event.Order{Status: "shipped", PaymentStatus: "captured", Payment: payment}, `{"status":"processing"}`, "processing", "shipped"},
		"not known before":          {event.Order{Status: "shipped"}, ``, "", "shipped"},
		"no texts":                  {event.Order{Status: "shipped"}, `{"status":7}`, "", "shipped"},
	} {
		f := mustRead(t, event.Data{Order: &c.order, Previous: json.RawMessage(c.previous)})
		if from, to := f.orderChange(); from != c.from || to != c.to {
			t.Errorf("%s: from %q to %q", name, from, to)
		}
	}
}

func TestIntegerID(t *testing.T) {
	for text, want := range map[string]int64{
		"89": 89, "1": 1, "9007199254740992": 1 << 53,
		"": 0, "0": 0, "-3": 0, "089": 0, "+89": 0, "8.9": 0, "1e3": 0, "spring": 0, "9007199254740993": 0, "99999999999999999999": 0,
	} {
		if got, ok := integerID(text); ok != (want != 0) || ok && got != want {
			t.Errorf("%q is %d, %v", text, got, ok)
		}
	}
}

func TestCapitals(t *testing.T) {
	for previous, want := range map[string]string{
		`{"status":"open"}`:                    `{"status":"OPEN"}`,
		`{"note":"as it was","status":"open"}`: `{"note":"as it was","status":"OPEN"}`,
		`{"labels":["a"]}`:                     `{"labels":["a"]}`,
		`{"status":7}`:                         `{"status":7}`,
		`"text"`:                               `"text"`,
		``:                                     ``,
	} {
		if got := capitals(json.RawMessage(previous)); string(got) != want {
			t.Errorf("%s gives %s", previous, got)
		}
	}
}

func TestPlus(t *testing.T) {
	for number, want := range map[string]string{"15550100200": "+15550100200", "": "", "GRP7Q2LX": "GRP7Q2LX", "+1555": "+1555"} {
		if got := plus(number); got != want {
			t.Errorf("%q gives %q", number, got)
		}
	}
}
