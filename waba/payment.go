package waba

import (
	"encoding/json"
	"time"
)

// Payment is a payment status (India): it shares statuses[] with delivery statuses and says nothing about delivery.
type Payment struct {
	ID        string // the wamid of the message that asked for the payment, never empty; several payments share it
	Status    string // captured, pending or failed; never empty
	Timestamp time.Time

	RecipientID, RecipientUserID, RecipientParentUserID string

	Reference     string // reference_id of the order
	TransactionID string
	Amount        *Amount
	Currency      string
	Content       json.RawMessage // the payment object; nil when absent
	Raw           json.RawMessage
}

// payment reads the rest of a status that said it is about one.
func (s Status) payment() (Payment, error) {
	p := Payment{
		ID: s.ID, Status: s.Status, Timestamp: s.Timestamp, RecipientID: s.RecipientID, RecipientUserID: s.RecipientUserID,
		RecipientParentUserID: s.RecipientParentUserID, Content: member(s.Raw, "payment"), Raw: s.Raw,
	}
	var r reading
	if r.object("payment", p.Content) {
		p.Reference = r.text("payment.reference_id", member(p.Content, "reference_id"))
		p.TransactionID = r.text("payment.transaction.id", member(member(p.Content, "transaction"), "id"))
		p.Amount = parseAmount(member(p.Content, "amount"))
		p.Currency = optional(member(p.Content, "currency"))
	}
	return p, r.err
}
