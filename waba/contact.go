package waba

import (
	"encoding/json"
	"strings"
)

// Contact is one user as the platform describes them beside a message or a status. Any name may be missing: WaID is
// withheld when user and business have had no dealings by number for 30 days, UserID is unknown to payloads from
// before 2026.
type Contact struct {
	WaID            string // number in digits
	UserID          string // BSUID, such as "US.4KQ82ZT7M1"; changes when the user changes number
	ParentUserID    string // BSUID shared by linked portfolios
	Name            string // chosen by the user, any Unicode
	Username        string // without a leading @
	IdentityKeyHash string // only with the identity check enabled

	Raw json.RawMessage // the element as it came
}

func parseContact(raw json.RawMessage) (Contact, error) {
	if !isObject(raw) {
		return Contact{}, errNot("object", raw)
	}
	c := Contact{Raw: raw}
	var r reading
	for key, value := range members(raw) {
		switch string(key) {
		case "wa_id":
			c.WaID = number(r.text("wa_id", value))
		case "user_id":
			c.UserID = r.text("user_id", value)
		case "parent_user_id":
			c.ParentUserID = r.text("parent_user_id", value)
		case "identity_key_hash":
			c.IdentityKeyHash, _ = text(value)
		case "profile":
			for key, value := range members(value) {
				switch string(key) {
				case "name":
					c.Name, _ = text(value)
				case "username":
					username, _ := text(value)
					c.Username = strings.TrimPrefix(username, "@")
				}
			}
		}
	}
	return c, r.err
}
