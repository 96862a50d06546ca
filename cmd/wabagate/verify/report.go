package verify

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Mistake names a kind of mistake. The names are part of what --json prints.
type Mistake string

// The mistakes.
const (
	WrongSecret   Mistake = "wrong secret"
	SecretCoding  Mistake = "secret decoded the wrong way"
	OldSecret     Mistake = "another of the secrets"
	Reserialised  Mistake = "body written anew"
	Cut           Mistake = "body cut or lengthened"
	Encoding      Mistake = "encoding"
	Clock         Mistake = "clock"
	MissingHeader Mistake = "missing header"
	OtherDialect  Mistake = "header of another dialect"
	OtherMessage  Mistake = "signature of another message"
)

// Finding is one mistake.
type Finding struct {
	Mistake Mistake `json:"mistake"`
	// Certain says that the signature matches once this, and whatever else is certain, is undone. Otherwise it is what the request
	// looks like.
	Certain bool   `json:"certain"`
	What    string `json:"what"` // is wrong
	Do      string `json:"do"`   // about it
}

// Judgement is of one signature header.
type Judgement struct {
	Header   string    `json:"header"`
	Scheme   string    `json:"scheme"` // in words
	Valid    bool      `json:"valid"`
	Age      *float64  `json:"age_seconds,omitempty"` // of the timestamp; nil: none is signed
	Findings []Finding `json:"findings"`
}

// Report is of a request.
type Report struct {
	Valid      bool        `json:"valid"`
	Judgements []Judgement `json:"signatures"`
}

// Has says whether a mistake was found.
func (r Report) Has(m Mistake) bool {
	for _, j := range r.Judgements {
		for _, f := range j.Findings {
			if f.Mistake == m {
				return true
			}
		}
	}
	return false
}

// Print writes a report for people. What several signatures have in common is said once.
func (r Report) Print(w io.Writer) error {
	var b strings.Builder
	said := map[string]bool{}
	for _, j := range r.Judgements {
		if j.Valid {
			fmt.Fprintf(&b, "valid      %s (%s) matches the body and the secret%s\n", j.Header, j.Scheme, j.age())
			continue
		}
		fmt.Fprintf(&b, "NOT valid  %s (%s)\n", j.Header, j.Scheme)
		for _, f := range j.Findings {
			if said[f.What] {
				fmt.Fprintf(&b, "  %s, as above\n", f.Mistake)
				continue
			}
			said[f.What] = true
			sure := "likely"
			if f.Certain {
				sure = "certain"
			}
			fmt.Fprintf(&b, "  %s (%s): %s\n    → %s\n", f.Mistake, sure, f.What, f.Do)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (j Judgement) age() string {
	if j.Age == nil {
		return ""
	}
	d := time.Duration(*j.Age * float64(time.Second)).Round(time.Second)
	if d < 0 {
		return fmt.Sprintf("; its clock is %s ahead, which is within the five minutes allowed", -d)
	}
	return fmt.Sprintf("; it was made %s ago", d)
}
