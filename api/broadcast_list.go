package api

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"wabagate/gateway/broadcast"
	"wabagate/models"
	"wabagate/waba/outgoing"
)

// maxRow bounds one row of recipients, whatever quotes it leaves open.
const maxRow = 64 << 10

// row is one recipient as a list has it.
type row struct {
	line int // counted from 1; of an array, the element
	models.Recipient
	problem error // what is wrong with it; the list goes on
}

// recipientList is a list of recipients that is read row by row.
type recipientList interface {
	// next reads a row. io.EOF after the last; another error ends the list too.
	next() (row, error)
}

// rationed is a reader that gives out so much and no more until it is refilled, so that no row fills the memory.
type rationed struct {
	r    io.Reader
	left int
}

var errRowTooLong = fmt.Errorf("a row has more than %d KiB; is there a quotation mark that nobody closes?", maxRow>>10)

func (r *rationed) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errRowTooLong
	}
	n, err := r.r.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

// refill allows another row, and what readers read ahead.
func (r *rationed) refill() { r.left = 2 * maxRow }

// csvRecipients reads a table: the first row names the columns, of which to is a number and user_id a business-scoped user
// id; all others are variables.
type csvRecipients struct {
	from    *rationed
	csv     *csv.Reader
	columns []string
}

// newCSVRecipients reads the first row. The columns are parted by commas, or by semicolons or tabs where the first row has
// those and no commas, as some spreadsheets write them.
func newCSVRecipients(from io.Reader) (*csvRecipients, error) {
	l := &csvRecipients{from: &rationed{r: from}}
	l.from.refill()
	in := bufio.NewReader(l.from)
	if mark, _ := in.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) { // as spreadsheets write it
		_, _ = in.Discard(3)
	}
	l.csv = csv.NewReader(in)
	l.csv.ReuseRecord = true
	ahead, _ := in.Peek(in.Size())
	first, _, _ := bytes.Cut(ahead, []byte("\n"))
	for _, comma := range ";\t" {
		if !bytes.ContainsRune(first, ',') && bytes.ContainsRune(first, comma) {
			l.csv.Comma = comma
		}
	}
	columns, err := l.csv.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, invalid("", codeInvalid, "the list is empty: its first row names the columns, one of which is to")
	case err != nil:
		return nil, badList(err)
	}
	for _, name := range columns {
		name = strings.TrimSpace(name)
		switch {
		case name == "" || len(name) > 64 || !utf8.ValidString(name):
			return nil, invalid("", codeInvalid, "the first row names the columns, each with 1 to 64 bytes of UTF-8")
		case slices.Contains(l.columns, name):
			return nil, invalid(name, codeInvalid, "names two columns")
		}
		l.columns = append(l.columns, name)
	}
	if !slices.Contains(l.columns, "to") {
		return nil, invalid("to", codeRequired, "must be a column: the first row names the columns, one of which is to")
	}
	return l, nil
}

func (l *csvRecipients) next() (row, error) {
	l.from.refill()
	values, err := l.csv.Read()
	var wrong *csv.ParseError
	switch {
	case errors.Is(err, csv.ErrFieldCount) && errors.As(err, &wrong):
		return row{line: wrong.StartLine, problem: fmt.Errorf("has %d values, and the first row names %d columns", len(values), len(l.columns))}, nil
	case errors.As(err, &wrong):
		r := row{line: wrong.StartLine, problem: wrong.Err}
		if wrong.Line > wrong.StartLine {
			r.problem = fmt.Errorf("%w, so that everything up to line %d is taken for one row", wrong.Err, wrong.Line)
		}
		return r, nil
	case errors.Is(err, io.EOF):
		return row{}, io.EOF
	case err != nil:
		return row{}, badList(err)
	}
	r := row{Recipient: models.Recipient{Variables: make(map[string]string, len(values))}}
	r.line, _ = l.csv.FieldPos(0)
	for i, value := range values {
		switch value = strings.Clone(value); l.columns[i] {
		case "to":
			r.To = strings.TrimSpace(value)
		case "user_id":
			r.UserID = strings.TrimSpace(value)
		default:
			r.Variables[l.columns[i]] = value
		}
	}
	return r, nil
}

// badList is the refusal of a list that cannot be read on.
func badList(err error) error {
	var own *Error
	if errors.As(err, &own) {
		return err
	}
	return invalid("", codeInvalid, "the list cannot be read any further: %s", err)
}

// linesRecipients reads one JSON object per line. Empty lines do not count.
type linesRecipients struct {
	lines *bufio.Scanner
	line  int
}

func newLinesRecipients(from io.Reader) *linesRecipients {
	l := &linesRecipients{lines: bufio.NewScanner(from)}
	l.lines.Buffer(nil, maxRow)
	return l
}

func (l *linesRecipients) next() (row, error) {
	for l.lines.Scan() {
		l.line++
		if text := bytes.TrimSpace(l.lines.Bytes()); len(text) > 0 {
			return jsonRow(l.line, text), nil
		}
	}
	err := l.lines.Err()
	switch {
	case err == nil:
		return row{}, io.EOF
	case errors.Is(err, bufio.ErrTooLong):
		err = fmt.Errorf("line %d has more than %d KiB", l.line+1, maxRow>>10)
	}
	return row{}, badList(err)
}

// jsonRecipients reads an array of objects.
type jsonRecipients struct {
	from *rationed
	d    *json.Decoder
	line int // 0: not begun
}

func newJSONRecipients(from io.Reader) *jsonRecipients {
	l := &jsonRecipients{from: &rationed{r: from}}
	l.d = json.NewDecoder(l.from)
	return l
}

func (l *jsonRecipients) next() (row, error) {
	l.from.refill()
	if l.line == 0 {
		if open, err := l.d.Token(); err != nil || open != json.Delim('[') {
			return row{}, invalid("recipients", codeInvalid, `must be an array of objects such as {"to":"15550177321","variables":{"name":"Ada"}}`)
		}
	}
	if !l.d.More() {
		if _, err := l.d.Token(); err != nil {
			return row{}, badList(unfinished(err))
		}
		return row{}, io.EOF
	}
	l.line++
	var text json.RawMessage
	if err := l.d.Decode(&text); err != nil {
		return row{}, badList(unfinished(err))
	}
	return jsonRow(l.line, text), nil
}

// unfinished is the error of an array that breaks off.
func unfinished(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// jsonRow reads a recipient: to or user_id, and variables, which are texts or numbers.
func jsonRow(line int, text []byte) row {
	r := row{line: line}
	if text[0] != '{' {
		r.problem = errors.New("is not a JSON object")
		return r
	}
	o := parseObject(text, "to", "user_id", "variables")
	to, user := member[string](o, "to", "text: the number with its country code"), member[string](o, "user_id", "text")
	values := member[map[string]json.RawMessage](o, "variables", "an object")
	if o.err != nil {
		r.problem = o.err
		return r
	}
	r.To, r.UserID, r.Variables = strings.TrimSpace(to.value), strings.TrimSpace(user.value), make(map[string]string, len(values.value))
	for name, raw := range values.value {
		var value string
		var digits json.Number
		switch {
		case json.Unmarshal(raw, &value) == nil:
		case json.Unmarshal(raw, &digits) == nil:
			value = digits.String()
		default:
			r.problem = invalid("variables."+clipped(name), codeInvalid, "must be text or a number")
		}
		r.Variables[name] = value
	}
	return r
}

// problemJSON is what is wrong with one row of a list.
type problemJSON struct {
	Line  int    `json:"line"`
	Field string `json:"field,omitempty"` // a member of the message, a variable or a column
	Why   string `json:"why"`
}

// tallyJSON is what became of a list. A row is added, a duplicate of another or invalid.
type tallyJSON struct {
	Added     int64         `json:"added"` // of a dry run: would be, but for duplicates, which only a real one finds
	Duplicate int64         `json:"duplicate"`
	Invalid   int64         `json:"invalid"`
	Problems  []problemJSON `json:"problems"` // the first hundred
}

const maxListedProblems = 100

// checkRecipient says what is wrong with a recipient, and leaves of one with whom all is well what is needed: the number in
// digits, or else the user id, and those variables that the message has.
func checkRecipient(r *models.Recipient, letter broadcast.Letter) error {
	if r.To != "" {
		r.UserID = ""
	}
	if len(r.UserID) > maxUserID {
		return invalid("user_id", codeTooLong, "must have at most %d characters", maxUserID)
	}
	needed := map[string]string{}
	for _, name := range letter.Names() {
		value, given := r.Variables[name]
		switch {
		case len(value) > broadcast.MaxVariable:
			return invalid(name, codeTooLong, "has more than %d KiB", broadcast.MaxVariable>>10)
		case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
			return invalid(name, codeInvalid, "must be UTF-8 without NUL")
		case given:
			needed[name] = value
		}
	}
	r.Variables = needed
	s, err := letter.For(*r)
	r.To = s.To
	return err
}

// maxUserID bounds a business-scoped user id.
const maxUserID = 256

func problemView(r row) problemJSON {
	p := problemJSON{Line: r.line, Why: r.problem.Error()}
	var own *Error
	var problems outgoing.Errors
	switch {
	case errors.As(r.problem, &own):
		p.Field, p.Why = own.Field, own.Message
	case errors.As(r.problem, &problems):
		p.Field, p.Why = problems[0].Field, problems[0].Message
	}
	return p
}

// readRecipients reads a list to its end, and hands on what can be sent to, a thousand at a time. Add answers how many of
// them are new; nil: all. A nil list is empty. What was handed on before an error stays.
func readRecipients(list recipientList, letter broadcast.Letter, add func([]models.Recipient) (int64, error)) (tallyJSON, error) {
	t := tallyJSON{Problems: []problemJSON{}}
	var some []models.Recipient
	hand := func() error {
		if len(some) == 0 {
			return nil
		}
		added := int64(len(some))
		if add != nil {
			var err error
			if added, err = add(some); err != nil {
				return err
			}
		}
		t.Added, t.Duplicate, some = t.Added+added, t.Duplicate+int64(len(some))-added, some[:0]
		return nil
	}
	for list != nil {
		r, err := list.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return t, errors.Join(hand(), err)
		}
		if r.problem == nil {
			r.problem = checkRecipient(&r.Recipient, letter)
		}
		if r.problem != nil {
			t.Invalid++
			if len(t.Problems) < maxListedProblems {
				t.Problems = append(t.Problems, problemView(r))
			}
			continue
		}
		if some = append(some, r.Recipient); len(some) == 1000 {
			if err := hand(); err != nil {
				return t, err
			}
		}
	}
	return t, hand()
}
