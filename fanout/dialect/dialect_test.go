package dialect_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"wabagate/fanout/canon"
	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func mustLookup(t testing.TB, name string) dialect.Dialect {
	t.Helper()
	d, ok := dialect.Lookup(name)
	if !ok {
		t.Fatalf("no dialect %s", name)
	}
	return d
}

// One golden file per event and dialect. Whatever the shape, it is canonical and the same every time.
func TestRender(t *testing.T) {
	for _, name := range dialect.Names() {
		d := mustLookup(t, name)
		for _, f := range fixtures(t) {
			t.Run(name+"/"+f.name, func(t *testing.T) {
				golden := filepath.Join("testdata", name, f.name+".json")
				got, err := d.Render([]byte("<"), f.Event)
				if name == "cloud" && len(f.Upstream) == 0 {
					if !errors.Is(err, dialect.ErrNoShape) || string(got) != "<" {
						t.Fatalf("got %s, %v", got, err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				body := bytes.TrimPrefix(got, []byte("<"))
				if *update {
					if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(golden, body, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if string(body) != string(want) {
					t.Errorf("got  %s\nwant %s", body, want)
				}
				if c, err := canon.Append(nil, body); err != nil || string(c) != string(body) {
					t.Errorf("not canonical: %s, %v", c, err)
				}
				if again, err := d.Render(nil, f.Event); err != nil || string(again) != string(body) {
					t.Errorf("the second time %s, %v", again, err)
				}
			})
		}
	}
}

// Every type of the catalogue can be delivered in every dialect that says it speaks it.
func TestSpeaksTheCatalogue(t *testing.T) {
	for _, name := range dialect.Names() {
		d := mustLookup(t, name)
		for _, typ := range event.Catalogue() {
			e := mustSample(t, typ.Name)
			body, err := d.Render(nil, e)
			switch {
			case err == nil:
				if c, err := canon.Append(nil, body); err != nil || string(c) != string(body) {
					t.Errorf("%s %s is not canonical: %s, %v", name, e.Type, body, err)
				}
				if !d.Speaks(e.Type) {
					t.Errorf("%s renders %s and does not speak it", name, e.Type)
				}
			case !errors.Is(err, dialect.ErrNoShape):
				t.Errorf("%s %s: %v", name, e.Type, err)
			case d.Speaks(e.Type) && e.Type != "message.sent": // sent here has no upstream form, an echo has
				t.Errorf("%s speaks %s and has no form", name, e.Type)
			}
		}
		if d.Speaks("nonsense") {
			t.Errorf("%s speaks nonsense", name)
		}
	}
}

func TestRenderReportsBrokenData(t *testing.T) {
	for _, name := range []string{"twabot", "platform", "awalchat"} {
		got, err := mustLookup(t, name).Render([]byte("<"), event.Event{ID: "evt_1", Type: event.MessageReceived, Data: []byte(`{`)})
		if err == nil || string(got) != "<" {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

func TestNames(t *testing.T) {
	if want := []string{"wabagate", "twabot", "platform", "awalchat", "cloud"}; !slices.Equal(dialect.Names(), want) {
		t.Errorf("got %v", dialect.Names())
	}
	if dialect.Names()[0] != dialect.Default {
		t.Error("the default is not first")
	}
	if _, ok := dialect.Lookup("digest "); ok {
		t.Error("found what is not there")
	}
}

func TestEventName(t *testing.T) {
	for _, c := range []struct{ dialect, typ, want string }{
		{"wabagate", event.MessageReceived, "message.received"},
		{"twabot", event.MessageReceived, "message.received"},
		{"twabot", event.MessageReport, "message.report"},
		{"platform", event.MessageReceived, "message.incoming"},
		{"platform", event.MessageReport, "message.report"},
		{"platform", "form.submitted", "form.submitted"},
		{"awalchat", event.MessageReceived, "message.received"},
		{"awalchat", event.MessageReport, "message.status.updated"},
		{"awalchat", "order.created", "order.created"},
		{"cloud", event.MessageReport, "messages"},
		{"cloud", event.ConversationCreated, ""},
		{"cloud", event.UpstreamUnrecognized, ""},
		{"cloud", "nonsense", ""},
	} {
		if got := mustLookup(t, c.dialect).EventName(c.typ); got != c.want {
			t.Errorf("%s calls %s %q, want %q", c.dialect, c.typ, got, c.want)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	e := mustSample(b, event.MessageReceived)
	for _, name := range dialect.Names() {
		d := mustLookup(b, name)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				var err error
				if dst, err = d.Render(dst[:0], e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
