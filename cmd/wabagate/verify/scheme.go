package verify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"wabagate/fanout/dialect"
	"wabagate/fanout/signature"
)

// scheme is one way of signing, as seen by who takes it apart.
type scheme struct {
	name   string // in words
	header string
	ider   string // header of the id that is signed; empty: none is
	timer  string // header of the timestamp that is signed; empty: none is
	prefix string // before each signature
	base64 bool   // the signature is; else it is hex
	coded  bool   // a secret of whsec_ and base64 stands for bytes; else it is text
}

// schemes are in the order in which they are judged: that of a dialect before the one that all deliveries carry.
var schemes = [...]scheme{
	{name: "twabot", header: signature.HeaderTwaBot},
	{name: "platform, digest", header: signature.HeaderWebhook},
	{name: "awalchat", header: signature.HeaderAwalSignature, timer: signature.HeaderAwalTimestamp},
	{name: "cloud", header: signature.HeaderHub, prefix: "sha256="},
	{name: "Standard Webhooks", header: signature.HeaderSignature, ider: signature.HeaderID, timer: signature.HeaderTimestamp, prefix: "v1,", base64: true, coded: true},
}

// schemeOf is the scheme that receivers of a dialect look at: the one whose header its deliveries have beside Standard Webhooks.
func schemeOf(d dialect.Dialect) scheme {
	h := http.Header{}
	d.Headers(h, signature.Message{ID: "evt_0", Timestamp: time.Unix(0, 0)}, []signature.Secret{signature.NewSecret("any")})
	for _, s := range schemes {
		if h.Get(s.header) != "" {
			return s
		}
	}
	return schemes[len(schemes)-1]
}

// sum is what is compared.
type sum [sha256.Size]byte

// sign is what a genuine sender makes of the parts.
func (s scheme) sign(key []byte, id, timestamp string, body []byte) (made sum) {
	h := hmac.New(sha256.New, key)
	if s.ider != "" {
		h.Write([]byte(id + "."))
	}
	if s.timer != "" {
		h.Write([]byte(timestamp + "."))
	}
	h.Write(body)
	h.Sum(made[:0])
	return made
}

// given is a signature as it was sent.
type given struct {
	sum  sum
	flaw *Finding // of its spelling; nil: none
}

// parse reads the signatures of a header. Those that cannot be read in any way are left out.
func (s scheme) parse(header string) (all []given) {
	texts := []string{header}
	if s.base64 {
		texts = strings.Fields(header)
	}
	for _, text := range texts {
		if g, ok := s.parseOne(text); ok {
			all = append(all, g)
		}
	}
	return all
}

func (s scheme) parseOne(text string) (g given, ok bool) {
	var flaws []string
	if bare := strings.Trim(text, " \t\r\n\"'"); bare != text {
		flaws, text = append(flaws, "stands in quotes or has white space around it"), bare
	}
	if s.prefix != "" {
		bare, ok := strings.CutPrefix(text, s.prefix)
		if !ok {
			flaws = append(flaws, "lacks "+s.prefix+" at its beginning")
		}
		text = bare
	} else if bare, ok := strings.CutPrefix(text, "sha256="); ok {
		flaws, text = append(flaws, "begins with sha256=, which this header does not have"), bare
	}
	sum, how, ok := decode(text, s.base64)
	if how != "" {
		flaws = append(flaws, how)
	}
	g.sum = sum
	if len(flaws) > 0 {
		want := s.prefix + "… in lower-case hex"
		if s.base64 {
			want = s.prefix + "… in base64"
		}
		g.flaw = &Finding{Mistake: Encoding, What: "The signature " + strings.Join(flaws, ", and ") + ".",
			Do: "Pass the header on as it came (" + want + "), and make the receiver's own signature in the same spelling before they are compared."}
	}
	return g, ok
}

// decode reads 32 bytes in the right spelling or a wrong one, and says how it is wrong.
func decode(text string, asBase64 bool) (s sum, flaw string, ok bool) {
	take := func(b []byte, err error) bool {
		if err != nil || len(b) != len(s) {
			return false
		}
		s = sum(b)
		return true
	}
	isHex := take(hex.DecodeString(text))
	switch {
	case isHex && asBase64:
		return s, "is hex where base64 belongs", true
	case isHex && text != strings.ToLower(text):
		return s, "is hex in upper case, which is another text", true
	case isHex:
		return s, "", true
	case take(base64.StdEncoding.DecodeString(text)):
		if asBase64 {
			return s, "", true
		}
		return s, "is base64 where hex belongs", true
	case take(base64.RawStdEncoding.DecodeString(text)):
		return s, "is base64 without the = at its end", true
	case take(base64.URLEncoding.DecodeString(text)), take(base64.RawURLEncoding.DecodeString(text)):
		return s, "is base64 with - and _ in place of + and /", true
	}
	return s, "", false
}
