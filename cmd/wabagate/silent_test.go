package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Who connects in advance and says nothing does not hold up a stop.
func TestStopDoesNotWaitForSilence(t *testing.T) {
	cfg := stores["embedded"](t)
	cfg.Grace = 20 * time.Second
	w := startWhole(t, cfg)
	address := strings.TrimPrefix(w.url, "http://")
	silent, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer silent.Close()
	res, err := http.Get(w.url + "/readyz") // accepted after it
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())

	began := time.Now()
	w.Stop()
	require.Less(t, time.Since(began), cfg.Grace/2)
	require.NoError(t, silent.SetReadDeadline(time.Now().Add(10*time.Second)))
	_, err = silent.Read(make([]byte, 1))
	require.Error(t, err)
}

// A request that is on its way is not silence.
func TestSilentListenerLeavesWhatWasBegun(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := listenSilently(inner)
	dialled, err := net.Dial("tcp", inner.Addr().String())
	require.NoError(t, err)
	defer dialled.Close()
	accepted, err := l.Accept()
	require.NoError(t, err)
	defer accepted.Close()
	_, err = dialled.Write([]byte("half a "))
	require.NoError(t, err)
	_, err = io.ReadFull(accepted, make([]byte, 7))
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = dialled.Write([]byte("request"))
	require.NoError(t, err)
	rest := make([]byte, 7)
	_, err = io.ReadFull(accepted, rest)
	require.NoError(t, err)
	require.Equal(t, "request", string(rest))
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	require.Empty(t, l.silent)
}
