package deliver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return noon.Add(-d) }
func in(d time.Duration) time.Time  { return noon.Add(d) }

func TestCounted(t *testing.T) {
	old := circuit{phase: watched, since: ago(10 * time.Second), until: in(50 * time.Second)}
	opened := circuit{phase: open, since: noon, until: in(10 * time.Second), trips: 1}
	for name, tc := range map[string]struct {
		before circuit
		counts counts
		want   circuit
	}{
		"nothing happened":           {circuit{}, counts{}, circuit{}},
		"all is well":                {circuit{}, counts{100, 0}, circuit{}},
		"the first failure":          {circuit{}, counts{1, 1}, circuit{phase: watched, since: noon, until: in(time.Minute)}},
		"nothing but failures":       {circuit{}, counts{50, 50}, circuit{phase: watched, since: noon, until: in(time.Minute)}},
		"too early to judge":         {circuit{phase: watched, since: ago(settle - 1), until: in(time.Minute)}, counts{50, 50}, circuit{phase: watched, since: ago(settle - 1), until: in(time.Minute)}},
		"just late enough":           {circuit{phase: watched, since: ago(settle), until: in(time.Minute)}, counts{50, 50}, opened},
		"nine":                       {old, counts{9, 9}, old},
		"ten":                        {old, counts{10, 10}, opened},
		"seven of ten":               {old, counts{10, 7}, opened},
		"six of ten":                 {old, counts{10, 6}, old},
		"69 of 100":                  {old, counts{100, 69}, old},
		"70 of 100":                  {old, counts{100, 70}, opened},
		"still some failures":        {circuit{phase: watched, since: ago(time.Minute), until: in(20 * time.Second)}, counts{100, 1}, circuit{phase: watched, since: ago(time.Minute), until: in(time.Minute)}},
		"no more failures":           {circuit{phase: watched, since: ago(time.Minute), until: in(20 * time.Second)}, counts{100, 0}, circuit{phase: watched, since: ago(time.Minute), until: in(20 * time.Second)}},
		"open, counts say no more":   {opened, counts{100, 0}, opened},
		"probed, counts say no more": {opened.probing(noon), counts{100, 100}, opened.probing(noon)},
	} {
		require.Equal(t, tc.want, tc.before.counted(tc.counts, noon), name)
	}
}

func TestAdmits(t *testing.T) {
	for name, tc := range map[string]struct {
		circuit   circuit
		ok, probe bool
		until     time.Time
	}{
		"closed":                {circuit{}, true, false, time.Time{}},
		"watched":               {circuit{phase: watched, until: in(time.Minute)}, true, false, time.Time{}},
		"watched no more":       {circuit{phase: watched, until: ago(time.Minute)}, true, false, time.Time{}},
		"open":                  {circuit{phase: open, until: in(time.Second)}, false, false, in(time.Second)},
		"open until now":        {circuit{phase: open, until: noon}, false, true, time.Time{}},
		"probed":                {circuit{phase: halfOpen, until: in(30 * time.Second)}, false, false, in(probeLook)},
		"probed, not for long":  {circuit{phase: halfOpen, until: in(time.Second)}, false, false, in(time.Second)},
		"the prober disappears": {circuit{phase: halfOpen, until: ago(1)}, false, true, time.Time{}},
	} {
		ok, probe, until := tc.circuit.admits(noon)
		require.Equal(t, tc.ok, ok, name)
		require.Equal(t, tc.probe, probe, name)
		require.True(t, tc.until.Equal(until), name)
	}
}

// 10 s at first, twice as long after every probe that fails, five minutes at most; then from the beginning.
func TestProbed(t *testing.T) {
	c := circuit{phase: open, since: ago(time.Hour), until: noon, trips: 1}
	for trips, wait := range []time.Duration{20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second, 5 * time.Minute, 5 * time.Minute} {
		p := c.probing(noon)
		require.Equal(t, circuit{phase: halfOpen, since: c.since, until: in(probeFor), trips: trips + 1}, p)
		require.Equal(t, circuit{}, p.probed(success, noon))
		back := p.probed(unused, noon)
		require.Equal(t, circuit{phase: open, since: c.since, until: noon, trips: trips + 1}, back)
		_, probe, _ := back.admits(noon)
		require.True(t, probe, "the next may probe at once")
		c = p.probed(failure, noon)
		require.Equal(t, circuit{phase: open, since: c.since, until: in(wait), trips: trips + 2}, c)
	}
	c.trips = 1 << 30
	require.Equal(t, in(5*time.Minute), c.probed(failure, noon).until)
}

// What is over, and what a clock that was set back left behind, is closed.
func TestAt(t *testing.T) {
	for name, tc := range map[string]struct {
		circuit circuit
		stays   bool
	}{
		"watched":                  {circuit{phase: watched, until: in(time.Second)}, true},
		"watched no more":          {circuit{phase: watched, until: noon}, false},
		"watched for too long":     {circuit{phase: watched, until: in(time.Hour)}, false},
		"open":                     {circuit{phase: open, until: in(5 * time.Minute)}, true},
		"open, to be probed":       {circuit{phase: open, until: ago(time.Minute)}, true},
		"open and forgotten":       {circuit{phase: open, until: ago(2 * time.Hour)}, false},
		"open for too long":        {circuit{phase: open, until: in(time.Hour)}, false},
		"probed":                   {circuit{phase: halfOpen, until: in(35 * time.Second)}, true},
		"probed for too long":      {circuit{phase: halfOpen, until: in(time.Hour)}, false},
		"the prober disappeared":   {circuit{phase: halfOpen, until: ago(time.Second)}, true},
		"and nobody came for long": {circuit{phase: halfOpen, until: ago(2 * time.Hour)}, false},
	} {
		want := circuit{}
		if tc.stays {
			want = tc.circuit
		}
		require.Equal(t, want, tc.circuit.at(noon), name)
	}
}

func TestParseCircuit(t *testing.T) {
	for _, c := range []circuit{{}, {watched, noon, in(time.Minute), 0}, {open, ago(time.Hour), in(time.Second), 7}, {halfOpen, noon, in(probeFor), 1}} {
		got := parseCircuit(c.String())
		require.Equal(t, c.String(), got.String())
		require.Equal(t, c.phase, got.phase)
		require.Equal(t, c.trips, got.trips)
		if c.phase != closed {
			require.True(t, c.since.Equal(got.since) && c.until.Equal(got.until), "%+v", got)
		}
	}
	for _, s := range []string{"", "open", "open 1 2", "ajar 1 2 3", "open x y z", "{}"} {
		require.Equal(t, circuit{}, parseCircuit(s), s)
	}
}

// A window is six slots: what was counted 60 s ago is gone, what was counted 50 s ago is not.
func TestWindow(t *testing.T) {
	var s samples
	s.add(noon, counts{3, 1})
	s.add(in(9*time.Second), counts{1, 1})
	s.add(in(10*time.Second), counts{5, 0})
	for after, want := range map[time.Duration]counts{0: {4, 2}, -time.Second: {}, 10 * time.Second: {9, 2}, 59 * time.Second: {9, 2}, 60 * time.Second: {5, 0}, 70 * time.Second: {}} {
		require.Equal(t, want, s.sum(in(after)), "after %s", after)
	}
	s.add(in(time.Minute), counts{1, 0}) // the place of the first slot
	require.Equal(t, counts{6, 0}, s.sum(in(time.Minute)))

	now, old := field(slotOf(noon)), field(slotOf(ago(time.Minute)))
	require.Equal(t, counts{5, 2}, sumFields(map[string]string{now: "5", now + "f": "2", old: "100", old + "f": "100", "": "1", "f": "1", "x": "7", "7f": "y"}, noon))
}
