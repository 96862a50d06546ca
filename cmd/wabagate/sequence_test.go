package main

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
	"wabagate/waba/simulator"
)

// ledger is a receiver that remembers nothing but which sequences of which conversations came.
type ledger struct {
	mu   sync.Mutex
	seen map[int64]map[int64]int // conversation, sequence, times
	n    atomic.Int64
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Data struct {
			Sequence     int64
			Conversation *struct{ ID int64 }
		}
	}
	b, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(b, &body)
	}
	if err != nil || body.Data.Conversation == nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	sequences := l.seen[body.Data.Conversation.ID]
	if sequences == nil {
		sequences = map[int64]int{}
		l.seen[body.Data.Conversation.ID] = sequences
	}
	sequences[body.Data.Sequence]++
	l.n.Add(1)
}

// Many conversations at once, their messages in any order and batching, some posted twice, in parallel: the events of each
// conversation carry 1, 2, 3 … without a gap.
func TestAThousandConversations(t *testing.T) {
	for name, size := range map[string]struct{ conversations, messages int }{"postgres and redis": {1000, 100}, "embedded": {120, 20}} {
		t.Run(name, func(t *testing.T) {
			w := startWhole(t, stores[name](t))
			l := &ledger{seen: map[int64]map[int64]int{}}
			receiver := httptest.NewServer(l)
			t.Cleanup(receiver.Close)
			w.webhook(models.Webhook{Name: "crm", URL: receiver.URL, Events: []string{"message.received", "conversation.created"}})
			sim := simulator.New(simulator.Options{PhoneNumberID: testPNID, WABAID: testWABA, DisplayPhoneNumber: "15550100200"})
			facts := make([]simulator.Fact, 0, size.conversations*size.messages)
			for i := range cap(facts) {
				who := i % size.conversations
				from := "44770" + strings.Repeat("0", 7-len(strconv.Itoa(who))) + strconv.Itoa(who)
				facts = append(facts, sim.Text(from, "Customer "+strconv.Itoa(who), "message "+strconv.Itoa(i)))
			}
			rng := rand.New(rand.NewPCG(11, 13))
			batches := simulator.Rebatch(facts, rng, 60)
			batches = append(batches, batches[:len(batches)/20]...) // some come again
			posts := make(chan []byte, 16)
			var posting sync.WaitGroup
			for range 8 {
				posting.Go(func() {
					for body := range posts {
						// What is refused comes again, as upstream's does: a database that is written to by everything on a slow
						// machine may not take a callback in time, and says so.
						status, err := 0, error(nil)
						for range 5 {
							if status, err = postSigned(t.Context(), w.url+"/webhooks/cloud/a", testSecret, body); err != nil || status != http.StatusServiceUnavailable {
								break
							}
							time.Sleep(time.Second)
						}
						if err != nil || status != http.StatusOK {
							t.Errorf("callback answered %d, %v", status, err)
						}
					}
				})
			}
			for _, batch := range batches {
				posts <- sim.Callback(batch...)
			}
			close(posts)
			posting.Wait()
			want := int64(size.conversations * (size.messages + 1))
			require.Eventually(t, func() bool { return l.n.Load() >= want }, 2*time.Minute, 50*time.Millisecond)
			w.idle(30 * time.Second)
			l.mu.Lock()
			defer l.mu.Unlock()
			require.Len(t, l.seen, size.conversations)
			for id, sequences := range l.seen {
				require.Len(t, sequences, size.messages+1, "conversation %d", id)
				for s := range int64(size.messages + 1) {
					require.Equal(t, 1, sequences[s+1], "sequence %d of conversation %d", s+1, id)
				}
			}
		})
	}
}
