package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/waba/wabatest"
)

// The platform loses one status in a hundred, and all statuses of three messages in a hundred: the report of the day names the
// messages of which nothing came, and nothing else; the business is told how many there are.
func TestLostStatusesAreReported(t *testing.T) {
	t.Parallel()
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t)
			cfg.GapAfter = 2 * time.Second
			c := startConnected(t, cfg, wabatest.Options{OpenWindow: true, PairEvery: -1, Throughput: 5000, Batch: 1})
			c.everyDialect()
			require.NoError(t, c.sim.AddFaults(wabatest.Fault{Kind: wabatest.FaultSilence, Share: .03}, wabatest.Fault{Kind: wabatest.FaultDrop, Share: .01}))
			c.call(http.MethodPut, fmt.Sprintf("/api/client/numbers/%d", c.numberID), map[string]any{"rate": 500}, http.StatusOK, nil)
			const n = 250
			for i := range n {
				c.send("/v1/messages", fmt.Appendf(nil, `{"messaging_product":"whatsapp","to":"1555017%04d","text":{"body":"Hi"}}`, i), http.StatusAccepted)
			}
			require.Eventually(t, func() bool { return c.sim.Tally().Accepted == n }, 2*time.Minute, 20*time.Millisecond)
			require.NoError(t, c.sim.Settle(t.Context()))
			require.NotEmpty(t, c.sim.Dropped())
			c.idle(time.Minute)

			heard := map[string]bool{}
			for _, d := range c.receivers["wabagate"].Got() {
				var e struct {
					Type string
					Data struct {
						Status struct {
							ID string `json:"message_id"`
						}
					}
				}
				require.NoError(t, json.Unmarshal(d.Body, &e))
				if e.Type == "message.report" {
					heard[e.Data.Status.ID] = true
				}
			}
			missing := map[string]bool{}
			for _, m := range c.sim.Messages(wabatest.Filter{}) {
				if !heard[m.ID] {
					missing[m.ID] = true
				}
			}
			require.Greater(t, len(missing), 2)
			require.Less(t, len(missing), n/10)

			time.Sleep(cfg.GapAfter)
			named := map[string]bool{}
			for cursor := ""; ; {
				var page struct {
					Messages []struct {
						MessageID string `json:"message_id"`
					}
					NextCursor string `json:"next_cursor"`
				}
				c.call(http.MethodGet, fmt.Sprintf("/api/client/numbers/%d/report?day=%s&limit=3&cursor=%s", c.numberID, time.Now().UTC().Format(time.DateOnly), cursor), nil, http.StatusOK, &page)
				for _, m := range page.Messages {
					named[m.MessageID] = true
				}
				if cursor = page.NextCursor; cursor == "" {
					break
				}
			}
			require.Equal(t, missing, named)
			t.Logf("of %d messages %d without any status, and those are named; %d facts lost in all", n, len(named), len(c.sim.Dropped()))
		})
	}
}

// A receiver that comes back after the platform has forgotten a file still finds it where the event said.
func TestMediaOutlivesThePlatform(t *testing.T) {
	t.Parallel()
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startConnected(t, config(t), wabatest.Options{OpenWindow: true})
			c.everyDialect()
			c.call(http.MethodPut, fmt.Sprintf("/api/client/numbers/%d/media", c.numberID), map[string]any{"fetch_ahead": true}, http.StatusOK, nil)
			_, err := c.sim.Receive(wabatest.Inbound{From: "15550177321", Name: "Ada", Media: &wabatest.Media{MIME: "image/jpeg", Caption: "roof"}})
			require.NoError(t, err)
			_, err = c.sim.Receive(wabatest.Inbound{From: "15550177321", Name: "Ada", Media: &wabatest.Media{MIME: "image/jpeg", ServedMIME: "text/html"}})
			require.NoError(t, err)
			files := map[string]string{} // addresses, by the type of the event
			require.Eventually(t, func() bool {
				for _, d := range c.receivers["wabagate"].Got() {
					var e struct {
						Type string
						Data struct {
							Message struct {
								Text  string
								Media struct{ URL string }
							}
							File struct{ URL, Failure string }
						}
					}
					require.NoError(t, json.Unmarshal(d.Body, &e))
					switch {
					case e.Type == "media.failed":
						files[e.Type] = e.Data.File.Failure
					case e.Type == "media.ready":
						files[e.Type] = e.Data.File.URL
					case e.Data.Message.Text == "roof":
						files["message"] = e.Data.Message.Media.URL
					}
				}
				return len(files) == 3
			}, 2*time.Minute, 200*time.Millisecond)
			c.sim.Close() // as if it had forgotten
			require.Equal(t, "type_differs", files["media.failed"], "a page that says it is a picture")
			require.Equal(t, files["media.ready"], files["message"])
			res, err := http.Get(files["message"])
			require.NoError(t, err)
			defer func() { _ = res.Body.Close() }()
			got, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, res.StatusCode)
			require.Equal(t, "image/jpeg", res.Header.Get("Content-Type"))
			require.Len(t, got, 49_664)
		})
	}
}
