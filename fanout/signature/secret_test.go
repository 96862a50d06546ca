package signature_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"wabagate/fanout/signature"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	const text = "hunter2"
	s := signature.NewSecret(text)
	if s.Text() != text {
		t.Errorf("Text() = %q", s.Text())
	}
	holder := struct {
		S  signature.Secret
		P  *signature.Secret
		Ss []signature.Secret
		M  map[string]signature.Secret
		in signature.Secret // fmt cannot call the methods of this one
	}{s, &s, []signature.Secret{s}, map[string]signature.Secret{"k": s}, s}

	var printed []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v"} {
		printed = append(printed, fmt.Sprintf(verb, s), fmt.Sprintf(verb, &s), fmt.Sprintf(verb, holder))
	}
	b, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s, "holder", holder)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "holder", holder)
	printed = append(printed, string(b), log.String(), s.String(), s.GoString())

	hidden := []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), fmt.Sprint([]byte(text))}
	for _, p := range printed {
		for _, h := range hidden {
			if strings.Contains(p, h) {
				t.Errorf("%q gives the secret away", p)
			}
		}
	}
	if got := fmt.Sprintf("%v|%s|%#v", s, s, s); got != "<secret>|<secret>|<secret>" {
		t.Errorf("printed as %s", got)
	}
}

func TestNewRandomSecret(t *testing.T) {
	a, b := signature.NewRandomSecret(), signature.NewRandomSecret()
	if a.Text() == b.Text() {
		t.Error("the same secret twice")
	}
	coded, ok := strings.CutPrefix(a.Text(), "whsec_")
	key, err := base64.StdEncoding.DecodeString(coded)
	if !ok || err != nil || len(key) != 24 {
		t.Errorf("a key of %d bytes, %v", len(key), err)
	}
}

func TestZeroSecret(t *testing.T) {
	if !signature.NewSecret("").IsZero() || !new(signature.Secret).IsZero() || signature.NewSecret("x").IsZero() {
		t.Error("IsZero is wrong")
	}
}
