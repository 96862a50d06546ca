package waba

import (
	"encoding/json"
	"fmt"
	"time"
)

// ParseOnPremises takes apart what a provider of the On-Premises style posts: contacts, messages, statuses and errors at
// the top level, without an envelope and without a word about whose they are. The number is known from the address that
// was posted to: every change gets it, whatever the body says. A body with an entry is one of the Cloud API after all and
// goes to [Parse]; that one may name any number.
//
// The result holds one change of the field messages, whose Value is the body. It shares memory with a copy of body.
// Anything else is an error that wraps [ErrMalformed].
func ParseOnPremises(body []byte, phoneNumberID, displayPhoneNumber string) (Callback, error) {
	if !json.Valid(body) {
		return Parse(body) // which says what is wrong
	}
	root := json.RawMessage(body[space(body, 0):])
	if !isObject(root) || member(root, "entry") != nil {
		return Parse(body)
	}
	if member(root, "messages") == nil && member(root, "statuses") == nil && member(root, "errors") == nil {
		return Callback{}, fmt.Errorf("%w: no entry, messages, statuses or errors", ErrMalformed)
	}
	callback, err := Parse(Envelope("", time.Time{}, FieldMessages, root))
	for i := range callback.Changes {
		callback.Changes[i].PhoneNumberID, callback.Changes[i].DisplayPhoneNumber = phoneNumberID, displayPhoneNumber
	}
	return callback, err
}
