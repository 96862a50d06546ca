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
	PRIMARY KEY (webhook_id, hour)) WITHOUT ROWID;
CREATE INDEX delivery_hours_business ON delivery_hours (business_id, hour);

-- Of what is there, the last eight days and today are counted. A delivery ended when its last attempt was made.
INSERT INTO delivery_hours (webhook_id, hour, business_id, made, succeeded, failed, skipped, attempts, attempts_failed, us, least_us, most_us,
	l00, l01, l02, l03, l04, l05, l06, l07, l08, l09, l10, l11, l12, l13, l14, l15,
	l16, l17, l18, l19, l20, l21, l22, l23, l24, l25, l26, l27, l28, l29, l30, l31)
SELECT c.webhook_id, c.hour, w.business_id, sum(made), sum(succeeded), sum(failed), sum(skipped),
	count(us), sum(attempts_failed), coalesce(sum(us), 0), coalesce(min(us), 0), coalesce(max(us), 0),
	count(CASE WHEN us < 1000 THEN 1 END), count(CASE WHEN us >= 1000 AND us < 1414 THEN 1 END), count(CASE WHEN us >= 1414 AND us < 2000 THEN 1 END),
	count(CASE WHEN us >= 2000 AND us < 2828 THEN 1 END), count(CASE WHEN us >= 2828 AND us < 4000 THEN 1 END), count(CASE WHEN us >= 4000 AND us < 5657 THEN 1 END),
	count(CASE WHEN us >= 5657 AND us < 8000 THEN 1 END), count(CASE WHEN us >= 8000 AND us < 11314 THEN 1 END), count(CASE WHEN us >= 11314 AND us < 16000 THEN 1 END),
	count(CASE WHEN us >= 16000 AND us < 22627 THEN 1 END), count(CASE WHEN us >= 22627 AND us < 32000 THEN 1 END), count(CASE WHEN us >= 32000 AND us < 45255 THEN 1 END),
	count(CASE WHEN us >= 45255 AND us < 64000 THEN 1 END), count(CASE WHEN us >= 64000 AND us < 90510 THEN 1 END), count(CASE WHEN us >= 90510 AND us < 128000 THEN 1 END),
	count(CASE WHEN us >= 128000 AND us < 181019 THEN 1 END), count(CASE WHEN us >= 181019 AND us < 256000 THEN 1 END), count(CASE WHEN us >= 256000 AND us < 362039 THEN 1 END),
	count(CASE WHEN us >= 362039 AND us < 512000 THEN 1 END), count(CASE WHEN us >= 512000 AND us < 724077 THEN 1 END), count(CASE WHEN us >= 724077 AND us < 1024000 THEN 1 END),
	count(CASE WHEN us >= 1024000 AND us < 1448155 THEN 1 END), count(CASE WHEN us >= 1448155 AND us < 2048000 THEN 1 END), count(CASE WHEN us >= 2048000 AND us < 2896309 THEN 1 END),
	count(CASE WHEN us >= 2896309 AND us < 4096000 THEN 1 END), count(CASE WHEN us >= 4096000 AND us < 5792619 THEN 1 END), count(CASE WHEN us >= 5792619 AND us < 8192000 THEN 1 END),
	count(CASE WHEN us >= 8192000 AND us < 11585238 THEN 1 END), count(CASE WHEN us >= 11585238 AND us < 16384000 THEN 1 END), count(CASE WHEN us >= 16384000 AND us < 23170475 THEN 1 END),
	count(CASE WHEN us >= 23170475 AND us < 32768000 THEN 1 END), count(CASE WHEN us >= 32768000 THEN 1 END)
FROM (
	SELECT webhook_id, ((event_id >> 22) + 1767225600000) / 3600000 AS hour, 1 AS made, 0 AS succeeded, 0 AS failed, 0 AS skipped, 0 AS attempts_failed, NULL AS us
	FROM deliveries WHERE event_id >= ((CAST(strftime('%s', 'now', 'start of day', '-8 days') AS integer) * 1000 - 1767225600000) << 22)
	UNION ALL
	SELECT d.webhook_id, coalesce(CAST(strftime('%s', substr(a.started_at, 1, 19)) AS integer) / 3600, ((d.event_id >> 22) + 1767225600000) / 3600000),
		0, d.state = 1, d.state = 2, d.state = 4, 0, NULL
	FROM deliveries d LEFT JOIN attempts a ON a.webhook_id = d.webhook_id AND a.event_id = d.event_id AND a.n = d.attempts
	WHERE d.event_id >= ((CAST(strftime('%s', 'now', 'start of day', '-8 days') AS integer) * 1000 - 1767225600000) << 22) AND d.state IN (1, 2, 4)
	UNION ALL
	SELECT webhook_id, CAST(strftime('%s', substr(started_at, 1, 19)) AS integer) / 3600, 0, 0, 0, 0, outcome <> 'delivered', duration_us
	FROM attempts WHERE event_id >= ((CAST(strftime('%s', 'now', 'start of day', '-8 days') AS integer) * 1000 - 1767225600000) << 22)) AS c
JOIN webhooks w ON w.id = c.webhook_id GROUP BY c.webhook_id, c.hour, w.business_id;
