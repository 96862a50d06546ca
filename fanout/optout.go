package fanout

import (
	"encoding/json"

	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/waba"
)

// codeOptedOut is the platform's error for somebody who stopped marketing messages from the business.
const codeOptedOut = "131050"

// The reasons of opt-outs that nobody entered.
const (
	whyRefused = "WhatsApp error 131050: the user stopped marketing messages"
	whyStopped = "the user stopped marketing messages"
)

// noteOptOut keeps that somebody wants no broadcasts, or takes them again, if that is what a fact says.
func (b *batch) noteOptOut(f *fact) {
	o := models.OptOut{BusinessID: f.business, WaID: f.person.WaID, UserID: f.person.UserID, Since: f.occurred, Why: whyRefused}
	switch {
	case f.status != nil && f.status.Status == waba.StatusFailed && codeOf(f) == codeOptedOut:
	case f.notice != nil && f.typ == event.UserPreferencesUpdated:
		var told struct{ Category, Value string }
		if json.Unmarshal(f.notice.Raw, &told) != nil || told.Category != "marketing_messages" {
			return
		}
		switch told.Value {
		case "stop":
			o.Why = whyStopped
		case "resume", "signup":
			o.Ended = true
		default:
			return
		}
	default:
		return
	}
	if o.WaID != "" || o.UserID != "" {
		b.changes.OptOuts = append(b.changes.OptOuts, o)
	}
}
