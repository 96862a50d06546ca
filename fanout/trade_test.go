package fanout

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/models"
)

func TestOrders(t *testing.T) {
	onEachStore(t, func(b *bench) {
		w := b.webhook("order.*")
		b.translate(envelope(messages("600", `"messages":[{"from":"155","id":"wamid.cart","timestamp":"1793491200","type":"order","order":{"catalog_id":"800001","text":"gift wrap","product_items":[
			{"product_retailer_id":"sku-1","quantity":2,"item_price":7.1,"currency":"SAR"},{"product_retailer_id":"sku-2","quantity":"3","item_price":"0.2","currency":"SAR"}]}}]`)))
		d := b.last(w, event.OrderCreated)
		require.Equal(t, 14.8, d.Order.Total)
		require.Equal(t, "SAR", d.Order.Currency)
		require.Equal(t, "pending", d.Order.Status)
		require.Equal(t, "wamid.cart", d.Order.MessageID)
		require.NotZero(t, d.Conversation.ID)
		order := d.Order.ID

		// The business asks for the payment, quoting the cart; the payment comes in two steps, the second first.
		b.translate(envelope(`{"field":"smb_message_echoes","value":{"metadata":{"phone_number_id":"600"},"message_echoes":[{"from":"15550100200","to":"155","id":"wamid.ask","timestamp":"1793491300","context":{"from":"155","id":"wamid.cart"},
			"type":"interactive","interactive":{"type":"order_details","action":{"name":"review_and_pay","parameters":{"reference_id":"order-7","currency":"SAR","total_amount":{"value":1480,"offset":100},"order":{"status":"pending"}}}}}]}}`))
		pay := func(status, transaction string, at int) {
			b.translate(envelope(messages("600", fmt.Sprintf(`"statuses":[{"id":"wamid.ask","recipient_id":"155","type":"payment","status":%q,"timestamp":"%d","payment":{"reference_id":"order-7","amount":{"value":1480,"offset":100},"currency":"SAR","transaction":{"id":%q}}}]`, status, at, transaction))))
		}
		pay("captured", "pg-2", 1793491500)
		d = b.last(w, event.OrderStatusUpdated)
		require.Equal(t, order, d.Order.ID, "the quoted cart")
		require.Equal(t, "captured", d.Order.PaymentStatus)
		require.JSONEq(t, `{"payment_status":""}`, string(d.Previous))
		pay("pending", "pg-1", 1793491400)
		pay("pending", "pg-1", 1793491400)
		require.Equal(t, "captured", b.last(w, event.OrderStatusUpdated).Order.PaymentStatus, "a late callback turns nothing back")

		b.translate(envelope(`{"field":"smb_message_echoes","value":{"metadata":{"phone_number_id":"600"},"message_echoes":[{"from":"15550100200","to":"155","id":"wamid.ship","timestamp":"1793491600",
			"type":"interactive","interactive":{"type":"order_status","action":{"name":"review_order","parameters":{"reference_id":"order-7","order":{"status":"shipped"}}}}}]}}`))
		d = b.last(w, event.OrderStatusUpdated)
		require.Equal(t, "shipped", d.Order.Status)
		require.JSONEq(t, `{"status":"pending"}`, string(d.Previous))

		_, err := b.recorder.SetOrder(t.Context(), b.number.BusinessID, order, func(o *models.Order) error { o.Status = "completed"; return nil })
		require.NoError(t, err)
		d = b.last(w, event.OrderStatusUpdated)
		require.Equal(t, "completed", d.Order.Status)
		require.NotZero(t, d.Sequence)
		types, _ := b.told(w)
		require.Equal(t, []string{event.OrderCreated, event.OrderStatusUpdated, event.OrderStatusUpdated, event.OrderStatusUpdated, event.OrderStatusUpdated}, types)

		pay2 := `"statuses":[{"id":"wamid.x","recipient_id":"155","type":"payment","status":"captured","timestamp":"1793491700","payment":{"reference_id":"order-8","amount":{"value":5,"offset":1},"currency":"INR"}}]`
		b.translate(envelope(messages("600", pay2)))
		d = b.last(w, event.OrderStatusUpdated)
		require.NotEqual(t, order, d.Order.ID, "an order nobody knew")
		require.Equal(t, float64(5), d.Order.Total)
	})
}

func TestForms(t *testing.T) {
	onEachStore(t, func(b *bench) {
		w := b.webhook(event.FormSubmitted)
		answer := func(n int, response string) {
			text, err := json.Marshal(response)
			require.NoError(t, err)
			b.translate(envelope(messages("600", fmt.Sprintf(`"messages":[{"from":"155","id":"wamid.%d","timestamp":"1793491200","type":"interactive","interactive":{"type":"nfm_reply","nfm_reply":{"name":"flow","body":"Sent","response_json":%s}}}]`, n, text))))
		}
		answer(1, `{"flow_token":"tok-1","rating":"4","tags":["a","b"]}`)
		d := b.last(w, event.FormSubmitted)
		require.Equal(t, "tok-1", d.Form.FlowToken)
		require.JSONEq(t, `{"flow_token":"tok-1","rating":"4","tags":["a","b"]}`, string(d.Form.Fields))
		answer(2, `not JSON`)
		d = b.last(w, event.FormSubmitted)
		require.Equal(t, "not JSON", d.Form.Response)
		require.Empty(t, d.Form.Fields)
	})
}
