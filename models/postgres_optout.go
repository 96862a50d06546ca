package models

import "github.com/jackc/pgx/v5"

// queueOptOuts keeps opt-outs and forgets those that have ended.
func queueOptOuts(b *pgx.Batch, os []OptOut) {
	for _, r := range optOutRows(os) { // now and then one
		if r.Ended {
			b.Queue(`DELETE FROM opt_outs WHERE business_id = $1 AND name = $2`, r.BusinessID, r.Name)
			continue
		}
		b.Queue(`INSERT INTO opt_outs (business_id, name, since, why) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, r.BusinessID, r.Name, r.Since, r.Why)
	}
}
