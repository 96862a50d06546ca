package main

import (
	"net"
	"sync"
)

// silentListener ends, when it is closed, the connections on which nothing was ever said. Browsers and load balancers open
// some in advance, and a server that stops takes them for requests in hand: each stop would last as long as its patience.
type silentListener struct {
	net.Listener
	mu     sync.Mutex
	closed bool
	silent map[*silentConn]bool
}

func listenSilently(l net.Listener) *silentListener {
	return &silentListener{Listener: l, silent: map[*silentConn]bool{}}
}

func (l *silentListener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &silentConn{Conn: inner, of: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = inner.Close()
		return nil, net.ErrClosed
	}
	l.silent[c] = true
	return c, nil
}

// Close ends the listening first, so that nothing comes after what it ends.
func (l *silentListener) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for c := range l.silent {
		_ = c.Conn.Close() // its reader is told
	}
	clear(l.silent)
	return err
}

func (l *silentListener) forget(c *silentConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.silent, c)
}

// silentConn is a connection on which something may have been said.
type silentConn struct {
	net.Conn
	of    *silentListener
	heard bool // of the one goroutine that reads
}

func (c *silentConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.heard {
		c.heard = true
		c.of.forget(c)
	}
	return n, err
}

func (c *silentConn) Close() error {
	c.of.forget(c)
	return c.Conn.Close()
}
