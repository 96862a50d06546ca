package models

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
)

// ErrTranslating: something of the person has been accepted and is not translated yet; try again in a moment.
var ErrTranslating = errors.New("callbacks of this contact are still being translated")

// Erasure is what was erased of a contact, and when.
type Erasure struct {
	ID, BusinessID, ContactID int64
	RequestedBy               string // who asked, as an account and not as a person
	StartedAt                 time.Time
	ErasedAt                  time.Time // zero: it is not finished
	// Counts says how much was erased of each kind of thing.
	Counts map[string]int64
}

// The steps of an erasure, in order. Each is done in chunks; place is where the step stands.
const (
	eraseEvents    = "events"    // of the contact's conversations
	eraseStray     = "stray"     // events of no conversation that name the contact
	eraseMessages  = "messages"  // of the contact's conversations
	eraseCallbacks = "callbacks" // that name the contact
	eraseInspected = "inspected" // arrivals in the inspectors of the business
	eraseOver      = ""
)

const (
	// erasedAtOnce bounds what one transaction of an erasure changes, readAtOnce what it reads through.
	erasedAtOnce = 500
	readAtOnce   = 5000
)

type erasureRow struct {
	ID          int64
	BusinessID  int64
	ContactID   int64
	RequestedBy string
	StartedAt   time.Time
	ErasedAt    *time.Time
	Counts      string
	Step        string
	Place       int64
	LastID      int64 // what arrived later belongs to somebody new
	Names       string
}

func (erasureRow) TableName() string { return "erasures" }

func (r erasureRow) erasure() Erasure {
	e := Erasure{ID: r.ID, BusinessID: r.BusinessID, ContactID: r.ContactID, RequestedBy: r.RequestedBy, StartedAt: r.StartedAt.UTC(), ErasedAt: timeOrZero(r.ErasedAt).UTC(), Counts: map[string]int64{}}
	_ = json.Unmarshal([]byte(r.Counts), &e.Counts) // our own encoding
	return e
}

// Erasures lists the erasures of a business, newest first: those with an id smaller than before (0: all), at most limit
// (0 means 50, at most 200).
func (s *Store) Erasures(ctx context.Context, businessID, before int64, limit int) ([]Erasure, error) {
	var rows []erasureRow
	if err := s.page(ctx, businessID, before, limit).Find(&rows).Error; err != nil {
		return nil, translate(err, "list erasures")
	}
	out := make([]Erasure, len(rows))
	for i, r := range rows {
		out[i] = r.erasure()
	}
	return out, nil
}

// Erase erases a business's contact everywhere in the database, and those who were merged into it: names, messages, what
// events told, the callbacks they came in, what receivers answered. Rows that counts and history need stay, emptied. What
// is owed to webhooks and not yet delivered is skipped. What comes from the same person later makes a new contact.
//
// It works in chunks, one at least, for about as long as the budget; an erasure that is not finished then, or was interrupted, goes on
// when it is asked for again, and one that is finished is answered as it was. ErrTranslating while something of the
// person waits to be translated.
//
// The walk through callbacks and events without a conversation reads all that are kept: upstream may say a thing twice,
// and nothing but its text tells whom the second time is about.
func (s *Store) Erase(ctx context.Context, businessID, contactID int64, by string, budget time.Duration) (Erasure, error) {
	end := time.Now().Add(budget)
	contact, err := s.ContactByID(ctx, businessID, contactID)
	if err != nil {
		return Erasure{}, err
	}
	var row erasureRow
	err = s.db.WithContext(ctx).Where("contact_id = ?", contact.ID).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		row, err = s.beginErasure(ctx, businessID, contact.ID, by, end)
	}
	// One chunk at least, or a slow machine would never come to the end of it.
	for first := true; err == nil && row.ErasedAt == nil && (first || time.Now().Before(end)); first = false {
		err = s.inTx(ctx, func(tx *gorm.DB) error {
			// The update locks the row: two who erase the same take turns.
			if err := tx.Exec("UPDATE erasures SET step = step WHERE id = ?", row.ID).Error; err != nil {
				return err
			}
			if err := tx.Take(&row, row.ID).Error; err != nil || row.ErasedAt != nil {
				return err
			}
			return s.eraseChunk(tx, &row)
		})
	}
	return row.erasure(), translate(err, fmt.Sprintf("erase contact %d", contactID))
}

// beginErasure takes the contact's names away, so that whatever comes from now on is somebody new's.
func (s *Store) beginErasure(ctx context.Context, businessID, contactID int64, by string, end time.Time) (erasureRow, error) {
	row := erasureRow{ID: s.NextID(), BusinessID: businessID, ContactID: contactID, RequestedBy: printable(by), StartedAt: moment(time.Now()), Step: eraseEvents}
	for {
		names, err := s.namesOf(s.db.WithContext(ctx), businessID, contactID)
		if err != nil {
			return row, err
		}
		waits, err := s.translating(ctx, names.needles())
		if err != nil {
			return row, err
		}
		if !waits {
			break
		}
		select {
		case <-ctx.Done():
			return row, ctx.Err()
		case <-time.After(min(200*time.Millisecond, max(0, time.Until(end)))):
		}
		if !time.Now().Before(end) {
			return row, ErrTranslating
		}
	}
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		e := erasing{tx: tx, counts: map[string]int64{}}
		names, err := s.namesOf(tx, businessID, contactID)
		if err != nil {
			return err
		}
		e.exec("identities", "DELETE FROM identities WHERE contact_id IN ?", names.Contacts)
		e.exec("contacts", "UPDATE contacts SET name = 'erased', username = '', wa_id = '', user_id = '', parent_user_id = '', profile_at = NULL, updated_at = ? WHERE id IN ?", row.StartedAt, names.Contacts)
		e.exec("conversations", "UPDATE conversations SET note = '', labels = '[]' WHERE contact_id IN ?", names.Contacts)
		e.exec("orders", "UPDATE orders SET wamid = '', text = '', items = NULL, payment = NULL WHERE business_id = ? AND conversation_id IN (SELECT id FROM conversations WHERE contact_id IN ?)", businessID, names.Contacts)
		row.LastID = s.NextID()
		return e.keep(&row, names)
	})
	return row, err
}

// namesOf reads every name of a contact and of those merged into it.
func (s *Store) namesOf(db *gorm.DB, businessID, contactID int64) (personNames, error) {
	var p personNames
	contacts, err := s.withMerged(db, []int64{contactID})
	if err != nil {
		return p, err
	}
	p.Contacts = contacts
	add := func(list *[]string, name string) {
		if name != "" && !slices.Contains(*list, name) {
			*list = append(*list, name)
		}
	}
	var identities []struct {
		Kind  identityKind
		Value string
	}
	if err := db.Table("identities").Where("business_id = ? AND contact_id IN ?", businessID, contacts).Scan(&identities).Error; err != nil {
		return p, err
	}
	for _, n := range identities {
		if n.Kind == byWaID {
			add(&p.Numbers, n.Value)
		} else {
			add(&p.IDs, n.Value)
		}
	}
	var rows []contactRow
	if err := db.Table("contacts AS c").Select(contactColumns).Where("c.id IN ?", contacts).Scan(&rows).Error; err != nil {
		return p, err
	}
	for _, r := range rows {
		// A number that went to a new owner is no longer a name of the old one's: it is not among the columns then.
		add(&p.Numbers, canonical(r.WaID))
		add(&p.IDs, r.UserID)
		add(&p.IDs, r.ParentUserID)
	}
	return p, nil
}

// erasing is one transaction of an erasure. The first error sticks.
type erasing struct {
	tx     *gorm.DB
	counts map[string]int64
	err    error
}

// exec runs a statement and counts what it changed under a name.
func (e *erasing) exec(count, text string, args ...any) {
	if e.err != nil {
		return
	}
	res := e.tx.Exec(text, args...)
	e.err = res.Error
	e.counts[count] += res.RowsAffected
}

// keep writes down where the erasure stands.
func (e *erasing) keep(row *erasureRow, names personNames) error {
	if e.err != nil {
		return e.err
	}
	counts, _ := json.Marshal(e.counts) // numbers always marshal
	row.Counts, row.Names = string(counts), ""
	if row.Step == eraseOver {
		at := moment(time.Now())
		row.ErasedAt = &at
	} else {
		text, _ := json.Marshal(names) // text always marshals
		row.Names = string(text)
	}
	return e.tx.Save(row).Error
}

// eraseChunk does one piece of the erasure and moves it on.
func (s *Store) eraseChunk(tx *gorm.DB, row *erasureRow) error {
	e := erasing{tx: tx, counts: row.erasure().Counts}
	var names personNames
	if err := json.Unmarshal([]byte(row.Names), &names); err != nil {
		return fmt.Errorf("names: %w", err)
	}
	var next int64
	var err error
	steps := map[string]struct {
		chunk func(*erasing, *erasureRow, personNames) (int64, error)
		then  string
	}{
		eraseEvents: {s.eraseOwnEvents, eraseStray}, eraseStray: {s.eraseStrayEvents, eraseMessages}, eraseMessages: {s.eraseMessages, eraseCallbacks},
		eraseCallbacks: {s.eraseCallbacks, eraseInspected}, eraseInspected: {s.eraseInspections, eraseOver},
	}
	step := steps[row.Step]
	if next, err = step.chunk(&e, row, names); err != nil {
		return err
	}
	if row.Place = next; next == 0 {
		row.Step = step.then
	}
	return e.keep(row, names)
}

// conversationsOfContacts lists the conversations of contacts.
func conversationsOfContacts(tx *gorm.DB, contacts []int64) (ids []int64, err error) {
	return ids, tx.Table("conversations").Where("contact_id IN ?", contacts).Order("id").Pluck("id", &ids).Error
}

// eraseOwnEvents erases the next events of the contact's conversations. Like the other steps it returns its place; 0: done.
func (s *Store) eraseOwnEvents(e *erasing, row *erasureRow, names personNames) (int64, error) {
	conversations, err := conversationsOfContacts(e.tx, names.Contacts)
	if err != nil {
		return 0, err
	}
	var ids []int64
	for _, c := range conversations {
		var some []int64
		if err := e.tx.Table("events").Where("conversation_id = ? AND conversation_id <> 0 AND id > ?", c, row.Place).Order("conversation_id, id").Limit(erasedAtOnce).Pluck("id", &some).Error; err != nil {
			return 0, err
		}
		ids = append(ids, some...)
	}
	slices.Sort(ids)
	ids = ids[:min(len(ids), erasedAtOnce)]
	s.emptyEvents(e, row.BusinessID, ids)
	if len(ids) < erasedAtOnce {
		return 0, e.err
	}
	return ids[len(ids)-1], e.err
}

// emptyEvents empties events and what came of them.
func (s *Store) emptyEvents(e *erasing, businessID int64, ids []int64) {
	if len(ids) == 0 {
		return
	}
	const hooks = "webhook_id IN (SELECT id FROM webhooks WHERE business_id = ?)"
	e.exec("deliveries", "UPDATE deliveries SET state = ? WHERE event_id IN ? AND "+hooks+" AND state IN ?", Skipped, ids, businessID, []DeliveryState{Pending, Held})
	e.exec("attempts", "UPDATE attempts SET answer = '' WHERE event_id IN ? AND "+hooks+" AND answer <> ''", ids, businessID)
	e.exec("digests", "UPDATE digests SET data = ? WHERE event_id IN ?", ErasedData, ids)
	wamid := postgresWamid
	if s.embedded {
		wamid = sqliteWamid
	}
	e.exec("messages", "DELETE FROM messages WHERE number_id IN (SELECT id FROM numbers WHERE business_id = ?) AND wamid IN (SELECT "+wamid+" FROM events WHERE id IN ?)", businessID, ids)
	e.exec("events", "UPDATE events SET data = ? WHERE id IN ? AND data <> ?", ErasedData, ids, ErasedData)
}

// eraseStrayEvents erases events that belong to no conversation and name the contact: contact.created, statuses of
// messages that nobody answered.
func (s *Store) eraseStrayEvents(e *erasing, row *erasureRow, names personNames) (int64, error) {
	needles := names.needles()
	for _, id := range names.Contacts {
		needles = append(needles, `"contact":{"id":`+strconv.FormatInt(id, 10)+`,`)
	}
	last, err := s.lastOf(e.tx, "events", row)
	if err != nil || last == 0 {
		return 0, err
	}
	match, args := s.holding("data", needles)
	var rows []eventRow
	if err := e.tx.Table("events").Select("id, data").Where("id > ? AND id <= ? AND business_id + 0 = ? AND conversation_id = 0 AND "+match,
		append([]any{row.Place, last, row.BusinessID}, args...)...).Scan(&rows).Error; err != nil {
		return 0, err
	}
	var ids []int64
	for _, r := range rows {
		if names.mentions([]byte(r.Data)) {
			ids = append(ids, r.ID)
		}
	}
	for chunk := range slices.Chunk(ids, erasedAtOnce) {
		s.emptyEvents(e, row.BusinessID, chunk)
	}
	return last, e.err
}

// lastOf is the last id of the next rows to read through; 0: there are none.
func (s *Store) lastOf(tx *gorm.DB, table string, row *erasureRow) (last int64, err error) {
	return last, tx.Raw("SELECT coalesce(max(id), 0) FROM (SELECT id FROM "+table+" WHERE id > ? AND id <= ? ORDER BY id LIMIT ?) AS next_rows", row.Place, row.LastID, readAtOnce).Scan(&last).Error
}

// holding is a condition that a column holds one of the texts.
func (s *Store) holding(column string, needles []string) (condition string, args []any) {
	test := map[string]string{"data": "strpos(data, ?) > 0", "body": "position(convert_to(CAST(? AS text), 'UTF8') IN body) > 0"}[column]
	if s.embedded {
		test = map[string]string{"data": "instr(data, ?) > 0", "body": "instr(body, CAST(? AS blob)) > 0"}[column]
	}
	if len(needles) == 0 {
		return "1 = 0", nil
	}
	tests := make([]string, len(needles))
	for i, n := range needles {
		tests[i], args = test, append(args, n)
	}
	return "(" + strings.Join(tests, " OR ") + ")", args
}

// eraseMessages deletes the next messages of the contact's conversations: their ids tell the number.
func (s *Store) eraseMessages(e *erasing, row *erasureRow, names personNames) (int64, error) {
	conversations, err := conversationsOfContacts(e.tx, names.Contacts)
	if err != nil {
		return 0, err
	}
	before := e.counts["messages"]
	for _, c := range conversations {
		e.exec("messages", "DELETE FROM messages WHERE (number_id, wamid) IN (SELECT number_id, wamid FROM messages WHERE conversation_id = ? LIMIT ?)", c, erasedAtOnce)
	}
	if e.counts["messages"] == before {
		return 0, e.err
	}
	return row.Place + 1, e.err
}

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
		foreign, ok := owners.foreign(c.AppID, c.NumberID)
		if !ok {
			continue
		}
		body, changed := names.redact(c.Body, foreign)
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

// translating says whether a callback that waits to be translated holds one of the texts, or may.
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
	}
	return false, nil
}

// eraseInspections empties what the inspectors of the business received of the contact: what names it, and every delivery
// of an event that was erased.
func (s *Store) eraseInspections(e *erasing, row *erasureRow, names personNames) (int64, error) {
	var arrivals []inspectionRow
	prefix := strconv.FormatInt(row.BusinessID, 10) + "/"
	if err := e.tx.Where("bin LIKE ? AND id > ?", prefix+"%", row.Place).Order("id").Limit(erasedAtOnce).Find(&arrivals).Error; err != nil || len(arrivals) == 0 {
		return 0, err
	}
	for _, a := range arrivals {
		erased := names.mentions(a.Body)
		if !erased {
			var headers http.Header
			_ = json.Unmarshal([]byte(a.Headers), &headers) // our own encoding
			var err error
			if erased, err = s.erasedEvent(e.tx.Statement.Context, row.BusinessID, headers.Get("webhook-id")); err != nil {
				return 0, err
			}
		}
		if erased {
			e.exec("inspections", "UPDATE inspections SET body = ? WHERE id = ?", []byte(ErasedData), a.ID)
		}
	}
	return arrivals[len(arrivals)-1].ID, e.err
}

// erasedEvent says whether a public event id is one of an event that was erased.
func (s *Store) erasedEvent(ctx context.Context, businessID int64, id string) (bool, error) {
	text, ok := strings.CutPrefix(id, "evt_")
	key, err := hex.DecodeString(text)
	if !ok || err != nil || len(key) != 16 {
		return false, nil
	}
	event, err := s.EventByKey(ctx, businessID, [16]byte(key))
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return event.Erased(), err
}
