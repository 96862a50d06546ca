package simulate

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"wabagate/waba/wabatest"
)

func TestParseFault(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]wabatest.Fault{
		"fail":                         {Kind: "fail"},
		"refuse=0.05,code=130429":      {Kind: "refuse", Share: 0.05, Code: 130429},
		"slow@model=1,delay=20s":       {Kind: "slow", At: "model", Share: 1, Delay: 20 * time.Second},
		"close,after,next=3,times=1":   {Kind: "close", After: true, Next: 3, Times: 1},
		"error,status=503,recipient=1": {Kind: "error", Status: 503, Recipient: "1"},
		"drop=0.01,only=read,number=7": {Kind: "drop", Share: 0.01, Only: "read", PhoneNumberID: "7"},
		"say@model,text=no":            {Kind: "say", At: "model", Text: "no"},
	} {
		if got, err := ParseFault(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"": "expected KIND", "=0.5": "expected KIND", "fail=0": "share", "fail=2": "share", "fail=x": "share", "fail,code=x": "code", "fail,colour=red": "none of",
		"slow,delay=soon": "delay",
	} {
		if _, err := ParseFault(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestPersonaOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{"none": 0, "echo": 1, "person": 1, "bot": 1} {
		if got, err := PersonaOf(name); err != nil || len(got) != want || name == "bot" && !got[0].Bot {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := PersonaOf("cat"); err == nil || !strings.Contains(err.Error(), "none or bot, echo, person") {
		t.Error(err)
	}
}

// lines is a writer that may be read meanwhile.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestRunGraph(t *testing.T) {
	t.Parallel()
	var out, progress lines
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := GraphOptions{Address: "127.0.0.1:0", Out: &out, Progress: &progress, Terminal: true}
	o.Platform = wabatest.Options{Apps: []wabatest.App{{ID: "1", Secret: "s"}}, WABAs: []wabatest.WABA{{ID: "2"}}, OpenWindow: true, Latency: wabatest.At(0),
		Numbers: []wabatest.Number{{ID: "3", Display: "15550100200"}}, Tokens: []wabatest.Token{{Value: "tok-1"}}}
	done := make(chan wabatest.Tally)
	go func() {
		tally, err := RunGraph(ctx, o)
		if err != nil {
			t.Error(err)
		}
		done <- tally
	}()
	base := regexp.MustCompile(`Graph API +(http://[0-9.:]+) +Authorization: Bearer tok-1`)
	waitFor(t, func() bool { return base.MatchString(out.String()) })
	address := base.FindStringSubmatch(out.String())[1]
	req, err := http.NewRequest("POST", address+"/v26.0/3/messages", strings.NewReader(`{"messaging_product":"whatsapp","to":"15550177321","text":{"body":"Hi"}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer tok-1")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.StatusCode != 200 {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	waitFor(t, func() bool { return strings.Contains(progress.String(), "accepted 1 ") })
	cancel()
	if tally := <-done; tally.Accepted != 1 || tally.Recipients != 1 {
		t.Errorf("%+v", tally)
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
	}
}

func TestGraphThatCannotStart(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]GraphOptions{
		"--addr":  {Address: "nowhere"},
		"--fault": {Address: "127.0.0.1:0", Faults: []wabatest.Fault{{Kind: "explode"}}},
	} {
		if _, err := RunGraph(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v", err)
		}
	}
}

func TestGraphTallyForPeople(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	PrintGraphTally(&b, wabatest.Tally{Requests: 1200, PeakAsked: 90, Accepted: 1100, Recipients: 1099, Duplicates: 1, Peak: 80, Refused: map[int]int{130429: 90, 131026: 10},
		Unanswered: 3, Statuses: map[string]int{"sent": 1000}, Received: 5, Read: 4, Typing: 2, Dropped: 7, Faults: map[string]int{"fail": 100}, Prompts: 6,
		Callbacks: wabatest.Callbacks{Posted: 40, Acknowledged: 39, Facts: 2000, Refused: map[string]int{"503": 1}, Pending: 8}})
	want := `requests    1,200, busiest second 90
accepted    1,100 to 1,099 recipients, 1 duplicates, busiest second 80
refused     130429 90, 131026 10
unanswered  3
statuses    sent 1,000
received    5, 4 marked as read, 2 typing indicators
callbacks   40 posted, 39 acknowledged with 2,000 facts, 8 facts pending, 7 dropped
            refused: 503 1
prompts     6
faults      fail 100
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}
