package deliver

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// ProxyError is a failure of the operator's egress proxy. Its text says what to do and repeats no password.
type ProxyError struct {
	// Status is what the proxy answered; 0: nothing.
	Status int
	reason string
	cause  error
}

func (e *ProxyError) Error() string { return "the egress proxy " + e.reason }
func (e *ProxyError) Unwrap() error { return e.cause }

// ParseProxy reads the address of an egress proxy, such as http://user:password@proxy.corp.example:3128. The port is 80
// unless it says otherwise. The error repeats no password.
func ParseProxy(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, errors.New("must be an address such as http://proxy.corp.example:3128")
	case u.Scheme != "http":
		return nil, errors.New("must begin with http:// (requests to https:// receivers are encrypted inside the tunnel)")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("must end after the port")
	}
	return u, nil
}

// dialProxy opens a tunnel to addr. The name is resolved and judged here and the proxy is told an address, so that it
// cannot be led elsewhere.
func dialProxy(ctx context.Context, proxy *url.URL, g *Guard, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	addrs, err := g.Resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	var conn net.Conn
	for _, a := range addrs {
		if conn, err = connect(ctx, proxy, net.JoinHostPort(a.String(), port)); err == nil {
			return conn, nil
		}
		var p *ProxyError
		if ctx.Err() != nil || errors.As(err, &p) && p.Status == 0 {
			break // another address would not help
		}
	}
	return nil, err
}

// connect asks the proxy for a tunnel to one address.
func connect(ctx context.Context, proxy *url.URL, to string) (net.Conn, error) {
	at := proxy.Host
	if proxy.Port() == "" {
		at = net.JoinHostPort(proxy.Hostname(), "80")
	}
	d := net.Dialer{KeepAlive: 30 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", at)
	if err != nil {
		return nil, &ProxyError{reason: fmt.Sprintf("%s cannot be reached: %s; check that it runs and its address in the settings", at, rootCause(err)), cause: err}
	}
	if err := tunnel(ctx, conn, proxy, to); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func tunnel(ctx context.Context, conn net.Conn, proxy *url.URL, to string) error {
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return &ProxyError{reason: "closed the connection", cause: err}
	}
	request := "CONNECT " + to + " HTTP/1.1\r\nHost: " + to + "\r\n"
	if u := proxy.User; u != nil {
		password, _ := u.Password()
		request += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)) + "\r\n"
	}
	if _, err := conn.Write([]byte(request + "\r\n")); err != nil {
		return &ProxyError{reason: "closed the connection: " + rootCause(err), cause: err}
	}
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return &ProxyError{reason: fmt.Sprintf("gave no usable answer (%s); check that it is an HTTP proxy", rootCause(err)), cause: err}
	}
	if res.StatusCode/100 != 2 {
		return &ProxyError{Status: res.StatusCode, reason: proxyAdvice(res.StatusCode, to)}
	}
	if r.Buffered() > 0 {
		return &ProxyError{reason: "sent data ahead of the receiver; check that it is an HTTP proxy"}
	}
	return conn.SetDeadline(time.Time{})
}

// proxyAdvice says what a proxy's refusal means and what to do.
func proxyAdvice(status int, to string) string {
	switch status {
	case http.StatusProxyAuthRequired:
		return "answered 407: set the right user and password in its address"
	case http.StatusForbidden, http.StatusMethodNotAllowed:
		return fmt.Sprintf("answered %d: let it CONNECT to %s, or to all public addresses", status, to)
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return fmt.Sprintf("answered %d: it did not reach %s; check its way out, and whether the receiver is up", status, to)
	}
	return fmt.Sprintf("answered %d %s to CONNECT %s; look in its log", status, http.StatusText(status), to)
}
