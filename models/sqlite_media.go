package models

import (
	"context"
	"time"
)

// writeMedia makes the media of messages that are there already, and takes back those of deleted ones.
func (t *sqliteTranslation) writeMedia(ctx context.Context, c Changes) error {
	for i := range c.Media {
		m := &c.Media[i]
		if _, err := t.s.exec(ctx, `INSERT INTO media (id, business_id, number_id, media_id, wamid, conversation_id, kind, mime_type, filename, claimed_sha256, state, due_at)
			SELECT ?, ?, n.id, ?, ?, ?, ?, ?, ?, ?, CASE WHEN g.deleted_at IS NULL THEN 0 ELSE 4 END, CASE WHEN n.media_ahead AND g.deleted_at IS NULL THEN ? END
			FROM numbers n LEFT JOIN messages g ON g.number_id = n.id AND g.wamid = ? WHERE n.id = ? `+onKnownMedia,
			m.ID, m.BusinessID, m.MediaID, textOrNil(m.Wamid), idOrNil(m.ConversationID), m.Kind, m.MimeType, textOrNil(m.Filename), textOrNil(m.ClaimedSHA256),
			momentOrNil(m.DueAt), m.Wamid, m.NumberID); err != nil {
			return err
		}
	}
	for i := range c.Messages {
		m := &c.Messages[i]
		if m.DeletedAt.IsZero() {
			continue
		}
		const of = `number_id = ? AND wamid = ?`
		if _, err := t.s.exec(ctx, `UPDATE media SET state = 4, due_at = NULL, settled_at = ?, filename = NULL WHERE state <> 4 AND `+of, moment(time.Now()), m.NumberID, m.Wamid); err != nil {
			return err
		}
		if _, err := t.s.exec(ctx, `UPDATE media_files SET loose = true WHERE id IN (SELECT file_id FROM media WHERE file_id IS NOT NULL AND `+of+`)`, m.NumberID, m.Wamid); err != nil {
			return err
		}
		if _, err := t.s.exec(ctx, `UPDATE media SET file_id = NULL WHERE file_id IS NOT NULL AND `+of, m.NumberID, m.Wamid); err != nil {
			return err
		}
	}
	return nil
}
