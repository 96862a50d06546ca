package bench

// What compares the turns of the replies stage.
const (
	keyRepliesHanging = "replies_hanging_ratio"
	keyRepliesDown    = "replies_down_ratio"
)

const (
	stageRepliesOff     = "messages of customers, nobody answers by itself"
	stageRepliesHanging = "the same, every number answers by a model that hangs"
	stageRepliesDown    = "the same, by a model that refuses connections"
	stageReplies        = "messages with a model in trouble, round by round"
)

// answering compares the turns.
var answering = []kind{
	{key: keyRepliesHanging, stage: stageReplies, label: "due to delivered p99, the second to the first", unit: "×", rules: []rule{{sign: atMost, bound: 1.1}}},
	{key: keyRepliesDown, stage: stageReplies, label: "due to delivered p99, the third to the first", unit: "×", rules: []rule{{sign: atMost, bound: 1.1}}},
}
