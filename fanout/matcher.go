package fanout

import "wabagate/models"

// Matcher says which events a webhook gets: those that it is subscribed to, of its number, in a dialect that speaks of them,
// whose content its filter lets through. A dialect that passes on what upstream posted gets fewer: only what came that way.
type Matcher struct{ sub *subscription }

// NewMatcher prepares a webhook, which need not be kept. An error says what of it cannot be used.
func NewMatcher(w models.Webhook) (Matcher, error) {
	sub, err := newSubscription(w)
	return Matcher{sub}, err
}

// Match reports whether an event goes to the webhook, whose business's it is.
func (m Matcher) Match(e models.Event) bool { return m.sub.matches(e) }

// matches says whether an event of the webhook's business goes to it, by what it is and what it says.
func (s *subscription) matches(e models.Event) bool {
	return s.wantsEvent(e.Type, e.NumberID) && s.filter.Match(e.Type, e.Data)
}
