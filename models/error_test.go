package models_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"wabagate/models"
	"wabagate/models/modelstest"
)

func TestPermanent(t *testing.T) {
	pg := func(code string) error { return fmt.Errorf("write: %w", &pgconn.PgError{Code: code}) }
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"none", nil, false},
		{"bad text", pg("22021"), true},
		{"date out of range", pg("22008"), true},
		{"unique violation", pg("23505"), true},
		{"not null", pg("23502"), true},
		{"same row twice", pg("21000"), true},
		{"undefined column", pg("42703"), true},
		{"index row too large", pg("54000"), true},
		{"deadlock", pg("40P01"), false},
		{"serialization", pg("40001"), false},
		{"disk full", pg("53100"), false},
		{"too many connections", pg("53300"), false},
		{"shutting down", pg("57P01"), false},
		{"cancelled", pg("57014"), false},
		{"connection", pg("08006"), false},
		{"read only", pg("25006"), false},
		{"io", pg("58030"), false},
		{"no code", pg(""), false},
		{"timeout", fmt.Errorf("x: %w", context.DeadlineExceeded), false},
		{"cancelled", context.Canceled, false},
		{"timeout while cancelling", errors.Join(context.DeadlineExceeded, pg("22021")), false},
		{"cut off", io.ErrUnexpectedEOF, false},
		{"routes changed", models.ErrRoutesChanged, false},
	} {
		if got := models.Permanent(c.err); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestPermanentOfSQLite(t *testing.T) {
	s, ctx := modelstest.SQLite(t), t.Context()
	conn, err := s.DB().DB()
	ok(t, err)
	_, err = conn.ExecContext(ctx, "INSERT INTO parked VALUES ('x', NULL, 'r')")
	if err == nil || !models.Permanent(fmt.Errorf("x: %w", err)) {
		t.Errorf("constraint: %v", err)
	}
	tx, err := conn.BeginTx(ctx, nil)
	ok(t, err)
	defer func() { _ = tx.Rollback() }()
	other, err := conn.Conn(ctx)
	ok(t, err)
	defer func() { _ = other.Close() }()
	_, err = other.ExecContext(ctx, "PRAGMA busy_timeout(0)")
	ok(t, err)
	_, err = other.ExecContext(ctx, "INSERT INTO parked VALUES ('x', 1, 'r')")
	if err == nil || models.Permanent(err) {
		t.Errorf("locked: %v", err)
	}
}
