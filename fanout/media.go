package fanout

import (
	"context"

	"wabagate/fanout/event"
	"wabagate/models"
)

// MediaLinks gives the files of messages addresses that open them without a key.
type MediaLinks interface {
	Link(numberID int64, mediaID string) string
}

// LinkMedia makes events tell these addresses, where they would tell upstream's own, which are dead after five minutes. To
// be called before the recorder is used.
func (r *Recorder) LinkMedia(links MediaLinks) { r.links = links }

// linkFile puts our address of a message's file in place of upstream's. Doing it again changes nothing.
func (r *Recorder) linkFile(f *fact) {
	if r.links == nil || f.number.ID == 0 {
		return
	}
	m := f.message
	if f.history != nil {
		m = &f.history.Message
	}
	if m != nil && m.Media != nil && m.Media.ID != "" {
		m.Media.URL = r.links.Link(f.number.ID, m.Media.ID)
	}
}

// keepFile remembers the file of a message, so that it can be fetched. One of the past is fetched when somebody asks for it.
func (b *batch) keepFile(f *fact, p *models.Person) {
	file := f.message.Media
	if file == nil || file.ID == "" {
		return
	}
	m := models.Media{ID: b.r.nextID(), BusinessID: f.business, NumberID: f.number.ID, MediaID: file.ID, Wamid: f.message.ID, ConversationID: p.Conversation.ID,
		Kind: file.Kind, MimeType: file.MimeType, Filename: file.Filename, ClaimedSHA256: file.SHA256}
	if f.history == nil {
		m.DueAt = b.now
	}
	b.changes.Media = append(b.changes.Media, m)
}

// TellMedia tells what became of the file of a message, once however often it is told: media.ready of one that is kept,
// media.failed of one that is not to be had. Of a file that came with no message there is nothing to tell.
func (r *Recorder) TellMedia(ctx context.Context, m models.Media) error {
	if m.Wamid == "" {
		return nil
	}
	typ := event.MediaReady
	if m.State != models.MediaKept {
		typ = event.MediaFailed
	}
	return r.fresh(ctx, func() error {
		subs := r.subs.current()
		number, _ := subs.numberOf(m.NumberID)
		f := fact{typ: typ, key: event.NewKey(typ, scopeOf(number, m.BusinessID), m.MediaID), business: m.BusinessID, number: number, occurred: r.now().UTC(), file: &m,
			person: models.PersonRef{BusinessID: m.BusinessID, ConversationID: m.ConversationID}}
		_, err := r.record(ctx, []fact{f}, subs, models.Changes{})
		return err
	})
}

func (r *Recorder) describeFile(f *fact, d *event.Data) {
	m := f.file
	d.File = &event.File{MediaID: m.MediaID, MessageID: m.Wamid, Kind: m.Kind, MimeType: m.MimeType, Filename: m.Filename, Failure: m.Failure}
	d.Reason = m.Reason
	if m.State != models.MediaKept {
		return
	}
	d.File.Size, d.File.SHA256 = m.Size, m.SHA256
	if r.links != nil {
		d.File.URL = r.links.Link(m.NumberID, m.MediaID)
	}
}
