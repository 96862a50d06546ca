package wabatest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"wabagate/waba"
	"wabagate/waba/wabatest"
)

// faulty starts a simulator with faults.
func faulty(t testing.TB, faults ...wabatest.Fault) *bench {
	t.Helper()
	b := start(t, wabatest.Options{OpenWindow: true})
	if err := b.sim.AddFaults(faults...); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault    wabatest.Fault
		status   int    // 0: no answer
		code     string // "(no JSON)" for a page
		accepted int
	}{
		"refused":             {wabatest.Fault{Kind: wabatest.FaultRefuse, Code: 131026}, 400, "131026", 0},
		"refused for a while": {wabatest.Fault{Kind: wabatest.FaultRefuse, Code: 130429, Status: 429}, 429, "130429", 0},
		"maintenance":         {wabatest.Fault{Kind: wabatest.FaultRefuse, Code: 131057}, 500, "131057", 0},
		"token":               {wabatest.Fault{Kind: wabatest.FaultRefuse, Code: 190}, 401, "190", 0},
		"lost":                {wabatest.Fault{Kind: wabatest.FaultClose, After: true}, 0, "", 1},
		"closed":              {wabatest.Fault{Kind: wabatest.FaultClose}, 0, "", 0},
		"half":                {wabatest.Fault{Kind: wabatest.FaultHalf}, 0, "", 1},
		"error after":         {wabatest.Fault{Kind: wabatest.FaultError, After: true}, 500, "131000", 1},
		"error before":        {wabatest.Fault{Kind: wabatest.FaultError, Code: 133004}, 503, "133004", 0},
		"page":                {wabatest.Fault{Kind: wabatest.FaultHTML}, 502, "(no JSON)", 0},
		"page after":          {wabatest.Fault{Kind: wabatest.FaultHTML, After: true, Status: 504}, 504, "(no JSON)", 1},
		"garbage after":       {wabatest.Fault{Kind: wabatest.FaultGarbage, After: true}, 200, "(no JSON)", 1},
		"timeout before":      {wabatest.Fault{Kind: wabatest.FaultHang}, 0, "", 0},
		"timeout after":       {wabatest.Fault{Kind: wabatest.FaultHang, After: true}, 0, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.fault.Next = 1
			b := faulty(t, test.fault)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if test.fault.Kind == wabatest.FaultHang {
				ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
				defer cancel()
			}
			got := b.callContext(ctx, "POST", messages, text(customer, "Hi"))
			if test.status == 0 {
				if got.err == nil {
					t.Errorf("answered %d %s", got.status, got.body)
				}
				if test.fault.Kind == wabatest.FaultHang != errors.Is(got.err, context.DeadlineExceeded) {
					t.Error(got.err)
				}
			} else if got.status != test.status || got.member("error.code") != test.code && got.member("x") != test.code {
				t.Errorf("answered %d %v %s", got.status, got.err, got.body)
			}
			b.settle()
			tally := b.sim.Tally()
			if tally.Accepted != test.accepted || len(b.statuses()) != test.accepted || tally.Faults[test.fault.Kind] != 1 {
				t.Errorf("%+v", tally)
			}
			if kept := b.sim.Messages(wabatest.Filter{}); len(kept) == 1 && !kept[0].Unanswered {
				t.Errorf("%+v is not marked as unanswered", kept[0])
			}
			b.send(text(customer, "the next goes well"))
		})
	}
}

func TestSlowAnswer(t *testing.T) {
	t.Parallel()
	b := faulty(t, wabatest.Fault{Kind: wabatest.FaultSlow, Delay: 150 * time.Millisecond})
	began := time.Now()
	b.send(text(customer, "Hi"))
	if took := time.Since(began); took < 150*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

// What fails for good always does, what passes is refused anew each time, and shares are kept.
func TestShareOfFaults(t *testing.T) {
	t.Parallel()
	b := faulty(t, wabatest.Fault{Kind: wabatest.FaultFail, Code: 131050, Share: 0.1}, wabatest.Fault{Kind: wabatest.FaultRefuse, Code: 131056, Share: 0.2})
	failed := map[int]map[string]bool{}
	refused := 0
	for round := range 2 {
		failed[round] = map[string]bool{}
		for i := range 300 {
			to := fmt.Sprint(15550170000 + i)
			for b.call("POST", messages, text(to, "Hi")).status != 200 {
				refused++
			}
		}
		b.settle()
		for _, m := range b.sim.Messages(wabatest.Filter{After: round * 300}) {
			if m.Error == 131050 && m.Status == waba.StatusFailed {
				failed[round][m.To] = true
			}
		}
	}
	if n := len(failed[0]); n < 15 || n > 50 || len(failed[1]) != n {
		t.Errorf("%d failed, then %d", n, len(failed[1]))
	}
	for to := range failed[0] {
		if !failed[1][to] {
			t.Errorf("%s failed once only", to)
		}
	}
	if refused < 90 || refused > 220 { // 600 × 0.2 / 0.8 is 150
		t.Errorf("%d refused", refused)
	}
	if tally := b.sim.Tally(); tally.Accepted != 600 || tally.Refused[131056] != refused {
		t.Errorf("%+v", tally)
	}
}

func TestFaultOfOneRecipient(t *testing.T) {
	t.Parallel()
	b := faulty(t, wabatest.Fault{Kind: wabatest.FaultRefuse, Code: 130429, Recipient: "+" + customer, Times: 2})
	for _, want := range []int{400, 400, 200, 200} {
		if got := b.call("POST", messages, text(customer, "Hi")); got.status != want {
			t.Errorf("%d, not %d", got.status, want)
		}
	}
	b.send(text("15550170001", "not affected"))
}

func TestStatusBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	b := faulty(t, wabatest.Fault{Kind: wabatest.FaultEarly})
	id := b.send(text(customer, "Hi"))
	if got := b.statuses()[id]; len(got) == 0 || got[0].Status != waba.StatusSent {
		t.Errorf("%q before the answer", words(got))
	}
	b.settle()
	if got := words(b.statuses()[id]); got != "sent delivered read" {
		t.Error(got)
	}
}

func TestDroppedStatuses(t *testing.T) {
	t.Parallel()
	b := faulty(t, wabatest.Fault{Kind: wabatest.FaultDrop, Share: 0.2}, wabatest.Fault{Kind: wabatest.FaultSilence, Share: 0.1})
	for i := range 200 {
		b.send(text(fmt.Sprint(15550170000+i), "Hi"))
	}
	b.settle()
	arrived := map[string]bool{}
	for id, statuses := range b.statuses() {
		for _, s := range statuses {
			arrived[id+s.Status] = true
		}
	}
	lost := map[string]int{}
	for _, d := range b.sim.Dropped() {
		if arrived[d.ID+d.Status] {
			t.Errorf("%s %s arrived", d.ID, d.Status)
		}
		lost[d.Why]++
	}
	if len(arrived)+lost[wabatest.LostDropped]+lost[wabatest.LostSilent] != 600 || lost[wabatest.LostDropped] < 60 || lost[wabatest.LostSilent]%3 != 0 ||
		lost[wabatest.LostSilent] == 0 {
		t.Errorf("%d arrived, lost %v", len(arrived), lost)
	}
	if tally := b.sim.Tally(); tally.Callbacks.Facts != len(arrived) || tally.Dropped != 600-len(arrived) {
		t.Errorf("%+v", tally)
	}
}

func TestDroppedMessageOfACustomer(t *testing.T) {
	t.Parallel()
	b := faulty(t, wabatest.Fault{Kind: wabatest.FaultDrop, Only: "message", Next: 1})
	id, err := b.sim.Receive(wabatest.Inbound{From: customer, Text: "lost"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.sim.Receive(wabatest.Inbound{From: customer, Text: "kept"}); err != nil {
		t.Fatal(err)
	}
	b.settle()
	if dropped := b.sim.Dropped(); len(dropped) != 1 || dropped[0].ID != id || dropped[0].Status != "message" {
		t.Errorf("%+v", dropped)
	}
	if got := b.messages(); len(got) != 1 || got[0].Text != "kept" {
		t.Errorf("%+v", got)
	}
}

func TestFaultsElsewhere(t *testing.T) {
	t.Parallel()
	b := faulty(t, wabatest.Fault{Kind: wabatest.FaultHTML, At: wabatest.AtManage, Next: 1}, wabatest.Fault{Kind: wabatest.FaultClose, At: wabatest.AtMedia, Next: 1},
		wabatest.Fault{Kind: wabatest.FaultHalf, At: wabatest.AtDownload, Next: 1})
	const number = "/v26.0/" + wabatest.DefaultNumberID
	if got := b.call("GET", number, nil); got.status != 502 || !strings.Contains(string(got.body), "<html>") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := b.call("GET", number, nil); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	id, err := b.sim.AddMedia(wabatest.Media{Size: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if got := b.call("DELETE", "/v26.0/"+id, nil); got.err == nil { // a GET would be tried again by the client
		t.Errorf("%d %s", got.status, got.body)
	}
	url := b.call("GET", "/v26.0/"+id, nil).member("url")
	if got := b.call("GET", url, nil); !errors.Is(got.err, io.ErrUnexpectedEOF) || len(got.body) != 500 {
		t.Errorf("%d bytes, %v", len(got.body), got.err)
	}
	if got := b.call("GET", url, nil); got.err != nil || len(got.body) != 1000 {
		t.Errorf("%d bytes, %v", len(got.body), got.err)
	}
}

func TestFaultsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	sim := wabatest.New(wabatest.Options{})
	defer sim.Close()
	for want, f := range map[string]wabatest.Fault{
		"expected refuse":  {Kind: "explode"},
		"expected message": {Kind: wabatest.FaultRefuse, At: "moon"},
		"at model":         {Kind: wabatest.FaultFail, At: wabatest.AtModel},
		"0 to 1":           {Kind: wabatest.FaultFail, Share: 2},
		"delay":            {Kind: wabatest.FaultSlow},
		"goes with":        {Kind: wabatest.FaultFail, Only: "sent"},
	} {
		if err := sim.AddFaults(f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", f, err)
		}
	}
	if len(sim.Faults()) != 0 {
		t.Error("a wrong fault was added")
	}
}
