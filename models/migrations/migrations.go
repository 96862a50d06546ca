// Package migrations carries the schema, one folder per engine, applied in the order of the file names.
package migrations

import "embed"

// Postgres and SQLite hold the engines' migrations under a folder of their name.
var (
	//go:embed postgres/*.sql
	Postgres embed.FS
	//go:embed sqlite/*.sql
	SQLite embed.FS
)
