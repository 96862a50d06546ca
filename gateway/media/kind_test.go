package media

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf16"

	"wabagate/models"
)

// wide is a text in UTF-16, with the mark of its byte order.
func wide(s string) string {
	b := []byte{0xff, 0xfe}
	for _, c := range utf16.Encode([]rune(s)) {
		b = append(b, byte(c), byte(c>>8))
	}
	return string(b)
}

func TestExamine(t *testing.T) {
	t.Parallel()
	const (
		jpeg = "\xff\xd8\xff\xe0\x00\x10JFIF\x00"
		png  = "\x89PNG\r\n\x1a\n\x00\x00"
		mp4  = "\x00\x00\x00\x18ftypmp42"
		zip  = "PK\x03\x04\x14\x00"
		ole  = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00"
		docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	)
	for _, c := range []struct{ claimed, head, want string }{ // want: the type it is served as, or the refusal
		{"image/jpeg", jpeg, "image/jpeg"},
		{"image/jpeg", png, "image/png"},
		{"image/jpeg", "%PDF-1.7", TypeDiffers},
		{"image/jpeg", "\x00\x01\x02\x03", TypeDiffers},
		{"image/jpeg", "just words", TypeDiffers},
		{"image/webp", "RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"},
		{"image/webp", "RIFF\x00\x00\x00\x00WAVEfmt ", TypeDiffers},
		{"image/gif", "GIF89a", "image/gif"},
		{"audio/ogg; codecs=opus", "OggS\x00", "audio/ogg; codecs=opus"},
		{"audio/ogg", "#!AMR\n", "audio/ogg"},
		{"audio/amr", "#!AMR\n", "audio/amr"},
		{"audio/amr", "#!/bin/sh\n", TypeRefused},
		{"audio/aac", "\xff\xf1\x50\x80", "audio/aac"},
		{"audio/mpeg", "\xff\xfb\x90\x00", "audio/mpeg"},
		{"audio/mpeg", "ID3\x04", "audio/mpeg"},
		{"audio/mpeg", jpeg, TypeDiffers},
		{"audio/mp4", mp4, "audio/mp4"},
		{"video/3gpp", mp4, "video/3gpp"},
		{"video/mp4", "MZ\x90\x00", TypeRefused},
		{"application/pdf", "%PDF-1.7\n", "application/pdf"},
		{"application/pdf", "\n\njunk%PDF-1.4", "application/pdf"},
		{"application/pdf", zip, TypeDiffers},
		{docx, zip, docx},
		{docx, ole, docx},
		{docx, "%PDF-1.7", TypeDiffers},
		{"application/msword", ole, "application/msword"},
		{"application/msword", "{\\rtf1", "application/msword"},
		{"application/vnd.ms-excel", "a;b;c\n1;2;3\n", "application/vnd.ms-excel"},
		{"application/vnd.ms-excel", "<html><table>", TypeRefused},
		{"text/plain", "words", "text/plain"},
		{"text/plain; charset=utf-8", "wörds <script> and more", "text/plain; charset=utf-8"},
		{"text/plain", "a\x00b", TypeDiffers},
		{"text/plain", wide("words"), "text/plain"},
		{"text/plain", wide("<html>"), TypeRefused},
		{"text/csv", "\xef\xbb\xbfa,b", "text/csv"},
		{"text/plain", "  \n<!DOCTYPE HTML><body>", TypeRefused},
		{"text/plain", "\xef\xbb\xbf<ScRipt>alert(1)", TypeRefused},
		{"text/plain", "<!-- a comment --> <p>", TypeRefused},
		{"application/xml", `<?xml version="1.0"?><Invoice><header/><body/></Invoice>`, "application/xml"},
		{"application/xml", `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`, TypeRefused},
		{"application/xml", `<?xml version="1.0"?><?xml-stylesheet href="x"?>`, TypeRefused},
		{"application/xml", `<x:html xmlns:x="http://www.w3.org/1999/xhtml">`, TypeRefused},
		{"image/svg+xml", "<svg>", TypeRefused},
		{"text/html; charset=utf-8", "words", TypeRefused},
		{"TEXT/HTML", "words", TypeRefused},
		{"application/vnd.android.package-archive", zip, TypeRefused},
		{"application/zip", zip, "application/zip"},
		{"application/x-unheard-of", "\x01\x02", "application/x-unheard-of"},
		{"application/x-unheard-of", "\x7fELF", TypeRefused},
		{"application/octet-stream", png, "image/png"},
		{"application/octet-stream", "\x01\x02\x00", "application/octet-stream"},
		{"application/octet-stream", ole, "application/octet-stream"},
		{"application/octet-stream", "\xca\xfe\xba\xbe\x00\x00", TypeRefused},
		{"application/octet-stream", "\x00asm\x01", TypeRefused},
		{"", jpeg, "image/jpeg"},
		{"", "<svg onload=alert(1)>", TypeRefused},
		{"nonsense", "\x01\x02\x00", "application/octet-stream"},
	} {
		got, err := examine(c.claimed, []byte(c.head))
		var refused *models.MediaError
		if errors.As(err, &refused) {
			got = refused.Code
		}
		if got != c.want {
			t.Errorf("%s beginning with %.20q is %q, %v; want %q", c.claimed, c.head, got, err, c.want)
		}
	}
}

// A picture with a page in its comment is a picture: it is served as one.
func TestPictureWithPage(t *testing.T) {
	t.Parallel()
	if got, err := examine("image/jpeg", []byte("\xff\xd8\xff\xfe<html><script>")); got != "image/jpeg" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestSaveAs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, mimeType, want string }{
		{"quote é.pdf", "application/pdf", "quote é.pdf"},
		{"", "image/jpeg", "media-7.jpg"},
		{"", "audio/ogg; codecs=opus", "media-7.ogg"},
		{"", "application/x-unheard-of", "media-7.bin"},
		{"../../etc/passwd", "text/plain", "passwd.txt"},
		{`C:\temp\a.doc`, "application/msword", "a.doc"},
		{"a\r\nb\x00\".pdf", "application/pdf", `ab".pdf`},
		{"invoice.exe", "application/pdf", "invoice.exe.pdf"},
		{"page.HTML", "text/plain", "page.HTML.txt"},
		{"fdp\u202e.exe", "application/pdf", "fdp.exe.pdf"},
		{"..", "application/pdf", "media-7.pdf"},
		{" . / ", "application/pdf", "media-7.pdf"},
		{"noend", "application/pdf", "noend.pdf"},
		{"\xff\xfe.pdf", "application/pdf", "pdf.pdf"},
	} {
		if got := saveAs(c.name, "7", c.mimeType); got != c.want {
			t.Errorf("%q is saved as %q, want %q", c.name, got, c.want)
		}
	}
	long := saveAs(strings.Repeat("é", 300)+".pdf", "7", "application/pdf")
	if len(long) > longestName || !strings.HasSuffix(long, "é.pdf") {
		t.Errorf("%d bytes, %q", len(long), long)
	}
	if got := saveAs(strings.Repeat("a", 300)+"."+strings.Repeat("b", 300), "7", "application/pdf"); len(got) > longestName+4 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestParseSum(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]bool{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855": true,
		"E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855": true,
		"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=":                     true,
		"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU":                      true,
		"q83v": false, "": false, "abcdef0123": false, "not a hash": false,
	} {
		sum, ok := parseSum(said)
		if ok != want || ok && sum[0] != 0xe3 {
			t.Errorf("%q: %x, %v", said, sum, ok)
		}
	}
}
