package models

import (
	"context"
	"time"
)

// countForJob adds a delivery that is about to end to the counts of the job that asked for it.
func (s *statements) countForJob(ctx context.Context, u settledDelivery) error {
	if !u.ofJob() {
		return nil
	}
	_, err := s.exec(ctx, `UPDATE jobs SET succeeded = succeeded + ?1, failed = failed + 1 - ?1, updated_at = ?2
		WHERE id = ?3 AND EXISTS (SELECT 1 FROM deliveries WHERE event_id = ?4 AND webhook_id = ?5 AND state = 0)`,
		u.State == Succeeded, moment(time.Now()), u.jobID, u.EventID, u.webhookID)
	return err
}
