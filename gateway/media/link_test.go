package media

import (
	"encoding/base64"
	"net/url"
	"testing"
)

func TestLinks(t *testing.T) {
	t.Parallel()
	l := NewLinks("https://gw.example/", "the key")
	u, err := url.Parse(l.Link(7, "900001"))
	if err != nil || u.Scheme+"://"+u.Host+u.Path != "https://gw.example/media/900001" {
		t.Fatalf("%s, %v", u, err)
	}
	token := u.Query().Get("token")
	if number, ok := l.number("900001", token); number != 7 || !ok {
		t.Errorf("%d, %v", number, ok)
	}
	if l.Link(7, "900001") != u.String() {
		t.Error("a link is another when it is made again")
	}
	raw, _ := base64.RawURLEncoding.DecodeString(token)
	raw[7]++ // another number
	forged := base64.RawURLEncoding.EncodeToString(raw)
	for name, c := range map[string]struct {
		l         *Links
		id, token string
	}{
		"another file":   {l, "900002", token},
		"another number": {l, "900001", forged},
		"another key":    {NewLinks("https://gw.example", "another"), "900001", token},
		"cut":            {l, "900001", token[:len(token)-1]},
		"longer":         {l, "900001", token + "AAAA"},
		"none":           {l, "900001", ""},
		"no base64":      {l, "900001", "?" + token[1:]},
		"of another way": {l, "900001", token + "="},
	} {
		if number, ok := c.l.number(c.id, c.token); ok {
			t.Errorf("%s opens a file of number %d", name, number)
		}
	}
	if got := l.Link(7, "a/../b"); got[:len("https://gw.example/media/a%2F..%2Fb?")] != "https://gw.example/media/a%2F..%2Fb?" {
		t.Errorf("%s", got)
	}
}
