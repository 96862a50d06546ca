package waba_test

import (
	"testing"

	"wabagate/waba"
)

func TestCanonicalNumber(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{
		"551187654321":       "5511987654321", // Brazil, from before the ninth digit
		"5511987654321":      "5511987654321",
		"552161234567":       "5521961234567",
		"551132654321":       "551132654321", // landlines
		"551152654321":       "551152654321",
		"55118765432":        "55118765432", // too short
		"55119876543210":     "55119876543210",
		"5215512345678":      "525512345678", // Mexico
		"525512345678":       "525512345678",
		"521551234567":       "521551234567", // not the mobile prefix: an area code that begins with 1
		"52155123456789":     "52155123456789",
		"5491123456789":      "541123456789", // Argentina
		"541123456789":       "541123456789",
		"549112345678":       "549112345678",
		"54911234567890":     "54911234567890",
		"+55 11 8765-4321":   "5511987654321",
		"+44 7700 900123":    "447700900123",
		"447700900123":       "447700900123",
		"15550177321":        "15550177321",
		"(0)":                "0",
		"":                   "",
		"+":                  "",
		"\u0661\u0662\u0663": "", // digits of another script are none here
	} {
		if got := waba.CanonicalNumber(number); got != want {
			t.Errorf("CanonicalNumber(%q) is %q, not %q", number, got, want)
		}
	}
}

// FuzzCanonicalNumber asserts that the canonical form of a canonical form is itself, whatever it was made of.
func FuzzCanonicalNumber(f *testing.F) {
	for _, number := range []string{"551187654321", "5215512345678", "5491123456789", "+1 555-010-0200", "5521155123456", "\xff5"} {
		f.Add(number)
	}
	f.Fuzz(func(t *testing.T, number string) {
		once := waba.CanonicalNumber(number)
		for _, r := range once {
			if r < '0' || r > '9' {
				t.Errorf("CanonicalNumber(%q) is %q", number, once)
			}
		}
		if twice := waba.CanonicalNumber(once); twice != once {
			t.Errorf("%q became %q and then %q", number, once, twice)
		}
	})
}
