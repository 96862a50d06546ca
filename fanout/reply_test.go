package fanout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/fanout/task"
	"wabagate/models"
)

// asked are the events of messages that an answer was asked for, once each piece of work is taken out of the outbox.
func (b *bench) asked() (ids []int64) {
	b.t.Helper()
	ws, err := b.store.Unfinished(b.t.Context(), time.Now().Add(time.Hour), 0, 1000)
	require.NoError(b.t, err)
	for _, w := range ws {
		if w.Kind != models.ReplyMessages {
			continue
		}
		require.Equal(b.t, b.number.ID, w.WebhookID)
		require.Len(b.t, w.Members, 1, "an answer takes seconds: each has work of its own")
		require.WithinDuration(b.t, time.Now().Add(replyAfter), w.DueAt, 5*time.Second)
		ids = append(ids, w.Members...)
		require.NoError(b.t, b.store.FinishReplies(b.t.Context(), w.ID))
	}
	return ids
}

// answerBack switches the replies of the number on, or off.
func (b *bench) answerBack(on bool) {
	b.t.Helper()
	_, err := b.store.SetReplies(b.t.Context(), b.number.BusinessID, b.number.ID, func(r *models.Replies) error { r.Active = on; return nil })
	require.NoError(b.t, err)
	require.NoError(b.t, b.directory.Refresh(b.t.Context()))
}

func TestAnAnswerIsAskedFor(t *testing.T) {
	onEachStore(t, func(b *bench) {
		w := b.webhook(event.MessageReceived, event.ConversationUpdated)
		say := func(n int, content string) []byte {
			return envelope(messages("600", fmt.Sprintf(`"messages":[{"from":"155","id":"wamid.%d","timestamp":"%d",%s}]`, n, 1793491200+n, content)))
		}
		const text, reaction = `"type":"text","text":{"body":"hi"}`, `"type":"reaction","reaction":{"message_id":"wamid.1","emoji":"👍"}`
		b.translate(say(1, text))
		require.Empty(b.t, b.asked(), "off by default")

		b.answerBack(true)
		b.translate(say(2, text), say(3, text))
		asked := b.asked()
		require.Len(b.t, asked, 2)
		e, err := b.store.EventByID(b.t.Context(), asked[0])
		require.NoError(b.t, err)
		require.Equal(b.t, event.MessageReceived, e.Type)
		b.translate(say(2, text))
		require.Empty(b.t, b.asked(), "the same message once more")
		b.translate(say(4, reaction))
		require.Empty(b.t, b.asked(), "a reaction wants no answer")
		b.translate(say(5, `"group_id":"g1",`+text))
		require.Empty(b.t, b.asked(), "neither does a group")

		set := func(ai models.AISetting) event.Data {
			_, err := b.recorder.SetConversation(b.t.Context(), b.number.BusinessID, e.ConversationID, func(s *models.ConversationSettings) error { s.AI = ai; return nil })
			require.NoError(b.t, err)
			return b.last(w, event.ConversationUpdated)
		}
		d := set(models.AISetting{Off: "keyword", Detail: "the customer asked for a person"})
		require.Equal(b.t, []string{"off", "keyword", "the customer asked for a person"}, []string{d.Conversation.AI, d.Conversation.AIReason, d.Conversation.AIDetail})
		require.JSONEq(b.t, `{"ai":"on"}`, string(d.Previous))
		b.translate(say(6, text))
		require.Empty(b.t, b.asked(), "a person took over")
		d = set(models.AISetting{At: time.Now()})
		require.Empty(b.t, d.Conversation.AI)
		require.JSONEq(b.t, `{"ai":"off","ai_reason":"keyword"}`, string(d.Previous))
		sequence, again := d.Sequence, time.Now().Add(time.Second).UTC().Truncate(time.Millisecond)
		require.Equal(b.t, sequence, set(models.AISetting{At: again}).Sequence, "on as before")
		v, err := b.store.ConversationByID(b.t.Context(), b.number.BusinessID, e.ConversationID)
		require.NoError(b.t, err)
		require.Equal(b.t, again, v.AI.At, "but since another moment")
		b.translate(say(7, text))
		require.Len(b.t, b.asked(), 1)

		b.answerBack(false)
		b.translate(say(8, text))
		require.Empty(b.t, b.asked())
	})
}

// Conversations are handed over together, each told of once and behind what people say, with the work that it ends.
func TestHandOver(t *testing.T) {
	onEachStore(t, func(b *bench) {
		w := b.webhook(event.ConversationUpdated)
		b.answerBack(true)
		var overs []models.HandOver
		for i := range 3 {
			b.translate(envelope(messages("600", fmt.Sprintf(`"messages":[{"from":"15%d","id":"wamid.%d","timestamp":"1793491200","type":"text","text":{"body":"hi"}}]`, i, i))))
		}
		vs, err := b.store.Conversations(b.t.Context(), b.number.BusinessID, models.ConversationFilter{})
		require.NoError(b.t, err)
		require.Len(b.t, vs, 3)
		for _, v := range vs {
			overs = append(overs, models.HandOver{BusinessID: b.number.BusinessID, ConversationID: v.ID, AI: models.AISetting{Off: "failure", Detail: "no answer", At: b.store.Now().UTC().Truncate(time.Millisecond)}})
		}
		ws, err := b.store.Unfinished(b.t.Context(), time.Now().Add(time.Hour), 0, 1000)
		require.NoError(b.t, err)
		require.Len(b.t, ws, 3)
		again, foreign, gone := overs[0], overs[1], overs[1]
		again.AI.Off, foreign.BusinessID, gone.ConversationID = "agent", foreign.BusinessID+1, vs[0].ID+1000
		require.NoError(b.t, b.recorder.HandOver(b.t.Context(), []int64{ws[0].ID, ws[1].ID}, foreign, gone, overs[0], again, overs[2]))
		for i, want := range []models.AISetting{overs[0].AI, {}, overs[2].AI} {
			v, err := b.store.ConversationByID(b.t.Context(), b.number.BusinessID, vs[i].ID)
			require.NoError(b.t, err)
			require.Equal(b.t, want, v.AI)
		}
		told, err := b.store.Deliveries(b.t.Context(), w.ID, models.DeliveryFilter{Types: []string{event.ConversationUpdated}})
		require.NoError(b.t, err)
		require.Len(b.t, told, 2)
		d := b.last(w, event.ConversationUpdated)
		require.Equal(b.t, []string{"off", "failure", "no answer"}, []string{d.Conversation.AI, d.Conversation.AIReason, d.Conversation.AIDetail})
		require.Equal(b.t, b.number.ID, d.Number.ID)
		require.JSONEq(b.t, `{"ai":"on"}`, string(d.Previous))
		left, err := b.store.Unfinished(b.t.Context(), time.Now().Add(time.Hour), 0, 1000)
		require.NoError(b.t, err)
		for _, one := range left {
			if one.Kind == models.Deliver {
				require.Equal(b.t, models.Report, one.Priority)
			} else {
				require.Equal(b.t, ws[2].ID, one.ID)
			}
		}
		require.Len(b.t, left, 2, "one group of deliveries, and the work that was not ended")
	})
}

// Messages to be answered go to who answers them, and come again after an error; a worker that answers nobody leaves them.
func TestAWorkerReplies(t *testing.T) {
	w := newWard(t, models.Options{Dir: t.TempDir()})
	dial := func() (redis.UniversalClient, error) {
		return redis.NewClient(&redis.Options{Addr: w.redis.Addr()}), nil
	}
	client, _ := dial()
	t.Cleanup(func() { _ = client.Close() })
	log, m := slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry())
	bell := task.NewBell()
	queue := task.NewQueue(client, bell, task.Layout{}, nil)
	recorder := NewRecorder(w.store, w.directory, w.courier.subs, queue, nil, log, m, nil)
	courier := NewCourier(CourierOptions{Store: w.store, Routes: w.directory, Subscriptions: w.courier.subs, Poster: w.courier.post, Lanes: w.courier.lanes,
		Rates: w.courier.rates, Breaker: w.courier.breaker, Queue: queue, News: recorder, Log: log, Metrics: m})
	got := make(chan models.Work, 10)
	reply := func(_ context.Context, w models.Work, held func() bool) error {
		if !held() {
			return errors.New("it was just taken")
		}
		got <- w
		if len(got) == 1 {
			return errors.New("the database is away")
		}
		return nil
	}
	worker, err := NewWorker(WorkerOptions{Grace: time.Second, Reply: reply}, dial, bell, task.Layout{}, NewTranslator(recorder, log), courier,
		NewReconciler(w.store, queue, client, "replier", 0, nil, log, m), w.keeper, log)
	require.NoError(t, err)
	work := models.Work{ID: w.store.NextID(), Kind: models.ReplyMessages, WebhookID: 11, DueAt: time.Now(), Members: []int64{1}}
	other := models.Work{ID: w.store.NextID(), Kind: models.SendMessages, WebhookID: 11, DueAt: time.Now(), Members: []int64{2}}
	require.NoError(t, queue.Enqueue(t.Context(), work, other))
	require.NoError(t, worker.Start())
	defer worker.Stop()
	require.Eventually(t, func() bool { return len(got) == 2 }, 20*time.Second, 10*time.Millisecond)
	for range 2 {
		w := <-got
		w.DueAt = work.DueAt
		require.Equal(t, work, w)
	}
	waiting, err := queue.Waiting(t.Context(), task.QueueSends)
	require.NoError(t, err)
	require.EqualValues(t, 1, waiting)
}
