package models

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
)

const (
	// sendsPerWork bounds the members of one work.
	sendsPerWork = 100
	// sendSlack is how early a message may be taken: queues count whole seconds, and the clocks of processes differ.
	sendSlack = 2 * time.Second

	// sendsUnderway and sendsUndecided are the beginnings of conditions that the index of what is not settled answers: SQLite
	// takes it only where the index's own condition stands word for word.
	sendsUnderway  = "state IN (0, 1, 4) AND state = 1 AND started_at < "
	sendsUndecided = "state IN (0, 1, 4) AND state = 4 AND due_at <= "
)

// CreateSends keeps messages to be sent and the work that sends them, of one number each, in one transaction. A message
// whose key is taken is not made again, nor one whose place in its broadcast or whose ID is: the answer has the one of
// then in its place, with Existed. The answer is in the order of the question. Work has at most 100 members.
//
// An ID of 0 is given here; a DueAt of zero is now. What an attempt finds out, from State on, is not asked for.
func (s *Store) CreateSends(ctx context.Context, sends []Send) (kept []Send, work []Work, err error) {
	if len(sends) == 0 {
		return nil, nil, nil
	}
	now := s.Now()
	asked := make([]Send, len(sends))
	for i, v := range sends {
		if v.ID == 0 {
			v.ID = s.nextID()
		}
		asked[i] = v.asked(now)
	}
	kept, work, err = s.hot.createSends(ctx, asked, FirstID(now.Add(-SendKeyKept)), s.sendWork)
	if err != nil {
		return nil, nil, fmt.Errorf("keep %d messages to be sent: %w", len(sends), err)
	}
	return kept, work, nil
}

// asked is a new message as it is kept.
func (v Send) asked(now time.Time) Send {
	if v.DueAt.IsZero() {
		v.DueAt = now
	}
	if v.Body == nil {
		v.Body = []byte{}
	}
	return Send{ID: v.ID, BusinessID: v.BusinessID, NumberID: v.NumberID, Key: keyText(v.Key), Body: v.Body, To: keyText(v.To), Recipient: keyText(v.Recipient),
		Type: printable(v.Type), Text: printable(v.Text), ReplyTo: keyText(v.ReplyTo), MediaURL: printable(v.MediaURL), SentBy: printable(v.SentBy),
		Tracking: printable(v.Tracking), BroadcastID: v.BroadcastID, Place: v.Place, DueAt: dueMoment(v.DueAt), CreatedAt: IDTime(v.ID).UTC()}
}

// sendWork is the work that gives messages to the platform: each of one number, one queue and one moment.
func (s *Store) sendWork(sends []Send) []Work {
	type lot struct {
		number   int64
		priority Priority
		due      int64
	}
	var ws []Work
	last := map[lot]int{}
	for _, v := range sends {
		l := lot{v.NumberID, v.priority(), v.DueAt.UnixMilli()}
		i, begun := last[l]
		if !begun || len(ws[i].Members) == sendsPerWork {
			i, last[l] = len(ws), len(ws)
			ws = append(ws, Work{ID: s.nextID(), Kind: SendMessages, Priority: l.priority, WebhookID: l.number, DueAt: v.DueAt})
		}
		ws[i].Members = append(ws[i].Members, v.ID)
	}
	return ws
}

// answerSends says what became of messages that were asked for: those that were made, which are fresh, and for the others
// one of those that were there before.
func answerSends(asked []Send, made []int64, before []Send) (kept, fresh []Send, err error) {
	type name struct {
		of, place int64
		key       string
	}
	known := map[name]Send{}
	names := func(v Send) (ns []name) {
		ns = append(ns, name{of: v.ID})
		if v.Key != "" {
			ns = append(ns, name{of: v.NumberID, key: v.Key})
		}
		if v.BroadcastID != 0 && v.Place != 0 {
			ns = append(ns, name{of: v.BroadcastID, place: v.Place})
		}
		return ns
	}
	for _, v := range before {
		v.Existed = true
		for _, n := range names(v) {
			known[n] = v
		}
	}
	ours := map[int64]bool{}
	for _, id := range made {
		ours[id] = true
	}
	for _, v := range asked {
		if ours[v.ID] {
			delete(ours, v.ID)
			kept, fresh = append(kept, v), append(fresh, v)
			continue
		}
		ns := names(v)
		i := slices.IndexFunc(ns, func(n name) bool { _, there := known[n]; return there })
		if i < 0 { // its key was taken, and forgotten a moment later
			return nil, nil, errOvertaken
		}
		kept = append(kept, known[ns[i]])
	}
	return kept, fresh, nil
}

// Sends reads messages by id, in the order of the ids; those that are gone are missing.
func (s *Store) Sends(ctx context.Context, ids []int64) ([]Send, error) {
	found, err := s.hot.loadSends(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("load messages to be sent: %w", err)
	}
	return inOrder(found, ids), nil
}

// inOrder puts messages into the order of ids, each once.
func inOrder(sends []Send, ids []int64) []Send {
	byID := make(map[int64]Send, len(sends))
	for _, v := range sends {
		byID[v.ID] = v
	}
	sorted := make([]Send, 0, len(sends))
	for _, id := range ids {
		if v, there := byID[id]; there {
			sorted = append(sorted, v)
			delete(byID, id)
		}
	}
	return sorted
}

// SendByID reads a business's message. ErrNotFound.
func (s *Store) SendByID(ctx context.Context, businessID, id int64) (Send, error) {
	found, err := s.Sends(ctx, []int64{id})
	if err == nil && (len(found) == 0 || found[0].BusinessID != businessID) {
		err = gorm.ErrRecordNotFound
	}
	if err != nil {
		return Send{}, translate(err, fmt.Sprintf("message to be sent %d", id))
	}
	return found[0], nil
}

// TakeSends marks those of a work's messages that wait and are due as underway, one attempt more, and answers them in the
// order of Members. What another worker took, or is settled, is missing, and so is what is due more than two seconds from
// now: other work has it. The commit comes before the platform hears of anything: a process that dies leaves them
// underway.
func (s *Store) TakeSends(ctx context.Context, ids []int64) ([]Send, error) {
	now := s.Now()
	taken, err := s.hot.takeSends(ctx, ids, moment(now), moment(now.Add(sendSlack)))
	if err != nil {
		return nil, fmt.Errorf("take %d messages to be sent: %w", len(ids), err)
	}
	return inOrder(taken, ids), nil
}

// SettleSends keeps results, in one transaction with what they tell. A result changes a message only while it is underway
// or undecided, so that a status that came first, and said more, stays. That it will not go out counts for one that waits
// for another attempt too, and that it was accepted for one that was given up as well. Several results of one message count
// one after the other.
func (s *Store) SettleSends(ctx context.Context, st SendSettlement) error {
	if err := st.check(); err != nil {
		return fmt.Errorf("settle %d messages: %w", len(st.Results), err)
	}
	st.Results = slices.Clone(st.Results)
	for i, r := range st.Results {
		st.Results[i] = r.clean()
	}
	st.Callbacks = withBodies(st.Callbacks)
	if err := s.hot.settleSends(ctx, st, s.Now()); err != nil {
		return fmt.Errorf("settle %d messages: %w", len(st.Results), err)
	}
	return nil
}

// DoubtSends makes undecided, until a moment, what has been underway since before another: its process is gone. It
// answers how many.
func (s *Store) DoubtSends(ctx context.Context, startedBefore, until time.Time) (int64, error) {
	n, err := s.hot.doubtSends(ctx, moment(startedBefore), dueMoment(until))
	if err != nil {
		return 0, fmt.Errorf("doubt messages that are underway: %w", err)
	}
	return n, nil
}

// LapseSends answers up to limit undecided messages whose wait is over, the longest over first. It changes nothing: what
// becomes of them is settled, with their Attempts, so that of two who ask at once the second changes nothing either.
func (s *Store) LapseSends(ctx context.Context, now time.Time, limit int) ([]Send, error) {
	found, err := s.hot.lapseSends(ctx, moment(now), limit)
	if err != nil {
		return nil, fmt.Errorf("list undecided messages: %w", err)
	}
	return found, nil
}

// forgetKeys lets go of the keys of messages that were made before an id, which they are looked through for once.
func (s *Store) forgetKeys(ctx context.Context, before int64) error {
	const place = "keys of sends"
	for more := true; more; {
		err := s.inTx(ctx, func(tx *gorm.DB) error {
			var from int64
			if err := tx.Raw("SELECT coalesce(max(before_id), 0) FROM pruned WHERE name = ?", place).Scan(&from).Error; err != nil {
				return err
			}
			var last *int64
			if err := tx.Raw("SELECT max(id) FROM (SELECT id FROM sends WHERE id >= ? AND id < ? ORDER BY id LIMIT ?) AS next_rows", from, before, rowsAtOnce).Scan(&last).Error; err != nil {
				return err
			}
			if more = last != nil; !more {
				return nil
			}
			if err := tx.Exec("UPDATE sends SET key = NULL WHERE id BETWEEN ? AND ? AND key IS NOT NULL", from, *last).Error; err != nil {
				return err
			}
			return tx.Exec("INSERT INTO pruned (name, before_id) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET before_id = excluded.before_id", place, *last+1).Error
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sendColumns are what sendScan reads of a message called s.
const sendColumns = `s.id, s.business_id, s.number_id, coalesce(s.key, ''), s.body, coalesce(s.to_wa_id, ''), coalesce(s.to_user_id, ''), s.type, coalesce(s.text, ''),
	coalesce(s.reply_to, ''), coalesce(s.media_url, ''), s.sent_by, coalesce(s.tracking, ''), coalesce(s.broadcast_id, 0), coalesce(s.place, 0),
	s.state, s.attempts, s.due_at, s.started_at, s.settled_at, coalesce(s.wamid, ''), coalesce(s.wa_id, ''), coalesce(s.user_id, ''),
	coalesce(s.error_code, ''), coalesce(s.error_title, ''), coalesce(s.error_details, '')`

// sendScan receives a row of sendColumns.
type sendScan struct {
	v                    Send
	startedAt, settledAt *time.Time
}

func (s *sendScan) dest() []any {
	v := &s.v
	return []any{&v.ID, &v.BusinessID, &v.NumberID, &v.Key, &v.Body, &v.To, &v.Recipient, &v.Type, &v.Text, &v.ReplyTo, &v.MediaURL, &v.SentBy, &v.Tracking, &v.BroadcastID, &v.Place,
		(*int16)(&v.State), &v.Attempts, &v.DueAt, &s.startedAt, &s.settledAt, &v.Wamid, &v.WaID, &v.UserID, &v.ErrorCode, &v.ErrorTitle, &v.ErrorDetails}
}

func (s *sendScan) send() Send {
	v := s.v
	v.DueAt, v.StartedAt, v.SettledAt, v.CreatedAt = v.DueAt.UTC(), timeOrZero(s.startedAt).UTC(), timeOrZero(s.settledAt).UTC(), IDTime(v.ID).UTC()
	return v
}
