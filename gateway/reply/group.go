package reply

import (
	"context"
	"slices"
	"time"

	"wabagate/fanout/event"
	"wabagate/models"
)

// What customers write comes all the time, and what it takes to answer must not be in its way: turns are read, and work is
// ended, by one goroutine each, many at a time.
const (
	// together bounds a group, and with it how long the embedded database's only writer is away.
	together   = 16
	readLinger = 100 * time.Millisecond
	endLinger  = 250 * time.Millisecond
	// restFor is how long each rests after a group, in units of what the group took: the busier the database, the less is asked
	// of it. mostRest bounds a rest.
	restFor  = 9
	mostRest = 200 * time.Millisecond
	// storeTimeout bounds what a group does.
	storeTimeout = 20 * time.Second
)

// recentRead is how many messages of a conversation are looked at, at least.
const recentRead = 60

// reading is a turn to be read.
type reading struct {
	event int64
	turn  turn
	err   error
}

// turn reads all that the answer to the message of an event depends on.
func (r *Responder) turn(ctx context.Context, event int64) (turn, error) {
	one := &reading{event: event}
	if err := r.turns.Do(ctx, one); err != nil {
		return turn{}, err
	}
	return one.turn, one.err
}

// ending is work to be taken out of the outbox, with what is handed over by it.
type ending struct {
	work  int64
	overs []models.HandOver
	err   error
}

// end ends work.
func (r *Responder) end(ctx context.Context, work int64, overs []models.HandOver) error {
	one := &ending{work: work, overs: overs}
	if err := r.ends.Do(ctx, one); err != nil {
		return err
	}
	return one.err
}

// apart does something with all of a group, or with each alone if it fails: one that cannot be done holds up no other.
func apart[T any](group []T, do func([]T) error, failed func(T, error)) error {
	err := do(group)
	if err == nil || len(group) == 1 {
		return err
	}
	for i := range group {
		if err := do(group[i : i+1]); err != nil {
			failed(group[i], err)
		}
	}
	return nil
}

// rest is to be called once a group is done that began at a time.
func rest(began time.Time) { time.Sleep(min(restFor*time.Since(began), mostRest)) }

// readAll reads turns.
func (r *Responder) readAll(ctx context.Context, all []*reading) error {
	defer rest(time.Now())
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return apart(all, func(some []*reading) error {
		ids := make([]int64, len(some))
		for i, one := range some {
			ids[i] = one.event
		}
		kept, err := r.store.ReplyTurns(ctx, ids, recentRead)
		if err != nil {
			return err
		}
		turns, asked := make([]turn, len(some)), make([]models.ReplyTallied, len(some))
		for i, k := range kept {
			t, contact := r.turnOf(k), k.Conversation.Contact
			turns[i], asked[i] = t, models.ReplyTallied{NumberID: k.Event.NumberID, To: contact.WaID, Recipient: contact.UserID, Keys: []string{t.key, t.regrets}}
		}
		tallies, err := r.store.ReplyTallies(ctx, asked)
		if err != nil {
			return err
		}
		for i, one := range some {
			turns[i].tally = tallies[i]
			one.turn = turns[i]
		}
		return nil
	}, func(one *reading, err error) { one.err = err })
}

// turnOf is a turn as it is kept. One whose event cannot be read asks nothing.
func (r *Responder) turnOf(k models.ReplyTurn) turn {
	id := event.Key(k.Event.Key).EventID()
	t := turn{now: r.now(), event: k.Event, settings: k.Replies, conversation: k.Conversation, recent: k.Recent, key: "ai:" + id, regrets: "ai:" + id + ":fallback"}
	if data, err := eventOf(k.Event).Decode(); err == nil && data.Message != nil {
		t.asked = data.Message.ID
	}
	slices.SortStableFunc(t.recent, inTurn)
	return t
}

// endAll ends work.
func (r *Responder) endAll(ctx context.Context, all []*ending) error {
	defer rest(time.Now())
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return apart(all, func(some []*ending) error {
		var done []int64
		var overs []models.HandOver
		for _, one := range some {
			done, overs = append(done, one.work), append(overs, one.overs...)
		}
		if len(overs) == 0 {
			return r.store.FinishReplies(ctx, done...)
		}
		return r.recorder.HandOver(ctx, done, overs...)
	}, func(one *ending, err error) { one.err = err })
}
