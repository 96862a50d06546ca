package models

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// onKnownMedia fills in what a medium that somebody asked for before its message came did not have.
const onKnownMedia = `ON CONFLICT (number_id, media_id) DO UPDATE SET wamid = excluded.wamid, conversation_id = excluded.conversation_id,
	kind = excluded.kind, filename = excluded.filename, claimed_sha256 = excluded.claimed_sha256 WHERE media.wamid IS NULL AND media.state <> 4`

// queueMedia makes the media of messages that are there already, and takes back those of deleted ones.
func queueMedia(b *pgx.Batch, c Changes) {
	if n := len(c.Media); n > 0 {
		ids, business, numbers, names, wamids := make([]int64, n), make([]int64, n), make([]int64, n), make([]string, n), make([]string, n)
		convs, kinds, types, files, sums, due := make([]*int64, n), make([]string, n), make([]string, n), make([]*string, n), make([]*string, n), make([]*time.Time, n)
		for i := range c.Media {
			m := &c.Media[i]
			ids[i], business[i], numbers[i], names[i], wamids[i] = m.ID, m.BusinessID, m.NumberID, m.MediaID, m.Wamid
			convs[i], kinds[i], types[i], files[i], sums[i] = idOrNil(m.ConversationID), m.Kind, m.MimeType, textOrNil(m.Filename), textOrNil(m.ClaimedSHA256)
			due[i] = momentOrNil(m.DueAt)
		}
		b.Queue(`INSERT INTO media (id, business_id, number_id, media_id, wamid, conversation_id, kind, mime_type, filename, claimed_sha256, state, due_at)
			SELECT q.id, q.business_id, q.number_id, q.media_id, nullif(q.wamid, ''), q.conversation_id, q.kind, q.mime_type, q.filename, q.sha256,
				CASE WHEN g.deleted_at IS NULL THEN 0 ELSE 4 END, CASE WHEN n.media_ahead AND g.deleted_at IS NULL THEN q.due_at END
			FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[], $11::timestamptz[])
				AS q(id, business_id, number_id, media_id, wamid, conversation_id, kind, mime_type, filename, sha256, due_at)
			JOIN numbers n ON n.id = q.number_id LEFT JOIN messages g ON g.number_id = q.number_id AND g.wamid = q.wamid `+onKnownMedia,
			ids, business, numbers, names, wamids, convs, kinds, types, files, sums, due)
	}
	var numbers []int64
	var wamids []string
	for i := range c.Messages {
		if m := &c.Messages[i]; !m.DeletedAt.IsZero() {
			numbers, wamids = append(numbers, m.NumberID), append(wamids, m.Wamid)
		}
	}
	if len(numbers) == 0 {
		return
	}
	const of = `(number_id, wamid) IN (SELECT * FROM unnest($1::bigint[], $2::text[]))`
	b.Queue(`UPDATE media SET state = 4, due_at = NULL, settled_at = now(), filename = NULL WHERE wamid IS NOT NULL AND state <> 4 AND `+of, numbers, wamids)
	b.Queue(`UPDATE media_files SET loose = true WHERE id IN (SELECT file_id FROM media WHERE file_id IS NOT NULL AND wamid IS NOT NULL AND `+of+`)`, numbers, wamids)
	b.Queue(`UPDATE media SET file_id = NULL WHERE file_id IS NOT NULL AND wamid IS NOT NULL AND `+of, numbers, wamids)
}
