package sending

import (
	"cmp"

	"wabagate/models"
	"wabagate/waba"
	"wabagate/waba/graph"
	"wabagate/waba/outgoing"
)

// letter is a message as it leaves.
type letter struct {
	outgoing.Message
	body []byte // nil when the message is to be marked as read
}

// write makes the body that leaves. The tracking string in it is ours, so that each status names the message that it is
// about; the caller's own stays with the row, and what it says of a broadcast goes along.
func write(s models.Send, broadcast models.Broadcast, style graph.Style) (letter, error) {
	m, err := outgoing.Parse(s.Body)
	if err != nil {
		return letter{}, err
	}
	l := letter{Message: m}
	switch tracking := track(s, broadcast).String(); {
	case m.IsRead:
	case style == graph.OnPremises:
		l.body = m.BodyOnPremises(tracking)
	default:
		l.body = m.Body(tracking)
	}
	return l, nil
}

// track says what the statuses of a message will tell of it.
func track(s models.Send, b models.Broadcast) waba.Tracking {
	t := waba.ParseTracking(s.Tracking)
	t.Origin, t.Send = cmp.Or(s.SentBy, t.Origin), s.ID
	if b.Reference != "" {
		t.Broadcast, t.Name, t.Template, t.Recipients = b.Reference, b.Name, b.TemplateName, b.Total
	}
	return t
}
