// Package models keeps what the gateway must not lose: businesses and what they configured, callbacks as they came,
// the events they turned into, the deliveries those owe and every attempt made.
//
// The database is the truth and the queue is the accelerator. Whatever is accepted and unfinished stands in one small
// table, the outbox (type Work): a row appears in the transaction that creates the work and disappears in the one that
// finishes it. A queue task carries nothing but the id of such a row, so a flushed queue is rebuilt from the table.
//
// Two engines satisfy one conformance suite (modelstest): PostgreSQL, and SQLite for the embedded default. What
// people configure goes through GORM; the hot statements (accept, translate, settle, and those of sending) are written by
// hand per engine, because they move hundreds of rows per commit.
//
// 2026-11-21: ids of callbacks, work and events are made by the process (IDs) and grow with time, so that they can be
// handed out without a round trip and so that tables can later be partitioned by id range.
//
// 2026-11-21: every change that a process may have in memory (apps, numbers, webhooks) raises one version number in
// the same transaction; processes compare it once a second and reload. No read per event, no missed notice.
//
// 2026-11-21: a contact is found by its names (identities), never by its own columns, which only tell what to show. Names
// move, contacts are merged and never deleted: what still speaks of one that was merged finds the survivor in merged_into.
// Who is who is decided in memory by one piece of code (register) for both engines. The ordinary case locks nothing but
// names and conversations; only what was judged by all names of a contact locks that contact and looks again.
//
// 2026-11-21: what is held for a webhook that is off is found by a column of its own (deliveries.held, true or NULL),
// because no index may name the state. A translation that holds something locks the version of the routes, and whoever
// ends the holding raises it before the last look: so no delivery is held behind a catch-up's back, and none overtakes it.
// 2026-11-21: on PostgreSQL, callbacks, events, deliveries, attempts and digests are kept in leaves, one per day of their
// ids, and a day that is old goes at once. Uniqueness cannot span leaves, so which events there have been is kept apart, in
// generations of four days. PostgreSQL locks every leaf that a kept plan holds, so the hot statements write the days that
// they mean into their text; a range of days makes a young leaf look small to the planner, so what is looked up row by row
// stands behind a fence (looked), and an UPDATE names its leaf.
//
// 2026-11-21: what a business asks to send is one row from the question to the last answer. It is underway before the
// platform hears of it, and what became of it is kept in one transaction with the callback that tells the translator: so
// whoever dies in between leaves a row that says what is not known. Attempts are counted when they begin, and an answer
// names the attempt it is of: who comes late does not undo what was decided meanwhile.
//
// 2026-11-21: an older version works on a newer schema while the gateway is upgraded (package migrations). So statements
// name their columns: what * stands for is settled when a connection first prepares a statement, and PostgreSQL refuses it
// once a column was added.
package models
