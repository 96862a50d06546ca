package deliver_test

import (
	"context"
	"encoding/binary"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/deliver"
)

// nameserver is a real DNS server on loopback. Its answers live no longer than the question.
type nameserver struct {
	conn net.PacketConn

	mu      sync.Mutex
	answers [][]netip.Addr // what each question for IPv4 is answered in turn; the last for ever
	asked   int
}

func newNameserver(t *testing.T, answers ...[]netip.Addr) *nameserver {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	n := &nameserver{conn: conn, answers: answers}
	go func() {
		for buf := make([]byte, 512); ; {
			size, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(n.answer(buf[:size]), from)
		}
	}()
	return n
}

// answer is the packet (RFC 1035) for a packet with one question.
func (n *nameserver) answer(q []byte) []byte {
	end := 12
	for q[end] != 0 {
		end += int(q[end]) + 1
	}
	kind := binary.BigEndian.Uint16(q[end+1:])
	var addrs []netip.Addr
	if kind == 1 {
		addrs = n.next()
	}
	a := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, byte(len(addrs)), 0, 0, 0, 0}, q[12:end+5]...)
	for _, addr := range addrs {
		b := addr.As4()
		a = append(append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), b[:]...) // a pointer to the name, A, IN, no time to live
	}
	return a
}

func (n *nameserver) next() []netip.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	return n.answers[min(n.asked, len(n.answers))-1]
}

func (n *nameserver) questions() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

func (n *nameserver) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", n.conn.LocalAddr().String())
	}}
}

func addrs(list ...string) []netip.Addr {
	var as []netip.Addr
	for _, a := range list {
		as = append(as, netip.MustParseAddr(a))
	}
	return as
}

// private is a receiver on loopback that counts who gets through to it, and its port.
func private(t *testing.T) (reached *atomic.Int64, port string) {
	reached = &atomic.Int64{}
	to := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	_, port, err := net.SplitHostPort(to[len("http://"):])
	require.NoError(t, err)
	return reached, port
}

// A name is public while its URL is judged and leads inside when it is dialled.
func TestRebinding(t *testing.T) {
	reached, port := private(t)
	names := newNameserver(t, addrs("93.184.216.34"), addrs("127.0.0.1"))
	g := deliver.NewGuard(deliver.Allowed{}, true).WithResolver(names.resolver())
	to := "http://rebind.example.com:" + port + "/hook"
	require.NoError(t, g.CheckURL(t.Context(), to))
	c := client(t, g, deliver.Options{})
	for range 5 {
		a := post(t, c, to, time.Second)
		require.ErrorIs(t, a.Err, deliver.ErrForbidden)
		v := deliver.JudgeError(a.Err, time.Second)
		require.Equal(t, deliver.Forbidden, v.Outcome)
		require.Equal(t, "address is not public: 127.0.0.1 is in 127.0.0.0/8 (loopback)", v.Reason)
	}
	require.Equal(t, 6, names.questions(), "once for the URL and once for each dial")
	require.ErrorIs(t, g.CheckURL(t.Context(), to), deliver.ErrForbidden)
	require.Zero(t, reached.Load())
}

// The same through a proxy, where a public address can be reached: the proxy is told the address that was judged, never
// the name, and never one that is forbidden.
func TestRebindingBehindAProxy(t *testing.T) {
	reached, port := private(t)
	public := serve(t, func(http.ResponseWriter, *http.Request) {})
	names := newNameserver(t, addrs("93.184.216.34"), addrs("127.0.0.1"), addrs("10.0.0.1", "127.0.0.1"), addrs("127.0.0.1", "93.184.216.35"), addrs("127.0.0.1"))
	p := newProxy(t, map[string]string{"93.184.216.34:" + port: public[len("http://"):], "93.184.216.35:" + port: public[len("http://"):]})
	g := deliver.NewGuard(deliver.Allowed{}, true).WithResolver(names.resolver())
	to := "http://rebind.example.com:" + port + "/hook"
	for _, open := range []bool{true, false, false, true, false} {
		c := client(t, g, deliver.Options{Proxy: p.url(t, "")}) // no kept connection
		a := post(t, c, to, 2*time.Second)
		if open {
			require.NoError(t, a.Err)
			require.Equal(t, http.StatusOK, a.Status)
		} else {
			require.ErrorIs(t, a.Err, deliver.ErrForbidden)
		}
	}
	require.Equal(t, []string{"93.184.216.34:" + port, "93.184.216.35:" + port}, p.connects())
	require.Zero(t, reached.Load())
}

// A kept connection leads where it was judged to lead, whatever the name says now.
func TestAKeptConnectionStaysWhereItIs(t *testing.T) {
	reached, port := private(t)
	names := newNameserver(t, addrs("127.0.0.1"), addrs("127.0.0.2"))
	c := client(t, allow(t, "127.0.0.1").WithResolver(names.resolver()), deliver.Options{})
	for range 3 {
		require.NoError(t, post(t, c, "http://kept.example.com:"+port, time.Second).Err)
	}
	require.EqualValues(t, 3, reached.Load())
	require.Equal(t, 1, names.questions())
}

// Of several addresses the forbidden are passed over.
func TestAForbiddenAddressAmongOthers(t *testing.T) {
	reached, port := private(t)
	names := newNameserver(t, addrs("10.0.0.1", "127.0.0.1", "169.254.169.254"))
	c := client(t, allow(t, "127.0.0.0/8").WithResolver(names.resolver()), deliver.Options{})
	a := post(t, c, "http://several.example.com:"+port, time.Second)
	require.NoError(t, a.Err)
	require.EqualValues(t, 1, reached.Load())
}

// A host on the operator's list may resolve to anything; another name for the same address may not.
func TestAllowedHosts(t *testing.T) {
	reached, port := private(t)
	names := newNameserver(t, addrs("127.0.0.1"))
	g := allow(t, "crm.corp.example, *.wild.example").WithResolver(names.resolver())
	c := client(t, g, deliver.Options{})
	for host, open := range map[string]bool{
		"crm.corp.example": true, "CRM.Corp.Example": true, "a.wild.example": true, "a.b.wild.example": true,
		"wild.example": false, "awild.example": false, "x.crm.corp.example": false, "corp.example": false, "other.example": false, "127.0.0.1": false,
	} {
		before := reached.Load()
		to := "http://" + host + ":" + port
		a := post(t, c, to, time.Second)
		checked := g.CheckURL(t.Context(), to)
		if open {
			require.NoError(t, a.Err, host)
			require.NoError(t, checked, host)
			require.Equal(t, before+1, reached.Load())
		} else {
			require.ErrorIs(t, a.Err, deliver.ErrForbidden, host)
			require.ErrorIs(t, checked, deliver.ErrForbidden, host)
			require.Equal(t, before, reached.Load())
		}
	}
}
