package bench

import (
	"cmp"
	"fmt"
	"slices"
)

// The figures, as they are called in JSON.
const (
	keyEcho       = "limit_echo_per_second"
	keyEnqueue    = "limit_enqueue_per_second"
	keyEnqueueP50 = "limit_enqueue_p50"
	keyEnqueueP99 = "limit_enqueue_p99"
	keyPost       = "limit_post_per_second"
	keyNoop       = "limit_noop_per_second"
	keyTaskPost   = "limit_task_post_per_second"

	keyWaiting      = "acknowledge_callbacks"
	keyAcknowledged = "acknowledge_per_second"
	keyAckP50       = "acknowledge_p50"
	keyAckP99       = "acknowledge_p99"
	keyAckCPU       = "acknowledge_cpu"
	keyWaitingPeak  = "acknowledge_peak_rss"

	keyDrained         = "drain_per_second"
	keyDrainCPU        = "drain_cpu"
	keyDrainCommits    = "drain_commits"
	keyDrainPeak       = "drain_peak_rss"
	keyDrainLost       = "drain_lost"
	keyDrainDuplicated = "drain_duplicated"

	keyDelivered  = "end_to_end_per_second"
	keyCPU        = "end_to_end_cpu"
	keyStoresCPU  = "end_to_end_stores_cpu"
	keyBytes      = "end_to_end_allocated"
	keyAllocs     = "end_to_end_allocations"
	keyCommits    = "end_to_end_commits"
	keyPeak       = "end_to_end_peak_rss"
	keyLost       = "end_to_end_lost"
	keyDuplicated = "end_to_end_duplicated"

	keyIdleRSS = "idle_rss"
	keyIdleCPU = "idle_cpu"

	keySteadyP50        = "steady_p50"
	keySteadyP99        = "steady_p99"
	keySteadyLost       = "steady_lost"
	keySteadyDuplicated = "steady_duplicated"

	keyHealthyP99 = "hanging_p99_without"
	keyBesideP99  = "hanging_p99_with"
	keyHangRatio  = "hanging_ratio"
	keyHangLost   = "hanging_lost"

	keyAllToText = "all_kinds_to_text_only"
)

// The mixes have the same figures. The key of one is the mix, then the figure.
const (
	textOnly = "text_only_"
	allKinds = "all_kinds_"

	mixBody         = "body"
	mixAcknowledged = "acknowledged_per_second"
	mixDelivered    = "events_per_second"
	mixEvents       = "events_per_callback"
	mixTypes        = "event_types"
	mixCPU          = "cpu"
	mixStoresCPU    = "stores_cpu"
	mixBytes        = "allocated"
	mixAllocs       = "allocations"
	mixCommits      = "commits"
	mixPeak         = "peak_rss"
	mixLost         = "lost"
	mixDuplicated   = "duplicated"
)

// kind says what a figure is and what it is held against.
type kind struct {
	key, stage, label, unit string
	as                      string // what it is called as the limit of another; empty: its label
	worst                   bool   // of several runs the largest counts, not the median
	rules                   []rule
}

// rule compares a figure with a number, or with a multiple of a limit.
type rule struct {
	sign  sign
	bound float64
	limit string // key; empty: bound is the target
}

type sign int

const (
	beside sign = iota // shown, without a target
	atLeast
	atMost
	below
)

func (s sign) met(value, bound float64) bool {
	switch s {
	case atLeast:
		return value >= bound
	case atMost:
		return value <= bound
	case below:
		return value < bound
	}
	return true
}

func (r rule) String() string {
	if r.sign == atMost && r.bound == 0 {
		return "0"
	}
	text := map[sign]string{atLeast: "≥", atMost: "≤", below: "<"}[r.sign] + " " + trim(r.bound)
	if r.limit != "" {
		text += " × limit"
	}
	return text
}

func trim(v float64) string { return fmt.Sprintf("%.4g", v) }

const (
	stageLimits      = "limits of this machine"
	stageAcknowledge = "acknowledge, nothing drains"
	stageDrain       = "drain that backlog"
	stageEndToEnd    = "end to end, posting while delivering"
	stageIdle        = "idle, just started"
	stageSteady      = "end to end at 200 callbacks/s"
	stageHanging     = "50 webhooks, one of them hanging"
	stageText        = "end to end, text messages only"
	stageAll         = "end to end, everything WhatsApp sends"
	stageMixes       = "everything WhatsApp sends beside text messages only"
)

var (
	never    = []rule{{sign: atMost}}
	memory   = []rule{{sign: below, bound: 150}}
	toEvents = []rule{{sign: atMost, bound: 0.1}}
)

// catalogue is every figure in the order of the report.
var catalogue = slices.Concat(spine,
	mixture(textOnly, stageText, ""), mixture(allKinds, stageAll, textOnly), mixtures,
	sharing(fairIdle, stageFairIdle, "nothing else", ""), sharing(fairAlone, stageFairAlone, "all healthy", fairIdle), sharing(fairBeside, stageFairBeside, "", fairAlone), shares,
	sends,
	sharing(repliesOff, stageRepliesOff, "nobody answers", ""), sharing(repliesHanging, stageRepliesHanging, "", repliesOff), sharing(repliesDown, stageRepliesDown, "", repliesOff), answering,
	ageing(ageYoung, stageYoung, ""), ageing(ageOld, stageOld, ageYoung), retiring,
	looking(pagesFew, stagePagesFew, 100), looking(pagesMany, stagePagesMany, 200),
)

// mixtures compares the mixes.
var mixtures = []kind{
	{key: keyAllToText, stage: stageMixes, label: "events/s, the second to the first, by round", unit: "×", rules: []rule{{sign: atLeast, bound: 0.8}}},
}

// mixture is the figures of a mix, set beside those of another if that is not blank.
func mixture(mix, stage, other string) []kind {
	figure := func(name, label, unit string, rules ...rule) kind {
		k := kind{key: mix + name, stage: stage, label: label, unit: unit, rules: rules, as: "text only"}
		if other != "" {
			k.rules = slices.Insert(k.rules, 0, rule{limit: other + name})
		}
		return k
	}
	lost := kind{key: mix + mixLost, stage: stage, label: "lost", worst: true, rules: never}
	duplicated := kind{key: mix + mixDuplicated, stage: stage, label: "duplicated", worst: true, rules: never}
	return []kind{
		figure(mixBody, "average body of a callback", "bytes"),
		figure(mixAcknowledged, "callbacks acknowledged", "/s"),
		figure(mixDelivered, "events delivered", "/s"),
		figure(mixEvents, "events per callback", ""),
		figure(mixTypes, "types of events", ""),
		figure(mixCPU, "CPU of the gateway per event", "ms"),
		figure(mixStoresCPU, "CPU of PostgreSQL and Redis per event", "ms"),
		figure(mixBytes, "allocated per event", "KiB"),
		figure(mixAllocs, "allocations per event", ""),
		figure(mixCommits, "commits per event", "", toEvents...),
		figure(mixPeak, "peak RSS", "MiB", memory...),
		lost,
		duplicated,
	}
}

// spine is the figures of a run with text messages.
var spine = []kind{
	{key: keyEcho, stage: stageLimits, label: "Fiber POST echo", unit: "/s"},
	{key: keyEnqueue, stage: stageLimits, label: "Fiber, one asynq enqueue", unit: "/s"},
	{key: keyEnqueueP50, stage: stageLimits, label: "Fiber, one asynq enqueue, p50", unit: "ms"},
	{key: keyEnqueueP99, stage: stageLimits, label: "Fiber, one asynq enqueue, p99", unit: "ms"},
	{key: keyPost, stage: stageLimits, label: "net/http client to the receiver", unit: "/s"},
	{key: keyNoop, stage: stageLimits, label: "asynq no-op tasks", unit: "/s"},
	{key: keyTaskPost, stage: stageLimits, label: "asynq task, POST to the receiver", unit: "/s"},

	{key: keyWaiting, stage: stageAcknowledge, label: "callbacks", unit: ""},
	{key: keyAcknowledged, stage: stageAcknowledge, label: "acknowledged", unit: "/s", rules: []rule{{atLeast, 1, keyEnqueue}, {beside, 0, keyEcho}}},
	{key: keyAckP50, stage: stageAcknowledge, label: "acknowledgement p50", unit: "ms", rules: []rule{{beside, 0, keyEnqueueP50}}},
	{key: keyAckP99, stage: stageAcknowledge, label: "acknowledgement p99", unit: "ms", rules: []rule{{beside, 0, keyEnqueueP99}}},
	{key: keyAckCPU, stage: stageAcknowledge, label: "CPU of the gateway per callback", unit: "ms"},
	{key: keyWaitingPeak, stage: stageAcknowledge, label: "peak RSS, all of them waiting", unit: "MiB", rules: memory},

	{key: keyDrained, stage: stageDrain, label: "delivered", unit: "/s", rules: []rule{{beside, 0, keyTaskPost}, {beside, 0, keyNoop}}},
	{key: keyDrainCPU, stage: stageDrain, label: "CPU of the gateway per event", unit: "ms"},
	{key: keyDrainCommits, stage: stageDrain, label: "commits per event", unit: "", rules: toEvents},
	{key: keyDrainPeak, stage: stageDrain, label: "peak RSS", unit: "MiB", rules: memory},
	{key: keyDrainLost, stage: stageDrain, label: "lost", unit: "", worst: true, rules: never},
	{key: keyDrainDuplicated, stage: stageDrain, label: "duplicated", unit: "", worst: true, rules: never},

	{key: keyDelivered, stage: stageEndToEnd, label: "delivered", unit: "/s", rules: []rule{{atLeast, 1, keyTaskPost}, {atLeast, 0.192, keyPost}}},
	{key: keyCPU, stage: stageEndToEnd, label: "CPU of the gateway per event", unit: "ms"},
	{key: keyStoresCPU, stage: stageEndToEnd, label: "CPU of PostgreSQL and Redis per event", unit: "ms"},
	{key: keyBytes, stage: stageEndToEnd, label: "allocated per event", unit: "KiB"},
	{key: keyAllocs, stage: stageEndToEnd, label: "allocations per event", unit: ""},
	{key: keyCommits, stage: stageEndToEnd, label: "commits per event", unit: "", rules: toEvents},
	{key: keyPeak, stage: stageEndToEnd, label: "peak RSS", unit: "MiB", rules: memory},
	{key: keyLost, stage: stageEndToEnd, label: "lost", unit: "", worst: true, rules: never},
	{key: keyDuplicated, stage: stageEndToEnd, label: "duplicated", unit: "", worst: true, rules: never},

	{key: keyIdleRSS, stage: stageIdle, label: "RSS", unit: "MiB", rules: []rule{{sign: below, bound: 60}}},
	{key: keyIdleCPU, stage: stageIdle, label: "CPU, share of a core", unit: "%", rules: []rule{{sign: below, bound: 3}}},

	{key: keySteadyP50, stage: stageSteady, label: "due to delivered p50", unit: "ms", rules: []rule{{sign: below, bound: 15}}},
	{key: keySteadyP99, stage: stageSteady, label: "due to delivered p99", unit: "ms", rules: []rule{{sign: below, bound: 50}}},
	{key: keySteadyLost, stage: stageSteady, label: "lost", unit: "", worst: true, rules: never},
	{key: keySteadyDuplicated, stage: stageSteady, label: "duplicated", unit: "", worst: true, rules: never},

	{key: keyHealthyP99, stage: stageHanging, label: "healthy ones p99, none hanging", unit: "ms"},
	{key: keyBesideP99, stage: stageHanging, label: "healthy ones p99, one hanging 10 s", unit: "ms"},
	{key: keyHangRatio, stage: stageHanging, label: "the second to the first", unit: "×", rules: []rule{{sign: atMost, bound: 1.5}}},
	{key: keyHangLost, stage: stageHanging, label: "lost to healthy ones", unit: "", worst: true, rules: never},
}

// kindOf is the kind with a key, zero when there is none.
func kindOf(key string) kind {
	i := slices.IndexFunc(catalogue, func(k kind) bool { return k.key == key })
	if i < 0 {
		return kind{}
	}
	return catalogue[i]
}

// labelOf is what a figure is called as the limit of another.
func labelOf(key string) string {
	k := kindOf(key)
	return cmp.Or(k.as, k.label, key)
}
