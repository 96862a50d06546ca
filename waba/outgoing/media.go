package outgoing

import (
	"fmt"
	"mime"
	"slices"
	"strings"
)

// MediaRule is what the platform takes as one kind of media.
type MediaRule struct {
	Kind  string   // image, audio, video, document or sticker
	Types []string // MIME types without parameters; nil: any
	Size  int64    // of the largest file, in bytes
}

// mediaRules has the sizes of the platform's media page, and the types of its page for image; the other types are those
// that its clients agree on.
var mediaRules = [...]MediaRule{
	{"image", []string{"image/jpeg", "image/png"}, 5 << 20},
	{"audio", []string{"audio/aac", "audio/amr", "audio/mp4", "audio/mpeg", "audio/ogg"}, 16 << 20},
	{"video", []string{"video/3gpp", "video/mp4"}, 16 << 20},
	{"document", nil, 100 << 20},
	// An animated sticker has up to 500 KB, a still one up to 100: type and size do not show which it is.
	{"sticker", []string{"image/webp"}, 500 << 10},
}

// MediaRules lists the rules of every kind. The list is the caller's to keep.
func MediaRules() []MediaRule {
	rules := slices.Clone(mediaRules[:])
	for i := range rules {
		rules[i].Types = slices.Clone(rules[i].Types)
	}
	return rules
}

// CheckMedia tells whether the platform takes a file as media of a kind. The MIME type may have parameters, such as
// "audio/ogg; codecs=opus"; size is in bytes, below 0 when it is not known. The error is a [FieldError] of type, mime_type or
// file.
func CheckMedia(kind, mimeType string, size int64) error {
	at := slices.IndexFunc(mediaRules[:], func(r MediaRule) bool { return r.Kind == kind })
	if at < 0 {
		kinds := make([]string, len(mediaRules))
		for i, rule := range mediaRules {
			kinds[i] = rule.Kind
		}
		return FieldError{"type", fmt.Sprintf("is %s; it must be %s", quote(kind), alternatives(kinds))}
	}
	rule := mediaRules[at]
	switch bare, _, err := mime.ParseMediaType(mimeType); {
	case err != nil || !strings.Contains(bare, "/"):
		return FieldError{"mime_type", fmt.Sprintf("is %s, which is no MIME type", quote(mimeType))}
	case rule.Types != nil && !slices.Contains(rule.Types, bare):
		return FieldError{"mime_type", fmt.Sprintf("is %s; of type %s the platform takes %s", quote(bare), kind, alternatives(rule.Types))}
	}
	switch {
	case size == 0:
		return FieldError{"file", "is empty"}
	case size > rule.Size:
		return FieldError{"file", fmt.Sprintf("has %d bytes; of type %s the platform takes at most %d", size, kind, rule.Size)}
	}
	return nil
}
