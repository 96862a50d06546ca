package gateway

import "testing"

func TestUrgent(t *testing.T) {
	for body, want := range map[string]bool{
		`{"entry":[{"changes":[{"field":"messages","value":{"messages":[{"id":"a"}]}}]}]}`:                         true,
		`{"entry":[{"changes":[{"field":"messages","value":{"statuses":[{"id":"a"}]}}]}]}`:                         false,
		`{"entry":[{"changes":[{"field":"messages","value":{"statuses":[{"id":"a"}],"messages":[{"id":"b"}]}}]}]}`: true,
		`{"entry":[{"changes":[{"value":{"history":[{"threads":[{"messages":[]}]}]},"field":"history"}]}]}`:        false,
		`{"entry":[{"changes":[{"field":"smb_message_echoes","value":{"message_echoes":[]}}]}]}`:                   true,
		`{"statuses":[{"id":"a"}]}`:       false,
		`{"messages":[{"id":"a"}]}`:       true,
		`{ "statuses" : [ {"id":"a"} ] }`: true, // not as the platform writes it
		`{"entry":[{"changes":[{"field":"account_update","value":{"event":"VERIFIED_ACCOUNT"}}]}]}`: true,
		`not json`: true,
		``:         true,
	} {
		if got := urgent([]byte(body)); got != want {
			t.Errorf("urgent(%s) = %v", body, got)
		}
	}
}
