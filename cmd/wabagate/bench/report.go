package bench

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Report is what a run, or the medians of several, found.
type Report struct {
	Stores      string
	Mix         string // MixAll, else text messages only
	Fairness    bool
	Sending     bool
	Replies     bool
	History     int // events; 0: not measured
	Pages       int // deliveries; 0: not measured
	Quick       bool
	Runs        int
	Rounds      int // that figures are medians of, in each run; 0 where they are not
	Connections int
	Notes       []string

	values map[string]float64
}

// Figure is one thing measured.
type Figure struct {
	Key     string       `json:"key"`
	Stage   string       `json:"stage"`
	Label   string       `json:"label"`
	Value   float64      `json:"value"`
	Unit    string       `json:"unit"`
	Against []Comparison `json:"against,omitempty"`
}

// Comparison sets a figure beside a limit, a target, or both.
type Comparison struct {
	Limit  *Limited `json:"limit,omitempty"`  // measured in the same run; absent: the target is a number
	Target string   `json:"target,omitempty"` // empty: there is none, the limit is for information
	Met    *bool    `json:"met,omitempty"`    // with a target
}

// Limited is a limit and how much of it was reached.
type Limited struct {
	Key   string  `json:"key"`
	Label string  `json:"label"`
	Value float64 `json:"value"`
	Ratio float64 `json:"ratio"`
}

func (r *Report) add(key string, value float64) {
	if r.values == nil {
		r.values = map[string]float64{}
	}
	r.values[key] = value
}

// ratio adds how much larger one figure is than another.
func (r *Report) ratio(key, of, to string) {
	if r.values[to] > 0 {
		r.add(key, r.values[of]/r.values[to])
	}
}

func (r *Report) note(text string) {
	if !slices.Contains(r.Notes, text) {
		r.Notes = append(r.Notes, text)
	}
}

// perEvent reports what events cost between two readings; an empty key leaves a figure out.
func (r *Report) perEvent(before, after reading, events int, cpu, bytes, allocs string) {
	if events == 0 {
		return
	}
	n := float64(events)
	if before.measured && after.measured && cpu != "" {
		r.add(cpu, milliseconds(after.cpu-before.cpu)/n)
	}
	if before.counted && after.counted && bytes != "" {
		r.add(bytes, (after.bytes-before.bytes)/1024/n)
		r.add(allocs, (after.allocs-before.allocs)/n)
	}
}

func (r *Report) peak(g *gateway, key string) {
	if _, peak, ok := memoryOf(g.pid()); ok {
		r.add(key, peak)
	}
}

// Figures lists what was measured, in order, with limits and targets.
func (r *Report) Figures() []Figure {
	var fs []Figure
	for _, k := range catalogue {
		value, ok := r.values[k.key]
		if !ok {
			continue
		}
		f := Figure{Key: k.key, Stage: k.stage, Label: k.label, Value: value, Unit: k.unit}
		for _, rule := range k.rules {
			if c, ok := r.compare(value, rule); ok {
				f.Against = append(f.Against, c)
			}
		}
		fs = append(fs, f)
	}
	return fs
}

// compare is false when the limit of the rule was not measured.
func (r *Report) compare(value float64, rule rule) (Comparison, bool) {
	var c Comparison
	bound := rule.bound
	if rule.limit != "" {
		limit, ok := r.values[rule.limit]
		if !ok {
			return c, false
		}
		c.Limit = &Limited{Key: rule.limit, Label: labelOf(rule.limit), Value: limit}
		if limit > 0 {
			c.Limit.Ratio = value / limit
		}
		bound *= limit
	}
	if rule.sign != beside {
		met := rule.sign.met(value, bound)
		c.Target, c.Met = rule.String(), &met
	}
	return c, true
}

// Lost is how many acknowledged callbacks, or events of them, were not delivered, over all stages.
func (r *Report) Lost() int {
	n := 0.0
	for _, key := range []string{keyDrainLost, keyLost, keySteadyLost, keyHangLost, textOnly + mixLost, allKinds + mixLost,
		fairIdle + fairLost, fairAlone + fairLost, fairBeside + fairLost,
		keySendMissing, keySendLost, repliesOff + fairLost, repliesHanging + fairLost, repliesDown + fairLost,
		ageYoung + historyLost, ageOld + historyLost} {
		n += r.values[key]
	}
	return int(n)
}

// MarshalJSON implements json.Marshaler.
func (r *Report) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Stores      string   `json:"stores"`
		Mix         string   `json:"mix,omitempty"`
		Fairness    bool     `json:"fairness,omitempty"`
		Sending     bool     `json:"sending,omitempty"`
		Replies     bool     `json:"replies,omitempty"`
		History     int      `json:"history,omitempty"`
		Pages       int      `json:"pages,omitempty"`
		Quick       bool     `json:"quick"`
		Runs        int      `json:"runs"`
		Rounds      int      `json:"rounds,omitempty"`
		Connections int      `json:"connections"`
		BodyBytes   int      `json:"body_bytes"`
		WarmUp      float64  `json:"latencies_leave_out_first_share"`
		Notes       []string `json:"notes,omitempty"`
		Figures     []Figure `json:"figures"`
	}{r.Stores, r.Mix, r.Fairness, r.Sending, r.Replies, r.History, r.Pages, r.Quick, r.Runs, r.Rounds, r.Connections, bodySize, warmUp, r.Notes, r.Figures()})
}

// Merge makes one report of several: medians, and the worst of what must never happen.
func Merge(reports []*Report) *Report {
	if len(reports) == 1 {
		return reports[0]
	}
	merged := *reports[0]
	merged.Runs, merged.values, merged.Notes = len(reports), medians(reports), nil
	for i, r := range reports {
		for _, n := range r.Notes {
			merged.note(fmt.Sprintf("Run %d: %s", i+1, n))
		}
	}
	return &merged
}

// medians are the values of one report made of several.
func medians(reports []*Report) map[string]float64 {
	merged := map[string]float64{}
	for _, k := range catalogue {
		var values []float64
		for _, r := range reports {
			if v, ok := r.values[k.key]; ok {
				values = append(values, v)
			}
		}
		switch {
		case len(values) == 0:
		case k.worst:
			merged[k.key] = slices.Max(values)
		default:
			merged[k.key] = median(values)
		}
	}
	return merged
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}
