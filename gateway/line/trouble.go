package line

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"wabagate/waba/graph"
)

// Step is one of those that lead to a connected number.
type Step string

// The steps, in the order in which they are taken.
const (
	StepRequest      Step = "request"      // what was asked for
	StepApp          Step = "app"          // the app that the token was made for
	StepToken        Step = "token"        // the token, or the provider's key, is good
	StepPermissions  Step = "permissions"  // it may do what the gateway does
	StepNumber       Step = "number"       // the number can be read with it
	StepAccount      Step = "account"      // the number belongs to the WhatsApp account
	StepClaim        Step = "claim"        // the business may have the number
	StepSubscription Step = "subscription" // the app gets the account's callbacks
	StepOverride     Step = "override"     // the platform posts the number's callbacks here
	StepWebhook      Step = "webhook"      // the provider posts them here
)

// Trouble is a step that failed. It holds no secret.
type Trouble struct {
	Step    Step
	Field   string // of the request that is at fault, by its name in the API; empty: none
	Message string // what is wrong, in sentences
	Advice  string // what to do, in sentences
	// Answer is what the upstream said; nil: it was not asked, or gave no answer.
	Answer *graph.Error
	// Unreached says that the upstream gave no answer, or had a problem of its own: the same may work later.
	Unreached bool
	Taken     bool // the number is connected to another business
}

func (t *Trouble) Error() string { return string(t.Step) + ": " + t.Text() }

// Text is the message and the advice, for people.
func (t *Trouble) Text() string { return strings.TrimSpace(t.Message + " " + t.Advice) }

func missing(field, advice string) *Trouble {
	return &Trouble{Step: StepRequest, Field: field, Message: field + " is missing or wrong.", Advice: advice}
}

// failed is the trouble of a call that ended with an error. what says in the passive voice what was not done; advice is for
// answers with a code of the platform that mean something of their own in this step; secrets are what the upstream may
// have repeated.
func failed(step Step, field, what string, err error, advice map[int]string, secrets ...string) *Trouble {
	t := &Trouble{Step: step, Field: field}
	var answer *graph.Error
	if !errors.As(err, &answer) {
		return t.unanswered(what, err)
	}
	shown := *answer
	shown.Title, shown.Details = hide(shown.Title, secrets), hide(shown.Details, secrets)
	t.Answer, t.Unreached = &shown, shown.Status >= 500 || shown.Transient
	t.Message = fmt.Sprintf("%s: %s.", what, said(&shown))
	t.Advice = shown.Advice()
	if own, ok := advice[shown.Code]; ok && shown.Coded {
		t.Advice = own
	}
	return t
}

func (t *Trouble) unanswered(what string, err error) *Trouble {
	if errors.Is(err, graph.ErrAccount) {
		_, why, _ := strings.Cut(err.Error(), graph.ErrAccount.Error()+": ")
		t.Message, t.Advice = what+": "+why+".", "Correct what was given."
		return t
	}
	var transport *graph.TransportError
	t.Unreached = true
	t.Message, t.Advice = what+": no answer came.", "Try again; if it goes on, see whether the gateway reaches the address."
	if errors.As(err, &transport) {
		t.Message = fmt.Sprintf("%s: no answer came (%v).", what, transport.Err)
	}
	return t
}

// said is what an upstream answered.
func said(e *graph.Error) string {
	text := strings.TrimSuffix(e.Title, ".")
	if e.Details != "" && e.Details != e.Title {
		text += ": " + strings.TrimSuffix(e.Details, ".")
	}
	switch {
	case e.Coded:
		return "the answer is " + strconv.Itoa(e.Code) + ", " + text
	case e.Status/100 == 2:
		return text
	}
	return fmt.Sprintf("status %d %s, %s", e.Status, http.StatusText(e.Status), text)
}

func hide(text string, secrets []string) string {
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "<secret>")
		}
	}
	return text
}

// refusesToken tells whether an upstream says that it does not take the token or the key.
func refusesToken(err error) bool { return graph.Judge(err).Decision == graph.Unauthorized }
