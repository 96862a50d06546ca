package reply

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// longest is what the platform takes as the body of a text message, in characters.
const longest = 4096

// words are those of a text without case and diacritics: "Agént!" and "agent" are the same, as are "مُوَظَّف" and "موظف".
func words(text string) []string {
	const tatweel = 'ـ' // stretches Arabic words
	bare := strings.Map(func(c rune) rune {
		if unicode.Is(unicode.Mn, c) || c == tatweel {
			return -1
		}
		return unicode.ToLower(c)
	}, norm.NFKD.String(text))
	return strings.FieldsFunc(bare, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
}

// mentions says whether a text has one of the keywords, which may be several words, as whole words.
func mentions(text string, keywords []string) bool {
	has := " " + strings.Join(words(text), " ") + " "
	for _, keyword := range keywords {
		if ws := words(keyword); len(ws) > 0 && strings.Contains(has, " "+strings.Join(ws, " ")+" ") {
			return true
		}
	}
	return false
}

// plain is a text as it is compared with another; of one without words the text itself.
func plain(text string) string {
	if ws := words(text); len(ws) > 0 {
		return strings.Join(ws, " ")
	}
	return strings.TrimSpace(text)
}

// sentenceEnd is the place of the last character before a limit that ends a sentence, in the scripts that people write to
// businesses in; -1: there is none. A stop within a number or a name ends nothing.
func sentenceEnd(text []rune, limit int) int {
	for i := limit - 1; i >= 0; i-- {
		switch {
		case strings.ContainsRune("。！？\n", text[i]):
			return i
		case strings.ContainsRune(".!?…؟۔।", text[i]) && (i+1 == len(text) || unicode.IsSpace(text[i+1])):
			return i
		}
	}
	return -1
}

// clip cuts a text to a number of characters: behind its last whole sentence, unless that leaves less than half, else
// behind its last whole word, with an ellipsis.
func clip(text string, most int) string {
	text = strings.TrimSpace(text)
	all := []rune(text)
	if len(all) <= most {
		return text
	}
	if end := sentenceEnd(all, most) + 1; end >= most/2 {
		return strings.TrimSpace(string(all[:end]))
	}
	kept := all[:most-1] // room for the ellipsis
	for end := len(kept) - 1; end >= most/2; end-- {
		if unicode.IsSpace(kept[end]) {
			kept = kept[:end]
			break
		}
	}
	return strings.TrimSpace(string(kept)) + "…"
}

// unfinished is what can be said of an answer that was cut off: its whole sentences. One that has none stays as it is.
func unfinished(text string) string {
	all := []rune(strings.TrimSpace(text))
	if end := sentenceEnd(all, len(all)); end > 0 {
		return strings.TrimSpace(string(all[:end+1]))
	}
	return string(all)
}

// spoken is an answer without what a model thought aloud before it: some put that between tags in front.
func spoken(text string) string {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "<think>") {
		return text
	}
	_, after, ended := strings.Cut(text, "</think>")
	if !ended {
		return "" // it never came to an answer
	}
	return strings.TrimSpace(after)
}
