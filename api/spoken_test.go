package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/api"
)

func TestSpokenMoment(t *testing.T) {
	riyadh, err := time.LoadLocation("Asia/Riyadh")
	require.NoError(t, err)
	now := time.Date(2026, 11, 21, 1, 30, 0, 0, riyadh) // a Saturday there; in Greenwich it is Friday still
	for text, want := range map[string]string{
		"now": "2026-11-21T01:30:00+03:00", "Today": "2026-11-21T00:00:00+03:00", " yesterday ": "2026-11-20T00:00:00+03:00", "yesterday 9:30": "2026-11-20T09:30:00+03:00",
		"0:15": "2026-11-21T00:15:00+03:00", "14:00:05": "2026-11-21T14:00:05+03:00", "3 hours ago": "2026-11-20T22:30:00+03:00", "30min": "2026-11-21T01:00:00+03:00", "1 day ago": "2026-11-20T01:30:00+03:00",
		"2w": "2026-11-07T01:30:00+03:00", "monday": "2026-11-16T00:00:00+03:00", "Sat": "2026-11-14T00:00:00+03:00", "fri 23:59": "2026-11-20T23:59:00+03:00",
		"21 Nov": "2026-11-21T00:00:00+03:00", "22 nov": "2025-11-22T00:00:00+03:00", "Nov 3, 14:00": "2026-11-03T14:00:00+03:00", "3 march 2026 8:05": "2026-03-03T08:05:00+03:00",
		"2026-11-20": "2026-11-20T00:00:00+03:00", "2026-11-20 10:00": "2026-11-20T10:00:00+03:00", "2026-11-20T10:00": "2026-11-20T10:00:00+03:00",
		"2026-11-20T10:00:00Z": "2026-11-20T13:00:00+03:00", "1790000000": "2026-09-21T17:13:20+03:00", "": "",
	} {
		got, err := api.SpokenMoment(text, now)
		require.NoError(t, err, text)
		if want == "" {
			require.True(t, got.IsZero())
			continue
		}
		require.Equal(t, want, got.In(riyadh).Format(time.RFC3339), text)
	}
	for _, text := range []string{"soon", "25:00", "12:75", "32 Nov", "0001-01-01", "9999-01-01", "99999w", "-1", "2 fortnights ago", "\u202Eyadot", strings.Repeat("9", 10_000)} {
		_, err := api.SpokenMoment(text, now)
		require.ErrorContains(t, err, "yesterday 9:30", text)
	}
}

func FuzzSpokenMoment(f *testing.F) {
	now := time.Date(2026, 11, 21, 1, 30, 0, 0, time.UTC)
	for _, seed := range []string{"now", "3 hours ago", "29 feb 10:00", "2026-11-20T10:00", "mon 1:00", "t1:00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := api.SpokenMoment(text, now)
		if err == nil && !got.IsZero() && (got.Year() < 1970 || got.Year() > 2090) {
			t.Errorf("%q is %v", text, got)
		}
	})
}
