package models

import "context"

// writeOptOuts keeps opt-outs and forgets those that have ended.
func (t *sqliteTranslation) writeOptOuts(ctx context.Context, c Changes) (err error) {
	for _, r := range optOutRows(c.OptOuts) {
		if r.Ended {
			_, err = t.s.exec(ctx, `DELETE FROM opt_outs WHERE business_id = ? AND name = ?`, r.BusinessID, r.Name)
		} else {
			_, err = t.s.exec(ctx, `INSERT INTO opt_outs (business_id, name, since, why) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`, r.BusinessID, r.Name, r.Since, r.Why)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
