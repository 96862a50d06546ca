package outgoing

import (
	"fmt"
	"strings"
)

// FieldError is one problem of a body.
type FieldError struct {
	Field   string // its path, such as "interactive.action.buttons[3]"; empty when the body as a whole is at fault
	Message string // what is wrong and what would be right, without the field and without a full stop
}

func (e FieldError) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Errors are all problems of a body, in the order of its reading; never empty. A body with more than 50 says how many more
// there are in a last one without a field.
type Errors []FieldError

func (e Errors) Error() string {
	texts := make([]string, len(e))
	for i, problem := range e {
		texts[i] = problem.Error()
	}
	return strings.Join(texts, "; ")
}

// maxProblems bounds what one body can make us say.
const maxProblems = 50

// reading collects the problems of one body. Its zero value is ready.
type reading struct {
	problems Errors
	more     int
}

func (r *reading) fail(field, format string, args ...any) {
	if len(r.problems) == maxProblems {
		r.more++
		return
	}
	r.problems = append(r.problems, FieldError{field, fmt.Sprintf(format, args...)})
}

// err is nil when there was no problem.
func (r *reading) err() error {
	switch {
	case len(r.problems) == 0:
		return nil
	case r.more > 0:
		return append(r.problems, FieldError{Message: fmt.Sprintf("and %d more problems", r.more)})
	}
	return r.problems
}
