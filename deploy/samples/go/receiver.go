// Command receiver takes wabagate's events. Copy this file into your program; it needs nothing but the standard library.
//
//	WEBHOOK_SECRET=whsec_… go run receiver.go 3000
//
// POST /webhooks takes every dialect, by the signature of Standard Webhooks that each delivery carries. The paths below it
// are for webhooks whose receiver verifies as another product taught it to.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	tolerance  = 5 * time.Minute // between the timestamp of a request and this clock, either way
	largest    = 8 << 20         // bytes of a body; events of 3 MB exist
	waiting    = 1000            // events that are kept and not handled yet
	remembered = 100_000         // ids of events that came already
)

// fromWabagate says whether a request comes from wabagate, is unchanged and is new. raw is the body byte for byte as it
// came: a body that was parsed and written again has other bytes, and another signature.
func fromWabagate(secret string, h http.Header, raw []byte) bool {
	id, timestamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	if id == "" || !fresh(timestamp) {
		return false
	}
	sum := mac(key(secret), id+"."+timestamp+".", raw)
	want := "v1," + base64.StdEncoding.EncodeToString(sum)
	// While a secret is being changed there are two signatures, one by each secret: one of them is enough.
	for _, given := range strings.Fields(h.Get("webhook-signature")) {
		if hmac.Equal([]byte(given), []byte(want)) { // not ==, whose time tells how much of a guess was right
			return true
		}
	}
	return false
}

// key is what Standard Webhooks signs with: the bytes that the base64 after whsec_ stands for, not its text. A secret of
// another form is used as it is.
func key(secret string) []byte {
	if coded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		if decoded, err := base64.StdEncoding.DecodeString(coded); err == nil && len(decoded) > 0 {
			return decoded
		}
	}
	return []byte(secret)
}

// product is how another product signs: in hex, in a header of its own, with the whole secret as text, whsec_ included.
type product struct {
	header, prefix string
	timestamp      string // the header of what is signed before the body, with a dot between; empty: the body alone is
}

// products are by path: what a webhook of that dialect is pointed at. Keep those that you use.
var products = map[string]product{
	"/webhooks/twabot":   {header: "X-TwaBot-Signature"},
	"/webhooks/platform": {header: "X-Webhook-Signature"},
	"/webhooks/digest":   {header: "X-Webhook-Signature"},
	"/webhooks/awalchat": {header: "X-Awal-Webhook-Signature", timestamp: "X-Awal-Webhook-Timestamp"},
	"/webhooks/cloud":    {header: "X-Hub-Signature-256", prefix: "sha256="},
}

// asProduct is fromWabagate for another product's signature. Where that covers the body alone, nobody can tell an old
// request from a new one, nor whether webhook-id was changed: prefer fromWabagate, which works for the same requests.
func asProduct(p product, secret string, h http.Header, raw []byte) bool {
	signed := ""
	if p.timestamp != "" {
		if !fresh(h.Get(p.timestamp)) {
			return false
		}
		signed = h.Get(p.timestamp) + "."
	}
	want := p.prefix + hex.EncodeToString(mac([]byte(secret), signed, raw))
	return hmac.Equal([]byte(h.Get(p.header)), []byte(want))
}

func mac(key []byte, before string, raw []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(before))
	m.Write(raw)
	return m.Sum(nil)
}

// fresh says whether a timestamp, in seconds since 1970, is close to now. Without it whoever gets hold of one request
// could send it for ever.
func fresh(timestamp string) bool {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	return err == nil && time.Since(time.Unix(seconds, 0)).Abs() <= tolerance
}

// delivery is one event as it came.
type delivery struct {
	id, path string
	skipped  string // X-Wabagate-Skipped
	test     bool   // sample data, from "send test", wabagate trigger or the receiver check
	raw      []byte
}

// inbox keeps each event once until it is handled. This one forgets all when the process ends: make yours a table with
// the id as its key (INSERT … ON CONFLICT DO NOTHING), and answer when that is committed.
type inbox struct {
	mu    sync.Mutex
	known map[string]bool
	order []string // of known, oldest first
	queue chan delivery
}

var errFull = errors.New("too many events are waiting")

// keep says whether the event is new. One that came already is no error: deliveries are repeated when an answer was lost.
func (i *inbox) keep(d delivery) (bool, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.known[d.id] {
		return false, nil
	}
	select {
	case i.queue <- d:
	default:
		return false, errFull
	}
	i.known[d.id] = true
	if i.order = append(i.order, d.id); len(i.order) > remembered {
		delete(i.known, i.order[0])
		i.order = i.order[1:]
	}
	return true, nil
}

type receiver struct {
	secret string
	inbox  inbox
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	p, other := products[q.URL.Path]
	if q.URL.Path != "/webhooks" && !other {
		http.NotFound(w, q)
		return
	}
	if q.Method != http.MethodPost {
		http.Error(w, "POST events here", http.StatusMethodNotAllowed)
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, q.Body, largest))
	if err != nil {
		http.Error(w, "too large, or broken off", http.StatusRequestEntityTooLarge)
		return
	}
	// First of all, and before the body is parsed.
	if genuine := other && asProduct(p, r.secret, q.Header, raw) || !other && fromWabagate(r.secret, q.Header, raw); !genuine {
		http.Error(w, "wrong signature", http.StatusUnauthorized)
		return
	}
	if q.URL.Path == "/webhooks/awalchat" { // asks a new receiver to repeat a text
		var ask struct{ Type, Challenge string }
		if json.Unmarshal(raw, &ask) == nil && ask.Type == "verification" {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]string{"challenge": ask.Challenge})
			return
		}
	}
	// Answer at once and work afterwards: what takes longer than the webhook's timeout is sent again. Whatever the event
	// is, known, late or of a type not heard of, 200 is the answer: anything else has it sent again, for days.
	d := delivery{q.Header.Get("webhook-id"), q.URL.Path, q.Header.Get("X-Wabagate-Skipped"), q.Header.Get("X-Wabagate-Test") != "", raw}
	switch added, err := r.inbox.keep(d); {
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable) // it is sent again later
	case added:
		fmt.Fprintln(w, "taken")
	default:
		fmt.Fprintln(w, "had it already")
	}
}

// event is the default dialect's body; GET /api/client/event-types shows what is in the data of each type.
type event struct {
	Type  string          `json:"type"`
	Event string          `json:"event"` // how the dialects twabot and awalchat call it
	Data  json.RawMessage `json:"data"`
}

// handle does the work, one event after the other.
//
// The events of one conversation carry data.sequence: 1, 2, 3 … A webhook with "ordering":"conversation" gets them in
// that order. One that could not be delivered steps aside after a while; X-Wabagate-Skipped then names the numbers that
// are still to come ("15,16"). Without that ordering they come in any order: keep the highest sequence of each
// conversation, and let no event change what a later one has set. Refuse none for it.
func handle(d delivery) error {
	var e event
	if err := json.Unmarshal(d.raw, &e); err != nil {
		return err
	}
	said, err := "", error(nil)
	if d.path == "/webhooks" { // else another product's body: what you wrote for that product goes on from here
		said, err = handleData(e)
	}
	if d.skipped != "" {
		said += ", before " + d.skipped
	}
	if d.test {
		said += " (a test)" // keep these out of your data
	}
	fmt.Printf("%s %s%s\n", e.Type+e.Event, d.id, said)
	return err
}

// handleData does what is to be done about an event, by the name of its type.
func handleData(e event) (string, error) {
	switch e.Type {
	case "message.received":
		var data struct{ Message struct{ From, Text string } }
		err := json.Unmarshal(e.Data, &data)
		return fmt.Sprintf(": %s wrote %.80q", data.Message.From, data.Message.Text), err
	case "message.report":
		var data struct {
			Status struct {
				MessageID string `json:"message_id"`
				Status    string `json:"status"`
			}
		}
		err := json.Unmarshal(e.Data, &data)
		return fmt.Sprintf(": %s is %s", data.Status.MessageID, data.Status.Status), err
	case "order.created":
		var data struct {
			Order struct {
				Total    json.Number
				Currency string
			}
		}
		err := json.Unmarshal(e.Data, &data)
		return fmt.Sprintf(": %s %s", data.Order.Total, data.Order.Currency), err
	}
	return "", nil // not of interest here
}

func main() {
	r := &receiver{secret: os.Getenv("WEBHOOK_SECRET"), inbox: inbox{known: map[string]bool{}, queue: make(chan delivery, waiting)}}
	if r.secret == "" {
		log.Fatal("set WEBHOOK_SECRET to the webhook's secret")
	}
	port := "3000"
	if given := os.Getenv("PORT"); given != "" {
		port = given
	}
	if len(os.Args) > 1 {
		port = os.Args[1]
	}
	go func() {
		for d := range r.inbox.queue {
			if err := handle(d); err != nil {
				log.Printf("%s failed: %v", d.id, err) // wabagate has its 200 and does not send it again
			}
		}
	}()
	// For this machine alone: put the proxy that speaks TLS before it, or listen on all addresses in a container.
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on %d\n", l.Addr().(*net.TCPAddr).Port)
	server := &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second}
	log.Fatal(server.Serve(l))
}
