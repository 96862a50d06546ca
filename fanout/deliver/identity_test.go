package deliver

import (
	"crypto/tls"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Clients with certificates are kept while somebody uses them, and never more than their bound.
func TestIdentities(t *testing.T) {
	c := NewClient(NewGuard(Allowed{}, false), Options{})
	t.Cleanup(c.Close)
	certificate := func(n uint32) *tls.Certificate {
		return &tls.Certificate{Certificate: [][]byte{binary.BigEndian.AppendUint32(nil, n)}}
	}
	require.Same(t, c.plain, c.clientOf(nil, noon))
	first := c.clientOf(certificate(0), noon)
	require.NotSame(t, c.plain, first)
	require.Same(t, first, c.clientOf(certificate(0), in(time.Second)), "the same certificate, read again")
	require.NotSame(t, first, c.clientOf(certificate(1), in(2*time.Second)))

	c.clientOf(certificate(2), in(identityFor+2*time.Second)) // the first is unused for longer than that, the second not quite
	require.Len(t, c.identities, 2)
	require.NotSame(t, first, c.clientOf(certificate(0), in(identityFor+3*time.Second)))

	now := in(time.Hour)
	for n := range uint32(identities) {
		c.clientOf(certificate(n), now.Add(time.Duration(n)*time.Millisecond))
	}
	oldest, second := c.clientOf(certificate(0), now), c.clientOf(certificate(1), now.Add(time.Millisecond))
	require.Len(t, c.identities, identities)
	c.clientOf(certificate(identities), now.Add(time.Minute))
	require.Len(t, c.identities, identities, "one went for the one that came")
	require.Same(t, second, c.clientOf(certificate(1), now.Add(time.Minute)))
	require.NotSame(t, oldest, c.clientOf(certificate(0), now.Add(time.Minute)), "the one that was used least lately")
	c.Close()
	require.Empty(t, c.identities)
}
