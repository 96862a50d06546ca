package wabatest

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"wabagate/waba"
)

// What a fault does.
const (
	FaultRefuse  = "refuse"  // answers an error with Code; nothing is accepted
	FaultFail    = "fail"    // accepts the message; it fails with Code instead of being sent
	FaultClose   = "close"   // closes the connection without an answer
	FaultHalf    = "half"    // closes the connection in the middle of the answer
	FaultHang    = "hang"    // does not answer until the caller leaves, or Delay has passed
	FaultError   = "error"   // answers 500, or Status, with Code, or 131000
	FaultHTML    = "html"    // answers a page with 502, or Status
	FaultSlow    = "slow"    // answers after Delay
	FaultEarly   = "early"   // the status sent arrives, and is acknowledged, before the answer to the send
	FaultDrop    = "drop"    // one fact is never posted
	FaultSilence = "silence" // no status of the message is ever posted

	FaultGarbage = "garbage" // answers 200 and something that is no JSON
	FaultEmpty   = "empty"   // the model answers without any text
	FaultSay     = "say"     // the model says Text
)

// Where a fault happens.
const (
	AtMessages = "messages" // sends, marks as read, and their statuses; what an empty At means
	AtMedia    = "media"    // upload, GET and DELETE of media objects
	AtDownload = "download" // the bytes of media
	AtManage   = "manage"   // everything else of the platform and the provider
	AtModel    = "model"    // the language model
)

// Fault is something that goes wrong.
type Fault struct {
	Kind string `json:"kind"`
	At   string `json:"at,omitempty"` // empty → [AtMessages]

	// After tells [FaultClose], [FaultHalf], [FaultHang], [FaultError], [FaultHTML] and [FaultGarbage] that the message was
	// accepted first. A half answer always is one of an accepted message.
	After bool `json:"after,omitempty"`

	Share         float64       `json:"share,omitempty"` // of what matches, 0 to 1; 0 → all of it
	Recipient     string        `json:"recipient,omitempty"`
	PhoneNumberID string        `json:"phone_number_id,omitempty"`
	Next          int           `json:"next,omitempty"`   // only so often in all; 0 → for ever
	Times         int           `json:"times,omitempty"`  // only so often for each recipient; 0 → each time anew by Share
	Status        int           `json:"status,omitempty"` // HTTP
	Code          int           `json:"code,omitempty"`   // of the platform; 0 → 131000, for FaultFail 131026
	Delay         time.Duration `json:"-"`
	Only          string        `json:"only,omitempty"` // of FaultDrop: sent, delivered, read, failed, or message for what customers write
	Text          string        `json:"text,omitempty"` // of FaultSay; empty → a hand-over
}

// kinds are the faults that a place knows.
var kinds = map[string][]string{
	AtMessages: {FaultRefuse, FaultFail, FaultClose, FaultHalf, FaultHang, FaultError, FaultHTML, FaultSlow, FaultEarly, FaultDrop, FaultSilence, FaultGarbage},
	AtMedia:    {FaultRefuse, FaultClose, FaultHang, FaultError, FaultHTML, FaultSlow, FaultGarbage},
	AtDownload: {FaultRefuse, FaultClose, FaultHalf, FaultHang, FaultError, FaultHTML, FaultSlow, FaultGarbage},
	AtManage:   {FaultRefuse, FaultClose, FaultHang, FaultError, FaultHTML, FaultSlow, FaultGarbage},
	AtModel:    {FaultClose, FaultHang, FaultError, FaultHTML, FaultSlow, FaultGarbage, FaultEmpty, FaultSay},
}

// fault is a Fault with what it did.
type fault struct {
	Fault
	serial uint64         // makes two equal faults choose differently
	met    int            // so often
	tried  map[string]int // by recipient, as far as it matters
	done   map[string]int // by recipient, as far as Times matters
}

// AddFaults makes things go wrong from now on, beside what went wrong already. The error names a fault that makes no sense.
func (s *Server) AddFaults(list ...Fault) error {
	var checked []*fault
	for _, f := range list {
		defaults(&f.At, AtMessages)
		known, place := kinds[f.At]
		switch {
		case !place:
			return fmt.Errorf("fault at %q: expected %s", f.At, strings.Join([]string{AtMessages, AtMedia, AtDownload, AtManage, AtModel}, ", "))
		case !slices.Contains(known, f.Kind):
			return fmt.Errorf("fault %q at %s: expected %s", f.Kind, f.At, strings.Join(known, ", "))
		case f.Share < 0 || f.Share > 1 || math.IsNaN(f.Share):
			return fmt.Errorf("share %v of the fault %s: expected 0 to 1", f.Share, f.Kind)
		case (f.Kind == FaultSlow) && f.Delay <= 0:
			return fmt.Errorf("the fault %s wants a delay", f.Kind)
		case f.Only != "" && f.Kind != FaultDrop:
			return fmt.Errorf("only goes with the fault %s, not with %s", FaultDrop, f.Kind)
		}
		defaults(&f.Share, 1)
		if dialled.MatchString(f.Recipient) {
			f.Recipient = digitsOf(f.Recipient)
		}
		checked = append(checked, &fault{Fault: f, tried: map[string]int{}, done: map[string]int{}})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range checked {
		s.faulted++
		f.serial = s.faulted
	}
	s.faults = append(s.faults, checked...)
	return nil
}

// ClearFaults lets everything go well again, as far as it is not under way.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Faults lists what goes wrong.
func (s *Server) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Fault, len(s.faults))
	for i, f := range s.faults {
		list[i] = f.Fault
	}
	return list
}

// matches says whether a fault is about a number and a recipient at all.
func (f *fault) matches(at, numberID, recipient string) bool {
	return f.At == at && (f.Recipient == "" || f.Recipient == recipient) && (f.PhoneNumberID == "" || f.PhoneNumberID == numberID) &&
		(f.Next == 0 || f.met < f.Next)
}

// strikes decides whether a fault happens now, to a recipient or to a key that stands for what else it is about.
func (f *fault) strikes(seed uint64, whom string) bool {
	if f.Times > 0 && f.done[whom] >= f.Times {
		return false
	}
	if f.Share < 1 && draw(seed^f.serial, f.Kind, whom, f.attempt(whom)) >= f.Share {
		return false
	}
	if f.Times > 0 {
		f.done[whom]++
	}
	f.met++
	return true
}

// attempt is what makes luck change from one try to the next. What fails for good always fails, and what is bounded by
// Times is decided once for each recipient.
func (f *fault) attempt(whom string) uint64 {
	if f.Times > 0 || f.Kind == FaultFail || f.Kind == FaultRefuse && !passing(f.Code) {
		return 0
	}
	f.tried[whom]++
	return uint64(f.tried[whom])
}

// passing says whether a code may be gone with the next try.
func passing(code int) bool {
	e, known := waba.Explain(strconv.Itoa(code))
	return known && e.Action == waba.ActionRetry
}

// plan is everything that goes wrong with one request.
type plan struct {
	before, after *Fault
	fail          int // code
	early, silent bool
	delay         time.Duration
}

// plan decides what goes wrong with a request. The caller holds the lock.
func (s *Server) plan(at, numberID, recipient string) plan {
	var p plan
	for _, f := range s.faults {
		if f.Kind == FaultDrop || !f.matches(at, numberID, recipient) {
			continue
		}
		late := f.After || f.Kind == FaultHalf
		if (late && p.after != nil) || (f.answers() && !late && p.before != nil) || !f.strikes(s.o.Seed, recipient) {
			continue
		}
		s.ledger.faults[f.Kind]++
		switch {
		case f.Kind == FaultFail:
			p.fail = f.Code
			defaults(&p.fail, 131026)
		case f.Kind == FaultEarly:
			p.early = true
		case f.Kind == FaultSilence:
			p.silent = true
		case f.Kind == FaultSlow:
			p.delay += f.Delay
		case late:
			p.after = &f.Fault
		default:
			p.before = &f.Fault
		}
	}
	return p
}

// answers says whether the fault takes the place of the right answer.
func (f Fault) answers() bool {
	switch f.Kind {
	case FaultFail, FaultEarly, FaultSilence, FaultSlow, FaultDrop:
		return false
	}
	return true
}

// drops says whether a fact is lost. The caller holds the lock.
func (s *Server) drops(numberID, recipient, id, word string) bool {
	for _, f := range s.faults {
		if f.Kind != FaultDrop || f.Only != "" && f.Only != word || !f.matches(AtMessages, numberID, recipient) {
			continue
		}
		if f.Share < 1 && draw(s.o.Seed^f.serial, word, id, 0) >= f.Share {
			continue
		}
		f.met++
		s.ledger.faults[f.Kind]++
		return true
	}
	return false
}

// hangsFor is how long a hanging answer takes when nobody says otherwise.
const hangsFor = 10 * time.Minute

// do answers in place of what should have been answered. right is that answer, for those who give half of it.
func (f *Fault) do(ctx context.Context, w http.ResponseWriter, s style, right []byte) {
	status := f.Status
	switch f.Kind {
	case FaultHang:
		delay := f.Delay
		defaults(&delay, hangsFor)
		pause(ctx, delay)
		html(w, http.StatusGatewayTimeout)
	case FaultHalf:
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		w.Header().Set("Content-Length", strconv.Itoa(len(right)))
		_, _ = w.Write(right[:len(right)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case FaultHTML:
		defaults(&status, http.StatusBadGateway)
		html(w, status)
	case FaultGarbage:
		defaults(&status, http.StatusOK)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte("{\"id\": \"ga"))
	case FaultRefuse, FaultError:
		refusal := refusal{code: f.Code, status: status}
		defaults(&refusal.code, 131000)
		refusal.write(w, s)
	default: // FaultClose
		panic(http.ErrAbortHandler) // which is how net/http closes a connection without a word
	}
}

// pause waits, and returns false when the context ended first.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// trouble lets go wrong what goes wrong with a request that is no send, and says whether it was answered.
func (s *Server) trouble(w http.ResponseWriter, r *http.Request, at string, shape style) (answered bool) {
	s.mu.Lock()
	p := s.plan(at, "", "")
	s.mu.Unlock()
	ctx, done := s.during(r)
	defer done()
	if !pause(ctx, p.delay) {
		return true
	}
	if p.before == nil {
		return false
	}
	p.before.do(ctx, w, shape, nil)
	return true
}

// during is the context of a request, which also ends with the simulator.
func (s *Server) during(r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(s.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}
