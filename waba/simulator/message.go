package simulator

import (
	"strconv"

	"wabagate/waba"
)

// inbound makes a customer write: mostly text, now and then media.
func (s *Simulator) inbound() Fact {
	c := s.someone()
	n := s.rng.IntN(100)
	fact := s.write(*c, n)
	switch {
	case n < 78:
		s.remember(said, fact.ID, c, "")
	case n < 88:
		s.remember(pictured, fact.ID, c, "")
	}
	return fact
}

// write makes a message whose type n decides, which is below 100.
func (s *Simulator) write(c customer, n int) Fact {
	switch {
	case n < 78:
		return s.message(c, "text", s.text)
	case n < 88:
		return s.message(c, "image", s.media("image/jpeg", s.caption()))
	case n < 94:
		return s.message(c, "audio", s.media("audio/ogg; codecs=opus", `,"voice":true`))
	case n < 96:
		return s.message(c, "video", s.media("video/mp4", s.caption()))
	case n < 99:
		return s.message(c, "document", s.media("application/pdf", `,"filename":"order 7\/2026.pdf"`))
	}
	return s.message(c, "sticker", s.media("image/webp", `,"animated":false`))
}

// message makes one element of messages[], whose content is what the given function appends.
func (s *Simulator) message(c customer, kind string, content func([]byte) []byte) Fact {
	id := s.wamid(c.digits, false)
	body := appendMessage(make([]byte, 0, 512), Letter{ID: id, At: s.now, From: c.contact, Type: kind}, content)
	return Fact{Kind: KindMessage, ID: id, Field: waba.FieldMessages, Body: body, Contact: c.contact}
}

func (s *Simulator) text(dst []byte) []byte {
	text := pick(s.rng, s.script.phrases)
	if s.rng.IntN(8) == 0 {
		text += "\n" + pick(s.rng, s.script.phrases)
	}
	return append(appendText(dst, `{"body":`, text), '}')
}

// media returns a writer of a media object; more is JSON for the members that only its kind has.
func (s *Simulator) media(mimeType, more string) func([]byte) []byte {
	return func(dst []byte) []byte {
		sum := s.digest()
		id := strconv.FormatUint(1_000_000_000_000_000+s.rng.Uint64N(8_000_000_000_000_000), 10)
		dst = appendText(dst, `{"id":`, id)
		dst = appendText(dst, `,"mime_type":`, mimeType)
		dst = appendText(dst, `,"sha256":`, sum)
		dst = appendText(dst, `,"url":`, "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid="+id)
		return append(append(dst, more...), '}')
	}
}

// caption is a phrase under every second picture, nothing otherwise.
func (s *Simulator) caption() string {
	if s.rng.IntN(2) == 0 {
		return ""
	}
	return string(appendText(nil, `,"caption":`, pick(s.rng, s.script.phrases)))
}
