package api

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

func TestMoneyText(t *testing.T) {
	for _, c := range []struct {
		amount   float64
		currency string
		want     string
	}{
		{1250.5, "SAR", "SAR\u00a01\u202f250.50"}, {12.5, "KWD", "KWD\u00a012.500"}, {0.005, "BHD", "BHD\u00a00.005"}, {1999.6, "JPY", "JPY\u00a02\u202f000"},
		{0, "USD", "USD\u00a00.00"}, {-3, "EUR", "EUR\u00a0−3.00"}, {7, "", "7.00"}, {1e15, "USD", "USD\u00a01\u202f000\u202f000\u202f000\u202f000\u202f000.00"},
	} {
		require.Equal(t, c.want, moneyText(c.amount, c.currency))
	}
}

func TestOrderLines(t *testing.T) {
	_, ok := orderLines([]byte(`[{"product_retailer_id":"A"},{"product_retailer_id":"B","item_price":"x"}]`))
	require.False(t, ok, "a price that is none")
	lines, ok := orderLines([]byte(`[{"product_retailer_id":"A","quantity":"2","item_price":1.125,"currency":"KWD"},{"quantity":3}]`))
	require.True(t, ok)
	require.Equal(t, "KWD\u00a02.250", lines[0].view("").Sum)
	require.Equal(t, "–", lines[1].view("KWD").Sum)
	require.Equal(t, "3", lines[1].view("KWD").Quantity)
	for _, items := range []string{"", `{"a":1}`, "x"} {
		_, ok = orderLines([]byte(items))
		require.False(t, ok, items)
	}
}

func TestSafeCell(t *testing.T) {
	for text, want := range map[string]string{"": "", "a=1": "a=1", "=1+1": "'=1+1", "+966": "'+966", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "\r=x": "'\r=x", "مرحبا": "مرحبا", "|cmd": "'|cmd"} {
		require.Equal(t, want, safeCell(text))
	}
}

func TestSplitText(t *testing.T) {
	for _, c := range [][3]string{{"", "", ""}, {"abc", "abc", ""}, {"abcd", "abc", "d"}, {"مرحبا", "مرح", "با"}, {"ab…d", "ab…", "d"}} {
		begin, rest := splitText(c[0], 3)
		require.Equal(t, [2]string{c[1], c[2]}, [2]string{begin, rest}, c[0])
	}
}

func TestAnswersText(t *testing.T) {
	for _, c := range []struct {
		active   bool
		ai       models.AISetting
		who, why string
	}{
		{false, models.AISetting{Off: "person"}, "People do: this number has no AI.", ""},
		{true, models.AISetting{}, "The AI does.", ""},
		{true, models.AISetting{Off: "person"}, "A person does.", "Somebody switched the AI off here."},
		{true, models.AISetting{Off: "failure", Detail: "the model gave no answer within 20s"}, "A person does.", "The model gave no answer within 20s."},
		{true, models.AISetting{Off: "too_fast"}, "A person does.", "Too fast."},
	} {
		who, why := answersText(c.active, c.ai)
		require.Equal(t, [2]string{c.who, c.why}, [2]string{who, why})
	}
}

func TestBubbles(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(1_800_000_000+int64(n), 0) }
	on := thread{now: at(100), conversation: 7, keepsFiles: true,
		media: map[string]models.Media{"a": {ID: 3, State: models.MediaKept, MimeType: "image/jpeg"}, "b": {ID: 4, State: models.MediaWanted, Filename: "bill.pdf"},
			"c": {State: models.MediaFailed, Reason: "WhatsApp no longer has it"}},
		quoted: map[string]models.Message{"a": {Type: "image"}},
		messages: []models.Message{ // newest first
			{Wamid: "r4", Type: "reaction", ReplyTo: "elsewhere", Text: "x", SentAt: at(9)},
			{Wamid: "r3", Type: "reaction", ReplyTo: "a", Text: "ours", SentAt: at(8)},
			{Wamid: "r2", Type: "reaction", ReplyTo: "a", Inbound: true, Text: "new", SentAt: at(7)},
			{Wamid: "r1", Type: "reaction", ReplyTo: "a", Inbound: true, Text: "old", SentAt: at(6)},
			{Wamid: "c", Type: "video", Inbound: true, SentAt: at(5)},
			{Wamid: "b", Type: "document", Inbound: true, ReplyTo: "a", SentAt: at(4)},
			{Wamid: "a", Type: "image", SentBy: "app", SentAt: at(3)}}}
	got := on.bubbles()
	require.Len(t, got, 4)
	require.Equal(t, "/conversations/7/media/3", got[0].Image)
	require.Equal(t, []string{"ours", "new"}, got[0].Reactions)
	require.Equal(t, "Phone app", got[0].Actor)
	require.Equal(t, [3]string{"/conversations/7/media/4", "bill.pdf", "Picture"}, [3]string{got[1].File, got[1].Kind, got[1].Quote})
	require.Equal(t, "The file is not to be had: WhatsApp no longer has it.", got[2].Missing)
	require.Equal(t, "reaction", got[3].Mark, "on a message that is not here")
	on.keepsFiles = false
	require.Equal(t, "This gateway keeps no files.", on.bubbles()[0].Missing)
}

func TestParseInbox(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	place := models.InboxPlace{At: now.UTC(), ID: 7}
	read, err := parseInboxPlace(inboxCursor(place))
	require.NoError(t, err)
	require.Equal(t, place, read)
	require.Empty(t, inboxCursor(models.InboxPlace{}))
	for _, text := range []string{"x", "1", "1-", "-1-2", "1-0", "9999999999999999999-1"} {
		_, err := parseInboxPlace(text)
		require.Error(t, err, text)
	}
	q, err := parseInbox(func(key string, _ ...string) string {
		return map[string]string{"window": "open", "label": " vip "}[key]
	}, now)
	require.NoError(t, err)
	require.Equal(t, now.Add(-24*time.Hour), q.WroteAfter)
	require.Equal(t, "label=vip&window=open", q.values().Encode())
}

func TestPlainText(t *testing.T) {
	for raw, want := range map[string]string{`"a\"b"`: `a"b`, `["x","y"]`: "x, y", `[1]`: "[1]", `{"a":1}`: `{"a":1}`, `true`: "true", ``: ""} {
		require.Equal(t, want, strings.TrimSpace(plainText([]byte(raw))))
	}
}
