package throwaway

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// ErrPortTaken says that the port asked for is in use.
var ErrPortTaken = errors.New("port is taken")

const host = "127.0.0.1"

// Ports are chosen below the range from which systems give out ports for outgoing connections (32768 and up on
// Linux, 49152 on others): else a busy test could, by connecting somewhere, occupy the port of a halted server.
const (
	firstPort = 20000
	lastPort  = 24999
	// busOffset is how far above its port a node of a Redis Cluster talks to the others, in the same quiet range.
	busOffset = 5000
)

func address(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// freePort returns a port that nobody listens on at this moment.
func freePort() (int, error) {
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if checkPort(port) == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port between %d and %d on %s", firstPort, lastPort, host)
}

// checkPort returns ErrPortTaken unless a server could listen on port now. 0, any port, is fine.
func checkPort(port int) error {
	l, err := net.Listen("tcp4", address(port))
	if err != nil {
		return fmt.Errorf("%s: %w (%v)", address(port), ErrPortTaken, err)
	}
	return l.Close()
}
