package waba_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"wabagate/waba"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	escaped, err := os.ReadFile("testdata/callbacks/escaped.json")
	if err != nil {
		t.Fatal(err)
	}
	body, secret, other := []byte(`{"entry":[]}`), []byte("s3cret"), []byte("older")
	signed := waba.Sign(secret, body)
	tests := map[string]struct {
		body    []byte
		header  string
		secrets [][]byte
		want    bool
	}{
		"genuine":               {body, signed, [][]byte{secret}, true},
		"rotation, new first":   {body, signed, [][]byte{secret, other}, true},
		"rotation, old first":   {body, signed, [][]byte{other, secret}, true},
		"blank before genuine":  {body, signed, [][]byte{nil, {}, secret}, true},
		"escaped unicode":       {escaped, waba.Sign(secret, escaped), [][]byte{secret}, true},
		"upper case digits":     {body, "sha256=" + strings.ToUpper(signed[7:]), [][]byte{secret}, true},
		"empty body":            {nil, waba.Sign(secret, nil), [][]byte{secret}, true},
		"escapes rewritten":     {[]byte(strings.ReplaceAll(string(escaped), `\/`, `/`)), waba.Sign(secret, escaped), [][]byte{secret}, false},
		"another secret":        {body, signed, [][]byte{other}, false},
		"another body":          {[]byte(`{"entry":[ ]}`), signed, [][]byte{secret}, false},
		"no secrets":            {body, signed, nil, false},
		"signed with blank":     {body, waba.Sign(nil, body), [][]byte{nil}, false},
		"signed with empty":     {body, waba.Sign(nil, body), [][]byte{{}}, false},
		"no header":             {body, "", [][]byte{secret}, false},
		"no prefix":             {body, signed[7:], [][]byte{secret}, false},
		"prefix only":           {body, "sha256=", [][]byte{secret}, false},
		"old algorithm":         {body, "sha1=" + signed[7:], [][]byte{secret}, false},
		"prefix in upper case":  {body, "SHA256=" + signed[7:], [][]byte{secret}, false},
		"short":                 {body, signed[:len(signed)-2], [][]byte{secret}, false},
		"long":                  {body, signed + "00", [][]byte{secret}, false},
		"not hex":               {body, signed[:len(signed)-1] + "g", [][]byte{secret}, false},
		"space around":          {body, " " + signed, [][]byte{secret}, false},
		"last digit is another": {body, signed[:len(signed)-1] + next(signed[len(signed)-1]), [][]byte{secret}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := waba.Verify(test.body, test.header, test.secrets...); got != test.want {
				t.Errorf("Verify is %v", got)
			}
		})
	}
}

// next returns a hex digit other than c.
func next(c byte) string {
	if c == '0' {
		return "1"
	}
	return "0"
}

// TestSign compares with the HMAC-SHA256 of RFC 4231, test case 2.
func TestSign(t *testing.T) {
	t.Parallel()
	const want = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	if got := waba.Sign([]byte("Jefe"), []byte("what do ya want for nothing?")); got != want {
		t.Errorf("Sign is %s", got)
	}
}

func TestHandshake(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		mode, token, challenge, want string
		answer                       string
		status                       int
	}{
		"genuine":            {"subscribe", "tok", "1158", "tok", "1158", 200},
		"opaque challenge":   {"subscribe", "tok", "<a&b>", "tok", "<a&b>", 200},
		"wrong token":        {"subscribe", "tik", "1158", "tok", "", 403},
		"longer token":       {"subscribe", "tokk", "1158", "tok", "", 403},
		"no token agreed":    {"subscribe", "tok", "1158", "", "", 403},
		"another mode":       {"unsubscribe", "tok", "1158", "tok", "", 403},
		"no mode":            {"", "tok", "1158", "tok", "", 400},
		"no token":           {"subscribe", "", "1158", "tok", "", 400},
		"no token, none set": {"subscribe", "", "1158", "", "", 400},
		"no challenge":       {"subscribe", "tok", "", "tok", "", 400},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer, status := waba.Handshake(test.mode, test.token, test.challenge, test.want)
			if answer != test.answer || status != test.status {
				t.Errorf("Handshake is %q, %d", answer, status)
			}
		})
	}
}

// FuzzVerify holds Verify against the plain definition of the scheme.
func FuzzVerify(f *testing.F) {
	f.Add([]byte("{}"), "sha256=00", []byte("key"))
	f.Add([]byte("{}"), waba.Sign([]byte("key"), []byte("{}")), []byte("key"))
	f.Add([]byte("{}"), waba.Sign(nil, []byte("{}")), []byte(nil))
	f.Fuzz(func(t *testing.T, body []byte, header string, secret []byte) {
		mac := hmac.New(sha256.New, secret)
		mac.Write(body)
		want := len(secret) > 0 && strings.HasPrefix(header, "sha256=") &&
			strings.ToLower(header[7:]) == hex.EncodeToString(mac.Sum(nil))
		if got := waba.Verify(body, header, secret); got != want {
			t.Errorf("Verify(%q, %q, %q) is %v", body, header, secret, got)
		}
		if waba.Verify(body, waba.Sign(secret, body), secret) != (len(secret) > 0) {
			t.Error("what was signed does not verify, or a blank secret does")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	body, secret := []byte(strings.Repeat("x", 500)), []byte("0123456789abcdef0123456789abcdef")
	header := waba.Sign(secret, body)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if !waba.Verify(body, header, secret) {
			b.Fatal("does not verify")
		}
	}
}
