package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/glebarez/go-sqlite"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"wabagate/fanout/fanouttest"
	"wabagate/models"
)

// safeBuffer is a log that many write to.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// A person writes in every way, changes the name they go by, and is erased: nothing that both stores keep, and no line of
// the log, has a name or a word of theirs. Another person, who came in the same callbacks, is untouched.
func TestErase(t *testing.T) {
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			cfg, log := config(t), &safeBuffer{}
			w := startLogging(t, cfg, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
			echoing := fanouttest.NewReceiver(t, func(rw http.ResponseWriter, _ *http.Request, d fanouttest.Delivery) { _, _ = rw.Write(d.Body) })
			refusing := fanouttest.NewReceiver(t, func(rw http.ResponseWriter, _ *http.Request, d fanouttest.Delivery) {
				rw.WriteHeader(http.StatusInternalServerError)
				_, _ = rw.Write(d.Body)
			})
			for _, dialect := range []string{"wabagate", "digest", "cloud", "twabot"} {
				w.webhook(models.Webhook{Name: dialect, URL: echoing.URL, Dialect: dialect})
			}
			refused := w.webhook(models.Webhook{Name: "refusing", URL: refusing.URL, RetrySchedule: []time.Duration{time.Hour}})
			w.webhook(models.Webhook{Name: "inspector", URL: w.url + "/inspect/demo"})

			person := `{"profile":{"name":"Ada Personal","username":"ada.private"},"wa_id":"5511987654321","user_id":"BR.ADA77"}`
			other := `{"profile":{"name":"Bob Stays"},"wa_id":"15550002000"}`
			value := func(contacts, rest string) []byte {
				return fmt.Appendf(nil, `{"object":"whatsapp_business_account","entry":[{"id":"%s","changes":[{"field":"messages","value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"15550100200","phone_number_id":"%s"},"contacts":[%s],%s}}]}]}`,
					testWABA, testPNID, contacts, rest)
			}
			stamp := time.Now().Unix()
			from := fmt.Sprintf(`"from":"5511987654321","from_user_id":"BR.ADA77","timestamp":"%d"`, stamp)
			status := `{"id":"wamid.ADA%s","recipient_id":"551187654321","status":"%s","timestamp":"` + fmt.Sprint(stamp) + `"}`
			both := value(person+","+other, `"messages":[{`+from+`,"id":"wamid.ADA1","type":"text","text":{"body":"my hidden words"}},{"from":"15550002000","id":"wamid.BOB1","timestamp":"`+fmt.Sprint(stamp)+`","type":"text","text":{"body":"words that stay"}}]`)
			callbacks := [][]byte{
				both,
				value(person, `"messages":[{`+from+`,"id":"wamid.ADA2","type":"image","image":{"id":"77","mime_type":"image/jpeg","sha256":"x","caption":"my hidden picture"}}]`),
				value(person, `"messages":[{`+from+`,"id":"wamid.ADA3","type":"order","order":{"catalog_id":"c","text":"my hidden order","product_items":[{"product_retailer_id":"hidden shoes","quantity":1,"item_price":5,"currency":"EUR"}]}}]`),
				value(person, fmt.Sprintf(`"statuses":[`+status+`,`+status+`]`, "4", "sent", "4", "read")),
				value(`{"profile":{"name":"Ada Renamed"},"user_id":"BR.ADA77"}`, `"messages":[{"from_user_id":"BR.ADA77","timestamp":"`+fmt.Sprint(stamp)+`","id":"wamid.ADA5","type":"text","text":{"body":"my hidden goodbye"},"context":{"from":"15550100200","id":"wamid.ADA4"}}]`),
				value(other, `"messages":[{"from":"15550002000","id":"wamid.BOB2","timestamp":"`+fmt.Sprint(stamp)+`","type":"text","text":{"body":"another word that stays"}}]`),
				textCallback("999000", "5511987654321", "wamid.ADA6", "my hidden, parked"), // for a number that nobody connected
			}
			for _, body := range callbacks {
				require.Equal(t, http.StatusOK, w.post("b", body))
				w.idleBut(refused.ID)
			}
			require.Equal(t, http.StatusOK, w.post("b", both), "upstream says it again")
			w.idleBut(refused.ID)

			contacts, err := w.store.Contacts(t.Context(), w.made.BusinessID, models.ContactFilter{Search: "BR.ADA77"})
			require.NoError(t, err)
			require.Len(t, contacts, 1)
			conversations, err := w.store.Conversations(t.Context(), w.made.BusinessID, models.ConversationFilter{ContactID: contacts[0].ID})
			require.NoError(t, err)
			code, answer := w.client("PUT", fmt.Sprint("/conversations/", conversations[0].ID), `{"note":"a hidden note","labels":["hidden label"]}`)
			require.Equal(t, http.StatusOK, code, answer)
			w.idleBut(refused.ID)

			words := []string{"5511987654321", "551187654321", "BR.ADA77", "ada.private", "Ada Personal", "Ada Renamed", "hidden", "wamid.ADA"}
			before := w.dump(cfg)
			for _, word := range append(words, "words that stay") {
				require.True(t, holds(before, word), "the test itself: %s is not there", word)
			}
			for _, line := range log.lines() {
				for _, word := range words {
					require.NotContains(t, line, word, "the log")
				}
			}

			var receipt struct {
				Receipt struct {
					ID     int64
					State  string
					Counts map[string]int64
				}
			}
			require.Eventually(t, func() bool { // what was delivered a moment ago may still be settled
				code, answer = w.client("POST", fmt.Sprintf("/contacts/%d/erase", contacts[0].ID), "")
				return code != http.StatusConflict
			}, 30*time.Second, 100*time.Millisecond)
			require.Equal(t, http.StatusOK, code, "%s %v", answer, log.errors())
			require.NoError(t, json.Unmarshal([]byte(answer), &receipt))
			require.Equal(t, "done", receipt.Receipt.State)
			counts := receipt.Receipt.Counts
			require.EqualValues(t, 1, counts["contacts"])
			require.EqualValues(t, 2, counts["identities"])
			require.EqualValues(t, 1, counts["orders"])
			require.EqualValues(t, 4, counts["digests"])
			require.EqualValues(t, 5, counts["messages"], "four that came, one that was only reported")
			require.EqualValues(t, 7, counts["callbacks"], "the one that came twice is two")
			require.Positive(t, counts["deliveries"])
			require.Positive(t, counts["attempts"])
			require.Positive(t, counts["inspections"])
			require.Greater(t, counts["events"], int64(8))

			after := w.dump(cfg)
			for _, word := range words {
				for table, rows := range after {
					for _, row := range rows {
						if strings.Contains(row, word) || strings.Contains(row, hex.EncodeToString([]byte(word))) {
							t.Errorf("%s is still in %s: %s", word, table, row)
						}
					}
				}
			}
			for _, word := range []string{"words that stay", "another word that stays", "Bob Stays", "15550002000"} {
				require.True(t, holds(after, word), word)
			}

			// Nothing emptied is delivered: what was owed is skipped, and asking for it again is refused.
			rows, err := w.store.Deliveries(t.Context(), refused.ID, models.DeliveryFilter{Limit: 200})
			require.NoError(t, err)
			skipped := 0
			for _, r := range rows {
				if r.State == models.Skipped {
					skipped++
					code, answer = w.client("POST", fmt.Sprintf("/deliveries/dlv_%d_%d/resend", r.EventID, r.WebhookID), "")
					require.Equal(t, http.StatusGone, code, answer)
				}
			}
			require.Positive(t, skipped)
			code, again := w.client("POST", fmt.Sprintf("/contacts/%d/erase", contacts[0].ID), "")
			require.Equal(t, http.StatusOK, code)
			require.Contains(t, again, fmt.Sprintf(`"id":%d,`, receipt.Receipt.ID), "the same receipt")
			code, list := w.client("GET", "/erasures", "")
			require.Equal(t, http.StatusOK, code)
			require.Contains(t, list, fmt.Sprint(receipt.Receipt.ID))

			// Who writes again is somebody new.
			require.Equal(t, http.StatusOK, w.post("a", textCallback(testPNID, "5511987654321", "wamid.NEW", "hello again")))
			w.idleBut(refused.ID)
			contacts, err = w.store.Contacts(t.Context(), w.made.BusinessID, models.ContactFilter{Search: "5511987654321"})
			require.NoError(t, err)
			require.Len(t, contacts, 1)
			require.NotContains(t, fmt.Sprint(contacts), "BR.ADA77")
		})
	}
}

// errors are the lines of what went wrong.
func (s *safeBuffer) errors() (lines []string) {
	for _, line := range s.lines() {
		if strings.Contains(line, "level=ERROR") {
			lines = append(lines, line)
		}
	}
	return lines
}

func (s *safeBuffer) lines() []string { return strings.Split(s.String(), "\n") }

// client calls the API as the business's program.
func (w *whole) client(method, path, body string) (int, string) {
	w.t.Helper()
	q, err := http.NewRequestWithContext(w.t.Context(), method, w.url+"/api/client"+path, strings.NewReader(body))
	require.NoError(w.t, err)
	q.Header.Set("Authorization", "Bearer "+w.made.APIKey)
	q.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(q)
	require.NoError(w.t, err)
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	return res.StatusCode, string(answer)
}

// idleBut waits until all that is left to do is one webhook's: retries, and what its open circuit keeps waiting.
func (w *whole) idleBut(webhookID int64) {
	w.t.Helper()
	var left []models.Work
	require.Eventually(w.t, func() bool {
		all, err := w.store.Unfinished(w.t.Context(), time.Now().Add(10*time.Minute), 0, 1000)
		left = slices.DeleteFunc(all, func(k models.Work) bool { return k.WebhookID == webhookID })
		return err == nil && len(left) == 0
	}, 30*time.Second, 20*time.Millisecond, "work left over: %+v", &left)
}

func holds(tables map[string][]string, word string) bool {
	for _, rows := range tables {
		for _, row := range rows {
			if strings.Contains(row, word) || strings.Contains(row, hex.EncodeToString([]byte(word))) {
				return true
			}
		}
	}
	return false
}

// dump reads every row of every table, and every key of Redis, as text; bytes are in hex.
func (w *whole) dump(cfg Config) map[string][]string {
	w.t.Helper()
	driver, address, list := "sqlite", filepath.Join(cfg.Data, "wabagate.db"), "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	if cfg.DatabaseURL != "" {
		driver, address, list = "pgx", cfg.DatabaseURL.Text(), "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
	}
	db, err := sql.Open(driver, address)
	require.NoError(w.t, err)
	defer func() { _ = db.Close() }()
	dump := map[string][]string{}
	for _, table := range w.rows(db, list) {
		name := strings.Trim(table, "|")
		dump[name] = w.rows(db, `SELECT * FROM "`+name+`"`)
	}
	require.Greater(w.t, len(dump), 20)
	ctx := context.Background()
	for keys := w.redis.Scan(ctx, 0, "*", 1000).Iterator(); keys.Next(ctx); {
		key := keys.Val()
		dump["redis"] = append(dump["redis"], key)
		var v any
		switch w.redis.Type(ctx, key).Val() {
		case "string":
			v = w.redis.Get(ctx, key).Val()
		case "hash":
			v = w.redis.HGetAll(ctx, key).Val()
		case "list":
			v = w.redis.LRange(ctx, key, 0, -1).Val()
		case "set":
			v = w.redis.SMembers(ctx, key).Val()
		case "zset":
			v = w.redis.ZRangeWithScores(ctx, key, 0, -1).Val()
		default:
			w.t.Fatalf("a kind of key that is not read: %s", key)
		}
		dump["redis"] = append(dump["redis"], fmt.Sprint(v))
	}
	return dump
}

func (w *whole) rows(db *sql.DB, query string) (texts []string) {
	w.t.Helper()
	rows, err := db.QueryContext(w.t.Context(), query)
	require.NoError(w.t, err)
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	require.NoError(w.t, err)
	for rows.Next() {
		values, dest := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		require.NoError(w.t, rows.Scan(dest...))
		text := ""
		for _, v := range values {
			if b, ok := v.([]byte); ok {
				v = hex.EncodeToString(b)
			}
			text += fmt.Sprint(v) + "|"
		}
		texts = append(texts, text)
	}
	require.NoError(w.t, rows.Err())
	return texts
}
