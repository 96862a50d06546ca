package sending

import (
	"context"
	"encoding/json"
	"time"

	"wabagate/models"
	"wabagate/models/group"
)

// settling is one thing to be committed: what became of a message, or that work is done, or both.
type settling struct {
	result *models.SendResult // nil: none
	told   *models.ToldSend   // nil: nothing
	done   int64              // work; 0: none
	again  []again
}

// again is messages of a number that wait for a moment.
type again struct {
	number   int64
	priority models.Priority
	due      time.Time
	members  []int64
}

const (
	settleLinger = 4 * time.Millisecond
	calmLinger   = 25 * time.Millisecond
	// settleTimeout bounds one try to commit, giveUpAfter how long Close goes on trying.
	settleTimeout = 10 * time.Second
	giveUpAfter   = 3 * time.Second
	// soon is how far ahead work may lie to go to the queue at once; the reconciler queues the rest when it is due.
	soon = time.Minute
)

// settler commits results, in groups, and tells of them.
type settler struct {
	s *Sender
	// live commits what a person may wait for, calm the rest: more of it at a time.
	live, calm *group.Committer[settling]
	// open ends when what cannot be committed is given up.
	open   context.Context
	giveUp context.CancelFunc
}

func newSettler(s *Sender) *settler {
	t := &settler{s: s}
	t.open, t.giveUp = context.WithCancel(context.Background())
	t.live = group.New(group.Options[settling]{MaxItems: 128, Linger: settleLinger}, func(_ context.Context, l []settling) error { return t.commit(l, models.Live) })
	t.calm = group.New(group.Options[settling]{MaxItems: 256, Linger: calmLinger}, func(_ context.Context, l []settling) error { return t.commit(l, models.Report) })
	return t
}

// keep returns when what became of a message or of work is committed.
func (t *settler) keep(ctx context.Context, p models.Priority, one settling) error {
	if p == models.Live {
		return t.live.Do(ctx, one)
	}
	return t.calm.Do(ctx, one)
}

// close commits what was handed in. While the database is away it gives up after a moment: the sweep doubts those messages.
func (t *settler) close() {
	timer := time.AfterFunc(giveUpAfter, t.giveUp)
	t.live.Close()
	t.calm.Close()
	timer.Stop()
	t.giveUp()
}

// commit keeps trying while the database is away: the platform has heard of the messages, and forgetting what it answered
// would leave that open.
func (t *settler) commit(list []settling, p models.Priority) error {
	st, err := t.settlement(list, p)
	if err != nil {
		return err
	}
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		if err = t.open.Err(); err != nil {
			return err
		}
		try, cancel := context.WithTimeout(t.open, settleTimeout)
		err = t.s.store.SettleSends(try, st)
		cancel()
		if err == nil {
			break
		}
		if models.Permanent(err) || t.open.Err() != nil {
			t.s.log.Error("results not kept; the messages will be undecided", "results", len(st.Results), "error", err)
			return err
		}
		t.s.log.Warn("results not kept yet", "results", len(st.Results), "error", err)
		select {
		case <-time.After(wait):
		case <-t.open.Done():
		}
	}
	for _, r := range st.Results {
		t.s.waiters.tell(r.ID)
	}
	t.s.enqueue(t.open, st.Work)
	return nil
}

// settlement is everything that one transaction commits.
func (t *settler) settlement(list []settling, p models.Priority) (models.SendSettlement, error) {
	var st models.SendSettlement
	var told models.Told
	var later []again
	for _, one := range list {
		if one.result != nil {
			st.Results = append(st.Results, *one.result)
		}
		if one.told != nil {
			told.Sends = append(told.Sends, *one.told)
		}
		if one.done != 0 {
			st.Done = append(st.Done, one.done)
		}
		later = append(later, one.again...)
	}
	if len(told.Sends) > 0 {
		body, err := json.Marshal(told)
		if err != nil {
			return st, err
		}
		st.Callbacks = []models.Callback{{AppID: models.OwnApp, ReceivedAt: t.s.now(), Body: body}}
		work := t.s.store.NewCallbackGroup(st.Callbacks)
		work.Priority = p
		st.Work = append(st.Work, work)
	}
	st.Work = append(st.Work, gather(later, t.s.store.NextID)...)
	return st, nil
}

// gather makes work of messages that wait, as few pieces as can be: those of one number that are due in the same second go
// together. Nothing is due before its time.
func gather(list []again, nextID func() int64) []models.Work {
	type lot struct {
		number   int64
		priority models.Priority
		due      int64
	}
	var work []models.Work
	last := map[lot]int{}
	for _, a := range list {
		due := a.due.Truncate(time.Second)
		if due.Before(a.due) {
			due = due.Add(time.Second)
		}
		l := lot{a.number, a.priority, due.Unix()}
		for _, id := range a.members {
			i, begun := last[l]
			if !begun || len(work[i].Members) == mostAtOnce {
				i, last[l] = len(work), len(work)
				work = append(work, models.Work{ID: nextID(), Kind: models.SendMessages, Priority: a.priority, WebhookID: a.number, DueAt: due})
			}
			work[i].Members = append(work[i].Members, id)
		}
	}
	return work
}
