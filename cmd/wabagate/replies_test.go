package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/waba/wabatest"
)

// spoken is what the webhook of the gateway's own dialect was told of a customer's conversation.
type spoken struct {
	received, replied []string // texts
	handed            string   // why the AI is off; empty: it is not
}

func (c *connected) spoken(customer string) (s spoken) {
	c.t.Helper()
	once := map[string]bool{}
	for _, d := range c.receivers["wabagate"].Got() {
		var e struct {
			Type string
			Data struct {
				Contact struct {
					WaID string `json:"wa_id"`
				}
				Message      struct{ Text string }
				Conversation struct {
					AI     string
					Reason string `json:"ai_reason"`
				}
			}
		}
		require.NoError(c.t, json.Unmarshal(d.Body, &e), "%s", d.Body)
		if e.Data.Contact.WaID != customer || once[d.ID()] {
			continue
		}
		once[d.ID()] = true
		switch e.Type {
		case "message.received":
			s.received = append(s.received, e.Data.Message.Text)
		case "ai.replied":
			s.replied = append(s.replied, e.Data.Message.Text)
		case "conversation.updated":
			s.handed = e.Data.Conversation.Reason
		}
	}
	return s
}

// A number answers by itself: with the model's words, told in every dialect; not to another bot for ever, not when the model
// fails, and no more once a person is asked for. Whatever the model does, what customers write is delivered at once.
func TestReplies(t *testing.T) {
	t.Parallel()
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startConnected(t, config(t), wabatest.Options{PairEvery: -1})
			c.everyDialect()
			settings := fmt.Sprintf("/api/client/numbers/%d/replies", c.numberID)
			c.call(http.MethodPut, settings, map[string]any{"kind": "model", "url": c.cfg.GraphURL + "/v1", "model": "small", "key": "k", "prompt": "Be brief.", "keywords": []string{"human", "موظف"},
				"timeout": 4, "active": true}, http.StatusOK, nil)
			says := func(customer, text string) {
				_, err := c.sim.Receive(wabatest.Inbound{From: customer, Name: "Ada", Text: text})
				require.NoError(t, err)
			}
			comes := func(customer string, what func(s spoken) bool) spoken {
				t.Helper()
				require.Eventually(t, func() bool { return what(c.spoken(customer)) }, 90*time.Second, 50*time.Millisecond, "%s: %+v", customer, c.spoken(customer))
				return c.spoken(customer)
			}
			const ada, bot, late, worker, page = "15550177601", "15550177602", "15550177603", "15550177604", "15550177605"

			says(ada, "Where is my order?")
			require.Equal(t, []string{"You said: Where is my order? (turn 1)"}, comes(ada, func(s spoken) bool { return len(s.replied) == 1 }).replied)
			for dialect, r := range c.receivers {
				switch dialect {
				case "digest", "cloud", "onprem": // of what the platform posts
					continue
				}
				require.Eventually(t, func() bool {
					for _, d := range r.Got() {
						if bytes.Contains(d.Body, []byte(`"ai.replied"`)) && bytes.Contains(d.Body, []byte("You said: Where is my order?")) {
							return true
						}
					}
					return false
				}, time.Minute, 20*time.Millisecond, dialect)
			}

			says(worker, "I want to talk to a HUMAN, please")
			require.Equal(t, "keyword", comes(worker, func(s spoken) bool { return s.handed != "" }).handed)
			says(worker, "Hello?")

			c.sim.AddPersonas(wabatest.Persona{Customer: bot, Bot: true, Replies: []string{"{{text}} And you?"}})
			says(bot, "I am a bot. And you?")
			ended := comes(bot, func(s spoken) bool { return s.handed != "" })
			t.Logf("after %d answers the other bot is left alone: %s", len(ended.replied), ended.handed)
			require.Less(t, len(ended.replied), 30)

			require.NoError(t, c.sim.AddFaults(wabatest.Fault{Kind: wabatest.FaultHang, At: wabatest.AtModel}))
			began := time.Now()
			says(late, "Are you there?")
			comes(late, func(s spoken) bool { return len(s.received) == 1 })
			require.Less(t, time.Since(began), 4*time.Second, "a model that hangs holds up no event")
			require.Equal(t, "failure", comes(late, func(s spoken) bool { return s.handed != "" }).handed)
			c.sim.ClearFaults()
			require.NoError(t, c.sim.AddFaults(wabatest.Fault{Kind: wabatest.FaultGarbage, At: wabatest.AtModel}))
			says(page, "Are you there?")
			require.Equal(t, "failure", comes(page, func(s spoken) bool { return s.handed != "" }).handed)

			c.idle(time.Minute)
			for _, customer := range []string{late, worker, page} {
				require.Empty(t, c.spoken(customer).replied, customer)
			}
			require.Len(t, c.spoken(bot).replied, len(ended.replied), "and it stays alone")
			require.Equal(t, len(ended.replied)+1, c.sim.Tally().Accepted)
			require.True(t, strings.HasPrefix(c.spoken(worker).received[1], "Hello"))
		})
	}
}
