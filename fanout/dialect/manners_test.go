package dialect_test

import (
	"testing"
	"time"

	"wabagate/fanout/dialect"
)

func TestManners(t *testing.T) {
	const none, success, final = 0, 1, 2
	const usual = 67*time.Hour + 21*time.Minute + 5*time.Second
	for _, c := range []struct {
		dialect   string
		statuses  map[int]int
		retries   int
		horizon   time.Duration
		challenge bool
	}{
		{"wabagate", map[int]int{200: success, 201: success, 299: success, 199: none, 301: none, 400: none, 401: none, 410: none, 500: none}, 9, usual, false},
		{"twabot", map[int]int{200: success, 201: none, 204: none, 400: none}, 9, usual, false},
		{"platform", map[int]int{200: success, 202: success, 302: none, 401: none}, 9, usual, false},
		{"awalchat", map[int]int{200: success, 204: success, 400: final, 401: final, 403: none, 404: none, 503: none}, 5, 7*time.Hour + 21*time.Minute, true},
		{"digest", map[int]int{200: success, 299: success, 302: none, 400: none, 401: none}, 9, usual, false},
		{"onprem", map[int]int{200: success, 201: none, 204: none, 400: none, 500: none}, 9, usual, false},
		{"cloud", map[int]int{200: success, 204: success, 300: none, 400: none}, 9, usual, false},
	} {
		m := mustLookup(t, c.dialect).Manners
		for status, want := range c.statuses {
			if m.Success(status) != (want == success) || m.Final(status) != (want == final) {
				t.Errorf("%s, %d: success %v, final %v", c.dialect, status, m.Success(status), m.Final(status))
			}
		}
		var sum time.Duration
		for i, d := range m.Schedule {
			sum += d
			if i > 0 && d < m.Schedule[i-1] {
				t.Errorf("%s: retry %d comes sooner than the one before", c.dialect, i+1)
			}
		}
		if m.Timeout != 10*time.Second || len(m.Schedule) != c.retries || sum != c.horizon || m.Challenge != c.challenge {
			t.Errorf("%s: %+v, in all %v", c.dialect, m, sum)
		}
	}
	if d, ok := dialect.Lookup(""); ok || d.Name != "" {
		t.Error("the empty name is a dialect")
	}
}
