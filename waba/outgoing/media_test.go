package outgoing_test

import (
	"strings"
	"testing"

	"wabagate/waba/outgoing"
)

func TestCheckMedia(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind, mime string
		size       int64
		want       string // the beginning of the error; empty: taken
	}{
		{"image", "image/jpeg", 5 << 20, ""},
		{"image", "image/jpeg", 5<<20 + 1, "file: has 5242881 bytes; of type image the platform takes at most 5242880"},
		{"image", "IMAGE/PNG", 1, ""},
		{"image", "image/webp", 1, `mime_type: is "image/webp"; of type image the platform takes "image/jpeg" or "image/png"`},
		{"image", "image/svg+xml", 1, "mime_type: "},
		{"audio", "audio/ogg; codecs=opus", 16 << 20, ""},
		{"audio", "audio/ogg", 16<<20 + 1, "file: "},
		{"audio", "audio/wav", 1, "mime_type: "},
		{"video", "video/mp4", 16 << 20, ""},
		{"video", "video/mp4", 16<<20 + 1, "file: "},
		{"video", "video/quicktime", 1, "mime_type: "},
		{"document", "application/vnd.ms-excel", 100 << 20, ""},
		{"document", "application/pdf", 100<<20 + 1, "file: "},
		{"document", "text/html", 1, ""},
		{"sticker", "image/webp", 500 << 10, ""},
		{"sticker", "image/webp", 500<<10 + 1, "file: "},
		{"sticker", "image/png", 1, "mime_type: "},
		{"document", "application/pdf", 0, "file: is empty"},
		{"document", "application/pdf", -1, ""},
		{"document", "", 1, `mime_type: is "", which is no MIME type`},
		{"document", "pdf", 1, "mime_type: "},
		{"document", "application/pdf\r\nX: y", 1, "mime_type: "},
		{"text", "text/plain", 1, `type: is "text"; it must be "image", "audio", "video", "document" or "sticker"`},
	} {
		err := outgoing.CheckMedia(tc.kind, tc.mime, tc.size)
		if (err == nil) != (tc.want == "") || err != nil && !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%s of %s with %d bytes: %v", tc.kind, tc.mime, tc.size, err)
		}
	}
}

func TestMediaRules(t *testing.T) {
	t.Parallel()
	for _, rule := range outgoing.MediaRules() {
		if rule.Types == nil {
			rule.Types = []string{"application/octet-stream"}
		}
		for _, mime := range rule.Types {
			if err := outgoing.CheckMedia(rule.Kind, mime, rule.Size); err != nil {
				t.Errorf("%s: %v", rule.Kind, err)
			}
		}
	}
	outgoing.MediaRules()[0].Types[0] = "changed"
	if outgoing.MediaRules()[0].Types[0] == "changed" {
		t.Error("the rules can be changed from outside")
	}
}
