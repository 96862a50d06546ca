package fanout

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/models"
)

type links struct{}

func (links) Link(number int64, media string) string {
	return "https://gw.example/media/" + media + "?n=" + strconv.FormatInt(number, 10)
}

const picture = `"messages":[{"from":"15550177321","id":"wamid.P","timestamp":"1793491202","type":"image","image":{"id":"900001","mime_type":"image/jpeg","sha256":"q83v","url":"https://lookaside.fbsbx.com/x"}}]`

// A message with a file leaves a medium behind, due where its number wants it, and its event opens the file by our address.
func TestMessageWithFile(t *testing.T) {
	onEachStore(t, func(b *bench) {
		b.recorder.LinkMedia(links{})
		require.NoError(t, b.store.SetMediaAhead(t.Context(), b.number.BusinessID, b.number.ID, true))
		w := b.webhook(event.MessageReceived, event.MediaReady, event.MediaFailed)
		b.translate(envelope(messages("600", picture)))
		b.translate(envelope(messages("600", picture)))

		link := links{}.Link(b.number.ID, "900001")
		got := b.events(w)
		require.Len(t, got, 1)
		require.Equal(t, link, got[0].Message.Media.URL)
		m, err := b.store.MediaOf(t.Context(), b.number.ID, "900001")
		require.NoError(t, err)
		require.Equal(t, "wamid.P", m.Wamid)
		require.Equal(t, "q83v", m.ClaimedSHA256)
		require.Equal(t, got[0].Conversation.ID, m.ConversationID)
		due, err := b.store.DueMedia(t.Context(), time.Now().Add(time.Minute), nil, 10)
		require.NoError(t, err)
		require.Len(t, due, 1)

		kept := m
		kept.State, kept.SHA256, kept.Size = models.MediaKept, "abab", 7
		require.NoError(t, b.recorder.TellMedia(t.Context(), kept))
		require.NoError(t, b.recorder.TellMedia(t.Context(), kept))
		kept.Wamid = ""
		kept.MediaID = "2"
		require.NoError(t, b.recorder.TellMedia(t.Context(), kept))
		failed := m
		failed.MediaID, failed.State, failed.Failure, failed.Reason = "3", models.MediaFailed, "gone", "The platform no longer has it."
		require.NoError(t, b.recorder.TellMedia(t.Context(), failed))
		got = b.events(w)
		require.Len(t, got, 3)
		require.Equal(t, &event.File{MediaID: "900001", MessageID: "wamid.P", Kind: "image", MimeType: "image/jpeg", Size: 7, SHA256: "abab", URL: link}, got[1].File)
		require.Equal(t, m.ConversationID, got[1].Conversation.ID)
		require.Equal(t, got[0].Sequence+1, got[1].Sequence)
		require.Equal(t, "600", got[1].Number.PhoneNumberID)
		require.Equal(t, &event.File{MediaID: "3", MessageID: "wamid.P", Kind: "image", MimeType: "image/jpeg", Failure: "gone"}, got[2].File)
		require.Equal(t, "The platform no longer has it.", got[2].Reason)
	})
}

// Without a public address the event has upstream's own.
func TestMessageWithFileUnlinked(t *testing.T) {
	onEachStore(t, func(b *bench) {
		w := b.webhook(event.MessageReceived)
		b.translate(envelope(messages("600", picture)))
		require.Equal(t, "https://lookaside.fbsbx.com/x", b.events(w)[0].Message.Media.URL)
	})
}
