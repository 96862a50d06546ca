package dialect

import (
	"encoding/json"

	"wabagate/fanout/canon"
)

// appendData appends the form that a dialect found for an event's data. A nil form stands for everything known, as it
// is kept: the form of the types for which a product has none.
func appendData(dst []byte, form any, kept json.RawMessage) ([]byte, error) {
	if form == nil {
		if len(kept) == 0 {
			return append(dst, "{}"...), nil
		}
		return append(dst, kept...), nil
	}
	b, err := canon.Marshal(form)
	if err != nil {
		return dst, err
	}
	return append(dst, b...), nil
}

// appendNotice appends `{event, timestamp, data}`, the envelope of two products.
func appendNotice(dst []byte, name, timestamp string, form any, kept json.RawMessage) ([]byte, error) {
	out := append(dst, `{"event":`...)
	out = canon.AppendString(out, name)
	out = append(out, `,"timestamp":`...)
	out = canon.AppendString(out, timestamp)
	out = append(out, `,"data":`...)
	out, err := appendData(out, form, kept)
	if err != nil {
		return dst, err
	}
	return append(out, '}'), nil
}
