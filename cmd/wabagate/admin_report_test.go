package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/fanout/event"
	"wabagate/gateway/gap"
	"wabagate/models"
	"wabagate/models/modelstest"
)

// reported is a line of a report in JSON.
type reported struct {
	Report  *api.Report
	Message *api.UnreportedMessage
	Parked  *struct {
		PhoneNumberID string `json:"phone_number_id"`
		Callbacks     int64
	}
}

// The report names every message without a status, of every number or of one, over more than one page.
func TestAdminReport(t *testing.T) {
	for name, open := range map[string]func(testing.TB) *models.Store{"embedded": modelstest.SQLite, "postgres": modelstest.Postgres} {
		t.Run(name, func(t *testing.T) {
			s, ctx := open(t), t.Context()
			var numbers []models.Number
			for i := range 2 {
				b, err := s.CreateBusiness(ctx, fmt.Sprint("Business ", i))
				require.NoError(t, err)
				n, err := s.CreateNumber(ctx, models.Number{BusinessID: b.ID, PhoneNumberID: fmt.Sprint(600 + i), Display: fmt.Sprint(15550100200 + i)})
				require.NoError(t, err)
				numbers = append(numbers, n)
			}
			const silent = 2*reporterPage + 1
			sends := make([]models.Send, silent+1)
			for i := range sends {
				sends[i] = models.Send{BusinessID: numbers[0].BusinessID, NumberID: numbers[0].ID, To: "15550177321", Type: "text", SentBy: "api", Body: []byte(`{}`)}
			}
			kept, _, err := s.CreateSends(ctx, sends)
			require.NoError(t, err)
			var ids []int64
			var results []models.SendResult
			for i, v := range kept {
				ids, results = append(ids, v.ID), append(results, models.SendResult{ID: v.ID, State: models.SendAccepted, Wamid: fmt.Sprint("w.", i)})
			}
			_, err = s.TakeSends(ctx, ids)
			require.NoError(t, err)
			require.NoError(t, s.SettleSends(ctx, models.SendSettlement{Results: results}))
			day := s.Now()
			require.NoError(t, s.Translate(ctx, func(tx models.Translation) error {
				return tx.Write(ctx, models.Changes{Messages: []models.Message{{NumberID: numbers[0].ID, Wamid: "w.7", Type: "text", Status: "delivered", SentAt: day, StatusAt: day}},
					Parked: []models.ParkedCallback{{CallbackID: models.FirstID(day)}, {PhoneNumberID: "999", CallbackID: models.FirstID(day)}}})
			}))

			report := func(only int64, asJSON bool) string {
				var out bytes.Buffer
				r := reporter{store: s, day: day, now: day.Add(20 * time.Minute), after: 15 * time.Minute, out: &out, json: asJSON}
				require.NoError(t, r.run(ctx, only))
				return out.String()
			}
			var reports []api.Report
			named, parked := map[string]bool{}, map[string]int64{}
			for line := range strings.Lines(report(0, true)) {
				var v reported
				require.NoError(t, json.Unmarshal([]byte(line), &v), line)
				switch {
				case v.Report != nil:
					reports = append(reports, *v.Report)
				case v.Message != nil:
					require.Len(t, reports, 1, "messages follow the report of their number")
					require.False(t, named[v.Message.MessageID], "named twice")
					named[v.Message.MessageID] = true
				default:
					parked[v.Parked.PhoneNumberID] = v.Parked.Callbacks
				}
			}
			require.Len(t, reports, 2)
			require.Equal(t, []int64{silent + 1, silent, 0}, []int64{reports[0].Sends.Accepted, reports[0].Unreported, reports[1].Unreported})
			require.Len(t, named, silent)
			require.False(t, named["w.7"])
			require.Equal(t, map[string]int64{"": 1, "999": 1}, parked)

			text := report(numbers[0].ID, false)
			require.Equal(t, silent, strings.Count(text, "    no status  w."))
			require.Contains(t, text[:500], fmt.Sprintf("accepted: %d (delivered 1, none %d); failed: 0; cancelled: 0", silent+1, silent))
			require.False(t, strings.Contains(text, "parked for"), "it belongs to no number")
			require.Equal(t, 4, strings.Count(report(numbers[1].ID, false), "\n"), "nothing else of a number of which nothing is missing")

			r := reporter{store: s, day: day, now: day, out: &bytes.Buffer{}}
			require.ErrorIs(t, r.run(ctx, 12345), models.ErrNotFound)
		})
	}
}

func TestReportDay(t *testing.T) {
	now := time.Date(2026, 11, 21, 16, 0, 0, 0, time.UTC)
	day, err := reportDay("2026-11-20", now)
	require.NoError(t, err)
	require.Equal(t, time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), day)
	day, err = reportDay("", now)
	require.NoError(t, err)
	require.Equal(t, now, day)
	_, err = reportDay("20.11.2026", now)
	require.ErrorContains(t, err, "expected a day such as 2026-11-21")
	_, err = reportDay("2026-11-22", now)
	require.ErrorContains(t, err, "has not come yet")
}

// What the detector finds is told under its own type.
func TestGapOperation(t *testing.T) {
	at := time.Date(2026, 11, 21, 16, 0, 0, 0, time.UTC)
	n := models.Number{ID: 3, BusinessID: 2}
	o := gapOperation(gap.News{Kind: gap.Silent, Number: n, Key: "k", At: at, Reason: "why", From: at.Add(-time.Hour)})
	require.Equal(t, []any{event.UpstreamSilent, n, "k", at, "why"}, []any{o.Type, o.Number, o.Key, o.At, o.Reason})
	require.Equal(t, event.Gap{From: event.Time{Time: at.Add(-time.Hour)}}, *o.Gap)
	o = gapOperation(gap.News{Kind: gap.Unreported, Number: n, From: at, Until: at.Add(time.Minute), Count: 2, Wamids: []string{"w.1"}})
	require.Equal(t, event.MessageUnreported, o.Type)
	require.Equal(t, event.Gap{From: event.Time{Time: at}, Until: &event.Time{Time: at.Add(time.Minute)}, Count: 2, MessageIDs: []string{"w.1"}}, *o.Gap)
}
