package fanout

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/models"
)

// Random people write in any order and batching: known by number, by user id or by both; some change their number, and
// others get the old one. Each is one contact in one conversation in the end, and no two are the same.
func TestPeopleStayWhoTheyAre(t *testing.T) {
	onEachStore(t, func(b *bench) {
		for seed := range uint64(12) {
			rng := rand.New(rand.NewPCG(seed, 77))
			w := b.webhook(event.MessageReceived)
			type said struct{ body, wamid string }
			var facts []said
			owner := map[string]int{} // by wamid
			const people = 12
			for p := range people {
				phone, user := fmt.Sprintf("1555%d%03d", seed, p), fmt.Sprintf("US.%d.%d", seed, p)
				if rng.IntN(4) == 0 {
					phone = fmt.Sprintf("52155%02d%02d%04d", seed, p, 1234) // a number with two spellings
				}
				moved := p%3 == 0
				heir := p%3 == 1 && p > 0 // has the number that p-1 gave up
				if heir {
					phone = fmt.Sprintf("1444%d%03d", seed, p-1)
				}
				if moved {
					phone = fmt.Sprintf("1444%d%03d", seed, p)
				}
				say := func(i int, phone, user string) {
					wamid := fmt.Sprintf("wamid.%d.%d.%d", seed, p, i)
					sender := ""
					if phone != "" {
						sender += fmt.Sprintf(`"from":%q,`, phone)
					}
					if user != "" {
						sender += fmt.Sprintf(`"from_user_id":%q,`, user)
					}
					owner[wamid] = p
					facts = append(facts, said{messages("600", fmt.Sprintf(`"messages":[{%s"id":%q,"timestamp":"%d","type":"text","text":{"body":"hi"}}]`, sender, wamid, 1793491200+i)), wamid})
				}
				for i := range 4 {
					switch {
					case i == 0:
						say(i, phone, user) // proves that the names are one person's
					case rng.IntN(3) == 0:
						say(i, "", user)
					case !moved && !heir && rng.IntN(2) == 0:
						say(i, spelling(rng, phone), "")
					default:
						say(i, phone, user)
					}
				}
				if moved {
					next, nextUser := fmt.Sprintf("1666%d%03d", seed, p), user+"N"
					facts = append(facts, said{messages("600", fmt.Sprintf(`"messages":[{"from":%q,"id":"wamid.%d.%d.s","timestamp":"1793491250","type":"system","system":{"type":"user_changed_number","wa_id":%q,"user_id":%q,"previous_user_id":%q}}]`,
						phone, seed, p, next, nextUser, user)), ""})
					owner[fmt.Sprintf("wamid.%d.%d.s", seed, p)] = p
					for i := 10; i < 13; i++ {
						say(i, next, nextUser)
					}
				}
			}
			rng.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
			for i := 0; i < len(facts); {
				n := min(len(facts)-i, 1+rng.IntN(9))
				bodies := make([][]byte, n)
				for j := range bodies {
					bodies[j] = envelope(facts[i+j].body)
				}
				b.translate(bodies...)
				i += n
			}
			// Where everybody's messages are now, by the survivor of each contact.
			contactOf := map[int]map[int64]bool{}
			personOf := map[int64]map[int]bool{}
			_, ids := b.told(w)
			for _, id := range ids {
				key, _ := event.ParseID(id)
				e, err := b.store.EventByKey(t.Context(), b.number.BusinessID, key)
				require.NoError(t, err)
				d, err := eventOf(e, beside{}).Decode()
				require.NoError(t, err)
				survivor, err := b.store.ContactByID(t.Context(), b.number.BusinessID, d.Contact.ID)
				require.NoError(t, err)
				p, ok := owner[d.Message.ID]
				require.True(t, ok, d.Message.ID)
				if contactOf[p] == nil {
					contactOf[p] = map[int64]bool{}
				}
				if personOf[survivor.ID] == nil {
					personOf[survivor.ID] = map[int]bool{}
				}
				contactOf[p][survivor.ID], personOf[survivor.ID][p] = true, true
			}
			for p := range people {
				require.Len(t, contactOf[p], 1, "seed %d: person %d is several contacts", seed, p)
			}
			for c, ps := range personOf {
				require.Len(t, ps, 1, "seed %d: contact %d is several people", seed, c)
			}
			require.NoError(t, b.store.DeleteWebhook(t.Context(), b.number.BusinessID, w.ID))
		}
	})
}

// spelling is a number as the platform may write it the next time.
func spelling(rng *rand.Rand, phone string) string {
	if len(phone) == 13 && phone[:3] == "521" && rng.IntN(2) == 0 {
		return "52" + phone[3:]
	}
	return phone
}

// What a callback says of a contact that is known.
func TestAbsorb(t *testing.T) {
	known := models.Contact{ID: 1, WaID: "5215512345678", UserID: "US.1", Name: "Ada", ProfileAt: fixedNow}
	for name, c := range map[string]struct {
		ref       models.PersonRef
		newUserID bool
		previous  values
		after     models.Contact
	}{
		"nothing new":            {ref: models.PersonRef{WaID: "5215512345678", Name: "Ada", At: fixedNow}, after: known},
		"another spelling":       {ref: models.PersonRef{WaID: "525512345678", At: fixedNow}, after: known},
		"another name":           {ref: models.PersonRef{Name: "Ada L", At: fixedNow}, previous: values{"name": "Ada"}, after: models.Contact{ID: 1, WaID: known.WaID, UserID: "US.1", Name: "Ada L", ProfileAt: fixedNow}},
		"an old name, late":      {ref: models.PersonRef{Name: "Countess", At: fixedNow.Add(-1)}, after: known},
		"something unknown":      {ref: models.PersonRef{Username: "ada", At: fixedNow.Add(-1)}, previous: values{"username": ""}, after: models.Contact{ID: 1, WaID: known.WaID, UserID: "US.1", Name: "Ada", Username: "ada", ProfileAt: fixedNow}},
		"another portfolio's id": {ref: models.PersonRef{UserID: "US.2", At: fixedNow}, after: known},
		"a new id":               {ref: models.PersonRef{UserID: "US.2", At: fixedNow}, newUserID: true, previous: values{"user_id": "US.1"}, after: models.Contact{ID: 1, WaID: known.WaID, UserID: "US.2", Name: "Ada", ProfileAt: fixedNow}},
	} {
		t.Run(name, func(t *testing.T) {
			c2 := known
			require.Equal(t, c.previous, absorb(&c2, c.ref, c.newUserID))
			require.Equal(t, c.after, c2)
		})
	}
}
