package fanout

import (
	"wabagate/models"
	"wabagate/waba"
)

// sender is the address that a callback was posted to: an app's, or a number's own.
type sender struct {
	known  bool // the app or the number exists
	app    models.App
	number models.Number // zero for an app's address
}

func (s *subscriptions) sender(cb models.Callback) sender {
	if cb.NumberID == 0 {
		app, known := s.apps[cb.AppID]
		return sender{known: known, app: app}
	}
	n, known := s.numbers[cb.NumberID]
	return sender{known: known, number: n}
}

// business is whose address it is; 0 for an app that serves several.
func (s sender) business() int64 {
	switch {
	case !s.known:
		return 0
	case s.number.ID != 0:
		return s.number.BusinessID
	case s.app.BusinessID != nil:
		return *s.app.BusinessID
	}
	return 0
}

// serves says whether a business may hear of what came to the address.
func (s sender) serves(business int64) bool {
	return s.known && (s.business() == 0 || s.business() == business)
}

// owner finds whose change it is: by number, by WhatsApp business account, or by the address.
func (s sender) owner(c *waba.Change, routes *models.Routes) (models.Number, int64, *parked) {
	if s.number.ID != 0 {
		// A number's address speaks for that number only.
		if c.PhoneNumberID != "" && c.PhoneNumberID != s.number.PhoneNumberID {
			return models.Number{}, 0, &parked{c.PhoneNumberID, "it came to the address of another number"}
		}
		return s.number, s.number.BusinessID, nil
	}
	if c.PhoneNumberID != "" {
		n, ok := routes.Numbers[c.PhoneNumberID]
		if ok && s.serves(n.BusinessID) {
			return n, n.BusinessID, nil
		}
		return n, 0, &parked{c.PhoneNumberID, "the number is not connected"}
	}
	if c.WABAID != "" {
		if n, ok := s.ofAccount(c, routes); ok {
			return n, n.BusinessID, nil
		}
	}
	if business := s.business(); business != 0 {
		return models.Number{}, business, nil
	}
	return models.Number{}, 0, &parked{models.ParkedForWABA(c.WABAID), "no connected number belongs to the account of this change"}
}

// ofAccount finds the number of the account that the change names as people write it, or else just the business: a
// number without anything but BusinessID.
func (s sender) ofAccount(c *waba.Change, routes *models.Routes) (models.Number, bool) {
	var found models.Number
	for _, n := range routes.Numbers {
		if n.WABAID != c.WABAID || !s.serves(n.BusinessID) {
			continue
		}
		if c.DisplayPhoneNumber != "" && digits(n.Display) == digits(c.DisplayPhoneNumber) {
			return n, true
		}
		if found.BusinessID == 0 || n.BusinessID < found.BusinessID { // the same every time
			found = models.Number{BusinessID: n.BusinessID}
		}
	}
	return found, found.BusinessID != 0
}
