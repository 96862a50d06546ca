package wabatest

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// requestLimit is what is read of a request that holds no file.
const requestLimit = 4 << 20

// Server is the simulated platform: an http.Handler, or a server of its own after Start. Make it with New, end it with
// Close. Safe for concurrent use.
type Server struct {
	o       Options
	prefix  string
	control http.Handler
	linkKey []byte // signs the urls of media

	ctx   context.Context // of everything that leaves the simulator
	end   context.CancelFunc
	posts sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	servers  []*http.Server
	host     string // of media, when they have one of their own
	serial   uint64 // of ids
	apps     []*App
	accounts []*account
	numbers  []*number
	tokens   map[string]Token
	keys     map[string]*number
	groups   map[string]*Group
	people   map[person]*customer
	media    shelf
	faults   []*fault
	faulted  uint64 // faults added so far
	personas []*Persona

	agenda  agenda
	timer   *time.Timer
	armed   int64 // when the timer fires, Unix nanoseconds; 0: not set
	flying  int   // callbacks under way
	run     int   // counts resets: what left before one is no longer written down
	ready   []*number
	again   []*batch // to be posted again now
	ledger  ledger
	prompts prompts
}

// New makes a platform. It listens to nothing until Start, and may be served by another server instead.
func New(o Options) *Server {
	s := &Server{
		o: o.withDefaults(), tokens: map[string]Token{}, keys: map[string]*number{}, groups: map[string]*Group{}, people: map[person]*customer{},
		media: shelf{files: map[string]*file{}}, ledger: newLedger(),
	}
	s.prefix = s.o.Prefix
	if s.prefix == "" {
		now := mix(s.o.Seed ^ uint64(time.Now().UnixNano()))
		s.prefix = base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, now)[:6])
	}
	s.linkKey = binary.BigEndian.AppendUint64(nil, mix(uint64(time.Now().UnixNano())))
	s.ctx, s.end = context.WithCancel(context.Background())
	s.control = s.controls()
	s.timer = time.AfterFunc(time.Hour, s.advance)
	s.timer.Stop()
	for _, a := range s.o.Apps {
		s.setApp(a)
	}
	for _, a := range s.o.WABAs {
		s.setWABA(a)
	}
	if s.o.CallbackURL != "" {
		s.apps[0].CallbackURL = s.o.CallbackURL
		for _, a := range s.accounts {
			a.overrides[s.apps[0].ID] = ""
		}
	}
	for _, n := range s.o.Numbers {
		s.setNumber(n)
	}
	for _, t := range s.o.Tokens {
		s.setToken(t)
	}
	for _, t := range s.o.Templates {
		s.setTemplate(t)
	}
	for _, g := range s.o.Groups {
		s.groups[g.ID] = &g
	}
	for _, k := range s.o.Keys {
		s.setKey(k)
	}
	return s
}

// Start listens at an address, such as "127.0.0.1:0", and for media at another port of the same host. The result is the
// base URL, without a slash at the end.
func (s *Server) Start(address string) (string, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("listen at %q: expected HOST:PORT, such as 127.0.0.1:8090", address)
	}
	base, err := s.listen(address, s)
	if err != nil {
		return "", err
	}
	media, err := s.listen(net.JoinHostPort(host, "0"), http.HandlerFunc(s.mediaHost))
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.host = media
	return base, nil
}

func (s *Server) listen(address string, h http.Handler) (string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("listen at %s: %w", address, err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	s.mu.Lock()
	s.servers = append(s.servers, server)
	s.mu.Unlock()
	go func() { _ = server.Serve(l) }() // ends with Close
	return "http://" + reachable(l.Addr().String()), nil
}

// reachable turns an address that listens on every interface into one that can be called.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// MediaURL is the base URL of the host of media after Start, empty before.
func (s *Server) MediaURL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.host
}

// Close ends everything: servers, callbacks that wait, and those under way. What is known stays readable.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.timer.Stop()
	servers := s.servers
	s.servers = nil
	s.mu.Unlock()
	s.end()
	for _, server := range servers {
		_ = server.Close() // connections are cut on purpose
	}
	s.posts.Wait()
	s.o.Posts.CloseIdleConnections()
}

// Settle returns once nothing travels any more: every status is due and posted, every callback acknowledged or given up. It
// fails when the context ends first.
func (s *Server) Settle(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if pending := s.Callbacks().Pending; pending == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d facts are still to be posted: %w", s.Callbacks().Pending, ctx.Err())
		case <-tick.C:
		}
	}
}

// newID makes an id as the platform gives to objects. The caller holds the lock, or is New.
func (s *Server) newID() string {
	s.serial++
	return fmt.Sprint(900_000_000_000 + s.serial)
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch {
	case strings.HasPrefix(path, ControlPrefix):
		s.control.ServeHTTP(w, r)
	case strings.HasSuffix(path, "/chat/completions"):
		s.chat(w, r)
	case strings.HasPrefix(path, mediaPath):
		s.download(w, r)
	case r.Header.Get(KeyHeader) != "" || providerPath(path):
		s.provider(w, r)
	default:
		s.graph(w, r)
	}
}

func lower(s string) string { return strings.ToLower(s) }
