// Package migrations carries the schema, one folder per engine, applied in the order of the file names.
//
// # Two versions on one schema
//
// While the gateway is brought up to date, processes of the old version and of the new one work on the same database, and a
// process of the old version may begin again on the new schema. So a migration of PostgreSQL may only do what neither
// notices; what is to go, goes in three steps over as many releases:
//
//   - expand: a migration adds what the new version needs. The old version does not know of it, so whatever it writes has
//     to stay right: a new column may be null or has a constant default, a new constraint takes what the old version writes.
//   - migrate: the new version writes both, and reads what it finds of either; it carries over old rows bit by bit, when it
//     meets them or in the background, never in a migration.
//   - contract: in a release in which no version that could still run reads the old, a file called 000NN_contract_….sql
//     drops it. The README's "Upgrading" then names the oldest version that may run beside it.
//
// Nothing is renamed, and no column changes its type: that is a new column.
//
// # Locks
//
// Whoever changes a table waits for all who use it, and all who come after wait behind him. So a migration gives up a lock
// after half a second and Migrate begins the file again (see models.Store.Migrate), which has these consequences:
//
//   - a file that changes a table that is there changes one, and does nothing else that takes time: no rows are changed in it.
//   - a default is a constant (or now()), a constraint is added NOT VALID and validated by a file of its own: neither looks at
//     the rows.
//   - an index of a table that is there is built CONCURRENTLY, alone in a file with "-- +goose NO TRANSACTION", which sets
//     lock_timeout to 0, drops what an interrupted run has left, builds, and resets lock_timeout.
//   - PostgreSQL cannot do that on a partitioned table (callbacks, events, deliveries, attempts, digests, event_keys). There
//     CREATE INDEX … ON ONLY takes no time, and Migrate builds the rest leaf by leaf, concurrently.
//   - a file without a transaction can be run again from its beginning at any point.
//   - rows that are there are changed in a file of their own, in a moment: settings, not what grows with every callback.
//
// Everything is written out: a DO block hides what it does from the test that checks the above, of every file from 00019
// on. Files before that date from when the gateway was stopped for a migration.
//
// The embedded SQLite belongs to one process, which migrates it before it does anything else: only the order counts there.
// Both engines have the same numbers, and a file without a counterpart has one that says so.
package migrations

import "embed"

// Postgres and SQLite hold the engines' migrations under a folder of their name.
var (
	//go:embed postgres/*.sql
	Postgres embed.FS
	//go:embed sqlite/*.sql
	SQLite embed.FS
)
