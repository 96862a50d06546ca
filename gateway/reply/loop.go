package reply

import (
	"slices"
	"time"

	"wabagate/models"
)

// What tells a bot from a person. Each is worth a person's look and no more: the conversation is handed over.
const (
	// repeats of one text within repeatsWithin.
	repeats       = 3
	repeatsWithin = 10 * time.Minute
	// rushes are answers in a row that came within rushWithin of ours.
	rushes     = 3
	rushWithin = 2 * time.Second
	// pingPong is more answers of ours than a person reads within pingPongWithin.
	pingPong       = 10
	pingPongWithin = 2 * time.Minute
)

// loops says why the other side may be a bot; empty: it seems to be a person. The last message is the one to be answered.
func loops(recent []models.Message, now time.Time) reason {
	switch {
	case repeated(recent, now):
		return byRepeats
	case rushed(recent):
		return bySpeed
	case ofAI(recent, now.Add(-pingPongWithin)) >= pingPong:
		return byPingPong
	}
	return ""
}

// repeated says whether the last things that the other side wrote are the same.
func repeated(recent []models.Message, now time.Time) bool {
	text, n := "", 0
	for _, m := range slices.Backward(recent) {
		if !wantsAnswer(m) {
			continue
		}
		said := plain(m.Text)
		if n == 0 {
			text = said
		}
		if said == "" || said != text || m.SentAt.Before(now.Add(-repeatsWithin)) {
			return false
		}
		if n++; n == repeats {
			return true
		}
	}
	return false
}

// rushed says whether the last answers to the AI came faster than a person writes. The platform's clock has whole seconds, so
// that an answer may seem to have come a second early.
func rushed(recent []models.Message) bool {
	n := 0
	for i := len(recent) - 1; i > 0; i-- {
		before := recent[i-1]
		if !recent[i].Inbound || before.Inbound || before.SentBy != sentBy {
			continue
		}
		if recent[i].SentAt.Sub(before.SentAt) >= rushWithin {
			return false
		}
		if n++; n == rushes {
			return true
		}
	}
	return false
}

// ofAI counts the AI's messages since a moment.
func ofAI(recent []models.Message, since time.Time) (n int) {
	for _, m := range recent {
		if !m.Inbound && m.SentBy == sentBy && m.SentAt.After(since) {
			n++
		}
	}
	return n
}
