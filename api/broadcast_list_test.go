package api

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/gateway/broadcast"
	"wabagate/models"
)

func letterOf(t testing.TB, body string) broadcast.Letter {
	t.Helper()
	l, err := broadcast.ParseLetter([]byte(body))
	require.NoError(t, err)
	return l
}

const greeting = `{"text":{"body":"Hi {{name}}"}}`

// readAll reads a list and answers who is on it, and what is wrong.
func readAll(t testing.TB, list recipientList, listErr error) (rs []models.Recipient, problems []string, err error) {
	t.Helper()
	if listErr != nil {
		return nil, nil, listErr
	}
	tally, err := readRecipients(list, letterOf(t, greeting), func(some []models.Recipient) (int64, error) {
		rs = append(rs, some...)
		return int64(len(some)), nil
	})
	require.Equal(t, []int64{int64(len(rs)), 0}, []int64{tally.Added, tally.Duplicate})
	require.Len(t, tally.Problems, min(int(tally.Invalid), 100))
	for _, p := range tally.Problems {
		problems = append(problems, fmt.Sprintf("%d %s: %s", p.Line, p.Field, p.Why))
	}
	return rs, problems, err
}

func csvList(text string) (recipientList, error) { return newCSVRecipients(strings.NewReader(text)) }

var ada = models.Recipient{To: "15550177321", Variables: map[string]string{"name": "Ada"}}

func TestCSV(t *testing.T) {
	for text, want := range map[string][]models.Recipient{
		"to,name\n15550177321,Ada\n":                    {ada},
		"\xef\xbb\xbfto;name\r\n+1 555 017-7321;Ada":    {ada},
		"name\tto\nAda\t15550177321\n\n":                {ada},
		"to,other,user_id,name\n15550177321,x,US.9,Ada": {ada},
		"to,user_id,name\n,US.1,Ada":                    {{UserID: "US.1", Variables: ada.Variables}},
		"to, name \n 15550177321 ,\"A\"\"d\na, ä\"":     {{To: "15550177321", Variables: map[string]string{"name": "A\"d\na, ä"}}},
		"to,name": nil,
	} {
		list, err := csvList(text)
		got, problems, err := readAll(t, list, err)
		require.NoError(t, err, text)
		require.Empty(t, problems, text)
		require.Equal(t, want, got, text)
	}
}

func TestCSVProblems(t *testing.T) {
	list, err := csvList("to,name\n1,Ada\nx,Ada\n15550177321,\n15550177321\n15550177321,Ada,x\n15550177321,A\"d\n15550177321,Ada\n15550177321,\xff\n15550177321,\"Ada\n1555,B\n")
	rs, problems, err := readAll(t, list, err)
	require.NoError(t, err)
	require.Equal(t, []models.Recipient{ada}, rs)
	require.Equal(t, []string{
		"2 to: must be a number with its country code, from 5 to 15 digits, such as 15550177321",
		"3 to: must be a number with its country code, from 5 to 15 digits, such as 15550177321",
		"4 name: has no value",
		"5 : has 1 values, and the first row names 2 columns",
		"6 : has 3 values, and the first row names 2 columns",
		"7 : bare \" in non-quoted-field",
		"9 name: must be UTF-8 without NUL",
		"10 : extraneous or missing \" in quoted-field, so that everything up to line 11 is taken for one row",
	}, problems)
	for text, want := range map[string]string{
		"":          "the list is empty",
		"name\nAda": "must be a column",
		"to,to\n":   "names two columns",
		"to,\n":     "each with 1 to 64 bytes",
		"to,\xff\n": "each with 1 to 64 bytes",
		"\"to":      "cannot be read any further",
		"to,name\n15550177321,\"" + strings.Repeat("x\n", 200<<10): "a row has more than 64 KiB",
	} {
		list, err := csvList(text)
		_, _, err = readAll(t, list, err)
		require.ErrorContains(t, err, want)
		var own *Error
		require.ErrorAs(t, err, &own)
		require.Equal(t, 400, own.Status)
	}
}

func TestJSONLists(t *testing.T) {
	for name, open := range map[string]func(elements ...string) recipientList{
		"lines": func(elements ...string) recipientList {
			return newLinesRecipients(strings.NewReader(strings.Join(elements, "\r\n")))
		},
		"array": func(elements ...string) recipientList {
			return newJSONRecipients(strings.NewReader(" [ " + strings.Join(elements, " ,\n") + "]\n"))
		},
	} {
		rs, problems, err := readAll(t, open(`{"to":"15550177321","variables":{"name":"Ada","x":null}}`, `{"to":"15550177321","variables":{"name":"Ada","x":"y"}}`, `{"user_id":"US.1","variables":{"name":10.50}}`,
			`{"to":15550177321}`, `{"to":"15550177321"}`, `{"phone":"1"}`, `[]`, `{"to":"15550177321","variables":{"name":{}}}`, `{"user_id":"`+strings.Repeat("x", 300)+`"}`), nil)
		require.NoError(t, err, name)
		require.Equal(t, []models.Recipient{ada, ada, {UserID: "US.1", Variables: map[string]string{"name": "10.50"}}}, rs, name)
		require.Equal(t, []string{"4 to: must be text: the number with its country code", "5 name: has no value", "6 phone: is not a field here; known are to, user_id, variables",
			"7 : is not a JSON object", "8 variables.name: must be text or a number", "9 user_id: must have at most 256 characters"}, problems, name)
		rs, _, err = readAll(t, open(), nil)
		require.NoError(t, err, name)
		require.Empty(t, rs, name)
	}
	for text, want := range map[string]string{"": "must be an array", "{}": "must be an array", "[": "unexpected EOF", `[{"to":"15550177321","variables":{"name":"Ada"}}`: "unexpected EOF",
		`[{"to":"15550177321","variables":{"name":"Ada"}} 7]`: "cannot be read any further", `["` + strings.Repeat("x", 1<<20): "a row has more than 64 KiB"} {
		_, _, err := readAll(t, newJSONRecipients(strings.NewReader(text)), nil)
		require.ErrorContains(t, err, want, text[:min(len(text), 40)])
	}
	_, _, err := readAll(t, newLinesRecipients(strings.NewReader("{}\n"+strings.Repeat("x", 1<<20))), nil)
	require.ErrorContains(t, err, "line 2 has more than 64 KiB")
}

// What came before an error is added, and what cannot be added ends the list.
func TestListsThatBreakOff(t *testing.T) {
	list, err := newCSVRecipients(io.MultiReader(strings.NewReader("to,name\n15550177321,Ada\n15550177322,Ada\n"), broken{}))
	rs, _, err := readAll(t, list, err)
	require.ErrorContains(t, err, "the list cannot be read any further: gone")
	require.Len(t, rs, 2)
	list, err = newCSVRecipients(strings.NewReader("to,name\n" + strings.Repeat("15550177321,Ada\n", 2500)))
	require.NoError(t, err)
	calls := 0
	tally, err := readRecipients(list, letterOf(t, greeting), func(some []models.Recipient) (int64, error) {
		if calls++; calls == 2 {
			return 0, models.ErrTooManyRecipients
		}
		return 1, nil
	})
	require.ErrorIs(t, err, models.ErrTooManyRecipients)
	require.Equal(t, []int64{1, 999}, []int64{tally.Added, tally.Duplicate})
	list, err = newCSVRecipients(strings.NewReader("to,name\n" + strings.Repeat("x,Ada\n", 250)))
	require.NoError(t, err)
	tally, err = readRecipients(list, letterOf(t, greeting), nil)
	require.NoError(t, err)
	require.Equal(t, []int{250, 100}, []int{int(tally.Invalid), len(tally.Problems)})
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("gone") }
