package fanout

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/models"
)

// told is what a webhook is owed: types and ids, in the order in which the events were made.
func (b *bench) told(w models.Webhook) (types []string, ids []string) {
	b.t.Helper()
	var before int64
	for {
		rows, err := b.store.Deliveries(b.t.Context(), w.ID, models.DeliveryFilter{Limit: 200, Before: before})
		require.NoError(b.t, err)
		for _, r := range rows {
			types, ids = append(types, r.Type), append(ids, event.Key(r.Key).EventID())
			before = r.EventID
		}
		if len(rows) < 200 {
			slices.Reverse(types)
			slices.Reverse(ids)
			return types, ids
		}
	}
}

// last is the data of the last event of a type.
func (b *bench) last(w models.Webhook, typ string) event.Data {
	b.t.Helper()
	rows, err := b.store.Deliveries(b.t.Context(), w.ID, models.DeliveryFilter{Limit: 1, Types: []string{typ}})
	require.NoError(b.t, err)
	require.NotEmpty(b.t, rows, "no %s", typ)
	d, err := b.store.Delivery(b.t.Context(), b.number.BusinessID, rows[0].EventID, w.ID)
	require.NoError(b.t, err)
	data, err := eventOf(d.Event, beside{}).Decode()
	require.NoError(b.t, err)
	return data
}

// kept is how a message is stored.
func (b *bench) kept(wamid string) models.Message {
	b.t.Helper()
	var m models.Message
	require.NoError(b.t, b.store.Translate(b.t.Context(), func(tx models.Translation) error {
		ref := models.MessageRef{NumberID: b.number.ID, Wamid: wamid}
		found, err := tx.Messages(b.t.Context(), []models.MessageRef{ref})
		m = found[ref]
		return err
	}))
	return m
}

// permutations calls f with every order of n things.
func permutations(n int, f func([]int)) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var walk func(int)
	walk = func(i int) {
		if i == n {
			f(order)
			return
		}
		for j := i; j < n; j++ {
			order[i], order[j] = order[j], order[i]
			walk(i + 1)
			order[i], order[j] = order[j], order[i]
		}
	}
	walk(0)
}

// converge delivers the facts of a message in every order, some of them twice, alone and together, each time for another
// message, and checks that the stored message and the set of events are the same every time. fact makes the i-th fact of
// a message whose ids carry the name.
func converge(b *bench, n int, fact func(name string, i int) string, wamid func(name string) string) (end models.Message, types []string) {
	b.t.Helper()
	w := b.webhook("*")
	rng := rand.New(rand.NewPCG(3, uint64(n)))
	names := 0
	var seen []string
	first := true
	permutations(n, func(order []int) {
		names++
		name := fmt.Sprintf("%d.%d", n, names)
		doubled := append(slices.Clone(order), order[rng.IntN(n)], order[rng.IntN(n)])
		var bodies [][]byte
		for _, i := range doubled {
			bodies = append(bodies, envelope(fact(name, i)))
		}
		switch names % 3 {
		case 0:
			b.translate(bodies...)
		case 1:
			for _, body := range bodies {
				b.translate(body)
			}
		default: // in two batches, cut anywhere
			cut := 1 + rng.IntN(len(bodies)-1)
			b.translate(bodies[:cut]...)
			b.translate(bodies[cut:]...)
		}
		m := b.kept(wamid(name))
		m.Wamid, m.ConversationID = "", 0
		all, ids := b.told(w)
		got := slices.Clone(all[len(seen):])
		seen = ids
		require.Len(b.t, slices.Compact(slices.Sorted(slices.Values(ids))), len(ids), "an event was made twice")
		slices.Sort(got)
		if first {
			first, end, types = false, m, got
			return
		}
		require.Equal(b.t, end, m, "order %v", order)
		require.Equal(b.t, types, got, "order %v", order)
	})
	return end, types
}

func TestStatusesConverge(t *testing.T) {
	onEachStore(t, func(b *bench) {
		steps := []string{"sent", "delivered", "read", "played", "failed"}
		end, types := converge(b, len(steps), func(name string, i int) string {
			return messages("600", fmt.Sprintf(`"statuses":[{"id":"wamid.%s","status":%q,"timestamp":"%d","recipient_id":"155"}]`, name, steps[i], 1793491200+i))
		}, func(name string) string { return "wamid." + name })
		require.Equal(b.t, "played", end.Status)
		require.Equal(b.t, slices.Repeat([]string{event.MessageReport}, 5), types)
	})
}

// A message, its edit, its deletion, a reaction to it and a status of it: the customer's, and the business's own.
func TestTheLifeOfAMessageConverges(t *testing.T) {
	for name, life := range map[string]struct {
		field, key, from string
		types            []string
		status           string
	}{
		"the customer's": {"messages", "messages", `"from":"1555017%s"`, []string{event.ContactCreated, event.ConversationCreated, event.MessageDeleted, event.MessageEdited, event.MessageReceived, event.MessageReceived, event.MessageReport}, "read"},
		"the business's": {"smb_message_echoes", "message_echoes", `"from":"15550100200","to":"1555018%s"`, []string{event.ContactCreated, event.ConversationCreated, event.MessageDeleted, event.MessageEdited, event.MessageReceived, event.MessageReport, event.MessageSent}, "read"},
	} {
		t.Run(name, func(t *testing.T) {
			onEachStore(t, func(b *bench) {
				end, types := converge(b, 5, func(name string, i int) string {
					customer := strings.ReplaceAll(name, ".", "0")
					wamid := "wamid." + name
					who := fmt.Sprintf(life.from, customer)
					in := func(content string) string {
						return fmt.Sprintf(`{"field":%q,"value":{"metadata":{"phone_number_id":"600"},%q:[{%s,%s}]}}`, life.field, life.key, who, content)
					}
					switch i {
					case 0:
						return in(fmt.Sprintf(`"id":%q,"timestamp":"1793491200","type":"text","text":{"body":"helo"}`, wamid))
					case 1:
						return in(fmt.Sprintf(`"id":"%s.e","timestamp":"1793491210","type":"edit","edit":{"original_message_id":%q,"message":{"type":"text","text":{"body":"hello"}}}`, wamid, wamid))
					case 2:
						return in(fmt.Sprintf(`"id":"%s.d","timestamp":"1793491220","type":"revoke","revoke":{"original_message_id":%q}`, wamid, wamid))
					case 3:
						customer := strings.Split(strings.ReplaceAll(who, `"`, ""), ":")
						return messages("600", fmt.Sprintf(`"messages":[{"from":%q,"id":"%s.r","timestamp":"1793491215","type":"reaction","reaction":{"message_id":%q,"emoji":"👍"}}]`, customer[len(customer)-1], wamid, wamid))
					}
					return messages("600", fmt.Sprintf(`"statuses":[{"id":%q,"status":"read","timestamp":"1793491212"}]`, wamid))
				}, func(name string) string { return "wamid." + name })
				require.Equal(b.t, "text", end.Type)
				require.Empty(b.t, end.Text, "it was deleted")
				require.Equal(b.t, int64(1793491210), end.EditedAt.Unix())
				require.Equal(b.t, int64(1793491220), end.DeletedAt.Unix())
				require.Equal(b.t, life.status, end.Status)
				require.Equal(b.t, life.types, types)
			})
		})
	}
}

// Two edits in either order, before and after the message: the newest text stands.
func TestTheNewestEditStands(t *testing.T) {
	onEachStore(t, func(b *bench) {
		end, _ := converge(b, 3, func(name string, i int) string {
			if i == 0 {
				return messages("600", fmt.Sprintf(`"messages":[{"from":"155%s","id":"wamid.%s","timestamp":"1793491200","type":"text","text":{"body":"a"}}]`, name[2:], name))
			}
			return messages("600", fmt.Sprintf(`"messages":[{"from":"155%s","id":"wamid.%s.e%d","timestamp":"%d","type":"edit","edit":{"original_message_id":"wamid.%s","message":{"type":"text","text":{"body":"version %d"}}}}]`,
				name[2:], name, i, 1793491200+i, name, i))
		}, func(name string) string { return "wamid." + name })
		require.Equal(b.t, "version 2", end.Text)
	})
}

// Conversations of many, in any order and batching, number their events without a gap.
func TestSequencesHaveNoGap(t *testing.T) {
	const people, each = 40, 12
	onEachStore(t, func(b *bench) {
		w := b.webhook("*")
		var bodies [][]byte
		for p := range people {
			for m := range each {
				bodies = append(bodies, envelope(messages("600", fmt.Sprintf(`"messages":[{"from":"1555%04d","id":"wamid.%d.%d","timestamp":"%d","type":"text","text":{"body":"hi"}}]`, p, p, m, 1793491200+m))))
			}
		}
		rng := rand.New(rand.NewPCG(5, 6))
		rng.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
		for len(bodies) > 0 {
			n := min(len(bodies), 1+rng.IntN(60))
			b.translate(bodies[:n]...)
			bodies = bodies[n:]
		}
		sequences := map[int64][]int64{}
		_, ids := b.told(w)
		for _, id := range ids {
			key, _ := event.ParseID(id)
			e, err := b.store.EventByKey(b.t.Context(), b.number.BusinessID, key)
			require.NoError(b.t, err)
			if e.ConversationID != 0 {
				sequences[e.ConversationID] = append(sequences[e.ConversationID], e.Sequence)
			}
		}
		require.Len(b.t, sequences, people)
		for conversation, seqs := range sequences {
			slices.Sort(seqs)
			for i, s := range seqs {
				require.Equal(b.t, int64(i+1), s, "conversation %d", conversation)
			}
			require.Len(b.t, seqs, each+1) // and conversation.created
		}
	})
}

// A number change, told before or after the first message under the new names, keeps one contact and one conversation.
func TestANumberChangeKeepsTheConversation(t *testing.T) {
	const (
		before = `"contacts":[{"profile":{"name":"Ada"},"wa_id":"15550177321","user_id":"US.OLD"}],"messages":[{"from":"15550177321","from_user_id":"US.OLD","id":"wamid.%s1","timestamp":"1793491200","type":"text","text":{"body":"hi"}}]`
		change = `"messages":[{"from":"15550177321","id":"wamid.%s2","timestamp":"1793491300","type":"system","system":{"type":"user_changed_number","body":"Ada changed","wa_id":"15550188888","user_id":"US.NEW","previous_user_id":"US.OLD"}}]`
		after  = `"contacts":[{"profile":{"name":"Ada"},"wa_id":"15550188888","user_id":"US.NEW"}],"messages":[{"from":"15550188888","from_user_id":"US.NEW","id":"wamid.%s3","timestamp":"1793491400","type":"text","text":{"body":"it is me"}}]`
		hidden = `"contacts":[{"profile":{"name":"Ada","username":"@ada.l"},"user_id":"US.NEW"}],"messages":[{"from_user_id":"US.NEW","id":"wamid.%s4","timestamp":"1793491500","type":"text","text":{"body":"still me"}}]`
	)
	for _, order := range [][]string{{before, change, after, hidden}, {before, after, change, hidden}, {before, hidden, after, change}} {
		for _, together := range []bool{false, true} {
			onEachStore(t, func(b *bench) {
				w := b.webhook("*")
				var bodies [][]byte
				for _, fact := range order {
					bodies = append(bodies, envelope(messages("600", fmt.Sprintf(fact, ""))))
				}
				if together {
					b.translate(bodies...)
				} else {
					for _, body := range bodies {
						b.translate(body)
					}
				}
				b.translate(envelope(messages("600", fmt.Sprintf(strings.ReplaceAll(hidden, "4\"", "5\""), ""))))
				d := b.last(w, event.MessageReceived)
				require.Equal(b.t, "15550188888", d.Contact.WaID)
				require.Equal(b.t, "US.NEW", d.Contact.UserID)
				require.Equal(b.t, "ada.l", strings.TrimPrefix(d.Contact.Username, "@"))
				all, err := b.store.Contacts(b.t.Context(), b.number.BusinessID, models.ContactFilter{Limit: 10})
				require.NoError(b.t, err)
				require.Len(b.t, all, 1)
				first := b.events(w)[0]
				require.Equal(b.t, first.Contact.ID, d.Contact.ID, "the older contact is kept")
			})
		}
	}
}

// contact.updated tells real changes, and a late callback turns nothing back.
func TestContactUpdated(t *testing.T) {
	onEachStore(t, func(b *bench) {
		w := b.webhook(event.ContactUpdated)
		say := func(n int, at int, name string) {
			b.translate(envelope(messages("600", fmt.Sprintf(`"contacts":[{"profile":{"name":%q},"wa_id":"155"}],"messages":[{"from":"155","id":"wamid.%d","timestamp":"%d","type":"text","text":{"body":"hi"}}]`, name, n, 1793491200+at))))
		}
		say(1, 0, "Ada")
		say(2, 10, "Ada")
		require.Empty(t, b.events(w))
		say(3, 20, "Ada Lovelace")
		say(3, 20, "Ada Lovelace")
		say(4, 5, "Ada") // late
		require.Len(t, b.events(w), 1)
		d := b.last(w, event.ContactUpdated)
		require.Equal(t, "Ada Lovelace", d.Contact.Name)
		require.JSONEq(t, `{"name":"Ada"}`, string(d.Previous))
		// Two spellings of one Mexican number are one person, and no change.
		b.translate(envelope(messages("600", `"messages":[{"from":"5215512345678","id":"wamid.5","timestamp":"1793491200","type":"text","text":{"body":"hola"}}]`)))
		b.translate(envelope(messages("600", `"messages":[{"from":"525512345678","id":"wamid.6","timestamp":"1793491300","type":"text","text":{"body":"hola"}}]`)))
		require.Len(t, b.events(w), 1)
		all, err := b.store.Contacts(t.Context(), b.number.BusinessID, models.ContactFilter{Limit: 10})
		require.NoError(t, err)
		require.Len(t, all, 2)
	})
}

// The window opens again after a day of silence, and a closed conversation when the customer writes.
func TestConversationUpdated(t *testing.T) {
	onEachStore(t, func(b *bench) {
		w := b.webhook("conversation.*")
		say := func(n int, at time.Duration, content string) {
			b.translate(envelope(messages("600", fmt.Sprintf(`"messages":[{"from":"155","id":"wamid.%d","timestamp":"%d",%s}]`, n, 1793491200+int(at.Seconds()), content))))
		}
		const text = `"type":"text","text":{"body":"hi"}`
		say(1, 0, text)
		say(2, 23*time.Hour, text)
		say(3, 60*time.Hour, `"type":"reaction","reaction":{"message_id":"wamid.1","emoji":"👍"}`)
		types, _ := b.told(w)
		require.Equal(t, []string{event.ConversationCreated}, types)
		say(4, 61*time.Hour, text)
		d := b.last(w, event.ConversationUpdated)
		require.JSONEq(t, `{"window_expires_at":"2026-11-02T23:00:00.000Z"}`, strings.ReplaceAll(string(d.Previous), time.Unix(1793491200, 0).UTC().Add(47*time.Hour).Format("2006-01-02T15:04:05.000Z"), "2026-11-02T23:00:00.000Z"))
		require.Equal(t, time.Unix(1793491200, 0).Add(85*time.Hour).Unix(), d.Conversation.WindowExpiresAt.Unix())

		v, err := b.recorder.SetConversation(t.Context(), b.number.BusinessID, d.Conversation.ID, func(s *models.ConversationSettings) error {
			s.Status, s.Labels, s.Note, s.Assignee = models.ConversationClosed, []string{"vip", "متجر"}, "likes rye", "sam"
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, "closed", v.Status)
		d = b.last(w, event.ConversationUpdated)
		require.Equal(t, []string{"vip", "متجر"}, d.Conversation.Labels)
		require.JSONEq(t, `{"status":"open","labels":[],"note":"","assignee":""}`, string(d.Previous))
		sequence := d.Sequence
		_, err = b.recorder.SetConversation(t.Context(), b.number.BusinessID, d.Conversation.ID, func(*models.ConversationSettings) error { return nil })
		require.NoError(t, err)
		require.Equal(t, sequence, b.last(w, event.ConversationUpdated).Sequence, "nothing changed, nothing told")
		_, err = b.recorder.SetConversation(t.Context(), b.number.BusinessID+1, d.Conversation.ID, func(*models.ConversationSettings) error { return nil })
		require.ErrorIs(t, err, models.ErrNotFound, "another business's")

		say(5, 62*time.Hour, text)
		d = b.last(w, event.ConversationUpdated)
		require.Equal(t, "open", d.Conversation.Status)
		require.JSONEq(t, `{"status":"closed"}`, string(d.Previous))
		require.Equal(t, "likes rye", d.Conversation.Note)
	})
}
