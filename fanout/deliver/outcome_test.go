package deliver_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/deliver"
)

var at = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestJudge(t *testing.T) {
	any2xx := func(s int) bool { return s/100 == 2 }
	only200 := func(s int) bool { return s == 200 }
	never := func(int) bool { return false }
	badRequest := func(s int) bool { return s == 400 }
	for name, tc := range map[string]struct {
		status         int
		after          string
		success, final func(int) bool
		want           deliver.Verdict
	}{
		"200":                     {status: 200, success: any2xx, final: never, want: deliver.Verdict{Outcome: deliver.Delivered}},
		"204":                     {status: 204, success: any2xx, final: never, want: deliver.Verdict{Outcome: deliver.Delivered}},
		"204 where only 200 is":   {status: 204, success: only200, final: never, want: deliver.Verdict{Outcome: deliver.Rejected}},
		"301":                     {status: 301, success: any2xx, final: never, want: deliver.Verdict{Outcome: deliver.Redirect}},
		"400":                     {status: 400, success: any2xx, final: never, want: deliver.Verdict{Outcome: deliver.Rejected}},
		"400 that is final":       {status: 400, success: any2xx, final: badRequest, want: deliver.Verdict{Outcome: deliver.Rejected, Final: true}},
		"410":                     {status: 410, success: any2xx, final: never, want: deliver.Verdict{Outcome: deliver.Gone, Final: true, Disable: true}},
		"429 asks for 5 minutes":  {status: 429, after: "300", success: any2xx, final: never, want: deliver.Verdict{Outcome: deliver.Busy, MinWait: time.Minute, RetryAfter: 5 * time.Minute}},
		"503 with a date":         {status: 503, after: at.Add(time.Hour).Format(http.TimeFormat), success: any2xx, final: never, want: deliver.Verdict{Outcome: deliver.Busy, MinWait: time.Minute, RetryAfter: time.Hour}},
		"503 with a past date":    {status: 503, after: at.Add(-time.Hour).Format(http.TimeFormat), success: any2xx, final: never, want: deliver.Verdict{Outcome: deliver.Busy, MinWait: time.Minute}},
		"500 asks for the moon":   {status: 500, after: "99999999999", success: any2xx, final: never, want: deliver.Verdict{Outcome: deliver.Rejected, RetryAfter: 24 * time.Hour}},
		"500 with nonsense":       {status: 500, after: "soon", success: any2xx, final: never, want: deliver.Verdict{Outcome: deliver.Rejected}},
		"502":                     {status: 502, success: any2xx, final: never, want: deliver.Verdict{Outcome: deliver.Busy, MinWait: time.Minute}},
		"504":                     {status: 504, success: any2xx, final: never, want: deliver.Verdict{Outcome: deliver.Busy, MinWait: time.Minute}},
		"a status nobody defined": {status: 799, success: any2xx, final: never, want: deliver.Verdict{Outcome: deliver.Rejected}},
	} {
		t.Run(name, func(t *testing.T) {
			got := deliver.Judge(tc.status, tc.after, tc.success, tc.final, at)
			if got.Outcome != deliver.Delivered {
				require.NotEmpty(t, got.Reason)
			}
			got.Reason = ""
			require.Equal(t, tc.want, got)
		})
	}
}

func TestNext(t *testing.T) {
	schedule := []time.Duration{5 * time.Second, time.Minute, time.Hour}
	for name, tc := range map[string]struct {
		attempts int
		verdict  deliver.Verdict
		random   float64
		wait     time.Duration
		again    bool
	}{
		"first, middle":               {1, deliver.Verdict{}, 0.5, 5 * time.Second, true},
		"first, earliest":             {1, deliver.Verdict{}, 0, 4 * time.Second, true},
		"third, latest":               {3, deliver.Verdict{}, 0.999999999, 72 * time.Minute, true},
		"no more":                     {4, deliver.Verdict{}, 0.5, 0, false},
		"final":                       {1, deliver.Verdict{Final: true}, 0.5, 0, false},
		"timeout waits a minute":      {1, deliver.Verdict{MinWait: time.Minute}, 0.5, time.Minute, true},
		"Retry-After makes it longer": {2, deliver.Verdict{RetryAfter: time.Hour}, 0.5, time.Hour, true},
		"but never shorter":           {3, deliver.Verdict{RetryAfter: time.Second}, 0.5, time.Hour, true},
		"none made":                   {0, deliver.Verdict{}, 0.5, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			wait, again := deliver.Next(schedule, tc.attempts, tc.verdict, tc.random)
			require.Equal(t, tc.again, again)
			require.InDelta(t, tc.wait, wait, float64(time.Millisecond))
		})
	}
	_, again := deliver.Next(nil, 1, deliver.Verdict{}, 0.5)
	require.False(t, again, "no schedule, no retry")
}
