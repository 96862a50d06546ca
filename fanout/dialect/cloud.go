package dialect

import (
	"wabagate/fanout/event"
	"wabagate/fanout/signature"
)

// cloud passes on the platform's own envelope around the one fact, so that a receiver written for the Cloud API works
// unchanged, signature included. The platform escapes non-ASCII text in what it sends and we do not; receivers that
// verify raw bytes or parse JSON do not notice.
//
// To the platform only 200 acknowledges. Here any 2xx does: a receiver that answers 202 or 204 has taken the event and
// means no retry, and one that works with the platform answers 200 anyway.
func cloud() Dialect {
	return Dialect{Name: "cloud", Manners: usual(), scheme: signature.Hub, raw: true, render: renderCloud}
}

func renderCloud(dst []byte, _ string, e event.Event) ([]byte, error) {
	if len(e.Upstream) == 0 {
		return dst, renderError("cloud", e, ErrNoShape)
	}
	return append(dst, e.Upstream...), nil
}
