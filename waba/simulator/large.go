package simulator

import (
	"strconv"
	"time"
)

// threadLength is how many messages one thread of a large chunk has at most.
const threadLength = 200

// Large returns a history chunk of n past messages, at least one: 11,000 make a body close to the platform's limit of
// 3 MB. They are spread over the customers' threads, in both directions, and reach 180 days back.
func (s *Simulator) Large(n int) Fact {
	s.pass()
	n = max(n, 1)
	begin := s.now.Add(-180 * 24 * time.Hour).Unix()
	first := ""
	body := append(make([]byte, 0, n*512), `{"messaging_product":"whatsapp","metadata":`...)
	body = append(append(body, s.metadata...), `,"history":[{"metadata":{"phase":2,"chunk_order":1,"progress":100},"threads":[`...)
	for i := range n {
		who := &s.customers[i/threadLength%len(s.customers)]
		if i%threadLength == 0 {
			if i > 0 {
				body = append(body, `]},`...)
			}
			body = appendText(body, `{"id":`, who.digits)
			body = appendText(body, `,"context":{"wa_id":`, who.digits)
			body = appendText(body, `,"user_id":`, who.userID)
			body = append(body, `},"messages":[`...)
		} else {
			body = append(body, ',')
		}
		outbound := s.rng.IntN(2) == 0
		id := s.wamid(who.digits, outbound)
		defaults(&first, id)
		body = s.appendPast(body, who.digits, id, begin+int64(i), outbound)
	}
	body = append(body, `]}]}]}`...)
	return Fact{Kind: KindChange, Name: "history_large", ID: "history_large:" + first, Field: "history", Body: body, At: s.now.Truncate(time.Second)}
}

// appendPast appends one past message.
func (s *Simulator) appendPast(dst []byte, digits, id string, at int64, outbound bool) []byte {
	from, status := digits, "READ"
	if outbound {
		from, status = s.options.DisplayPhoneNumber, "DELIVERED"
	}
	dst = appendText(dst, `{"from":`, from)
	if outbound {
		dst = appendText(dst, `,"to":`, digits)
	}
	dst = appendText(dst, `,"id":`, id)
	dst = strconv.AppendInt(append(dst, `,"timestamp":"`...), at, 10)
	dst = s.text(append(dst, `","type":"text","text":`...))
	dst = appendText(dst, `,"history_context":{"status":`, status)
	return append(dst, `}}`...)
}
