package waba

import "encoding/json"

// Media is a file that a user sent. The bytes are not in the callback: they are fetched by ID within 7 days, or by URL
// within 5 minutes, both with the token of the number.
type Media struct {
	ID       string
	Kind     string // image, video, audio, document or sticker
	MimeType string // may carry parameters, such as "audio/ogg; codecs=opus"
	SHA256   string // as it came: base64 in callbacks of the Cloud API, hex elsewhere; compare bytes, not text
	Filename string // documents only
	Caption  string
	URL      string // sent since late 2025; empty before

	Voice    bool // recorded in the app. A message of type "voice" (On-Premises style) is audio with Voice set.
	Animated bool // stickers only
}

func parseMedia(kind string, content json.RawMessage, r *reading) *Media {
	m := Media{Kind: kind}
	for key, value := range members(content) {
		switch string(key) {
		case "id":
			m.ID = r.text("media id", value)
		case "mime_type":
			m.MimeType, _ = text(value)
		case "sha256":
			m.SHA256, _ = text(value)
		case "filename":
			m.Filename, _ = text(value)
		case "caption":
			m.Caption = r.text("caption", value)
		case "url":
			m.URL, _ = text(value)
		case "voice":
			m.Voice = flag(value)
		case "animated":
			m.Animated = flag(value)
		}
	}
	if kind == "voice" {
		m.Kind, m.Voice = "audio", true
	}
	return &m
}
