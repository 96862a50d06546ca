package sending

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
	"wabagate/waba/wabatest"
)

// What can go wrong with one message: how often the platform took it, what it is in the end, and what is told of it. Each
// has a number of its own, so that nothing else waits for it.
func TestWhatGoesWrong(t *testing.T) {
	once := map[string]int{"message.sent": 1, "sent": 1, "delivered": 1, "read": 1}
	untold := map[string]int{"message.sent": 1}
	cases := map[string]struct {
		faults   []wabatest.Fault
		taken    int // by the platform
		state    models.SendState
		attempts int
		code     string
		title    string
		told     map[string]int
	}{
		// The status says that it went out.
		"lost after acceptance":    {[]wabatest.Fault{{Kind: wabatest.FaultClose, After: true}}, 1, models.SendAccepted, 1, "", "", once},
		"cut off in the middle":    {[]wabatest.Fault{{Kind: wabatest.FaultHalf}}, 1, models.SendAccepted, 1, "", "", once},
		"timeout after acceptance": {[]wabatest.Fault{{Kind: wabatest.FaultHang, After: true}}, 1, models.SendAccepted, 1, "", "", once},
		"500 after acceptance":     {[]wabatest.Fault{{Kind: wabatest.FaultError, After: true}}, 1, models.SendAccepted, 1, "", "", once},
		"a page after acceptance":  {[]wabatest.Fault{{Kind: wabatest.FaultHTML, After: true}}, 1, models.SendAccepted, 1, "", "", once},
		"garbage with 200":         {[]wabatest.Fault{{Kind: wabatest.FaultGarbage, After: true}}, 1, models.SendAccepted, 1, "", "", once},
		"status before the answer": {[]wabatest.Fault{{Kind: wabatest.FaultEarly}, {Kind: wabatest.FaultSlow, Delay: 300 * time.Millisecond}}, 1, models.SendAccepted, 1, "", "", once},
		// No status comes within the wait: it is sent once more.
		"lost before acceptance":    {[]wabatest.Fault{{Kind: wabatest.FaultClose, Next: 1}}, 1, models.SendAccepted, 2, "", "", once},
		"timeout before acceptance": {[]wabatest.Fault{{Kind: wabatest.FaultHang, Next: 1}}, 1, models.SendAccepted, 2, "", "", once},
		"503 before acceptance":     {[]wabatest.Fault{{Kind: wabatest.FaultError, Status: 503, Next: 1}}, 1, models.SendAccepted, 2, "", "", once},
		"lost for ever":             {[]wabatest.Fault{{Kind: wabatest.FaultClose}}, 0, models.SendFailed, 2, "", titleLost, map[string]int{"failed": 1}},
		// The one way in which a message reaches somebody twice: nothing ever says that it went out.
		"lost, without any status": {[]wabatest.Fault{{Kind: wabatest.FaultClose, After: true, Next: 1}, {Kind: wabatest.FaultSilence}}, 2, models.SendAccepted, 2, "", "", untold},
		// It was proved not to be sent.
		"too fast":         {[]wabatest.Fault{{Kind: wabatest.FaultRefuse, Code: 130429, Next: 1}}, 1, models.SendAccepted, 2, "", "", once},
		"429":              {[]wabatest.Fault{{Kind: wabatest.FaultRefuse, Code: 130429, Status: 429, Next: 2}}, 1, models.SendAccepted, 3, "", "", once},
		"too many to one":  {[]wabatest.Fault{{Kind: wabatest.FaultRefuse, Code: 131056, Next: 1}}, 1, models.SendAccepted, 2, "", "", once},
		"undeliverable":    {[]wabatest.Fault{{Kind: wabatest.FaultRefuse, Code: 131026}}, 0, models.SendFailed, 1, "131026", "Message undeliverable", map[string]int{"failed": 1}},
		"accepted, failed": {[]wabatest.Fault{{Kind: wabatest.FaultFail, Code: 131049}}, 1, models.SendAccepted, 1, "", "", map[string]int{"message.sent": 1, "failed": 1}},
	}
	onEachStore(t, wabatest.Options{}, func(t *testing.T, b *bench) {
		p := b.start()
		ofCase, id := map[string]*bench{}, map[string]int64{}
		for name, tc := range cases {
			of := b.another()
			for _, f := range tc.faults {
				f.PhoneNumberID = of.number.PhoneNumberID
				require.NoError(t, b.sim.AddFaults(f))
			}
			ofCase[name], id[name] = of, p.queued(of.text(customer))[0]
		}
		for name, tc := range cases {
			t.Run(name, func(t *testing.T) {
				of := ofCase[name]
				of.t = t
				v := of.wait(20*time.Second, []int64{id[name]}, isSettled)[0]
				require.Equal(t, []any{tc.state, tc.attempts, tc.code, tc.title}, []any{v.State, v.Attempts, v.ErrorCode, v.ErrorTitle}, "%+v", v)
				of.tells(tc.told)
				taken := b.sim.Messages(wabatest.Filter{PhoneNumberID: of.number.PhoneNumberID})
				require.Len(t, taken, tc.taken)
				if tc.taken == 1 {
					require.Equal(t, taken[0].ID, v.Wamid)
				}
			})
		}
		p.stop()
		require.Zero(t, p.metric("requests_in_flight", ""))
	})
}

// A connection that is refused proves that nothing was sent.
func TestNoConnection(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(t *testing.T, b *bench) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, l.Close())
		b.connect("http://"+l.Addr().String(), wabatest.DefaultToken, 0)
		p := b.start()
		ids := p.queued(b.text(customer))
		b.wait(10*time.Second, ids, func(v models.Send) bool {
			return v.State == models.SendWaiting && v.Attempts == 1 && v.ErrorTitle == titleSilent
		})
		b.connect(b.base, wabatest.DefaultToken, 0)
		b.wait(10*time.Second, ids, isAccepted)
		require.Equal(t, 1, b.sim.Tally().Accepted)
	})
}

func TestWithoutAToken(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(t *testing.T, b *bench) {
		require.NoError(t, b.store.DropUpstream(t.Context(), b.number.BusinessID, b.number.ID))
		p := b.start()
		v := b.wait(10*time.Second, p.queued(b.text(customer)), isSettled)[0]
		require.Equal(t, models.SendFailed, v.State)
		require.Equal(t, "this number has no token yet: connect it first", v.ErrorDetails)
		b.tells(map[string]int{"failed": 1})
		require.Zero(t, b.sim.Tally().Requests)
	})
}

// The token ends while messages are under way: the number stops, its messages wait, and all go out once there is another.
func TestATokenIsReplaced(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(t *testing.T, b *bench) {
		const n = 150
		p, other := b.start(), b.start()
		first := p.queued(b.texts(20)...)
		b.wait(10*time.Second, first, isAccepted)
		b.sim.SetToken(wabatest.Token{Value: wabatest.DefaultToken, Revoked: true})
		ids := p.queued(b.texts(n + 20)[20:]...)
		require.Eventually(t, func() bool { return p.metric("stopped_numbers", "")+other.metric("stopped_numbers", "") > 0 }, 10*time.Second, 10*time.Millisecond)
		time.Sleep(time.Second) // in which nothing leaves
		asked := b.sim.Tally().Requests - len(first)
		require.Less(t, asked, 60, "messages that were on their way when the first was refused")
		for _, v := range b.read(ids...) {
			require.Equal(t, models.SendWaiting, v.State)
		}
		require.Contains(t, b.log.String(), "its token was refused")
		require.NotContains(t, b.log.String(), wabatest.DefaultToken)

		b.sim.SetToken(wabatest.Token{Value: "another-token"})
		b.connect(b.base, "another-token", 0)
		for _, v := range b.wait(20*time.Second, ids, isAccepted) {
			require.LessOrEqual(t, v.Attempts, 3, "each process hears of it by itself")
		}
		require.Equal(t, wabatest.Count{Messages: n + 20, Recipients: n + 20, Most: 1}, b.sim.Count(wabatest.Filter{}))
		b.tells(map[string]int{"message.sent": n + 20, "sent": n + 20, "delivered": n + 20, "read": n + 20})
		require.Eventually(t, func() bool { return p.metric("stopped_numbers", "")+other.metric("stopped_numbers", "") == 0 }, 10*time.Second, 10*time.Millisecond)
	})
}

// A customer's message is marked as read, with a typing indicator; nothing is told of it.
func TestRead(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(t *testing.T, b *bench) {
		wamid, err := b.sim.Receive(wabatest.Inbound{From: customer, Text: "Is it ready?"})
		require.NoError(t, err)
		require.NoError(t, b.sim.AddFaults(wabatest.Fault{Kind: wabatest.FaultClose, Next: 1}))
		p := b.start()
		mark := models.Send{BusinessID: b.number.BusinessID, NumberID: b.number.ID, Body: []byte(`{"status":"read","message_id":"` + wamid + `","typing_indicator":{"type":"text"}}`)}
		v := b.wait(10*time.Second, p.queued(mark), isSettled)[0]
		require.Equal(t, []any{models.SendAccepted, 2, ""}, []any{v.State, v.Attempts, v.Wamid}, "what is done twice is done")
		tally := b.sim.Tally()
		require.Equal(t, []int{1, 1, 0}, []int{tally.Read, tally.Typing, tally.Accepted})
		b.tells(map[string]int{})
	})
}
