package verify

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"wabagate/fanout/signature"
)

const signatureHeader = signature.HeaderSignature

// Request is what a receiver got.
type Request struct {
	Header http.Header
	Body   []byte
	Length int64 // as Content-Length says; -1: it says nothing
}

// AddHeaders adds lines such as "webhook-id: evt_1".
func (r *Request) AddHeaders(lines []string) error {
	if r.Header == nil {
		r.Header = http.Header{}
	}
	for _, line := range lines {
		if err := r.add(line); err != nil {
			return err
		}
	}
	return nil
}

// ReadRequest reads a request as it went over the wire or as a tool has dumped it: perhaps a request line, then headers, an empty
// line and the body. Lines of headers may begin with ">" or "<", as curl prints them.
func ReadRequest(dump []byte) (Request, error) {
	r := Request{Header: http.Header{}, Length: -1}
	reader := bufio.NewReader(bytes.NewReader(bytes.TrimPrefix(dump, []byte("\ufeff"))))
	for first := true; ; first = false {
		line, err := reader.ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		if bare, ok := strings.CutPrefix(line, "> "); ok {
			line = bare
		}
		if line == "" || line == ">" {
			if first && err == nil {
				continue
			}
			break
		}
		if first && strings.Contains(line, " HTTP/") {
			continue
		}
		if first && (line[0] == '{' || line[0] == '[') {
			return r, errors.New("it begins with the body: a dump of a request begins with its headers (give the body with --body and the headers with --header)")
		}
		if addErr := r.add(line); addErr != nil {
			return r, addErr
		}
		if err != nil {
			break
		}
	}
	var rest bytes.Buffer
	_, _ = rest.ReadFrom(reader) // from memory: never fails
	r.Body = rest.Bytes()
	if strings.EqualFold(r.Header.Get("Transfer-Encoding"), "chunked") {
		r.Body = unchunked(r.Body)
	}
	if r.Length >= 0 && int64(len(r.Body)) > r.Length && len(bytes.TrimSpace(r.Body[r.Length:])) == 0 {
		r.Body = r.Body[:r.Length] // the editor's line break, not the sender's
	}
	return r, nil
}

// add takes a header line. Names as some programs hand them on (HTTP_WEBHOOK_ID, webhook_id) are put right.
func (r *Request) add(line string) error {
	name, value, ok := strings.Cut(line, ":")
	name = strings.TrimSpace(name)
	if !ok || name == "" || strings.ContainsAny(name, " \t\"{") {
		return fmt.Errorf("%q is no header: expected 'Name: value'", clip(line))
	}
	name = strings.ReplaceAll(strings.TrimPrefix(name, "HTTP_"), "_", "-")
	name = textproto.CanonicalMIMEHeaderKey(name)
	value = strings.TrimSpace(value)
	r.Header.Add(name, value)
	if name == "Content-Length" {
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			r.Length = n
		}
	}
	return nil
}

// unchunked takes chunks apart; what is none stays as it is, for most tools dump the body put together.
func unchunked(body []byte) []byte {
	var whole []byte
	for rest := body; ; {
		size, after, ok := bytes.Cut(rest, []byte("\r\n"))
		n, err := strconv.ParseUint(string(bytes.TrimSpace(size)), 16, 31)
		switch {
		case !ok || err != nil || int(n) > len(after):
			return body
		case n == 0:
			return whole
		}
		whole, rest = append(whole, after[:n]...), bytes.TrimPrefix(after[n:], []byte("\r\n"))
	}
}

// clip shortens what is shown of somebody's input.
func clip(text string) string {
	if r := []rune(text); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return text
}
