package broadcast_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/gateway/broadcast"
	"wabagate/models"
)

const spring = `{"type":"template","template":{"name":"spring","language":{"code":"en"},"components":[{"type":"body","parameters":[{"type":"text","text":"Dear {{ name }}"},{"type":"text","text":"{{code}}"}]}]}}`

func TestLetter(t *testing.T) {
	for name, c := range map[string]struct {
		body      string
		names     []string
		recipient models.Recipient
		want      string
		text      string
	}{
		"a template": {spring, []string{"code", "name"}, models.Recipient{To: "15550177321", Variables: map[string]string{"name": "Ada", "code": "7", "other": "x"}},
			`{"to":"15550177321",` + strings.NewReplacer("{{ name }}", "Ada", "{{code}}", "7").Replace(spring[1:]), "spring"},
		"text that is JSON": {`{"text":{"body":"{{a}}"}}`, []string{"a"}, models.Recipient{To: "15550177321", Variables: map[string]string{"a": "\"},\n{{b}}\\\u2028<é"}},
			`{"to":"15550177321","text":{"body":"\"},\n{{b}}\\\u2028<é"}}`, "\"},\n{{b}}\\\u2028<é"},
		"a name in another spelling": {`{"text":{"body":"a\t\u007b{gr\u00fc\u00dfe an}} b"}}`, []string{"grüße an"}, models.Recipient{To: "15550177321", Variables: map[string]string{"grüße an": "x"}},
			`{"to":"15550177321","text":{"body":"a\tx b"}}`, "a\tx b"},
		"a user id": {`{"text":{"body":"hi"}}`, []string{}, models.Recipient{UserID: "US.1"}, `{"recipient":"US.1","text":{"body":"hi"}}`, "hi"},
		"no placeholders": {`{ "type" : "text", "text" : {"body" : "{{}} {{ }} {a} {{a}b}} {{{"} }`, []string{}, models.Recipient{To: "15550177321"},
			`{"to":"15550177321","type":"text","text":{"body":"{{}} {{ }} {a} {{a}b}} {{{"}}`, "{{}} {{ }} {a} {{a}b}} {{{"},
		"an address and a number": {`{"type":"image","image":{"link":"{{url}}"}}`, []string{"url"}, models.Recipient{To: "15550177321", Variables: map[string]string{"url": "https://example.com/a.jpg"}},
			`{"to":"15550177321","type":"image","image":{"link":"https://example.com/a.jpg"}}`, ""},
	} {
		l, err := broadcast.ParseLetter([]byte(c.body))
		require.NoError(t, err, name)
		require.Equal(t, c.names, append([]string{}, l.Names()...), name)
		s, err := l.For(c.recipient)
		require.NoError(t, err, name)
		require.JSONEq(t, c.want, string(s.Body), name)
		require.Equal(t, []string{c.text, "broadcast", c.recipient.UserID}, []string{s.Text, s.SentBy, s.Recipient}, name)
	}
}

func TestLetterProblems(t *testing.T) {
	for body, want := range map[string]string{
		``:                                  "must be a JSON object",
		`[]`:                                "must be a JSON object",
		`null`:                              "must be a JSON object",
		`{}`:                                "type",
		`{"to":"1","text":{"body":"x"}}`:    "to: must not be given",
		`{"recipient":"U","text":{}}`:       "recipient: must not be given",
		`{"recipient_type":"group"}`:        "recipient_type: must be individual",
		`{"status":"read"}`:                 "status: must not be given",
		`{"type":"{{a}}"}`:                  "type: ",
		`{"type":"text","{{a}}":1}`:         "placeholders stand in values",
		`{"type":"template","template":{}}`: "template.name: is required",
		`{"type":"image","image":{"link":"{{a}}"},"context":{}}`:                   "context.message_id",
		`{"text":{"body":"` + strings.Repeat("x", 5000) + `{{a}}"}}`:               "text.body",
		"{\"text\":{\"body\":\"\xff\"}}":                                           "must be a JSON object",
		`{"text":{"body":"` + strings.Repeat("x", broadcast.MaxBody) + `"}}`:       "more than 64 KiB",
		`{"type":"location","location":{"latitude":"{{a}}","longitude":"{{b}}x"}}`: "location.longitude",
	} {
		_, err := broadcast.ParseLetter([]byte(body))
		require.ErrorContains(t, err, want, body)
	}
	l, err := broadcast.ParseLetter([]byte(`{"type":"image","image":{"link":"{{url}}","caption":"{{name}}"}}`))
	require.NoError(t, err)
	for _, c := range []struct {
		recipient models.Recipient
		want      string
	}{
		{models.Recipient{To: "15550177321", Variables: map[string]string{"url": "https://example.com"}}, "name: has no value"},
		{models.Recipient{To: "15550177321", Variables: map[string]string{"url": "https://example.com", "name": " "}}, "name: has no value"},
		{models.Recipient{To: "15550177321", Variables: map[string]string{"url": "x", "name": "Ada"}}, "image.link"},
		{models.Recipient{To: "12", Variables: map[string]string{"url": "https://example.com", "name": "Ada"}}, "to: must be a number"},
		{models.Recipient{Variables: map[string]string{"url": "https://example.com", "name": "Ada"}}, "to: is required"},
	} {
		s, err := l.For(c.recipient)
		require.ErrorContains(t, err, c.want)
		require.True(t, json.Valid(s.Body), "it is kept and refused like any other: %s", s.Body)
	}
}

func FuzzLetter(f *testing.F) {
	f.Add([]byte(spring), "Ada")
	f.Add([]byte(`{"text":{"body":"\\\"{{name}}\\"}}`), "\\\"}\x00\xff")
	f.Fuzz(func(t *testing.T, body []byte, value string) {
		l, err := broadcast.ParseLetter(body)
		if err != nil {
			return
		}
		variables := map[string]string{}
		for _, name := range l.Names() {
			variables[name] = value
		}
		s, _ := l.For(models.Recipient{To: "15550177321", Variables: variables})
		require.True(t, json.Valid(s.Body), "%s", s.Body)
	})
}
