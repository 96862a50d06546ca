package fanout

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/waba"
	"wabagate/waba/outgoing"
)

// send keeps a message of the number that is to be sent, and takes it as the sender does.
func (b *bench) send(s models.Send) models.Send {
	b.t.Helper()
	m, err := outgoing.Parse(s.Body)
	require.NoError(b.t, err)
	s.BusinessID, s.NumberID = b.number.BusinessID, b.number.ID
	s.To, s.Recipient, s.Type, s.Text, s.ReplyTo, s.MediaURL = m.To, m.Recipient, m.Type, m.Text, m.ReplyTo, m.MediaLink
	kept, _, err := b.store.CreateSends(b.t.Context(), []models.Send{s})
	require.NoError(b.t, err)
	taken, err := b.store.TakeSends(b.t.Context(), []int64{kept[0].ID})
	require.NoError(b.t, err)
	require.Len(b.t, taken, 1)
	return taken[0]
}

// settle keeps what became of messages, with the gateway's own callback, as the sender does, and translates that.
func (b *bench) settle(results ...models.SendResult) {
	b.t.Helper()
	w := b.settled(results...)
	require.NoError(b.t, b.translator.Translate(b.t.Context(), w))
}

// settled does the same but for the translation, whose work it answers.
func (b *bench) settled(results ...models.SendResult) models.Work {
	b.t.Helper()
	var told models.Told
	for _, r := range results {
		told.Sends = append(told.Sends, models.ToldSend{ID: r.ID, Wamid: r.Wamid, WaID: r.WaID, UserID: r.UserID, Code: r.ErrorCode, Title: r.ErrorTitle, Detail: r.ErrorDetails, At: time.Now()})
	}
	body, err := json.Marshal(told)
	require.NoError(b.t, err)
	callbacks := []models.Callback{{AppID: models.OwnApp, ReceivedAt: time.Now().UTC(), Body: body}}
	w := b.store.NewCallbackGroup(callbacks)
	require.NoError(b.t, b.store.SettleSends(b.t.Context(), models.SendSettlement{Results: results, Callbacks: callbacks, Work: []models.Work{w}}))
	return w
}

// status is a status of a message of the number.
func (b *bench) status(wamid, status, recipient string, tracking waba.Tracking) models.Callback {
	return models.Callback{AppID: b.app.ID, ReceivedAt: time.Now().UTC(), Body: envelope(messages("600", fmt.Sprintf(
		`"statuses":[{"id":%q,"status":%q,"timestamp":"%d","recipient_id":%q,"biz_opaque_callback_data":%q}]`, wamid, status, time.Now().Unix()+1, recipient, tracking.String())))}
}

// accept keeps callbacks as one group, and answers the work of translating it.
func (b *bench) accept(cs ...models.Callback) models.Work {
	b.t.Helper()
	w := b.store.NewCallbackGroup(cs)
	require.NoError(b.t, b.store.Accept(b.t.Context(), w, cs))
	return w
}

// In every order, alone and together, doubled: one message, told once, settled once.
func TestSendsOnTheStores(t *testing.T) {
	onEachStore(t, func(b *bench) {
		w := b.webhook(event.MessageSent, event.MessageReport, event.ConversationCreated)
		n := 0
		permutations(3, func(order []int) {
			for _, together := range []bool{false, true} {
				n++
				wamid, to := fmt.Sprintf("wamid.out.%d", n), fmt.Sprintf("1555017%04d", n)
				before, _ := b.told(w)
				s := b.send(models.Send{SentBy: "agent", Tracking: "order-7", Body: fmt.Appendf(nil, `{"to":%q,"type":"image","image":{"link":"https://example.com/a.jpg","caption":"roof"},"context":{"message_id":"wamid.in"}}`, to)})
				tracking := waba.Tracking{Origin: "agent", Send: s.ID}
				var all []models.Callback
				for _, i := range append(slices.Clone(order), order[0]) {
					cb := own(models.ToldSend{ID: s.ID, Wamid: wamid, WaID: to, At: time.Now()})
					if i > 0 {
						cb = b.status(wamid, []string{"sent", "read"}[i-1], to, tracking)
					}
					if cb.AppID == models.OwnApp {
						require.NoError(b.t, b.store.SettleSends(b.t.Context(), models.SendSettlement{Results: []models.SendResult{{ID: s.ID, State: models.SendAccepted, Wamid: wamid, WaID: to}}}))
					}
					if all = append(all, cb); !together {
						require.NoError(b.t, b.translator.Translate(b.t.Context(), b.accept(cb)))
					}
				}
				if together {
					require.NoError(b.t, b.translator.Translate(b.t.Context(), b.accept(all...)))
				}
				types, _ := b.told(w)
				got := slices.Sorted(slices.Values(types[len(before):]))
				require.Equal(b.t, []string{event.ConversationCreated, event.MessageReport, event.MessageReport, event.MessageSent}, got, "order %v", order)
				d := b.last(w, event.MessageSent)
				require.Equal(b.t, []string{wamid, to, "image", "roof", "https://example.com/a.jpg", "wamid.in", "order-7", "agent"},
					[]string{d.Message.ID, d.Message.To, d.Message.Type, d.Message.Text, d.Message.Media.URL, d.Message.ReplyTo, d.Message.Tracking, d.Message.SentBy})
				m := b.kept(wamid)
				require.Equal(b.t, []any{"image", "roof", "https://example.com/a.jpg", "wamid.in", "agent", "read", s.StartedAt},
					[]any{m.Type, m.Text, m.MediaURL, m.ReplyTo, m.SentBy, m.Status, m.SentAt.UTC()}, "order %v", order)
				require.Equal(b.t, d.Conversation.ID, m.ConversationID)
				after, err := b.store.SendByID(b.t.Context(), s.BusinessID, s.ID)
				require.NoError(b.t, err)
				require.Equal(b.t, []any{models.SendAccepted, wamid, to, 1}, []any{after.State, after.Wamid, after.WaID, after.Attempts})
			}
		})
	})
}

// A provider may give the tracking string of nothing back: its status is kept until the own callback says what it is of.
func TestAStatusWithoutATrackingString(t *testing.T) {
	onEachStore(t, func(b *bench) {
		w := b.webhook(event.MessageSent, event.MessageReport)
		s := b.send(models.Send{SentBy: "api", Body: []byte(`{"to":"15550177321","text":{"body":"hi"}}`)})
		b.translate(b.status("wamid.out", "read", "15550177321", waba.Tracking{}).Body)
		require.NoError(b.t, b.translator.Translate(b.t.Context(), b.settled(models.SendResult{ID: s.ID, State: models.SendAccepted, Wamid: "wamid.out"})))
		types, _ := b.told(w)
		require.Equal(b.t, []string{event.MessageReport, event.MessageSent}, types)
		m := b.kept("wamid.out")
		require.Equal(b.t, []any{"text", "hi", "read", "api"}, []any{m.Type, m.Text, m.Status, m.SentBy})
		require.NotZero(b.t, m.ConversationID)
	})
}

// Two processes translate at once, one the own callbacks and the other the statuses of the same messages, all of them
// several times: each is told once, each recipient of a broadcast counted once.
func TestSendsInTwoTransactionsAtOnce(t *testing.T) {
	for _, by := range []string{"broadcast", "agent"} {
		t.Run(by, func(t *testing.T) {
			onEachStore(t, func(b *bench) {
				const n = 60
				w := b.webhook(event.MessageSent, event.MessageReport, event.BroadcastCompleted)
				made, err := b.recorder.RegisterBroadcast(b.t.Context(), models.Broadcast{BusinessID: b.number.BusinessID, NumberID: b.number.ID, Reference: "spring", Name: "Spring", Total: n})
				require.NoError(b.t, err)
				var answers, statuses, failures []models.Work
				for i := range n {
					to, wamid := fmt.Sprintf("1555017%04d", i), fmt.Sprintf("wamid.%d", i)
					send := models.Send{SentBy: by, Body: fmt.Appendf(nil, `{"to":%q,"text":{"body":"hi"}}`, to)}
					tracking := waba.Tracking{Origin: by}
					if by == sentByBroadcast {
						send.BroadcastID, send.Place, tracking.Broadcast = made.ID, int64(i+1), "spring"
					}
					s := b.send(send)
					tracking.Send = s.ID
					if i%10 == 9 {
						failures = append(failures, b.settled(models.SendResult{ID: s.ID, State: models.SendFailed, ErrorCode: "131026", ErrorTitle: "Message undeliverable"}))
						continue
					}
					answers = append(answers, b.settled(models.SendResult{ID: s.ID, State: models.SendAccepted, Wamid: wamid, WaID: to}))
					statuses = append(statuses, b.accept(b.status(wamid, "delivered", to, tracking), b.status(wamid, "sent", to, tracking)))
				}
				log := slog.New(slog.DiscardHandler)
				var running sync.WaitGroup
				for _, works := range [][]models.Work{append(slices.Clone(answers), failures...), statuses, append(slices.Clone(failures), answers[:20]...), statuses[20:]} {
					translator := NewTranslator(b.recorder, log)
					defer translator.Close()
					running.Go(func() {
						for _, w := range works {
							if err := translator.Translate(b.t.Context(), w); err != nil {
								b.t.Errorf("translate: %v", err)
							}
						}
					})
				}
				running.Wait()
				types, ids := b.told(w)
				count := map[string]int{}
				for _, typ := range types {
					count[typ]++
				}
				want := map[string]int{event.MessageSent: n - n/10, event.MessageReport: 2*(n-n/10) + n/10}
				if by == sentByBroadcast {
					want[event.BroadcastCompleted] = 1
				}
				require.Equal(b.t, want, count)
				require.Len(b.t, slices.Compact(slices.Sorted(slices.Values(ids))), len(ids))
				after, err := b.store.BroadcastByID(b.t.Context(), b.number.BusinessID, made.ID)
				require.NoError(b.t, err)
				if by == sentByBroadcast {
					require.Equal(b.t, []int64{n - n/10, n - n/10, 0, n / 10}, []int64{after.Sent, after.Delivered, after.Read, after.Failed})
				}
				for i := range n {
					if i%10 == 9 {
						continue
					}
					m := b.kept(fmt.Sprintf("wamid.%d", i))
					require.Equal(b.t, []any{"delivered", "text", "hi", by, by != sentByBroadcast}, []any{m.Status, m.Type, m.Text, m.SentBy, m.ConversationID != 0})
				}
			})
		})
	}
}

// A message that was given up, and went out after all, as a status or a late answer says: it is accepted, and its recipient is
// counted as sent to, once, even if it went out twice.
func TestGivenUpOnTheStores(t *testing.T) {
	for _, first := range []string{"a status", "a late answer", "a status of another attempt"} {
		t.Run(first, func(t *testing.T) {
			onEachStore(t, func(b *bench) {
				w := b.webhook(event.MessageSent, event.MessageReport)
				made, err := b.recorder.RegisterBroadcast(b.t.Context(), models.Broadcast{BusinessID: b.number.BusinessID, NumberID: b.number.ID, Reference: "spring", Total: 2})
				require.NoError(b.t, err)
				s := b.send(models.Send{SentBy: "broadcast", BroadcastID: made.ID, Place: 1, Body: []byte(`{"to":"15550177321","text":{"body":"hi"}}`)})
				b.settle(models.SendResult{ID: s.ID, State: models.SendFailed, ErrorTitle: "no answer came"})
				counts := func() []int64 {
					v, err := b.store.BroadcastByID(b.t.Context(), b.number.BusinessID, made.ID)
					require.NoError(b.t, err)
					return []int64{v.Sent, v.Delivered, v.Failed}
				}
				require.Equal(b.t, []int64{0, 0, 1}, counts())
				require.Equal(b.t, "failed", b.kept(sendName(s.ID)).Status)
				want := []string{event.MessageReport}
				report := func(wamid, status string) {
					b.translate(b.status(wamid, status, "15550177321", waba.Tracking{Origin: "broadcast", Send: s.ID, Broadcast: "spring"}).Body)
				}
				wamid := "wamid.out"
				switch first {
				case "a late answer":
					b.settle(models.SendResult{ID: s.ID, State: models.SendAccepted, Wamid: wamid})
					require.Equal(b.t, []int64{0, 0, 0}, counts(), "no status says that it was sent")
					want = append(want, event.MessageSent, event.MessageReport, event.MessageReport)
				case "a status of another attempt":
					late := b.settled(models.SendResult{ID: s.ID, State: models.SendAccepted, Wamid: wamid})
					report("wamid.other", "delivered")
					require.Equal(b.t, []int64{0, 0, 1}, counts(), "it is not the one that counts")
					require.NoError(b.t, b.translator.Translate(b.t.Context(), late))
					want = append(want, event.MessageSent, event.MessageReport, event.MessageSent, event.MessageReport, event.MessageReport)
				default:
					want = append(want, event.MessageSent, event.MessageReport, event.MessageReport)
				}
				for _, status := range []string{"sent", "delivered", "sent"} {
					report(wamid, status)
				}
				require.Equal(b.t, []int64{1, 1, 0}, counts())
				types, _ := b.told(w)
				require.Equal(b.t, want, types)
				after, err := b.store.SendByID(b.t.Context(), s.BusinessID, s.ID)
				require.NoError(b.t, err)
				require.Equal(b.t, []any{models.SendAccepted, wamid, ""}, []any{after.State, after.Wamid, after.ErrorTitle})
				report("wamid.third", "delivered")
				require.Equal(b.t, []int64{1, 1, 0}, counts(), "its recipient is one")
			})
		})
	}
}

// What the sender says of an attempt that something else came before is not told: its settlement changed nothing either.
func TestAFailureThatDoesNotStand(t *testing.T) {
	onEachStore(t, func(b *bench) {
		w := b.webhook(event.MessageSent, event.MessageReport)
		s := b.send(models.Send{SentBy: "api", Body: []byte(`{"to":"15550177321","text":{"body":"hi"}}`)})
		lost := models.SendResult{ID: s.ID, State: models.SendFailed, Attempt: 1, ErrorTitle: "no answer came"}
		require.NoError(b.t, b.store.SettleSends(b.t.Context(), models.SendSettlement{Results: []models.SendResult{{ID: s.ID, DueAt: time.Now(), Attempt: 1}}}))
		taken, err := b.store.TakeSends(b.t.Context(), []int64{s.ID})
		require.NoError(b.t, err)
		require.Len(b.t, taken, 1)
		b.settle(lost)
		types, _ := b.told(w)
		require.Empty(b.t, types, "its second attempt is underway")
		b.settle(models.SendResult{ID: s.ID, State: models.SendAccepted, Attempt: 2, Wamid: "wamid.out"})
		b.settle(lost)
		types, _ = b.told(w)
		require.Equal(b.t, []string{event.MessageSent}, types)
	})
}

// A file that was sent by the id of its upload is kept and opened like one that came, whoever tells of it; one that was
// sent by its address keeps that.
func TestAFileThatWasSent(t *testing.T) {
	onEachStore(t, func(b *bench) {
		b.recorder.LinkMedia(links{})
		w := b.webhook(event.MessageSent)
		picture := func(of string) models.Send {
			return b.send(models.Send{SentBy: "api", Body: fmt.Appendf(nil, `{"to":"15550177321","type":"image","image":{%s}}`, of)})
		}
		uploaded, again, linked := picture(`"id":"900001"`), picture(`"id":"900002"`), picture(`"link":"https://example.com/a.jpg"`)
		link := func(id string) string { return links{}.Link(b.number.ID, id) }
		b.settle(models.SendResult{ID: uploaded.ID, State: models.SendAccepted, Wamid: "wamid.1"})
		require.Equal(b.t, link("900001"), b.last(w, event.MessageSent).Message.Media.URL)
		b.translate(b.status("wamid.2", "sent", "15550177321", waba.Tracking{Origin: "api", Send: again.ID}).Body)
		require.Equal(b.t, link("900002"), b.last(w, event.MessageSent).Message.Media.URL)
		require.Equal(b.t, link("900002"), b.kept("wamid.2").MediaURL)
		b.settle(models.SendResult{ID: linked.ID, State: models.SendAccepted, Wamid: "wamid.3"})
		require.Equal(b.t, "https://example.com/a.jpg", b.last(w, event.MessageSent).Message.Media.URL)
		m, err := b.store.MediaOf(b.t.Context(), b.number.ID, "900001")
		require.NoError(b.t, err)
		require.Equal(b.t, []any{"wamid.1", "image"}, []any{m.Wamid, m.Kind})
	})
}
