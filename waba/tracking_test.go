package waba_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"wabagate/waba"
)

func TestParseTracking(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]waba.Tracking{
		"origin=ai": {Origin: "ai"},
		"origin=ai;broadcast=89;template=spring;recipients=1200;name=Spring sale": {Origin: "ai", Broadcast: "89", Template: "spring", Recipients: 1200, Name: "Spring sale"},
		" origin = AI ; broadcast = 89 ; ":                                        {Origin: "ai", Broadcast: "89"},
		"broadcast=89":                                                            {Origin: "broadcast", Broadcast: "89"},
		"broadcast=89;origin=nobody":                                              {Origin: "broadcast", Broadcast: "89"},
		"origin=nobody":                                                           {},
		"origin=app;colour=red":                                                   {Origin: "app"},
		"origin=app;origin=api":                                                   {Origin: "api"},
		"recipients=-4;name=a=b":                                                  {Name: "a=b"},
		"recipients=many;origin=system":                                           {Origin: "system"},
		"origin=api;send=42;broadcast=89":                                         {Origin: "api", Send: 42, Broadcast: "89"},
		"send=9223372036854775807":                                                {Send: 9223372036854775807},
		"send=9223372036854775808":                                                {},
		"send=0;send=-1":                                                          {},
		"send=snd_42;origin=api":                                                  {Origin: "api"},
		"name=50%25 off":                                                          {Name: "50%25 off"},
		"order-7":                                                                 {},
		"origin=agent;order-7":                                                    {},
		"origin=agent;;name=x":                                                    {},
		`{"origin":"ai"}`:                                                         {},
		"":                                                                        {},
		";":                                                                       {},
	} {
		if got := waba.ParseTracking(s); got != want {
			t.Errorf("ParseTracking(%q) is %+v", s, got)
		}
	}
}

func TestTrackingString(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\u00e9", 600)
	for want, tracking := range map[string]waba.Tracking{
		"":             {},
		"origin=agent": {Origin: "agent"},
		"origin=broadcast;broadcast=89;recipients=3": {Origin: "broadcast", Broadcast: "89", Recipients: 3},
		"origin=ai;template=a,b;name=c":              {Origin: "ai", Template: "a;b", Name: " c "},
		"origin=api;send=42;broadcast=89":            {Origin: "api", Send: 42, Broadcast: "89"},
		"send=42;broadcast=" + long[:2*(512-18)]:     {Send: 42, Broadcast: long, Template: "t"},
		"origin=agent;name=x":                        {Origin: "agent", Send: -1, Name: "x"},
		"origin=ai;name=" + long[:2*(512-15)]:        {Origin: "ai", Name: long},
		"broadcast=" + long[:2*(512-10)]:             {Broadcast: long, Template: "t", Recipients: 5},
	} {
		if got := tracking.String(); got != want {
			t.Errorf("%+v is written %q", tracking, got)
		}
	}
}

// FuzzTracking asserts that what is written is read back, and always fits.
func FuzzTracking(f *testing.F) {
	f.Add("origin=ai;broadcast=89;template=spring;recipients=1200;name=Spring sale")
	f.Add("broadcast=" + strings.Repeat("x", 600) + ";name=y")
	f.Add("origin=broadcast;send=9223372036854775807;broadcast=" + strings.Repeat("x", 600))
	f.Add("name=\u00a0\xff\u2028;recipients=9223372036854775807")
	f.Fuzz(func(t *testing.T, s string) {
		tracking := waba.ParseTracking(s)
		written := tracking.String()
		if utf8.RuneCountInString(written) > 512 || !utf8.ValidString(written) {
			t.Errorf("%q is %d characters long", written, utf8.RuneCountInString(written))
		}
		read := waba.ParseTracking(written)
		if utf8.ValidString(s) && utf8.RuneCountInString(s) <= 400 && read != tracking {
			t.Errorf("%+v was written %q and read as %+v", tracking, written, read)
		}
		if again := read.String(); again != written {
			t.Errorf("%q was written again as %q", written, again)
		}
	})
}
