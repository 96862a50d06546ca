package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"wabagate/fanout/canon"
	"wabagate/fanout/dialect"
)

const passHeaders = "Pass the headers on as they came: webhook-id, webhook-timestamp, webhook-signature, and that of the dialect; some proxies and functions drop or rename them."

func otherMessage(header, inside string) Finding {
	return Finding{Mistake: OtherMessage, What: fmt.Sprintf("The header webhook-id says %s and the body is that of %s.", header, inside),
		Do: "Keep headers and body of one request together: a receiver that handles several at once must not keep them in variables that requests share."}
}

// bodyID is the id that a body names; empty where it names none.
func bodyID(body []byte) string {
	var e struct {
		ID string `json:"id"`
	}
	canonical, err := canon.Append(nil, bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\ufeff")))
	if err != nil || json.Unmarshal(canonical, &e) != nil || !strings.HasPrefix(e.ID, "evt_") {
		return ""
	}
	return e.ID
}

// lost says what is gone of a body for good; nil: nothing seems to be.
func lost(r Request) *Finding {
	body := bytes.TrimSpace(r.Body)
	var value any
	err := json.Unmarshal(body, &value)
	var syntax *json.SyntaxError
	switch {
	case len(body) == 0:
		return &Finding{Mistake: Cut, Certain: true, What: "The body is empty: something has read it before.", Do: rawBody}
	case r.Length >= 0 && int64(len(r.Body)) < r.Length:
		return &Finding{Mistake: Cut, Certain: true, What: fmt.Sprintf("The body has %d bytes where Content-Length says %d: the rest is cut off.", len(r.Body), r.Length), Do: wholeBody}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &syntax) && strings.Contains(syntax.Error(), "unexpected end"):
		return &Finding{Mistake: Cut, Certain: true, What: fmt.Sprintf("The body ends in the middle, after %d bytes: the rest is cut off.", len(body)), Do: wholeBody}
	case !utf8.Valid(body):
		return &Finding{Mistake: Encoding, What: "The body is not UTF-8.", Do: plainUTF8}
	case bytes.ContainsRune(body, utf8.RuneError):
		return &Finding{Mistake: Encoding, What: "Letters of the body are lost: \ufffd stands in their places.", Do: plainUTF8}
	case errors.As(err, &syntax):
		return &Finding{Mistake: Reserialised, What: "The body is not JSON, which the gateway always sends: " + strings.TrimPrefix(syntax.Error(), "json: ") + ".", Do: rawBody}
	}
	return nil
}

// looksRewritten says that a body is not spelled as the gateway spells, or that its members are in the order of the alphabet; nil: it
// may be as it was sent.
func looksRewritten(body []byte, name string) *Finding {
	canonical, err := canon.Append(nil, body)
	if err != nil {
		return nil
	}
	how := differences(body, canonical)
	if len(how) == 0 && !bytes.Equal(body, canonical) {
		how = []string{"it is spelled otherwise"}
	}
	if strange(canonical, name) {
		how = append(how, "its members are in another order")
	}
	if len(how) == 0 {
		return nil
	}
	f := rewritten(how)
	f.What += " It cannot be put back for certain; the secret may be wrong besides."
	return &f
}

// strange says that the members at the top stand in an order in which no dialect writes them.
func strange(canonical []byte, name string) bool {
	n := parseNode(canonical)
	if n == nil || n.array || len(n.names) < 2 {
		return false
	}
	dialects := allDialects()
	if d, ok := dialect.Lookup(name); ok {
		dialects = []dialect.Dialect{d}
	}
	known := false
	for _, t := range templates(dialects) {
		if !slices.ContainsFunc(n.names, func(name string) bool { return t.members[name] == nil }) {
			ordered := node{names: slices.Clone(n.names), members: map[string]*node{}}
			ordered.arrange(t)
			if slices.Equal(ordered.names, n.names) {
				return false
			}
			known = true
		}
	}
	return known
}

// absent judges a request without the header of its dialect.
func absent(q Question, d dialect.Dialect, s scheme, there []scheme) Judgement {
	j := Judgement{Header: s.header, Scheme: s.name}
	if s.header == signatureHeader {
		j.Header = strings.ToLower(s.header)
	}
	others := slices.DeleteFunc(slices.Clone(there), func(t scheme) bool { return t.header == signatureHeader })
	switch {
	case len(others) > 0:
		j.Findings = []Finding{{Mistake: OtherDialect, Certain: true, What: fmt.Sprintf("The request has %s, the header of %s, and not %s, that of %s.", others[0].header, others[0].name, s.header, d.Name),
			Do: "Set the webhook to the dialect that the receiver was written for, or verify " + others[0].header + "."}}
	case len(there) > 0:
		j.Findings = []Finding{{Mistake: OtherDialect, What: fmt.Sprintf("The request has webhook-signature alone, as of the dialects wabagate and onprem, and not %s, that of %s.", s.header, d.Name),
			Do: "Set the webhook to the dialect " + d.Name + ", or verify webhook-signature with any Standard Webhooks library. If the webhook has it already, something before the receiver drops the header."}}
	default:
		n := nothing(q.Request)
		j.Findings = n.Findings
		j.Findings[0].What = fmt.Sprintf("The header %s, that of the dialect %s, is missing.", s.header, d.Name)
	}
	return j
}

// nothing judges a request without any signature.
func nothing(r Request) Judgement {
	f := Finding{Mistake: MissingHeader, Certain: true, What: "The request has no signature: none of webhook-signature, X-TwaBot-Signature, X-Webhook-Signature, X-Awal-Webhook-Signature and X-Hub-Signature-256.",
		Do: passHeaders + " A webhook without a secret is unsigned."}
	if len(r.Header) == 0 {
		f.What, f.Do = "There are no headers, and a signature is one.", "Give them with --header 'Name: value' or the whole request with --request FILE."
	}
	return Judgement{Header: "(none)", Scheme: "no signature", Findings: []Finding{f}}
}
