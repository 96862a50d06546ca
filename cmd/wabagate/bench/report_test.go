package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite testdata")

func sample() *Report {
	r := &Report{Stores: "PostgreSQL and Redis", Runs: 1, Connections: 64}
	for key, v := range map[string]float64{
		keyEcho: 92_000, keyEnqueue: 15_700, keyEnqueueP50: 3.1, keyEnqueueP99: 12, keyPost: 21_900, keyNoop: 10_000, keyTaskPost: 4_600,
		keyWaiting: 100_000, keyAcknowledged: 15_700, keyAckP50: 3.456, keyAckP99: 11.44, keyWaitingPeak: 149.9,
		keyDrained: 5_210.4, keyDrainCommits: 0.1, keyDrainPeak: 150, keyDrainLost: 0, keyDrainDuplicated: 2,
		keyDelivered: 4_599.9, keyCommits: 0.0321, keyLost: 1, keyIdleRSS: 59.9, keyIdleCPU: 3, keySteadyP50: 15, keySteadyP99: 49.9, keyHangRatio: 1.5,
	} {
		r.add(key, v)
	}
	r.note("A note.")
	r.note("A note.")
	return r
}

// sampleMixes is a report of the mixes whose ratio is a hair too small.
func sampleMixes() *Report {
	r := &Report{Stores: "PostgreSQL and Redis", Mix: MixAll, Rounds: 3, Runs: 1, Connections: 64}
	for mix, rate := range map[string]float64{textOnly: 5_000, allKinds: 3_999} {
		for name, v := range map[string]float64{mixBody: 600, mixAcknowledged: 2 * rate, mixDelivered: rate, mixEvents: 1.25, mixTypes: 70, mixCPU: 0.2, mixStoresCPU: 0.1,
			mixBytes: 20, mixAllocs: 200, mixCommits: 0.03, mixPeak: 90, mixLost: 0, mixDuplicated: 0} {
			r.add(mix+name, v)
		}
	}
	r.add(keyAllToText, 0.7998)
	return r
}

// sampleFairness is a report in which live messages suffer a hair too much.
func sampleFairness() *Report {
	r := &Report{Stores: "PostgreSQL and Redis", Fairness: true, Quick: true, Rounds: 5, Runs: 1, Connections: 64}
	for turn, v := range map[string]float64{fairIdle: 10, fairAlone: 14, fairBeside: 15.01} {
		r.add(turn+fairLiveP50, v/2)
		r.add(turn+fairLiveP99, v)
		r.add(turn+fairLost, 0)
		r.add(turn+fairDuplicated, 0)
		if turn != fairIdle {
			r.add(turn+fairPace, 3_000)
			r.add(turn+fairReportP50, 2*v)
			r.add(turn+fairReportP99, 5*v)
		}
	}
	r.add(fairBeside+fairDead, 600)
	r.add(fairBeside+fairSlow, 512)
	r.compareTurns()
	return r
}

// sampleSending is a report in which one message in twenty went out late, one twice, and one event was not told.
func sampleSending() *Report {
	r := &Report{Stores: "PostgreSQL and Redis", Sending: true, Runs: 1, Connections: 64}
	for _, k := range sends {
		r.add(k.key, 0)
	}
	for key, v := range map[string]float64{keySendAsked: 500, keySendPace: 474, keySendAckP50: 2, keySendAckP99: 20, keySendP50: 13, keySendP99: 70, keySendTwice: 1, keySendLost: 1} {
		r.add(key, v)
	}
	return r
}

// sampleHistory is a report in which adding became a hair too slow, one list far too slow, and a day
// took a hair too long to go.
func sampleHistory() *Report {
	r := &Report{Stores: "throw-away PostgreSQL and Redis", History: 10_000_000, Runs: 1, Connections: 64}
	for age, v := range map[string]float64{ageYoung: 1, ageOld: 1.3} {
		r.add(age+historySize, 300)
		r.add(age+historyAccepted, 30_000)
		r.add(age+historyAdded, 5_000/v)
		r.add(age+historyCommits, 0.05)
		for _, name := range []string{readList, readListLater, readListFailed, readListType, readListDay, readDelivery, readEvent, readContact, readThread,
			readPhone, readWamid, readKey, readFeed, readTimeline, readWamidAny, readKeyAny, readTimelineAny} {
			r.add(age+name, v/2)
		}
		r.add(age+historyLost, 0)
		r.add(age+historyDuplicated, 0)
	}
	r.add(ageOld+historyAdded, 3_846)
	for key, v := range map[string]float64{keyRetentionDays: 18, keyRetentionDay: 1, keyRetentionAcceptedBefore: 20, keyRetentionAccepted: 25, keyRetentionDeliveredBefore: 40,
		keyRetentionDelivered: 60, keyRetentionLost: 0, keyRetentionDuplicated: 0} {
		r.add(key, v)
	}
	r.add(ageOld+readListLater, 50)
	return r
}

func TestTable(t *testing.T) {
	t.Parallel()
	for path, r := range map[string]*Report{"testdata/table.golden": sample(), "testdata/mixes.golden": sampleMixes(), "testdata/fairness.golden": sampleFairness(),
		"testdata/history.golden": sampleHistory(), "testdata/sending.golden": sampleSending()} {
		var b bytes.Buffer
		if err := r.Print(&b); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), want) {
			t.Errorf("got\n%s\nwant\n%s(-update rewrites it)", b.Bytes(), want)
		}
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	want := map[string][]bool{
		keyAcknowledged: {true},            // exactly the limit; the echo beside it is no target
		keyDelivered:    {false, true},     // a hair below one limit, above the other
		keyWaitingPeak:  {true},            // below 150
		keyDrainPeak:    {false},           // 150 is not below 150
		keyDrainCommits: {true},            // at most 0.1
		keyLost:         {false},           // 1
		keyDrainLost:    {true},            // 0
		keyIdleRSS:      {true},            // below 60
		keyIdleCPU:      {false},           // 3 is not below 3
		keySteadyP50:    {false},           // 15 is not below 15
		keySteadyP99:    {true},            // below 50
		keyHangRatio:    {true},            // at most 1.5
		keyAckP99:       nil, keyEcho: nil, // no target
	}
	for _, f := range sample().Figures() {
		var got []bool
		for _, c := range f.Against {
			if (c.Target == "") != (c.Met == nil) {
				t.Errorf("%s: target %q, met %v", f.Key, c.Target, c.Met)
			}
			if c.Met != nil {
				got = append(got, *c.Met)
			}
		}
		marks, listed := want[f.Key]
		if !listed {
			continue
		}
		delete(want, f.Key)
		if len(got) != len(marks) {
			t.Errorf("%s: %v, want %v", f.Key, got, marks)
			continue
		}
		for i := range got {
			if got[i] != marks[i] {
				t.Errorf("%s %s: %v", f.Key, f.Against[i].Target, got[i])
			}
		}
	}
	for key := range want {
		t.Errorf("%s is not in the report", key)
	}
}

func TestNoLimitNoMark(t *testing.T) {
	t.Parallel()
	r := &Report{}
	r.add(keyAcknowledged, 9000)
	if f := r.Figures(); len(f) != 1 || f[0].Against != nil {
		t.Errorf("%+v", f)
	}
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	keys := map[string]bool{}
	for _, k := range catalogue {
		if keys[k.key] || k.key == "" || k.label == "" || k.stage == "" {
			t.Errorf("%+v", k)
		}
		keys[k.key] = true
		for _, r := range k.rules {
			if r.limit != "" && !keys[r.limit] {
				t.Errorf("%s is held against %q, which does not come before it", k.key, r.limit)
			}
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Connections int
		Figures     []Figure
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for _, f := range got.Figures {
		if f.Key == keyDelivered {
			c := f.Against[1]
			if f.Value != 4_599.9 || f.Unit != "/s" || c.Limit.Key != keyPost || c.Limit.Value != 21_900 || c.Target != "≥ 0.192 × limit" || !*c.Met {
				t.Errorf("%+v %+v", f, c)
			}
			return
		}
	}
	t.Errorf("no %s in %s", keyDelivered, b)
}

func TestMixes(t *testing.T) {
	t.Parallel()
	r := sampleMixes()
	if all := len(mixture(allKinds, stageAll, textOnly)); len(r.Figures()) != 2*all+1 {
		t.Errorf("%d figures for twice %d and the ratio", len(r.Figures()), all)
	}
	for _, f := range r.Figures() {
		switch f.Key {
		case keyAllToText:
			if c := f.Against[0]; len(f.Against) != 1 || c.Target != "≥ 0.8" || *c.Met {
				t.Errorf("%+v", f)
			}
		case allKinds + mixDelivered:
			if c := f.Against[0]; c.Limit.Key != textOnly+mixDelivered || c.Limit.Ratio != 0.7998 || c.Met != nil {
				t.Errorf("%+v", f)
			}
		}
	}
	r.add(allKinds+mixLost, 2)
	r.add(textOnly+mixLost, 1)
	if r.Lost() != 3 {
		t.Errorf("%d lost", r.Lost())
	}
	rounds := []*Report{{}, {}, {}}
	for i, v := range []float64{5, 1, 9} {
		rounds[i].add(allKinds+mixDelivered, v)
		rounds[i].add(allKinds+mixDuplicated, v)
	}
	if m := medians(rounds); len(m) != 2 || m[allKinds+mixDelivered] != 5 || m[allKinds+mixDuplicated] != 9 {
		t.Errorf("medians of rounds: %v", m)
	}
}

func TestFairness(t *testing.T) {
	t.Parallel()
	r := sampleFairness()
	met := map[string]bool{}
	for _, f := range r.Figures() {
		for _, c := range f.Against {
			if c.Met != nil {
				met[f.Key] = *c.Met
			}
		}
	}
	if !met[keyFairReports] || !met[keyFairLiveAlone] || met[keyFairLive] || len(met) != 9 {
		t.Errorf("met: %v", met)
	}
	if ratio := r.values[keyFairReports]; ratio != 5*15.01/(5*14) {
		t.Errorf("statuses × %v", ratio)
	}
	r.add(fairIdle+fairLost, 1)
	r.add(fairAlone+fairLost, 2)
	r.add(fairBeside+fairLost, 4)
	if r.Lost() != 7 {
		t.Errorf("%d lost", r.Lost())
	}
	empty := &Report{}
	if empty.compareTurns(); len(empty.values) != 0 {
		t.Errorf("ratios of nothing: %v", empty.values)
	}
	rounds := []*Report{{}, {}, {}}
	for i, v := range []float64{5, 1, 9} {
		rounds[i].add(keyFairReports, v)
		rounds[i].add(fairBeside+fairSlow, v)
	}
	if m := medians(rounds); m[keyFairReports] != 5 || m[fairBeside+fairSlow] != 9 {
		t.Errorf("medians of rounds: %v", m)
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	r := sampleHistory()
	short := map[string]string{}
	for _, f := range r.Figures() {
		for _, c := range f.Against {
			if c.Met != nil && !*c.Met {
				short[f.Key] = c.Target
			}
			if c.Limit != nil && (c.Limit.Label != map[bool]string{true: "at 100,000", false: "before"}[strings.HasPrefix(f.Key, ageOld)] || c.Limit.Ratio != f.Value/c.Limit.Value) {
				t.Errorf("%+v", f)
			}
		}
	}
	if len(short) != 3 || short[keyRetentionDay] != "< 1" || short[ageOld+historyAdded] != "≥ 0.7692 × limit" || short[ageOld+readListLater] != "≤ 1.3 × limit" {
		t.Errorf("short: %v", short)
	}
	r.add(ageYoung+historyLost, 1)
	r.add(ageOld+historyLost, 2)
	if r.Lost() != 3 {
		t.Errorf("%d lost", r.Lost())
	}
	p := &past{tenants: make([]tenant, 1), chapters: []chapter{newChapter(100, 0, 1, time.Now())}}
	for _, read := range p.reads(nil) {
		if kindOf(ageOld+read.key).label == "" || kindOf(ageYoung+read.key).label == "" {
			t.Errorf("%s is in no report", read.key)
		}
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	var reports []*Report
	for _, v := range []float64{5, 1, 9, 2} {
		r := &Report{Runs: 1, Stores: "SQLite"}
		r.add(keyDelivered, v)
		r.add(keyLost, v)
		reports = append(reports, r)
	}
	reports[1].add(keyIdleCPU, 0.5) // measured once
	reports[1].note("Slow.")
	m := Merge(reports)
	if m.values[keyDelivered] != 3.5 || m.values[keyLost] != 9 || m.Lost() != 9 || m.values[keyIdleCPU] != 0.5 || m.Runs != 4 || m.Stores != "SQLite" {
		t.Errorf("%+v", m)
	}
	if len(m.Notes) != 1 || m.Notes[0] != "Run 2: Slow." {
		t.Errorf("notes %q", m.Notes)
	}
	if Merge(reports[:1]) != reports[0] || median([]float64{3, 1, 2}) != 2 {
		t.Error("the median of one is itself, of three the middle one")
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]struct {
		v    float64
		unit string
	}{
		"92,346/s": {92_345.6, "/s"}, "0": {0, ""}, "0.032": {0.0321, ""}, "1.23 ms": {1.234, "ms"}, "12.3 MiB": {12.34, "MiB"}, "150 MiB": {150, "MiB"},
	} {
		if got := format(f.v, f.unit); got != want {
			t.Errorf("%v: %q, want %q", f, got, want)
		}
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	stage := errors.New("a stage failed")
	over, cancel := context.WithTimeoutCause(t.Context(), 0, errBudget)
	defer cancel()
	<-over.Done()
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()

	b := &bench{say: &narrator{}, report: &Report{}}
	for name, test := range map[string]struct {
		ctx       context.Context
		err, want error
	}{
		"all well":              {t.Context(), nil, nil},
		"a failure":             {t.Context(), stage, stage},
		"an interrupt":          {interrupted, stage, ErrInterrupted},
		"over, nothing to show": {over, stage, stage},
	} {
		if got := b.verdict(test.ctx, test.err); !errors.Is(got, test.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	b.report.add(keyEcho, 1)
	if err := b.verdict(over, stage); err != nil || len(b.report.Notes) != 1 {
		t.Errorf("a run cut off keeps what it measured: %v, %q", err, b.report.Notes)
	}
}
