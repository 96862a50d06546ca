package canon_test

import (
	"testing"

	"wabagate/fanout/canon"
)

// typical is an event's data of about 600 bytes.
const typical = `{"business_id":56,"occurred_at":"2026-11-01T10:30:45.000Z","sequence":3,"number":{"id":7,"phone_number_id":"600700800900100","display_phone_number":"15550100200","waba_id":"500100200300400"},"contact":{"id":456,"name":"Layla Haddad","wa_id":"15550177321","user_id":"US.4KQ82ZT7M1"},"conversation":{"id":1234,"created_at":"2026-11-01T10:30:45.000Z"},"message":{"id":"wamid.HBgLMTU1NTAxNzczMjEVAgASGBQzQTdCODhFNDU1","direction":"inbound","from":"15550177321","to":"15550100200","type":"text","text":"Hi! Is my order 1042 on its way? 🙏","timestamp":"2026-11-01T10:30:45.000Z","content":{"body":"Hi! Is my order 1042"}}}`

func BenchmarkAppend(b *testing.B) {
	src := []byte(typical)
	for name, dst := range map[string][]byte{"new": nil, "reused": make([]byte, 0, 2*len(typical))} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := canon.Append(dst, src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendReordered(b *testing.B) {
	src := []byte(`{"z":` + typical + `,"1":0}`)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := canon.Append(nil, src); err != nil {
			b.Fatal(err)
		}
	}
}
