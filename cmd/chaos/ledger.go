//go:build unix

package main

import (
	"slices"
	"sync"
	"time"
)

// fact is one thing that upstream said, by the names that stand both in the callback and in the event: a message, or a
// status of one.
type fact struct{ wamid, status string }

func (f fact) String() string {
	if f.status == "" {
		return f.wamid
	}
	return f.wamid + ":" + f.status
}

// hook is one webhook of the run.
type hook struct {
	id   int64
	name string
	kind hookKind
	// side says that it hears of the side number only, else of all; a forbidden one hears of the walled number only.
	side     bool
	ordered  bool
	schedule []time.Duration
	// takes is how long its receiver takes to answer, so that something is in hand when a worker dies.
	takes time.Duration
}

type hookKind int

const (
	healthy   hookKind = iota // answers 200 at once
	stubborn                  // answers 500 to the first request for one event in four
	moody                     // does what the fault says
	forbidden                 // leads to where no webhook may
)

// owed says whether a fact, of the side number or of another, has to arrive at the webhook.
func (h hook) owed(side bool) bool { return h.kind != forbidden && (side || !h.side) }

// answer is what a receiver did with a request.
type answer int

const (
	acknowledged answer = iota // 200
	failed                     // another status, or none in time
	broken                     // the connection, which the gateway may try again at once
)

// arrival is one request that a receiver got.
type arrival struct {
	hook                   int // index in the ledger's hooks
	event                  string
	fact                   fact
	conversation, sequence int64
	sum                    [8]byte // of the body
	at                     time.Time
	answer                 answer
	// skipped are the sequences that the request said had stepped aside and were still to come.
	skipped []int64
}

// tries is what the database says of the attempts of one delivery.
type tries struct {
	hook     int // index in the ledger's hooks
	event    string
	n        int
	outcomes []string // different ones
}

// sighting is a message's stored status at some moment.
type sighting struct{ wamid, status string }

// remains is what was not finished in the end.
type remains struct {
	due      int64         // pieces of work in the outbox whose time has come
	later    int64         // those whose time has not
	latest   time.Duration // until the last of them is due
	refuge   int64         // groups of callbacks that Redis still keeps
	pending  int64         // tasks ready in the queues
	unleased int64         // active tasks without a lease, which nobody would ever take over
}

// ledger is what was sent in a row of the matrix and what became of it. The invariants are functions of it.
type ledger struct {
	hooks     []hook
	callbacks int         // answered 200
	answers   map[int]int // other answers to callbacks by status; 0: none came
	stuck     int         // callbacks that were never answered 200
	accepted  map[fact]bool
	side      map[fact]bool // of the side number
	arrivals  []arrival     // in the order in which they came
	tries     []tries       // deliveries that took several attempts, and those of forbidden webhooks
	attempts  int64         // all of them
	sightings []sighting    // in the order in which they were made
	trapped   []string      // connections to addresses that no webhook may reach
	remains   remains
	troubles  []error // what could not be looked up, and processes that ended by themselves
}

// book is a ledger in the making. Safe for concurrent use.
type book struct {
	tag     string  // what every wamid of the row begins with
	earlier []int64 // work that an earlier row left in the outbox

	mu sync.Mutex
	l  ledger
}

func newBook(tag string, hooks []hook, earlier []int64) *book {
	return &book{tag: tag, earlier: earlier, l: ledger{hooks: hooks, answers: map[int]int{}, accepted: map[fact]bool{}, side: map[fact]bool{}}}
}

func (b *book) write(fn func(*ledger)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fn(&b.l)
}

// accept notes an answer to a callback.
func (b *book) accept(c callback, status int) {
	b.write(func(l *ledger) {
		if status != 200 {
			l.answers[status]++
			return
		}
		l.callbacks++
		for _, f := range c.facts {
			l.accepted[f] = true
			if c.number == sideNumber {
				l.side[f] = true
			}
		}
	})
}

// progress says how many first deliveries the accepted facts make so far, and how many of them came.
func (b *book) progress() (owed, arrived int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.l.owed(), len(b.l.first())
}

// snapshot is the ledger as it stands; call it when nothing writes to its maps any more.
func (b *book) snapshot() ledger {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.l
	l.arrivals = slices.Clone(l.arrivals)
	return l
}

// owed is how many first deliveries the accepted facts make.
func (l *ledger) owed() int {
	n := 0
	for f := range l.accepted {
		for _, h := range l.hooks {
			if h.owed(l.side[f]) {
				n++
			}
		}
	}
	return n
}

// delivery is a fact at a webhook.
type delivery struct {
	hook int
	fact fact
}

// first are the first acknowledged arrivals of accepted facts, by index.
func (l *ledger) first() map[delivery]int {
	first := map[delivery]int{}
	for i, a := range l.arrivals {
		d := delivery{a.hook, a.fact}
		if _, twice := first[d]; a.answer == acknowledged && !twice && l.accepted[a.fact] {
			first[d] = i
		}
	}
	return first
}
