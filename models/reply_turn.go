package models

import (
	"context"
	"errors"
	"slices"
	"time"
)

// ReplyTurn is what the store knows that the answer to a customer's message depends on. What is not there, or not there any
// more, has its zero value.
type ReplyTurn struct {
	Event        Event // that tells of the message
	Replies      Replies
	Conversation ConversationRow
	Recent       []Message // the last ones of the conversation, oldest first
}

// HandOver is a conversation that a person takes over from the AI.
type HandOver struct {
	BusinessID, ConversationID int64
	AI                         AISetting // Off says why
}

// ReplyTurns reads the turns of events, in their order, in few statements however many they are: with the last messages of
// their conversations, so many or as many as the settings of one of the numbers tell its model, and with the keys of
// endpoints. An event may be given several times.
func (s *Store) ReplyTurns(ctx context.Context, events []int64, limit int) ([]ReplyTurn, error) {
	turns, err := s.replyTurns(ctx, events, limit)
	return turns, translate(err, "read what is to be answered")
}

func (s *Store) replyTurns(ctx context.Context, ids []int64, limit int) ([]ReplyTurn, error) {
	turns := make([]ReplyTurn, len(ids))
	if len(ids) == 0 {
		return turns, nil
	}
	db := s.db.WithContext(ctx)
	var events []eventRow
	if err := db.Table("events").Where("id IN ?"+s.within("id", ids), ids).Find(&events).Error; err != nil {
		return nil, err
	}
	var numbers, conversations []int64
	for _, r := range events {
		e := r.event()
		for i := range ids {
			if ids[i] == e.ID {
				turns[i].Event = e
			}
		}
		numbers, conversations = append(numbers, e.NumberID), append(conversations, e.ConversationID)
	}
	var settings []repliesRow
	if err := db.Where("number_id IN ?", numbers).Find(&settings).Error; err != nil {
		return nil, err
	}
	for _, r := range settings {
		limit = max(limit, r.History)
	}
	var rows []conversationRow
	if err := s.threads(ctx).Where("v.id IN ?", conversations).Scan(&rows).Error; err != nil {
		return nil, err
	}
	recent, err := s.recent(ctx, conversations, limit)
	if err != nil {
		return nil, err
	}
	for i := range turns {
		t := &turns[i]
		if at := slices.IndexFunc(settings, func(r repliesRow) bool { return r.NumberID == t.Event.NumberID }); at >= 0 {
			if t.Replies, err = s.replies(settings[at]); err != nil {
				return nil, err
			}
		}
		at := slices.IndexFunc(rows, func(r conversationRow) bool {
			return r.ID == t.Event.ConversationID && r.BusinessID == t.Event.BusinessID
		})
		if at >= 0 {
			t.Conversation, t.Recent = rows[at].row(), slices.Clone(recent[rows[at].ID])
		}
	}
	return turns, nil
}

// recent are the last messages of conversations, oldest first: those that have a type.
func (s *Store) recent(ctx context.Context, conversations []int64, limit int) (map[int64][]Message, error) {
	conversations = slices.Compact(slices.Sorted(slices.Values(conversations)))
	const last = " AND type <> '' ORDER BY sent_at DESC, wamid DESC LIMIT ?"
	found := map[int64][]Message{}
	read := func(query string, args ...any) error {
		rows, err := s.db.WithContext(ctx).Raw(query, args...).Rows()
		if err != nil {
			return err
		}
		ms, err := collectMessages(rows)
		for _, m := range slices.Backward(ms) {
			found[m.ConversationID] = append(found[m.ConversationID], m)
		}
		return err
	}
	if !s.embedded {
		each, list := s.each(conversations)
		return found, read("SELECT "+messageColumns+" FROM "+each+" CROSS JOIN LATERAL (SELECT * FROM messages WHERE conversation_id = q.id"+last+") AS m ORDER BY m.sent_at DESC, m.wamid DESC", list, limit)
	}
	for _, id := range conversations {
		if err := read("SELECT "+messageColumns+" FROM messages m WHERE conversation_id = ?"+last, id, limit); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// ReplyTally is what a number sent that was written by an AI, whatever became of it.
type ReplyTally struct {
	Hour int      // to one recipient within the last hour
	Day  int      // to all within the last 24 hours
	Keys []string // those asked about that a message has
}

// ReplyTallied asks for a tally: of a number, and of a recipient that is known by number or by user id; the empty one is
// nobody's.
type ReplyTallied struct {
	NumberID      int64
	To, Recipient string
	Keys          []string
}

// ReplyTallies counts what numbers sent that was written by an AI, and finds out which of the keys are taken: for each that
// asks, in their order.
func (s *Store) ReplyTallies(ctx context.Context, asked []ReplyTallied) ([]ReplyTally, error) {
	tallies, err := s.replyTallies(ctx, asked)
	return tallies, translate(err, "count replies")
}

func (s *Store) replyTallies(ctx context.Context, asked []ReplyTallied) ([]ReplyTally, error) {
	tallies := make([]ReplyTally, len(asked))
	if len(asked) == 0 {
		return tallies, nil
	}
	var numbers []int64
	var names, keys []string
	for _, a := range asked {
		numbers, keys = append(numbers, a.NumberID), append(keys, a.Keys...)
		names = append(names, keyText(a.To), keyText(a.Recipient))
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == "" })
	now, db := s.Now(), s.db.WithContext(ctx)
	var days []struct {
		NumberID int64
		Sent     int
	}
	var hours []struct {
		NumberID         int64
		ToWaID, ToUserID string
		Sent             int
	}
	var taken []struct {
		NumberID int64
		Key      string
	}
	err := errors.Join(
		db.Raw("SELECT number_id, count(*) AS sent FROM sends WHERE number_id IN ? AND id >= ? AND sent_by = 'ai' GROUP BY number_id", numbers, FirstID(now.Add(-24*time.Hour))).Scan(&days).Error,
		db.Raw(`SELECT number_id, coalesce(to_wa_id, '') AS to_wa_id, coalesce(to_user_id, '') AS to_user_id, count(*) AS sent FROM sends
			WHERE number_id IN ? AND id >= ? AND sent_by = 'ai' AND (to_wa_id IN ? OR to_user_id IN ?) GROUP BY 1, 2, 3`, numbers, FirstID(now.Add(-time.Hour)), names, names).Scan(&hours).Error,
		db.Raw("SELECT number_id, key FROM sends WHERE number_id IN ? AND key IN ?", numbers, keys).Scan(&taken).Error)
	if err != nil {
		return nil, err
	}
	for i, a := range asked {
		t, to, recipient := &tallies[i], keyText(a.To), keyText(a.Recipient)
		for _, d := range days {
			if d.NumberID == a.NumberID {
				t.Day = d.Sent
			}
		}
		for _, h := range hours {
			if h.NumberID == a.NumberID && (to != "" && h.ToWaID == to || recipient != "" && h.ToUserID == recipient) {
				t.Hour += h.Sent
			}
		}
		for _, k := range taken {
			if k.NumberID == a.NumberID && slices.Contains(a.Keys, k.Key) {
				t.Keys = append(t.Keys, k.Key)
			}
		}
	}
	return tallies, nil
}
