package models

import (
	"context"
	"encoding/json"
	"slices"

	"gorm.io/gorm"
)

// eraseCallbacks takes what belongs to the contact out of the next callbacks.
func (s *Store) eraseCallbacks(e *erasing, row *erasureRow, names personNames) (int64, error) {
	last, err := s.lastOf(e.tx, "callbacks", row)
	if err != nil || last == 0 {
		return 0, err
	}
	match, args := s.holding("body", names.needles())
	var found []struct {
		ID, AppID, NumberID int64
		Body                []byte
	}
	if err := e.tx.Table("callbacks").Select("id, app_id, number_id, body").Where("id > ? AND id <= ? AND "+match, append([]any{row.Place, last}, args...)...).Scan(&found).Error; err != nil || len(found) == 0 {
		return last, err
	}
	owners, err := ownersOf(e.tx, row.BusinessID)
	if err != nil {
		return 0, err
	}
	unfinished, _, err := s.callbackGroups(e.tx)
	if err != nil {
		return 0, err
	}
	for _, c := range found {
		body, changed := c.Body, false
		if c.AppID == OwnApp {
			if body, changed, err = redactTold(e.tx, row.BusinessID, names, c.Body); err != nil {
				return 0, err
			}
		} else if foreign, ok := owners.foreign(c.AppID, c.NumberID); ok {
			body, changed = names.redact(c.Body, foreign)
		}
		if !changed {
			continue
		}
		for _, g := range unfinished {
			if g.First <= c.ID && c.ID <= g.Last {
				return 0, ErrTranslating
			}
		}
		e.exec("callbacks", "UPDATE callbacks SET body = ? WHERE id = ?", body, c.ID)
	}
	return last, e.err
}

// redactTold takes the person out of what the gateway told itself of the business's messages.
func redactTold(tx *gorm.DB, businessID int64, names personNames, body []byte) (redacted []byte, changed bool, err error) {
	var t Told
	if json.Unmarshal(body, &t) != nil {
		return body, false, nil // emptied
	}
	var named, own []int64
	for _, v := range t.Sends {
		if names.is(v.WaID) || names.is(v.UserID) {
			named = append(named, v.ID)
		}
	}
	if err := tx.Table("sends").Where("business_id = ? AND id IN ?", businessID, named).Pluck("id", &own).Error; err != nil || len(own) == 0 {
		return body, false, err
	}
	t.Sends = slices.DeleteFunc(t.Sends, func(v ToldSend) bool { return slices.Contains(named, v.ID) && slices.Contains(own, v.ID) })
	redacted, _ = json.Marshal(t) // text, numbers and times always marshal
	return redacted, true, nil
}

// owners say which callbacks are the business's.
type owners struct {
	apps    map[int64]bool  // its own; an app that serves every business is nobody's
	numbers map[int64]bool  // its own, by id
	phones  map[string]bool // every connected number by its phone number id: whether it is the business's
}

func ownersOf(tx *gorm.DB, businessID int64) (owners, error) {
	o := owners{map[int64]bool{}, map[int64]bool{}, map[string]bool{}}
	var apps []int64
	if err := tx.Table("apps").Where("business_id = ?", businessID).Pluck("id", &apps).Error; err != nil {
		return o, err
	}
	for _, id := range apps {
		o.apps[id] = true
	}
	var numbers []struct {
		ID, BusinessID int64
		PhoneNumberID  string
	}
	err := tx.Table("numbers").Select("id, business_id, phone_number_id").Scan(&numbers).Error
	for _, n := range numbers {
		o.phones[n.PhoneNumberID] = n.BusinessID == businessID
		o.numbers[n.ID] = n.BusinessID == businessID
	}
	return o, err
}

// foreign says which changes of a callback are not the business's, by their phone number id (empty: they have none);
// not ok when nothing of it can be. What names no connected number is the owner's of the app that it came to.
func (o owners) foreign(appID, numberID int64) (foreign func(phoneNumberID string) bool, ok bool) {
	if numberID != 0 { // posted to the number's own address: all of it is the number's
		return func(string) bool { return false }, o.numbers[numberID]
	}
	return func(phone string) bool {
		mine, connected := o.phones[phone]
		return phone != "" && (connected && !mine || !connected && !o.apps[appID])
	}, true
}

// callbackGroup is a range of callbacks that wait to be translated.
type callbackGroup struct{ First, Last int64 }

// mostGroups bounds the groups that are looked into.
const mostGroups = 1000

// callbackGroups lists the oldest groups that wait to be translated; more says that there are others.
func (s *Store) callbackGroups(db *gorm.DB) (groups []callbackGroup, more bool, err error) {
	columns := "members[1] AS first, members[2] AS last"
	if s.embedded {
		columns = "json_extract(members, '$[0]') AS first, json_extract(members, '$[1]') AS last"
	}
	err = db.Table("outbox").Select(columns).Where("kind = ?", TranslateCallbacks).Order("id").Limit(mostGroups + 1).Scan(&groups).Error
	return groups, len(groups) > mostGroups, err
}

// translating says whether a callback that waits to be translated names one of the person's names, or may: one of the
// gateway's own does with the messages that it is about.
func (s *Store) translating(ctx context.Context, needles []string) (bool, error) {
	db := s.db.WithContext(ctx)
	groups, more, err := s.callbackGroups(db)
	if err != nil || more {
		return more, err
	}
	match, args := s.holding("body", needles)
	for _, g := range groups {
		var n int64
		if err := db.Raw("SELECT count(*) FROM callbacks WHERE id BETWEEN ? AND ? AND "+match, append([]any{g.First, g.Last}, args...)...).Scan(&n).Error; err != nil || n > 0 {
			return n > 0, err
		}
		var own [][]byte
		if err := db.Table("callbacks").Where("id BETWEEN ? AND ? AND app_id = ?", g.First, g.Last, OwnApp).Pluck("body", &own).Error; err != nil {
			return false, err
		}
		for _, body := range own {
			var t Told
			_ = json.Unmarshal(body, &t) // emptied, or none: it names nobody
			for some := range slices.Chunk(t.Sends, erasedAtOnce) {
				ids := make([]int64, len(some))
				for i, v := range some {
					ids[i] = v.ID
				}
				if err := db.Raw("SELECT count(*) FROM sends WHERE id IN ? AND (to_wa_id IN ? OR to_user_id IN ?)", ids, needles, needles).Scan(&n).Error; err != nil || n > 0 {
					return n > 0, err
				}
			}
		}
	}
	return false, nil
}
