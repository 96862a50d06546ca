package models

import "github.com/jackc/pgx/v5"

// queueSlip counts what is as expected.
func queueSlip(b *pgx.Batch, hour int64, counts []byte) {
	b.Queue(`INSERT INTO count_slips (hour, counts) VALUES ($1, $2)`, hour, counts)
}

// counting makes one statement of another and the slip of what it wrote. part is what the other returns; row the columns of
// it that the slip's column (made, ended or tried) takes when their number is not as expected. The arguments that it names
// are the hour, the counts that are expected, and the number of rows.
func counting(part, statement, row string, hour, counts, n string) string {
	return "WITH " + part + " AS (" + statement + ") INSERT INTO count_slips (hour, counts, " + part + ") SELECT " + hour + "::bigint, " + counts + "::bytea, " +
		"CASE WHEN (SELECT count(*) FROM " + part + ") <> " + n + "::bigint THEN (SELECT coalesce(json_agg(json_build_array(" + row + ")), '[]')::text FROM " + part + ") END"
}
