package gateway

import "bytes"

// urgent says whether a person may be waiting for what a callback says. It looks for the names of arrays in the body as
// the platform writes it, without parsing: statuses without messages, and the past that the phone app hands over, are what
// arrives by the thousand and can wait. Whatever is not recognised is urgent.
func urgent(body []byte) bool {
	if bytes.Contains(body, []byte(`"field":"history"`)) {
		return false
	}
	return !bytes.Contains(body, []byte(`"statuses":`)) || bytes.Contains(body, []byte(`"messages":`)) || bytes.Contains(body, []byte(`"message_echoes":`))
}
