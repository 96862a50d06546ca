package models

import "github.com/jackc/pgx/v5"

// queueJobCounts adds the deliveries that end with this settlement to the counts of the jobs that asked for them. It goes
// before the updates, which are sorted by event, and locks the same rows, so that each is counted by the one settlement that ends it.
func queueJobCounts(b *pgx.Batch, us []settledDelivery) {
	var events, hooks, jobs []int64
	var states []int16
	for _, u := range us {
		if u.ofJob() {
			events, hooks, jobs, states = append(events, u.EventID), append(hooks, u.webhookID), append(jobs, u.jobID), append(states, int16(u.State))
		}
	}
	if len(events) == 0 {
		return
	}
	b.Queue(`UPDATE jobs j SET succeeded = j.succeeded + c.succeeded, failed = j.failed + c.failed, updated_at = now() FROM (
			SELECT ended.job_id, count(*) FILTER (WHERE ended.state = 1) AS succeeded, count(*) FILTER (WHERE ended.state = 2) AS failed FROM (
				SELECT u.job_id, u.state FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::smallint[]) AS u(event_id, webhook_id, job_id, state)
				JOIN deliveries d ON d.event_id = u.event_id AND d.webhook_id = u.webhook_id
				WHERE d.state = 0 AND d.event_id BETWEEN $5 AND $6 ORDER BY d.event_id, d.webhook_id FOR UPDATE OF d) AS ended
			GROUP BY ended.job_id ORDER BY ended.job_id) AS c
		WHERE j.id = c.job_id`, events, hooks, jobs, states, events[0], events[len(events)-1])
}
