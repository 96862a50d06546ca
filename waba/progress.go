package waba

import "slices"

// The delivery statuses of the platform. Others may come; they parse, unknown.
const (
	StatusSent      = "sent"      // left the platform
	StatusDelivered = "delivered" // on a device; skipped when read follows at once
	StatusRead      = "read"      // shown, if the user lets it be known
	StatusPlayed    = "played"    // a voice message was listened to
	StatusFailed    = "failed"    // see Errors
)

// Two statuses of the On-Premises era. They say nothing about delivery, so a [Status] that has one is not Known.
const (
	StatusDeleted = "deleted" // the user deleted a message of theirs for everyone
	StatusWarning = "warning" // an item of a product message is missing in the catalogue
)

// StatusNames lists the statuses that the platform is known to use, sorted. The list is the caller's to keep.
func StatusNames() []string {
	names := []string{StatusSent, StatusDelivered, StatusRead, StatusPlayed, StatusFailed, StatusDeleted, StatusWarning}
	slices.Sort(names)
	return names
}

// Rank orders the statuses of a message on its way: sent 1, delivered 2, read 3, played 4. Failed is not on that way
// and has 0, as has every unknown status; [Advance] knows where it belongs.
func Rank(status string) int {
	switch status {
	case StatusSent:
		return 1
	case StatusDelivered:
		return 2
	case StatusRead:
		return 3
	case StatusPlayed:
		return 4
	}
	return 0
}

// Advance returns the status to keep for a message when next arrives and current is stored; blank means none. The
// platform guarantees no order and repeats itself, so the answer depends only on which statuses came, never on their
// order or number.
//
// That holds because the statuses form one line and the furthest wins: sent, failed, delivered, read, played. A late
// sent does not revive a failed message. A delivery is a fact, which no failure undoes and which corrects an earlier
// one. Unknown statuses come before all of these and, among each other, in the order of their letters.
func Advance(current, next string) string {
	a, b := weight(current), weight(next)
	if b > a || b == a && next > current {
		return next
	}
	return current
}

// weight is Rank, doubled to make room for failed between sent and delivered.
func weight(status string) int {
	if status == StatusFailed {
		return 3
	}
	return 2 * Rank(status)
}
