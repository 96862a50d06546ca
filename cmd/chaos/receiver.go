//go:build unix

package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"wabagate/fanout/signature"
)

const loopback = "127.0.0.1"

// mood is how a receiver answers.
type mood int32

const (
	good      mood = iota
	erring         // 500
	hanging        // nothing, until the gateway gives up
	resetting      // the connection is reset
	dripping       // an answer byte by byte, too slow to be complete in time
	elsewhere      // a redirect to a forbidden address
	endless        // 200 and 100 MB
	mixed          // each request another one of those that show at once
)

// hangFor outlasts the timeout of every webhook of the run.
const hangFor = 5 * time.Second

// endlessBytes is the size of the answer of an endless receiver.
const endlessBytes = 100 << 20

// receiver is a customer's server with one webhook.
type receiver struct {
	index  int // of its webhook in the ledger
	kind   hookKind
	takes  time.Duration // before it answers
	mood   atomic.Int32
	trap   string // a forbidden address to redirect to
	server *http.Server
	base   string
	book   atomic.Pointer[book]

	mu    sync.Mutex
	known map[string]bool // events that a stubborn receiver has refused once
	turn  int             // of a mixed one
}

func newReceiver(index int, h hook, trap string) (*receiver, error) {
	l, err := net.Listen("tcp4", loopback+":0")
	if err != nil {
		return nil, fmt.Errorf("listen for deliveries: %w", err)
	}
	r := &receiver{index: index, kind: h.kind, takes: h.takes, trap: trap, base: "http://" + l.Addr().String(), known: map[string]bool{}}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = r.server.Serve(l) }() // until close
	return r, nil
}

func (r *receiver) close() { _ = r.server.Close() }

// posted is what the body of the default dialect says that the ledger is kept by.
type posted struct {
	Data struct {
		Sequence     int64
		Conversation struct{ ID int64 }
		Message      struct{ ID string }
		Status       struct {
			MessageID string `json:"message_id"`
			Status    string
		}
	}
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // cut off on the way: it was not received
	}
	b := r.book.Load()
	var p posted
	if err := json.Unmarshal(body, &p); err != nil || b == nil {
		return
	}
	f := fact{p.Data.Message.ID, ""}
	if id := p.Data.Status.MessageID; id != "" {
		f = fact{id, p.Data.Status.Status}
	}
	if !strings.HasPrefix(f.wamid, "wamid."+b.tag) {
		return // of an earlier row
	}
	sum := sha256.Sum256(body)
	a := arrival{hook: r.index, event: req.Header.Get(signature.HeaderID), fact: f, conversation: p.Data.Conversation.ID, sequence: p.Data.Sequence,
		sum: [8]byte(sum[:8]), at: at, skipped: sequences(req.Header.Get(skippedHeader))}
	m := r.moodFor(a.event)
	switch m {
	case good, endless:
		a.answer = acknowledged
	case resetting:
		a.answer = broken
	default:
		a.answer = failed
	}
	b.write(func(l *ledger) { l.arrivals = append(l.arrivals, a) })
	time.Sleep(r.takes)
	r.respond(w, req, m)
}

// skippedHeader names the sequences of a lane that stepped aside and are still to come.
const skippedHeader = "X-Wabagate-Skipped"

func sequences(list string) []int64 {
	var ns []int64
	for part := range strings.SplitSeq(list, ",") {
		if n, err := strconv.ParseInt(strings.TrimSpace(part), 10, 64); err == nil {
			ns = append(ns, n)
		}
	}
	return ns
}

// moodFor decides how a request for an event is answered.
func (r *receiver) moodFor(event string) mood {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch m := mood(r.mood.Load()); {
	case r.kind == stubborn && refuses(event) && !r.known[event]:
		r.known[event] = true
		return erring
	case m == mixed:
		r.turn++
		return []mood{erring, resetting, elsewhere, endless}[r.turn%4]
	default:
		return m
	}
}

// refuses picks the events that a stubborn receiver refuses once, by the last digit of their ids: few enough that it does
// not count as one that is down.
func refuses(event string) bool {
	return event != "" && strings.ContainsRune("0123", rune(event[len(event)-1]))
}

func (r *receiver) respond(w http.ResponseWriter, req *http.Request, m mood) {
	switch m {
	case erring:
		w.WriteHeader(http.StatusInternalServerError)
	case hanging:
		select {
		case <-req.Context().Done():
		case <-time.After(hangFor):
		}
		panic(http.ErrAbortHandler) // an answer after all would be one
	case elsewhere:
		http.Redirect(w, req, r.trap, http.StatusTemporaryRedirect)
	case endless:
		chunk := bytes.Repeat([]byte("all work and no play "), 50_000)
		for sent := 0; sent < endlessBytes; sent += len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	case resetting, dripping:
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		if m == resetting {
			_ = conn.(*net.TCPConn).SetLinger(0)
			return
		}
		drip(conn)
	}
}

// drip answers a byte every tenth of a second, for longer than the gateway waits.
func drip(conn net.Conn) {
	end := time.Now().Add(hangFor)
	for _, c := range []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok") {
		if _, err := conn.Write([]byte{c}); err != nil || time.Now().After(end) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// traps listen where no webhook may lead and note whoever comes.
type traps struct {
	listeners []net.Listener
	addresses []string // of those that could be set up, with the scheme
	book      atomic.Pointer[book]
}

// trapHosts are forbidden while only 127.0.0.1 is allowed.
func trapHosts() []string { return []string{"127.0.0.2", "::1"} }

func newTraps() (*traps, error) {
	t := &traps{}
	for _, host := range trapHosts() {
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			continue // a system without IPv6, or with one loopback address
		}
		t.listeners = append(t.listeners, l)
		t.addresses = append(t.addresses, "http://"+l.Addr().String()+"/trap")
		go t.watch(l)
	}
	if len(t.listeners) == 0 {
		return nil, fmt.Errorf("none of the addresses %s can be listened on: there would be nothing to judge the guard by", strings.Join(trapHosts(), ", "))
	}
	return t, nil
}

func (t *traps) watch(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return // closed
		}
		go func() {
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(time.Second))
			line, _ := bufio.NewReader(conn).ReadString('\n') // what it wants, if it says so
			if b := t.book.Load(); b != nil {
				b.write(func(led *ledger) {
					led.trapped = append(led.trapped, fmt.Sprintf("%s was reached: %q", l.Addr(), strings.TrimSpace(line)))
				})
			}
		}()
	}
}

func (t *traps) close() {
	for _, l := range t.listeners {
		_ = l.Close()
	}
}
