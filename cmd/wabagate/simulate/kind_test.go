package simulate

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"wabagate/waba"
	"wabagate/waba/simulator"
)

// shelf keeps every body that is posted, with its path and its signature.
type shelf struct {
	mu         sync.Mutex
	bodies     [][]byte
	paths      map[string]int
	signatures int
	sizes      []int
}

func newShelf(t *testing.T) (*shelf, string) {
	s := &shelf{paths: map[string]int{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || !json.Valid(body) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = append(s.bodies, body)
	s.paths[r.URL.Path]++
	s.sizes = append(s.sizes, len(body))
	if waba.Verify(body, r.Header.Get(waba.SignatureHeader), []byte(secret)) {
		s.signatures++
	}
}

// holds says whether any body mentions an id.
func (s *shelf) holds(id string) bool {
	escaped := strings.ReplaceAll(id, "/", `\/`)
	for _, body := range s.bodies {
		if bytes.Contains(body, []byte(escaped)) {
			return true
		}
	}
	return false
}

// written reads a facts file.
func written(t *testing.T, file string) []line {
	t.Helper()
	var lines []line
	for l := range strings.Lines(file) {
		var got line
		if err := json.Unmarshal([]byte(l), &got); err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		lines = append(lines, got)
	}
	return lines
}

// inBody is the part of an id of the facts file that stands in the body.
func inBody(l line) string {
	switch l.Kind {
	case simulator.KindChange:
		_, id, _ := strings.Cut(l.ID, ":")
		return id
	case simulator.KindPayment:
		id, _, _ := strings.Cut(l.ID, ":")
		return id
	}
	return l.ID
}

func TestOneOfEveryKind(t *testing.T) {
	t.Parallel()
	s, url := newShelf(t)
	var file bytes.Buffer
	tally, err := Run(t.Context(), Options{URL: url, Secret: secret, Kinds: []string{AllKinds}, Batch: 7, Facts: &file})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]int{}
	for _, l := range written(t, file.String()) {
		names[l.Name]++
		if l.Kind != simulator.KindError && !s.holds(inBody(l)) {
			t.Errorf("%s %s did not arrive", l.Name, l.ID)
		}
	}
	kinds := 0
	for _, kind := range simulator.Kinds() {
		if kind.OnPremises {
			continue
		}
		if kinds++; names[kind.Name] != 1 {
			t.Errorf("%s came %d times", kind.Name, names[kind.Name])
		}
	}
	if tally.Callbacks != (kinds+6)/7 || tally.MissingFacts != 0 || s.signatures != tally.Callbacks {
		t.Errorf("%d kinds: %+v, %d signed", kinds, tally, s.signatures)
	}
}

func TestKindsInOrder(t *testing.T) {
	t.Parallel()
	s, url := newShelf(t)
	var file bytes.Buffer
	if _, err := Run(t.Context(), Options{URL: url, Secret: secret, Kinds: []string{"text", "edit", "revoke"}, Connections: 1, Facts: &file}); err != nil {
		t.Fatal(err)
	}
	lines := written(t, file.String())
	if len(lines) != 3 || lines[0].Name != "text" || lines[1].Name != "edit" || lines[2].Name != "revoke" {
		t.Fatalf("%+v", lines)
	}
	for i, about := range s.bodies[1:] {
		if !bytes.Contains(about, []byte(`"original_message_id":"`+strings.ReplaceAll(lines[0].ID, "/", `\/`)+`"`)) {
			t.Errorf("%s is not about the text: %s", lines[i+1].Name, about)
		}
	}
}

func TestOnPremisesBodies(t *testing.T) {
	t.Parallel()
	s, url := newShelf(t)
	var file bytes.Buffer
	tally, err := Run(t.Context(), Options{URL: url + "/webhooks/cloud/demo", OnPremises: "tok-1", Count: 200, Batch: 3, Duplicates: 0.3, Facts: &file})
	if err != nil || tally.MissingFacts != 0 || tally.Copies == 0 {
		t.Fatalf("%+v, %v", tally, err)
	}
	if s.paths["/webhooks/onprem/tok-1"] != tally.Callbacks || len(s.paths) != 1 || s.signatures != 0 {
		t.Errorf("posted to %v, %d signed", s.paths, s.signatures)
	}
	for _, body := range s.bodies {
		if bytes.Contains(body, []byte(`"entry"`)) {
			t.Fatalf("an envelope: %s", body)
		}
	}
	for _, l := range written(t, file.String()) {
		if l.Kind != simulator.KindError && !s.holds(inBody(l)) {
			t.Errorf("%s %s did not arrive", l.Name, l.ID)
		}
	}
}

func TestOnPremisesRefusals(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{401: "no number has this token", 404: "nothing takes On-Premises bodies there"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(server.Close)
		_, err := Run(t.Context(), Options{URL: server.URL, OnPremises: "tok-1"})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "tok-1") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestLargeCallbacks(t *testing.T) {
	t.Parallel()
	s, url := newShelf(t)
	tally, err := Run(t.Context(), Options{URL: url, Secret: secret, Count: 120, Large: true, Duplicates: 1, Batch: 4})
	if err != nil || tally.MissingFacts != 0 {
		t.Fatalf("%+v, %v", tally, err)
	}
	large := 0
	for _, size := range s.sizes {
		if size > 3_000_000 {
			t.Errorf("a body of %d bytes, more than the platform sends", size)
		}
		if size > 2_500_000 {
			large++
		}
	}
	if large != 4 { // two, each of them twice
		t.Errorf("%d large bodies", large)
	}
}

func TestMixOf(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		mix             string
		echoes, history bool
		want, never     []string
	}{
		"text":      {mix: "text", want: []string{"message"}, never: []string{"status", "change"}},
		"live":      {mix: "live", want: []string{"message", "status"}, never: []string{"change", "payment"}},
		"with more": {mix: "live", echoes: true, history: true, want: []string{"message", "status", "change"}, never: []string{"payment"}},
		"all":       {mix: "all", want: []string{"message", "status", "change", "payment", "error"}},
	} {
		mix, err := MixOf(test.mix, test.echoes, test.history)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s := simulator.New(simulator.Options{Mix: mix})
		got := map[string]int{}
		for range 3000 {
			got[s.Next().Kind]++
		}
		for _, kind := range test.want {
			if got[kind] == 0 {
				t.Errorf("%s: no %s", name, kind)
			}
		}
		for _, kind := range test.never {
			if got[kind] != 0 {
				t.Errorf("%s: %d of %s", name, got[kind], kind)
			}
		}
	}
	if _, err := MixOf("everything", false, false); err == nil || !strings.Contains(err.Error(), "expected text") {
		t.Error(err)
	}
}

func TestContradictions(t *testing.T) {
	t.Parallel()
	_, url := newShelf(t)
	for want, o := range map[string]Options{
		"did you mean text_reply_self?":              {Secret: secret, Kinds: []string{"text-reply-sel"}},
		"did you mean template_rejected, ":           {Secret: secret, Kinds: []string{"template_rejectd"}},
		"nothing is called so; --kinds lists":        {Secret: secret, Kinds: []string{"qqqqqqqq"}},
		"name its token with --onprem":               {Secret: secret, Kinds: []string{"onprem_text"}},
		"--kind text has no On-Premises form":        {OnPremises: "tok-1", Kinds: []string{"text"}},
		"--large does not go with --kind":            {Secret: secret, Kinds: []string{"text"}, Large: true},
		"--large does not go with --onprem":          {OnPremises: "tok-1", Large: true},
		"--secret does not go with --onprem":         {OnPremises: "tok-1", Secret: secret},
		"--secret is empty: it is the app secret th": {},
	} {
		o.URL = url
		if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestPrintKinds(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := PrintKinds(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != len(simulator.Kinds())+1 || !strings.HasPrefix(lines[0], "KIND ") || !strings.Contains(lines[1], "A text message.") {
		t.Errorf("%d lines, the first:\n%s\n%s", len(lines), lines[0], lines[1])
	}
}
