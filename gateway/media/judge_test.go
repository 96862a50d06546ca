package media

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"wabagate/models"
	"wabagate/waba/graph"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err   error
		n     int
		code  string
		after time.Duration
	}{
		"not there":            {&graph.Error{Status: 404}, 1, Gone, 0},
		"not there, as Graph":  {&graph.Error{Status: 400, Code: 100, Coded: true}, 1, Gone, 0},
		"over 100 MB":          {&graph.Error{Status: 400, Code: 131052, Coded: true}, 1, Gone, 0},
		"a bad token":          {&graph.Error{Status: 401, Code: 190, Coded: true}, 1, NoAccess, accessPause},
		"not allowed":          {&graph.Error{Status: 403, Code: 10, Coded: true}, 9, NoAccess, accessPause},
		"too often":            {&graph.Error{Status: 400, Code: 4, Coded: true}, 1, Unreachable, 2 * time.Minute},
		"too often, says HTTP": {&graph.Error{Status: 429, RetryAfter: time.Hour}, 1, Unreachable, time.Hour},
		"trouble":              {&graph.Error{Status: 500}, 9, Unreachable, pause},
		"trouble with a wait":  {&graph.Error{Status: 503, RetryAfter: time.Minute}, 1, Unreachable, time.Minute},
		"a page":               {&graph.Error{Status: 200}, 1, Unreachable, pause},
		"a page again":         {&graph.Error{Status: 200}, patience, TypeDiffers, 0},
		"no connection":        {&graph.TransportError{Err: errors.New("refused")}, 1, Unreachable, pause},
		"no such account":      {fmt.Errorf("x: %w", graph.ErrAccount), 1, NoAccess, accessPause},
		"damaged":              {refuse(Corrupt, "x"), 1, Corrupt, pause},
		"damaged again":        {refuse(Corrupt, "x"), patience, Corrupt, 0},
		"refused":              {refuse(TooLarge, "x"), 1, TooLarge, 0},
	} {
		var e *models.MediaError
		if err := judge(c.err, c.n); !errors.As(err, &e) || e.Code != c.code || e.RetryAfter != c.after || e.Message == "" {
			t.Errorf("%s: %#v", name, err)
		}
	}
	own := errors.New("the database is away")
	if judge(nil, 1) != nil || judge(own, 1) != own {
		t.Error("an error of our own was judged")
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		least time.Duration
		n     int
		want  time.Duration
	}{{pause, 1, pause}, {pause, 2, 2 * pause}, {pause, 4, 8 * pause}, {time.Minute, 1, time.Minute}, {pause, 100, longestPause}, {2 * longestPause, 100, 2 * longestPause}} {
		if got := wait(c.least, c.n); got != c.want {
			t.Errorf("attempt %d waits %s, want %s", c.n, got, c.want)
		}
	}
}
