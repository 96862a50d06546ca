package bench

// What compares the turns of the fairness stage.
const (
	keyFairReports   = "fairness_statuses_ratio"
	keyFairLiveAlone = "fairness_live_alone_ratio"
	keyFairLive      = "fairness_live_beside_ratio"
)

// The turns of the fairness stage have the same figures. The key of one is the turn, then the figure.
const (
	fairLiveP50    = "live_p50"
	fairLiveP99    = "live_p99"
	fairReportP50  = "statuses_p50"
	fairReportP99  = "statuses_p99"
	fairPace       = "statuses_per_second"
	fairDead       = "waiting_for_dead"
	fairSlow       = "waiting_for_slow"
	fairLost       = "lost"
	fairDuplicated = "duplicated"
	fairCPU        = "cpu"
	fairStoresCPU  = "stores_cpu"
)

const (
	stageFairIdle   = "live messages, nothing else"
	stageFairAlone  = "live messages and a broadcast's statuses, every webhook healthy"
	stageFairBeside = "the same, one webhook dead and one answering in 2 s"
	stageFair       = "compared, round by round"
)

// shares compares the turns.
var shares = []kind{
	{key: keyFairReports, stage: stageFair, label: "statuses to healthy ones p99, the third to the second", unit: "×", rules: []rule{{sign: atMost, bound: 1.3}}},
	{key: keyFairLiveAlone, stage: stageFair, label: "live messages p99, the second to the first", unit: "×", rules: []rule{{sign: atMost, bound: 1.5}}},
	{key: keyFairLive, stage: stageFair, label: "live messages p99, the third to the first", unit: "×", rules: []rule{{sign: atMost, bound: 1.5}}},
}

// sharing is the figures of a turn of the fairness stage, latencies set beside those of another if that is not blank. As
// is what they are called beside those of a third.
func sharing(turn, stage, as, other string) []kind {
	latency := func(figure, label string) kind {
		k := kind{key: turn + figure, stage: stage, label: label, unit: "ms", as: as}
		if other != "" {
			k.rules = []rule{{limit: other + figure}}
		}
		return k
	}
	return []kind{
		{key: turn + fairPace, stage: stage, label: "statuses acknowledged", unit: "/s"},
		latency(fairReportP50, "statuses to healthy ones, due to delivered p50"),
		latency(fairReportP99, "statuses to healthy ones, due to delivered p99"),
		latency(fairLiveP50, "live messages, due to delivered p50"),
		latency(fairLiveP99, "live messages, due to delivered p99"),
		{key: turn + fairCPU, stage: stage, label: "CPU of the gateway per callback", unit: "ms"},
		{key: turn + fairStoresCPU, stage: stage, label: "CPU of PostgreSQL and Redis per callback", unit: "ms"},
		{key: turn + fairDead, stage: stage, label: "waiting for the dead one", worst: true},
		{key: turn + fairSlow, stage: stage, label: "waiting for the slow one", worst: true},
		{key: turn + fairLost, stage: stage, label: "lost", worst: true, rules: never},
		{key: turn + fairDuplicated, stage: stage, label: "duplicated", worst: true, rules: never},
	}
}
