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
	// Step says what is erased now and Share how far it is, from 0 to 1; "" and 1 of one that is finished.
	Step  string
	Share float64
}

// The steps of an erasure, in order. Each is done in chunks; place is where the step stands.
const (
	eraseSent      = "sends"     // messages to the contact
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
	e.Step, e.Share = r.Step, 1
	if i := slices.Index([]string{eraseSent, eraseEvents, eraseStray, eraseMessages, eraseCallbacks, eraseInspected}, r.Step); i >= 0 {
		e.Share = float64(i) / 6
	}
	return e
}

// ErasureByID reads an erasure of a business. ErrNotFound.
func (s *Store) ErasureByID(ctx context.Context, businessID, id int64) (Erasure, error) {
	return s.erasureWhere(ctx, "business_id = ? AND id = ?", businessID, id)
}

// ErasureOf reads the erasure of a business's contact. ErrNotFound: nobody asked for one.
func (s *Store) ErasureOf(ctx context.Context, businessID, contactID int64) (Erasure, error) {
	return s.erasureWhere(ctx, "business_id = ? AND contact_id = ?", businessID, contactID)
}

func (s *Store) erasureWhere(ctx context.Context, where string, args ...any) (Erasure, error) {
	var row erasureRow
	if err := s.db.WithContext(ctx).Where(where, args...).Take(&row).Error; err != nil {
		return Erasure{}, translate(err, "erasure")
	}
	return row.erasure(), nil
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
// events told, the callbacks they came in, what receivers answered, what was sent. Rows that counts and history need stay,
// emptied. What is owed to webhooks and not yet delivered is skipped, what is not settled of messages to the person is
// cancelled. What comes from the same person later makes a new contact.
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
	row := erasureRow{ID: s.NextID(), BusinessID: businessID, ContactID: contactID, RequestedBy: printable(by), StartedAt: moment(time.Now()), Step: eraseSent}
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
		e.exec("conversations", "UPDATE conversations SET note = '', labels = '[]', ai_detail = NULL WHERE contact_id IN ?", names.Contacts)
		e.exec("orders", "UPDATE orders SET wamid = '', text = '', items = NULL, payment = NULL WHERE business_id = ? AND conversation_id IN (SELECT id FROM conversations WHERE contact_id IN ?)", businessID, names.Contacts)
		e.media("conversation_id IN (SELECT id FROM conversations WHERE contact_id IN ?)", names.Contacts)
		s.eraseRecipients(&e, businessID, names)
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

// media removes media and counts them; their files follow.
func (e *erasing) media(where string, args ...any) {
	if e.err != nil {
		return
	}
	var n int64
	n, e.err = forgetMedia(e.tx, where, args...)
	e.counts["media"] += n
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
		eraseSent: {s.eraseSends, eraseEvents}, eraseEvents: {s.eraseOwnEvents, eraseStray}, eraseStray: {s.eraseStrayEvents, eraseMessages}, eraseMessages: {s.eraseMessages, eraseCallbacks},
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

// eraseSends empties the next messages that were sent to the contact, or are to be. It comes first, while the kept messages
// still say which are the contact's: a number may have had another owner. Like the other steps it returns its place; 0: done.
func (s *Store) eraseSends(e *erasing, row *erasureRow, names personNames) (last int64, err error) {
	if err := e.tx.Raw("SELECT coalesce(max(id), 0) FROM (SELECT id FROM sends WHERE business_id = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?) AS next_rows",
		row.BusinessID, row.Place, row.LastID, readAtOnce).Scan(&last).Error; err != nil || last == 0 {
		return 0, err
	}
	needles := names.needles()
	e.exec("sends", `UPDATE sends SET body = ?, to_wa_id = NULL, to_user_id = NULL, text = NULL, reply_to = NULL, media_url = NULL, tracking = NULL,
			wamid = NULL, wa_id = NULL, user_id = NULL, error_title = NULL, error_details = NULL,
			state = CASE WHEN state IN (0, 1, 4) THEN 5 ELSE state END, settled_at = coalesce(settled_at, ?)
		WHERE business_id = ? AND id > ? AND id <= ? AND (to_wa_id IN ? OR wa_id IN ? OR to_user_id IN ? OR user_id IN ?
			OR EXISTS (SELECT 1 FROM messages m JOIN conversations v ON v.id = m.conversation_id
				WHERE m.number_id = sends.number_id AND m.wamid = sends.wamid AND v.contact_id IN ?))`,
		[]byte{}, moment(s.Now()), row.BusinessID, row.Place, last, needles, needles, needles, needles, names.Contacts)
	return last, e.err
}

// eraseOwnEvents erases the next events of the contact's conversations.
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
	s.skipErased(e, "UPDATE deliveries SET state = ? WHERE event_id IN ? AND "+hooks+" AND state IN ? RETURNING webhook_id", Skipped, ids, businessID, []DeliveryState{Pending, Held})
	e.exec("attempts", "UPDATE attempts SET answer = '' WHERE event_id IN ? AND "+hooks+" AND answer <> ''", ids, businessID)
	e.exec("digests", "UPDATE digests SET data = ? WHERE event_id IN ?", ErasedData, ids)
	wamid := postgresWamid
	if s.embedded {
		wamid = sqliteWamid
	}
	const numbers = "number_id IN (SELECT id FROM numbers WHERE business_id = ?)"
	e.exec("messages", "DELETE FROM messages WHERE "+numbers+" AND wamid IN (SELECT "+wamid+" FROM events WHERE id IN ?)", businessID, ids)
	e.media(numbers+" AND wamid IN (SELECT "+wamid+" FROM events WHERE id IN ?)", businessID, ids)
	e.exec("events", "UPDATE events SET data = ? WHERE id IN ? AND data <> ?", ErasedData, ids, ErasedData)
}

// skipErased gives up deliveries by a statement that answers whose they were.
func (s *Store) skipErased(e *erasing, text string, args ...any) {
	if e.err != nil {
		return
	}
	var webhooks []int64
	if e.err = e.tx.Raw(text, args...).Scan(&webhooks).Error; e.err != nil {
		return
	}
	e.counts["deliveries"] += int64(len(webhooks))
	skipped := map[int64]int64{}
	for _, id := range webhooks {
		skipped[id]++
	}
	e.err = s.countSkipped(e.tx, skipped)
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
