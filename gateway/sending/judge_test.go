package sending

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
	"wabagate/waba/graph"
)

func coded(status, code int, title string) error {
	return &graph.Error{Op: "send a message", Status: status, Code: code, Coded: true, Title: title, Details: "in words"}
}

func TestJudge(t *testing.T) {
	first := models.Send{ID: 7, Attempts: 1, To: "15550177321"}
	fourth, last := first, first
	fourth.Attempts, last.Attempts = 4, maxAttempts
	again := first
	again.Attempts, again.ErrorTitle = 2, titleOnceMore
	read := models.Send{ID: 7, Attempts: 1}
	lastRead := models.Send{ID: 7, Attempts: maxReadAttempts}
	lost := &graph.TransportError{Op: "send a message", Connected: true, Err: context.DeadlineExceeded}
	unreached := &graph.TransportError{Op: "send a message", Err: errors.New("connection refused")}
	const wait = 10 * time.Minute
	for name, tc := range map[string]struct {
		send   models.Send
		answer answer
		what   outcome
		state  models.SendState
		due    time.Duration
		code   string
		title  string
	}{
		"taken":                        {first, answer{Accepted: graph.Accepted{Wamid: "w.1", WaID: "15550177321", UserID: "US.1"}}, accepted, models.SendAccepted, 0, "", ""},
		"taken the second time":        {again, answer{Accepted: graph.Accepted{Wamid: "w.1"}}, accepted, models.SendAccepted, 0, "", ""},
		"refused":                      {first, answer{err: coded(400, 131026, "Undeliverable")}, failed, models.SendFailed, 0, "131026", "Undeliverable"},
		"refused without a code":       {first, answer{err: &graph.Error{Status: 404, Title: "no such path"}}, failed, models.SendFailed, 0, "", "no such path"},
		"too fast":                     {first, answer{err: coded(400, 130429, "Rate limit hit")}, retried, models.SendWaiting, time.Second, "130429", "Rate limit hit"},
		"too fast for the fourth time": {fourth, answer{err: coded(400, 130429, "Rate limit hit")}, retried, models.SendWaiting, 8 * time.Second, "130429", "Rate limit hit"},
		"too fast for good":            {last, answer{err: coded(400, 130429, "Rate limit hit")}, failed, models.SendFailed, 0, "130429", "Rate limit hit"},
		"too many to one":              {fourth, answer{err: coded(400, 131056, "Pair rate limit hit")}, retried, models.SendWaiting, 256 * time.Second, "131056", "Pair rate limit hit"},
		"not reached":                  {first, answer{err: unreached}, retried, models.SendWaiting, time.Second, "", titleSilent},
		"no answer":                    {first, answer{err: lost}, undecided, models.SendUndecided, wait, "", titleSilent},
		"no answer, again":             {again, answer{err: lost}, undecided, models.SendUndecided, wait, "", titleOnceMore},
		"not reached, sent once more":  {again, answer{err: unreached}, retried, models.SendWaiting, 2 * time.Second, "", titleOnceMore},
		"the platform's own trouble":   {first, answer{err: coded(500, 131000, "Something went wrong")}, undecided, models.SendUndecided, wait, "131000", "Something went wrong"},
		"a token that ended":           {first, answer{err: coded(401, 190, "Expired")}, unauthorized, models.SendWaiting, 0, "190", "Expired"},
		"a token that ended, at last":  {last, answer{err: coded(401, 190, "Expired")}, unauthorized, models.SendWaiting, 0, "190", "Expired"},
		"not left":                     {first, answer{err: errNotLeft}, givenBack, models.SendWaiting, 0, "", ""},
		"not left, sent once more":     {again, answer{err: errNotLeft}, givenBack, models.SendWaiting, 0, "", titleOnceMore},
		"nothing to send it with":      {first, answer{err: unsendable("connect it first")}, failed, models.SendFailed, 0, "", titleCannot},
		"a base that is none":          {first, answer{err: graph.ErrAccount}, failed, models.SendFailed, 0, "", titleCannot},
		"read":                         {read, answer{}, accepted, models.SendAccepted, 0, "", ""},
		"read, no answer":              {read, answer{err: lost}, retried, models.SendWaiting, time.Second, "", titleSilent},
		"read, no answer for good":     {lastRead, answer{err: lost}, failed, models.SendFailed, 0, "", titleSilent},
		"read, refused":                {read, answer{err: coded(400, 131009, "Invalid")}, failed, models.SendFailed, 0, "131009", "Invalid"},
	} {
		r, what := judge(tc.send, tc.answer, wait, noon)
		require.Equal(t, tc.what, what, name)
		require.Equal(t, models.SendResult{ID: 7, Attempt: tc.send.Attempts, State: tc.state, DueAt: r.DueAt, Wamid: tc.answer.Wamid, WaID: tc.answer.WaID,
			UserID: tc.answer.UserID, ErrorCode: tc.code, ErrorTitle: tc.title, ErrorDetails: r.ErrorDetails}, r, name)
		if tc.state == models.SendWaiting || tc.state == models.SendUndecided {
			require.Equal(t, in(tc.due), r.DueAt, name)
		}
	}
}

func TestLapse(t *testing.T) {
	v := models.Send{ID: 7, Attempts: 3, State: models.SendUndecided, To: "1", ErrorCode: "131000", ErrorTitle: "Something went wrong", ErrorDetails: "in words"}
	r, what := lapse(v, noon)
	require.Equal(t, retried, what)
	require.Equal(t, models.SendResult{ID: 7, Attempt: 3, State: models.SendWaiting, DueAt: noon, ErrorCode: "131000", ErrorTitle: titleOnceMore, ErrorDetails: "in words"}, r)
	v.Attempts, v.ErrorTitle = 4, r.ErrorTitle
	r, what = lapse(v, noon)
	require.Equal(t, failed, what)
	require.Equal(t, models.SendFailed, r.State)
	require.Equal(t, titleLost, r.ErrorTitle)
	require.Empty(t, r.ErrorCode, "the code would say that it is worth another try")
	require.Equal(t, 4, r.Attempt)
}

func TestToldOf(t *testing.T) {
	message, read := models.Send{ID: 7, Recipient: "US.1"}, models.Send{ID: 7}
	taken := models.SendResult{ID: 7, State: models.SendAccepted, Wamid: "w.1", WaID: "1", UserID: "US.1"}
	refused := models.SendResult{ID: 7, State: models.SendFailed, ErrorCode: "131026", ErrorTitle: "Undeliverable", ErrorDetails: "in words"}
	for name, tc := range map[string]struct {
		send   models.Send
		result models.SendResult
		want   *models.ToldSend
	}{
		"taken":     {message, taken, &models.ToldSend{ID: 7, Wamid: "w.1", WaID: "1", UserID: "US.1", At: noon}},
		"refused":   {message, refused, &models.ToldSend{ID: 7, Code: "131026", Title: "Undeliverable", Detail: "in words", At: noon}},
		"waiting":   {message, models.SendResult{ID: 7, State: models.SendWaiting, ErrorCode: "130429"}, nil},
		"undecided": {message, models.SendResult{ID: 7, State: models.SendUndecided}, nil},
		"read":      {read, taken, nil},
		"not read":  {read, refused, nil},
	} {
		require.Equal(t, tc.want, toldOf(tc.send, tc.result, noon), name)
	}
}

func TestGather(t *testing.T) {
	id := int64(100)
	next := func() int64 { id++; return id }
	many := make([]int64, 150)
	for i := range many {
		many[i] = int64(i)
	}
	got := gather([]again{
		{1, models.Live, noon, []int64{1}},
		{1, models.Live, in(time.Millisecond), []int64{2}},
		{1, models.Live, in(time.Second), []int64{3}},
		{1, models.Bulk, in(time.Second), []int64{4}},
		{2, models.Live, in(time.Second), many},
		{2, models.Live, in(time.Second), []int64{150}},
	}, next)
	of := func(id, number int64, p models.Priority, due time.Time, members ...int64) models.Work {
		return models.Work{ID: id, Kind: models.SendMessages, Priority: p, WebhookID: number, DueAt: due, Members: members}
	}
	require.Equal(t, []models.Work{
		of(101, 1, models.Live, noon, 1),
		of(102, 1, models.Live, in(time.Second), 2, 3),
		of(103, 1, models.Bulk, in(time.Second), 4),
		of(104, 2, models.Live, in(time.Second), many[:100]...),
		of(105, 2, models.Live, in(time.Second), append(many[100:], 150)...),
	}, got)
	require.Empty(t, gather(nil, next))
}
