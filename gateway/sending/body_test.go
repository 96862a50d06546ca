package sending

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/models"
	"wabagate/waba"
	"wabagate/waba/graph"
)

func TestWrite(t *testing.T) {
	own := models.Send{ID: 7, SentBy: "agent", Tracking: "order-7", Body: []byte(`{"to":"+1 555 017-7321","type":"text","text":{"body":"Hi"},"biz_opaque_callback_data":"order-7"}`)}
	for name, tc := range map[string]struct {
		send      models.Send
		broadcast models.Broadcast
		style     graph.Style
		want      string
	}{
		"cloud": {own, models.Broadcast{}, graph.Cloud,
			`{"messaging_product":"whatsapp","to":"+1 555 017-7321","type":"text","text":{"body":"Hi"},"biz_opaque_callback_data":"origin=agent;send=7"}`},
		"on premises": {own, models.Broadcast{}, graph.OnPremises,
			`{"to":"+1 555 017-7321","type":"text","text":{"body":"Hi"},"biz_opaque_callback_data":"origin=agent;send=7"}`},
		"of a broadcast": {own, models.Broadcast{Reference: "89", Name: "Spring", TemplateName: "spring_sale", Total: 1200}, graph.Dialog360,
			`{"messaging_product":"whatsapp","to":"+1 555 017-7321","type":"text","text":{"body":"Hi"},` +
				`"biz_opaque_callback_data":"origin=agent;send=7;broadcast=89;recipients=1200;template=spring_sale;name=Spring"}`},
	} {
		l, err := write(tc.send, tc.broadcast, tc.style)
		require.NoError(t, err, name)
		require.Equal(t, tc.want, string(l.body), name)
	}
	l, err := write(models.Send{ID: 7, Body: []byte(`{"status":"read","message_id":"wamid.1","typing_indicator":{"type":"text"}}`)}, models.Broadcast{}, graph.Cloud)
	require.NoError(t, err)
	require.True(t, l.IsRead && l.Typing && l.MessageID == "wamid.1" && l.body == nil, "%+v", l)
	_, err = write(models.Send{ID: 7, Body: []byte(`{"type":"text"}`)}, models.Broadcast{}, graph.Cloud)
	require.ErrorContains(t, err, "text")
}

func TestTrack(t *testing.T) {
	for name, tc := range map[string]struct {
		send models.Send
		want waba.Tracking
	}{
		"the caller's own says nothing":             {models.Send{ID: 7, SentBy: "api", Tracking: "order-7"}, waba.Tracking{Origin: "api", Send: 7}},
		"the caller counts a broadcast of its own":  {models.Send{ID: 7, SentBy: "api", Tracking: "origin=broadcast;broadcast=89;recipients=3"}, waba.Tracking{Origin: "api", Send: 7, Broadcast: "89", Recipients: 3}},
		"the caller says who, and nobody else does": {models.Send{ID: 7, Tracking: "origin=ai"}, waba.Tracking{Origin: "ai", Send: 7}},
		"nobody says who":                           {models.Send{ID: 7}, waba.Tracking{Send: 7}},
		"the caller claims another's number":        {models.Send{ID: 7, SentBy: "ai", Tracking: "send=9"}, waba.Tracking{Origin: "ai", Send: 7}},
	} {
		require.Equal(t, tc.want, track(tc.send, models.Broadcast{}), name)
	}
	long := track(models.Send{ID: 1 << 62, SentBy: "broadcast"}, models.Broadcast{Reference: "r", Name: strings.Repeat("é", 600)}).String()
	require.Equal(t, waba.Tracking{Origin: "broadcast", Send: 1 << 62, Broadcast: "r"}.Send, waba.ParseTracking(long).Send, "a long name costs no other part")
}
