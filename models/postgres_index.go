package models

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// indexLock is held by whoever completes indexes.
const indexLock = 8_311_207_116

// missingIndexes are the indexes of partitioned tables that a migration made ON ONLY the parent, and the leaves that lack
// them. Leaves that are made later have them from the start.
const missingIndexes = `SELECT i.indexrelid::regclass::text, h.inhrelid::regclass::text, pg_get_indexdef(i.indexrelid)
	FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid AND c.relkind = 'I' AND c.relnamespace = current_schema()::regnamespace
	JOIN pg_inherits h ON h.inhparent = i.indrelid
	WHERE NOT i.indisvalid AND NOT EXISTS (SELECT 1 FROM pg_index l JOIN pg_inherits x ON x.inhrelid = l.indexrelid AND x.inhparent = i.indexrelid WHERE l.indrelid = h.inhrelid)
	ORDER BY h.inhrelid::regclass::text DESC LIMIT 1`

// completeIndexes builds what is missing of the indexes of partitioned tables, leaf by leaf and beside those who write:
// PostgreSQL itself can do so only for one table at a time. What an earlier call left unfinished is begun again.
func (s *Store) completeIndexes(ctx context.Context) error {
	conn, err := s.schema.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // which ends the lock
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", indexLock); err != nil {
		return fmt.Errorf("wait for another who completes indexes: %w", err)
	}
	for {
		var index, leaf, definition string
		switch err := conn.QueryRowContext(ctx, missingIndexes).Scan(&index, &leaf, &definition); {
		case err == sql.ErrNoRows:
			return nil
		case err != nil:
			return fmt.Errorf("look for indexes to complete: %w", err)
		}
		if err := completeIndex(ctx, conn, index, leaf, definition); err != nil {
			return fmt.Errorf("build index %s on %s: %w", index, leaf, err)
		}
	}
}

func completeIndex(ctx context.Context, conn *sql.Conn, index, leaf, definition string) error {
	_, using, _ := strings.Cut(definition, " USING ")
	unique := ""
	if strings.HasPrefix(definition, "CREATE UNIQUE ") {
		unique = "UNIQUE "
	}
	own := leafIndex(leaf, index)
	for _, step := range []string{
		"SET lock_timeout = 0", // the next two wait for others to end their transactions, and nobody waits for them
		"DROP INDEX CONCURRENTLY IF EXISTS " + own,
		fmt.Sprintf("CREATE %sINDEX CONCURRENTLY %s ON %s USING %s", unique, own, leaf, using),
		"RESET lock_timeout",
		fmt.Sprintf("ALTER INDEX %s ATTACH PARTITION %s", index, own),
	} {
		if _, err := conn.ExecContext(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// leafIndex names a leaf's part of an index: the day, which is at the end of the leaf's name, comes first, because names
// end after 63 bytes.
func leafIndex(leaf, index string) string {
	name := "i" + leaf[strings.LastIndexByte(leaf, '_')+1:] + "_" + index
	return name[:min(len(name), 63)]
}
