-- +goose Up
-- What became of a webhook's deliveries, by the hour (counted from 1970, UTC): those made, those that ended, the attempts that were
-- settled, and how many of these took how long: l00 below 1 ms, each other column from where the one before ends to the square root
-- of two times that, l31 all from 32.8 s. The rows outlive what they count, and the webhook.
CREATE TABLE delivery_hours (
	webhook_id bigint NOT NULL, hour bigint NOT NULL, business_id bigint NOT NULL,
	made integer NOT NULL, succeeded integer NOT NULL, failed integer NOT NULL, skipped integer NOT NULL,
	attempts integer NOT NULL, attempts_failed integer NOT NULL, us bigint NOT NULL, least_us bigint NOT NULL, most_us bigint NOT NULL,
	l00 integer NOT NULL, l01 integer NOT NULL, l02 integer NOT NULL, l03 integer NOT NULL, l04 integer NOT NULL, l05 integer NOT NULL, l06 integer NOT NULL, l07 integer NOT NULL,
	l08 integer NOT NULL, l09 integer NOT NULL, l10 integer NOT NULL, l11 integer NOT NULL, l12 integer NOT NULL, l13 integer NOT NULL, l14 integer NOT NULL, l15 integer NOT NULL,
	l16 integer NOT NULL, l17 integer NOT NULL, l18 integer NOT NULL, l19 integer NOT NULL, l20 integer NOT NULL, l21 integer NOT NULL, l22 integer NOT NULL, l23 integer NOT NULL,
	l24 integer NOT NULL, l25 integer NOT NULL, l26 integer NOT NULL, l27 integer NOT NULL, l28 integer NOT NULL, l29 integer NOT NULL, l30 integer NOT NULL, l31 integer NOT NULL,
	PRIMARY KEY (webhook_id, hour)) WITH (fillfactor = 50);
CREATE INDEX delivery_hours_business ON delivery_hours (business_id, hour);

-- What transactions counted and nobody has added to the hours yet: one row each, so that none waits for another. counts is written
-- before it is known what the transaction will find; where it found something else, made, ended or tried say what.
CREATE TABLE count_slips (hour bigint NOT NULL, counts bytea NOT NULL, made text, ended text, tried text)
	WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);

-- Of what is there, the last eight days and today are counted, a day at a time. A delivery ended when its last attempt was made.
-- +goose StatementBegin
DO $$
DECLARE
	day_ids CONSTANT bigint := 86400000::bigint << 22;
	today CONSTANT bigint := (extract(epoch FROM now()) * 1000 - 1767225600000)::bigint / 86400000;
	day bigint;
BEGIN
	FOR day IN SELECT generate_series(greatest(today - 8, 0), today) LOOP
		EXECUTE format($sql$
			INSERT INTO delivery_hours AS h (webhook_id, hour, business_id, made, succeeded, failed, skipped, attempts, attempts_failed, us, least_us, most_us,
				l00, l01, l02, l03, l04, l05, l06, l07, l08, l09, l10, l11, l12, l13, l14, l15,
				l16, l17, l18, l19, l20, l21, l22, l23, l24, l25, l26, l27, l28, l29, l30, l31)
			SELECT c.webhook_id, c.hour, w.business_id, sum(c.made), sum(c.succeeded), sum(c.failed), sum(c.skipped),
				sum(c.n), sum(c.attempts_failed), sum(c.us), coalesce(min(c.least), 0), coalesce(max(c.most), 0),
				coalesce(sum(c.n) FILTER (WHERE c.l = 0), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 1), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 2), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 3), 0),
				coalesce(sum(c.n) FILTER (WHERE c.l = 4), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 5), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 6), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 7), 0),
				coalesce(sum(c.n) FILTER (WHERE c.l = 8), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 9), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 10), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 11), 0),
				coalesce(sum(c.n) FILTER (WHERE c.l = 12), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 13), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 14), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 15), 0),
				coalesce(sum(c.n) FILTER (WHERE c.l = 16), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 17), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 18), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 19), 0),
				coalesce(sum(c.n) FILTER (WHERE c.l = 20), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 21), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 22), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 23), 0),
				coalesce(sum(c.n) FILTER (WHERE c.l = 24), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 25), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 26), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 27), 0),
				coalesce(sum(c.n) FILTER (WHERE c.l = 28), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 29), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 30), 0), coalesce(sum(c.n) FILTER (WHERE c.l = 31), 0)
			FROM (
				SELECT webhook_id, ((event_id >> 22) + 1767225600000) / 3600000 AS hour, count(*) AS made, 0 AS succeeded, 0 AS failed, 0 AS skipped,
					NULL::int AS l, 0 AS n, 0 AS attempts_failed, 0 AS us, NULL::bigint AS least, NULL::bigint AS most
				FROM deliveries WHERE event_id >= %1$s AND event_id < %2$s GROUP BY 1, 2
				UNION ALL
				SELECT d.webhook_id, coalesce(floor(extract(epoch FROM a.started_at) / 3600)::bigint, ((d.event_id >> 22) + 1767225600000) / 3600000),
					0, count(*) FILTER (WHERE d.state = 1), count(*) FILTER (WHERE d.state = 2), count(*) FILTER (WHERE d.state = 4), NULL, 0, 0, 0, NULL, NULL
				FROM deliveries d LEFT JOIN attempts a ON a.webhook_id = d.webhook_id AND a.event_id = d.event_id AND a.n = d.attempts AND a.event_id >= %1$s AND a.event_id < %2$s
				WHERE d.event_id >= %1$s AND d.event_id < %2$s AND d.state IN (1, 2, 4) GROUP BY 1, 2
				UNION ALL
				SELECT webhook_id, floor(extract(epoch FROM started_at) / 3600)::bigint, 0, 0, 0, 0,
					width_bucket(duration_us, '{1000,1414,2000,2828,4000,5657,8000,11314,16000,22627,32000,45255,64000,90510,128000,181019,256000,362039,512000,724077,1024000,1448155,2048000,2896309,4096000,5792619,8192000,11585238,16384000,23170475,32768000}'::bigint[]), count(*), count(*) FILTER (WHERE outcome <> 'delivered'), sum(duration_us), min(duration_us), max(duration_us)
				FROM attempts WHERE event_id >= %1$s AND event_id < %2$s GROUP BY 1, 2, 7) AS c
			JOIN webhooks w ON w.id = c.webhook_id GROUP BY c.webhook_id, c.hour, w.business_id
			ON CONFLICT (webhook_id, hour) DO UPDATE SET made = h.made + excluded.made, succeeded = h.succeeded + excluded.succeeded, failed = h.failed + excluded.failed,
				skipped = h.skipped + excluded.skipped, attempts = h.attempts + excluded.attempts, attempts_failed = h.attempts_failed + excluded.attempts_failed, us = h.us + excluded.us,
				least_us = CASE WHEN h.attempts = 0 OR excluded.attempts > 0 AND excluded.least_us < h.least_us THEN excluded.least_us ELSE h.least_us END,
				most_us = greatest(h.most_us, excluded.most_us),
				l00 = h.l00 + excluded.l00, l01 = h.l01 + excluded.l01, l02 = h.l02 + excluded.l02, l03 = h.l03 + excluded.l03, l04 = h.l04 + excluded.l04, l05 = h.l05 + excluded.l05,
				l06 = h.l06 + excluded.l06, l07 = h.l07 + excluded.l07, l08 = h.l08 + excluded.l08, l09 = h.l09 + excluded.l09, l10 = h.l10 + excluded.l10, l11 = h.l11 + excluded.l11,
				l12 = h.l12 + excluded.l12, l13 = h.l13 + excluded.l13, l14 = h.l14 + excluded.l14, l15 = h.l15 + excluded.l15, l16 = h.l16 + excluded.l16, l17 = h.l17 + excluded.l17,
				l18 = h.l18 + excluded.l18, l19 = h.l19 + excluded.l19, l20 = h.l20 + excluded.l20, l21 = h.l21 + excluded.l21, l22 = h.l22 + excluded.l22, l23 = h.l23 + excluded.l23,
				l24 = h.l24 + excluded.l24, l25 = h.l25 + excluded.l25, l26 = h.l26 + excluded.l26, l27 = h.l27 + excluded.l27, l28 = h.l28 + excluded.l28, l29 = h.l29 + excluded.l29,
				l30 = h.l30 + excluded.l30, l31 = h.l31 + excluded.l31$sql$, day * day_ids, (day + 1) * day_ids);
	END LOOP;
END $$;
-- +goose StatementEnd
