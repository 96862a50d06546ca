package dialect

import (
	"time"

	"wabagate/fanout/canon"
	"wabagate/fanout/event"
)

// notice is `{event, timestamp, data}`, the envelope of two products, which print moments in their own way.
func notice(print func(t time.Time) string) envelope {
	return envelope{
		open: func(dst []byte, name string, _ event.Event, f *facts) []byte {
			dst = append(dst, `{"event":`...)
			dst = canon.AppendString(dst, name)
			dst = append(dst, `,"timestamp":`...)
			dst = canon.AppendString(dst, print(f.at()))
			return append(dst, `,"data":`...)
		},
		close: "}",
		describe: func(name string, data map[string]any) map[string]any {
			return object(map[string]any{
				"event":     map[string]any{"const": name},
				"timestamp": map[string]any{"type": "string", "format": "date-time"},
				"data":      data,
			})
		},
	}
}
