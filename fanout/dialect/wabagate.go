package dialect

import (
	"encoding/json"

	"wabagate/fanout/canon"
	"wabagate/fanout/event"
)

// wabagate is the gateway's own dialect: everything known, under the names of the catalogue, signed with Standard
// Webhooks alone. Data goes out as it is kept, without being read.
func wabagate() Dialect {
	return Dialect{Name: Default, Manners: usual(), render: renderWabagate, schema: schemaWabagate}
}

func renderWabagate(dst []byte, name string, e event.Event) ([]byte, error) {
	dst = append(dst, `{"id":`...)
	dst = canon.AppendString(dst, e.ID)
	dst = append(dst, `,"type":`...)
	dst = canon.AppendString(dst, name)
	dst = append(dst, `,"api_version":"`+event.APIVersion+`","created_at":"`...)
	dst = e.CreatedAt.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	dst = append(dst, `","live_mode":true,"data":`...)
	if len(e.Data) == 0 {
		return append(dst, "{}}"...), nil
	}
	return append(append(dst, e.Data...), '}'), nil
}

func schemaWabagate(t event.Type, _ string) (json.RawMessage, error) { return event.Schema(t.Name) }
