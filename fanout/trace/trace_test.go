package trace

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

// What is one thing has one name, in every process and for ever; what differs in anything has another.
func TestIDs(t *testing.T) {
	require.Equal(t, OfCallback(7), OfCallback(7))
	require.NotEqual(t, OfCallback(7), OfCallback(8))
	require.NotEqual(t, OfCallback(7), OfEvent(7))
	spans := map[SpanID]bool{}
	for _, s := range []SpanID{Of(Accept, 7), Of(Commit, 7), Of(Translate, 7), Of(Delivery, 7, 1, 0), Of(Delivery, 7, 1, 1), Of(Delivery, 1, 7, 0), Of(Attempt, 7, 1, 1), Of(Attempt, 7, 1, 2)} {
		require.False(t, spans[s])
		spans[s] = true
	}
	require.Equal(t, "00-fa8a2ebff1b7dcb7b1e0b5ea4ba42f9d-cdf6d2b9d5e5a3a5-01", Parent(ID{0xfa, 0x8a, 0x2e, 0xbf, 0xf1, 0xb7, 0xdc, 0xb7, 0xb1, 0xe0, 0xb5, 0xea, 0x4b, 0xa4, 0x2f, 0x9d},
		SpanID{0xcd, 0xf6, 0xd2, 0xb9, 0xd5, 0xe5, 0xa3, 0xa5}))
}

func TestShare(t *testing.T) {
	for share, want := range map[float64]int{0: 0, 1: 4000, 0.25: 1000} {
		n := 0
		for id := range int64(4000) {
			if sampled(OfCallback(id), share) {
				n++
			}
		}
		require.InDelta(t, want, n, 120, share)
	}
}

// Tracing that is off costs nothing.
func TestOffIsFree(t *testing.T) {
	var off *Tracer
	id := OfCallback(1)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if off.Traces(id) {
			t.Error("it traces")
		}
		off.Record(Span{Trace: id})
	}))
	require.NoError(t, off.Close())
}

func TestExport(t *testing.T) {
	bodies := make(chan []byte, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		require.Equal(t, "/v1/traces", r.URL.Path)
		require.Equal(t, "application/json", r.Header.Get("Content-Type"))
		require.Equal(t, "secret", r.Header.Get("X-Key"))
		bodies <- b
	}))
	defer collector.Close()
	tr := New(Options{Endpoint: collector.URL + "/", Headers: map[string]string{"X-Key": "secret"}, Share: 1, Version: "v1", Instance: "a", Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	start := time.Unix(1773100800, 5)
	tr.Record(Span{Trace: ID{1}, ID: SpanID{2}, Name: Accept, Kind: Server, Start: start, End: start.Add(time.Second), Attributes: []Attribute{{Key: "n", N: 9007199254740993}, {Key: "t", Text: "x"}}})
	tr.Record(Span{Trace: ID{1}, ID: SpanID{3}, Parent: SpanID{2}, Name: Attempt, Kind: Client, Start: start, End: start, Failure: "timeout"})
	require.NoError(t, tr.Close())
	require.JSONEq(t, `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"wabagate"}},{"key":"service.version","value":{"stringValue":"v1"}},
		{"key":"service.instance.id","value":{"stringValue":"a"}}]},"scopeSpans":[{"scope":{"name":"wabagate","version":"v1"},"spans":[
		{"traceId":"01000000000000000000000000000000","spanId":"0200000000000000","parentSpanId":"","name":"callback accept","kind":2,"startTimeUnixNano":"1773100800000000005","endTimeUnixNano":"1773100801000000005",
		 "attributes":[{"key":"n","value":{"intValue":"9007199254740993"}},{"key":"t","value":{"stringValue":"x"}}],"status":{}},
		{"traceId":"01000000000000000000000000000000","spanId":"0300000000000000","parentSpanId":"0200000000000000","name":"delivery attempt","kind":3,"startTimeUnixNano":"1773100800000000005",
		 "endTimeUnixNano":"1773100800000000005","status":{"code":2,"message":"timeout"}}]}]}]}`, string(<-bodies))
	require.Equal(t, 2.0, testutil.ToFloat64(tr.exported))
}

// A collector that hangs or refuses holds up nobody: what it does not take is counted and let go.
func TestCollectorInTrouble(t *testing.T) {
	release := make(chan struct{})
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-release
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer collector.Close()
	tr := New(Options{Endpoint: collector.URL, Share: 1, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	const n = waiting + 3*batch
	for range n {
		tr.Record(Span{Trace: ID{1}})
	}
	require.GreaterOrEqual(t, testutil.ToFloat64(tr.dropped), float64(batch))
	close(release)
	require.NoError(t, tr.Close())
	require.Zero(t, testutil.ToFloat64(tr.exported))
	require.Equal(t, float64(n), testutil.ToFloat64(tr.dropped)+testutil.ToFloat64(tr.failed))
}
