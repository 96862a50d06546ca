package media

import (
	"bytes"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// headLength is how much of the beginning of a file shows what it is, in bytes.
const headLength = 4096

// hostile are MIME types that are refused whatever the bytes are: what runs when somebody opens it.
var hostile = [...]string{
	"text/html", "application/xhtml+xml", "image/svg+xml", "application/hta", "text/javascript", "application/javascript", "application/ecmascript",
	"application/x-msdownload", "application/x-msdos-program", "application/x-dosexec", "application/vnd.microsoft.portable-executable", "application/x-msi",
	"application/x-executable", "application/x-elf", "application/x-mach-binary", "application/x-sharedlib", "application/x-sh", "application/x-csh", "application/x-bat",
	"application/java-archive", "application/java-vm", "application/vnd.android.package-archive", "application/wasm", "application/x-shockwave-flash",
}

// hostileNames are the ends of names that a system would run.
var hostileNames = [...]string{
	".exe", ".dll", ".scr", ".com", ".pif", ".bat", ".cmd", ".msi", ".msp", ".lnk", ".ps1", ".vbs", ".vbe", ".js", ".jse", ".mjs", ".wsf", ".wsh", ".hta", ".cpl", ".reg",
	".sh", ".command", ".app", ".dmg", ".pkg", ".apk", ".jar", ".class", ".desktop", ".html", ".htm", ".xhtml", ".shtml", ".mht", ".mhtml", ".svg", ".svgz", ".swf", ".wasm",
}

// program is how files begin that a machine runs.
var program = [...]string{
	"MZ", "\x7fELF", "#!", "\xfe\xed\xfa\xce", "\xfe\xed\xfa\xcf", "\xce\xfa\xed\xfe", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe", "\x00asm", "dex\n", "L\x00\x00\x00\x01\x14\x02\x00",
}

// page is what markup holds near its beginning that a browser would show as a page, in small letters.
var page = [...]string{
	"<!doctype html", "<html", "<script", "<iframe", "<svg", "http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg", "<?xml-stylesheet",
}

// shape is how files of a type begin. Types with the same family are taken for one another.
type shape struct {
	mimeType, family string
	fits             func(head []byte) bool
}

func begins(with ...string) func([]byte) bool {
	return func(head []byte) bool {
		return slices.ContainsFunc(with, func(w string) bool { return bytes.HasPrefix(head, []byte(w)) })
	}
}

// riff is a RIFF container of a form.
func riff(form string) func([]byte) bool {
	return func(head []byte) bool {
		return len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == form
	}
}

// frames are those of MPEG audio: eleven bits set, and layer II or III. The first layer begins as UTF-16 does.
func frames(head []byte) bool {
	return len(head) > 1 && head[0] == 0xff && head[1]&0xe0 == 0xe0 && (head[1]&0x06 == 0x02 || head[1]&0x06 == 0x04)
}

// adts are frames of AAC: twelve bits set, and no layer.
func adts(head []byte) bool { return len(head) > 1 && head[0] == 0xff && head[1]&0xf6 == 0xf0 }

// boxes is a container of the ISO base media format, MP4, 3GPP and QuickTime among them.
func boxes(head []byte) bool {
	return len(head) >= 8 && slices.Contains([]string{"ftyp", "moov", "mdat", "wide", "free", "skip"}, string(head[4:8]))
}

// pdf may have something before its beginning.
func pdf(head []byte) bool { return bytes.Contains(head[:min(len(head), 1024)], []byte("%PDF-")) }

// The families.
const (
	image    = "image"
	sound    = "audio or video" // the same containers hold both
	document = "PDF"
	archive  = "archive" // which the newer office formats are
	office   = "old office format"
	text     = "text"
)

// shapes are tried in this order.
var shapes = [...]shape{
	{"image/jpeg", image, begins("\xff\xd8\xff")},
	{"image/png", image, begins("\x89PNG\r\n\x1a\n")},
	{"image/gif", image, begins("GIF87a", "GIF89a")},
	{"image/webp", image, riff("WEBP")},
	{"audio/ogg", sound, begins("OggS")},
	{"audio/amr", sound, begins("#!AMR")},
	{"audio/wav", sound, riff("WAVE")},
	{"audio/aac", sound, adts},
	{"audio/mpeg", sound, begins("ID3")},
	{"audio/mpeg", sound, frames},
	{"video/mp4", sound, boxes},
	{"video/webm", sound, begins("\x1a\x45\xdf\xa3")},
	{"application/zip", archive, begins("PK\x03\x04", "PK\x05\x06", "PK\x07\x08")},
	{"application/x-ole-storage", office, begins("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")},
	{"application/pdf", document, pdf},
}

// families are those that the types of messages allow. Types that are not here allow any file that is not hostile.
var families = map[string][]string{
	"image/jpeg": {image}, "image/png": {image}, "image/gif": {image}, "image/webp": {image},
	"audio/aac": {sound}, "audio/amr": {sound}, "audio/mp4": {sound}, "audio/mpeg": {sound}, "audio/ogg": {sound}, "audio/opus": {sound}, "audio/wav": {sound},
	"video/mp4": {sound}, "video/3gpp": {sound}, "video/quicktime": {sound}, "video/webm": {sound},
	"application/pdf": {document}, "application/zip": {archive},
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   {archive, office}, // what has a password is of the old format
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         {archive, office},
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": {archive, office},
	"application/msword": {office, archive, text}, "application/vnd.ms-excel": {office, archive, text}, "application/vnd.ms-powerpoint": {office, archive},
	"text/plain": {text}, "text/csv": {text}, "text/xml": {text}, "application/xml": {text}, "application/json": {text},
}

// bare is a MIME type without parameters; empty for what is none.
func bare(mimeType string) string {
	b, _, err := mime.ParseMediaType(mimeType)
	if err != nil || !strings.Contains(b, "/") {
		return ""
	}
	return b
}

// looksLike says what a file is by its beginning: its type and family, both empty for what is not known.
func looksLike(head []byte) (mimeType, family string) {
	for _, s := range shapes {
		if s.fits(head) {
			return s.mimeType, s.family
		}
	}
	if legible(head) {
		return "text/plain", text
	}
	return "", ""
}

// legible tells whether it is text, as far as it is here: no zero bytes, and a set of characters that browsers know.
func legible(head []byte) bool {
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return true // UTF-16
	}
	return len(head) > 0 && bytes.IndexByte(head, 0) < 0 && strings.HasPrefix(http.DetectContentType(head), "text/")
}

// runs tells whether a file would run, or show a page of its own, where somebody opens it.
func runs(head []byte) bool {
	if !begins("#!AMR")(head) && begins(program[:]...)(head) {
		return true
	}
	if _, family := looksLike(head); family != text && family != "" {
		return false // whatever stands in the comments of a picture
	}
	markup := bytes.ToLower(bytes.TrimSpace(narrow(head)))
	if !bytes.HasPrefix(markup, []byte("<")) {
		return false // a text that speaks of pages, which is served as a text
	}
	return strings.HasPrefix(http.DetectContentType(markup), "text/html") ||
		slices.ContainsFunc(page[:], func(p string) bool { return bytes.Contains(markup, []byte(p)) })
}

// narrow takes off the mark of the byte order and, from UTF-16, the zero bytes, so that Latin letters can be searched.
func narrow(head []byte) []byte {
	if begins("\xff\xfe", "\xfe\xff")(head) {
		return bytes.ReplaceAll(head[2:], []byte{0}, nil)
	}
	return bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
}

// examineType judges a file by what it claims to be.
func examineType(claimed string) error {
	if b := bare(claimed); slices.Contains(hostile[:], b) {
		return refuse(TypeRefused, "Files of the type %s are not kept: they can do harm where they are opened.", b)
	}
	return nil
}

// examine judges a file by what it claims to be and by its beginning: the MIME type to serve it as, or the refusal.
func examine(claimed string, head []byte) (string, error) {
	if err := examineType(claimed); err != nil {
		return "", err
	}
	claimedBare := bare(claimed)
	if runs(head) {
		return "", refuse(TypeRefused, "The file is a program, a script or a web page: it can do harm where it is opened.")
	}
	found, family := looksLike(head)
	allowed, known := families[claimedBare]
	switch {
	case known && !slices.Contains(allowed, family):
		is := "something else"
		if found != "" {
			is = found
		}
		return "", refuse(TypeDiffers, "The file says that it is %s, and is %s.", claimedBare, is)
	case known && family == image:
		return found, nil // one kind of picture is often taken for another
	case claimedBare == "" || claimedBare == "application/octet-stream":
		if found == "" || family == office {
			found = "application/octet-stream"
		}
		return found, nil
	}
	return canonical(claimed), nil
}

// canonical writes a MIME type in the one way that can stand in a header.
func canonical(mimeType string) string {
	b, parameters, err := mime.ParseMediaType(mimeType)
	if err != nil {
		return "application/octet-stream"
	}
	return mime.FormatMediaType(b, parameters)
}

// shown tells whether a browser may show a file instead of saving it.
func shown(mimeType string) bool {
	family, _, _ := strings.Cut(bare(mimeType), "/")
	return family == "image" || family == "audio" || family == "video"
}

// longestName bounds the name that a file is saved under, in bytes.
const longestName = 200

// saveAs is the name to save a file under: without directories, control characters and an end that would make it run.
func saveAs(filename, mediaID, mimeType string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r == '\\':
			return '/'
		case r < ' ', r == 0x7f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // and those that turn the reading direction
			return -1
		}
		return r
	}, strings.ToValidUTF8(filename, ""))
	name = strings.Trim(path.Base("/"+name), " ./")
	if name == "" {
		name = "media-" + mediaID
	}
	end := path.Ext(name)
	if len(name) > longestName {
		if len(end) > 10 {
			end = ""
		}
		cut := longestName - len(end)
		for !utf8.RuneStart(name[cut]) {
			cut--
		}
		name = name[:cut] + end
	}
	if end == "" || slices.Contains(hostileNames[:], strings.ToLower(end)) {
		name += usualEnd(mimeType)
	}
	return name
}

// ends are the usual ends of names; systems know others, and not all the same.
var ends = map[string]string{
	"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp", "audio/ogg": ".ogg", "audio/mpeg": ".mp3", "audio/aac": ".aac", "audio/amr": ".amr",
	"audio/mp4": ".m4a", "video/mp4": ".mp4", "video/3gpp": ".3gp", "application/pdf": ".pdf", "application/zip": ".zip", "text/plain": ".txt", "text/csv": ".csv",
}

func usualEnd(mimeType string) string {
	if end, ok := ends[bare(mimeType)]; ok {
		return end
	}
	return ".bin"
}
