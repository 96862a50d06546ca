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

// One golden file per event and dialect that has a form for it. Whatever the shape, it is canonical and the same every
// time.
func TestRender(t *testing.T) {
	all := fixtures(t)
	for _, name := range dialect.Names() {
		d := mustLookup(t, name)
		folder := filepath.Join("testdata", name)
		if *update {
			if err := os.RemoveAll(folder); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(folder, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		golden := map[string]bool{}
		for _, f := range all {
			got, err := d.Render([]byte("<"), f.Event)
			if errors.Is(err, dialect.ErrNoShape) {
				if string(got) != "<" {
					t.Errorf("%s %s: no form, and yet %s", name, f.Name, got)
				}
				continue
			}
			golden[f.Name+".json"] = true
			t.Run(name+"/"+f.Name, func(t *testing.T) {
				if err != nil {
					t.Fatal(err)
				}
				if !d.Speaks(f.Type) {
					t.Error("rendered what the dialect does not speak")
				}
				body := bytes.TrimPrefix(got, []byte("<"))
				path := filepath.Join(folder, f.Name+".json")
				if *update {
					if err := os.WriteFile(path, body, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
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
		files, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !golden[f.Name()] {
				t.Errorf("%s/%s belongs to no event; run with -update", folder, f.Name())
			}
		}
	}
}

// Every type of the catalogue is spoken by the dialects of forms, and by raw dialects where the platform brings it.
func TestSpeaks(t *testing.T) {
	for _, typ := range event.Catalogue() {
		want := map[string]bool{"wabagate": true, "twabot": true, "platform": true, "awalchat": true,
			"digest": typ.Name == event.MessageReceived, "cloud": typ.Field != ""}
		switch typ.Name {
		case event.MessageReceived, event.MessageEdited, event.MessageDeleted, event.MessageReport, event.OrderStatusUpdated, event.ErrorReported,
			event.UpstreamUnrecognized:
			want["onprem"] = true
		}
		sample := mustSample(t, typ.Name)
		for _, name := range dialect.Names() {
			d := mustLookup(t, name)
			if d.Speaks(typ.Name) != want[name] {
				t.Errorf("%s speaks %s: %v", name, typ.Name, d.Speaks(typ.Name))
			}
			_, err := d.Render(nil, sample)
			if err != nil && !errors.Is(err, dialect.ErrNoShape) {
				t.Errorf("%s %s: %v", name, typ.Name, err)
			}
			promised := d.Speaks(typ.Name) && !(d.Raw() && typ.Derived) // a raw dialect has no more than came
			if promised && err != nil && !(name == "onprem" && typ.Name == event.UpstreamUnrecognized) {
				t.Errorf("%s speaks %s and has no form: %v", name, typ.Name, err)
			}
		}
	}
	for _, name := range dialect.Names() {
		if d := mustLookup(t, name); d.Speaks("nonsense") || d.Speaks("message.*") {
			t.Errorf("%s speaks nonsense", name)
		}
	}
}

// What was kept by another version may be of a type that is no longer in the catalogue: it still has a form.
func TestRenderOfAnUnknownType(t *testing.T) {
	e := mustSample(t, event.TemplateStatusUpdated)
	e.Type = "template.status.renamed"
	for _, name := range []string{"wabagate", "twabot", "platform", "awalchat"} {
		if got, err := mustLookup(t, name).Render(nil, e); err != nil || !bytes.Contains(got, []byte(`"template.status.renamed"`)) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

func TestRenderReportsBrokenData(t *testing.T) {
	for _, name := range []string{"twabot", "platform", "awalchat", "digest"} {
		got, err := mustLookup(t, name).Render([]byte("<"), event.Event{ID: "evt_1", Type: event.MessageReceived, Data: []byte(`{`)})
		if err == nil || string(got) != "<" {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

func TestNames(t *testing.T) {
	if want := []string{"wabagate", "twabot", "platform", "awalchat", "digest", "cloud", "onprem"}; !slices.Equal(dialect.Names(), want) {
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
		{"cloud", event.MessageSent, "smb_message_echoes"},
		{"cloud", event.ConversationCreated, ""},
		{"onprem", event.MessageReport, "messages"},
		{"onprem", event.MessageSent, ""},
		{"onprem", event.UpstreamUnrecognized, ""},
		{"digest", event.MessageReceived, "message.received"},
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
