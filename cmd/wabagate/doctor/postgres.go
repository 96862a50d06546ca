package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgres is what a PostgreSQL says of itself.
type postgres struct {
	Version  int // 150004
	Recovery bool
	// Settings are as this gateway's user has them in this database, in their base units.
	Settings map[string]string

	Size int64 // of the database, in bytes
	// Room is how many connections the gateway's user may open at most: what is reserved for superusers and the limits of
	// the user and the database are taken off. Others is how many sessions are open that are not called after the gateway.
	// Hosts is on how many machines the gateway's sessions are.
	Room, Others, Hosts int
	// Age is how many transactions ago the oldest row was frozen.
	Age int64
	// Foreign are tables that another role owns, which the gateway can therefore not drop.
	Foreign []string

	Checkpoints checkpoints
	Idle        []idleSession
	Prepared    []string // transactions that were prepared an hour ago and never ended
	Replicas    []replica
	Slots       []slot
	Archive     archive

	Time time.Time
}

// checkpoints are those since the statistics began.
type checkpoints struct{ Timed, Forced int64 }

// idleSession is one that does nothing in an open transaction.
type idleSession struct {
	PID         int
	Application string
	For         time.Duration
}

// replica is a connected standby.
type replica struct {
	Name  string
	Sync  string // async, sync or quorum
	Lag   time.Duration
	Bytes int64
}

// slot is a replication slot that nobody reads.
type slot struct {
	Name string
	Kept int64 // bytes of WAL
}

// archive is what became of WAL archiving.
type archive struct{ LastDone, LastFailed time.Time }

// settingNames are the settings that are judged.
var settingNames = []string{"fsync", "full_page_writes", "synchronous_commit", "synchronous_standby_names", "max_connections", "shared_buffers", "max_wal_size",
	"autovacuum", "track_counts", "statement_timeout", "transaction_timeout", "lock_timeout", "default_transaction_read_only", "archive_mode"}

// postgresFacts asks a database. Statistics that the user may not read stay empty.
func postgresFacts(ctx context.Context, conn *pgx.Conn) (p postgres, err error) {
	p.Settings = map[string]string{}
	for _, ask := range []func() error{
		func() error {
			return conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), pg_database_size(current_database()), clock_timestamp(),
				(SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database())`).Scan(&p.Version, &p.Recovery, &p.Size, &p.Time, &p.Age)
		},
		func() error {
			rows, err := conn.Query(ctx, `SELECT name, setting FROM pg_settings WHERE name = ANY($1)`, settingNames)
			return each(rows, err, func(r pgx.Rows) error {
				var name, value string
				err := r.Scan(&name, &value)
				p.Settings[name] = value
				return err
			})
		},
		func() error {
			// -1 is no limit of the user's or the database's.
			return conn.QueryRow(ctx, `SELECT least(current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
					- coalesce(nullif(current_setting('reserved_connections', true), '')::int, 0),
					(SELECT CASE WHEN rolconnlimit < 0 THEN 1000000 ELSE rolconnlimit END FROM pg_roles WHERE rolname = current_user),
					(SELECT CASE WHEN datconnlimit < 0 THEN 1000000 ELSE datconnlimit END FROM pg_database WHERE datname = current_database())),
				(SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend' AND NOT (datname = current_database() AND application_name LIKE 'wabagate%')),
				(SELECT count(DISTINCT client_addr)::int FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'wabagate')`).Scan(&p.Room, &p.Others, &p.Hosts)
		},
		func() error {
			return conn.QueryRow(ctx, `SELECT coalesce(array_agg(c.relname::text ORDER BY c.relname), '{}') FROM pg_class c
				WHERE c.relnamespace = current_schema()::regnamespace AND c.relname IN ('callbacks', 'events', 'deliveries', 'attempts', 'event_keys', 'outbox', 'webhooks')
				AND NOT pg_has_role(current_user, c.relowner, 'USAGE')`).Scan(&p.Foreign)
		},
		func() error { return p.askCheckpoints(ctx, conn) },
		func() error {
			rows, err := conn.Query(ctx, `SELECT pid, coalesce(application_name, ''), extract(epoch FROM clock_timestamp() - state_change)::float8 FROM pg_stat_activity
				WHERE datname = current_database() AND state LIKE 'idle in transaction%' AND state_change < clock_timestamp() - interval '1 minute' ORDER BY state_change LIMIT 5`)
			return each(rows, err, func(r pgx.Rows) error {
				var s idleSession
				var seconds float64
				err := r.Scan(&s.PID, &s.Application, &seconds)
				s.For = time.Duration(seconds) * time.Second
				p.Idle = append(p.Idle, s)
				return err
			})
		},
		func() error {
			return conn.QueryRow(ctx, `SELECT coalesce(array_agg(gid), '{}') FROM pg_prepared_xacts WHERE database = current_database() AND prepared < now() - interval '1 hour'`).Scan(&p.Prepared)
		},
		func() error { return p.askReplication(ctx, conn) },
		func() error {
			return conn.QueryRow(ctx, `SELECT coalesce(last_archived_time, 'epoch'), coalesce(last_failed_time, 'epoch') FROM pg_stat_archiver`).Scan(&p.Archive.LastDone, &p.Archive.LastFailed)
		},
	} {
		if err := ask(); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *postgres) askCheckpoints(ctx context.Context, conn *pgx.Conn) error {
	query := `SELECT checkpoints_timed, checkpoints_req FROM pg_stat_bgwriter`
	if p.Version >= 170000 {
		query = `SELECT num_timed, num_requested FROM pg_stat_checkpointer`
	}
	return conn.QueryRow(ctx, query).Scan(&p.Checkpoints.Timed, &p.Checkpoints.Forced)
}

// askReplication asks a primary for its standbys; a standby has other words for it, and is wrong here anyway.
func (p *postgres) askReplication(ctx context.Context, conn *pgx.Conn) error {
	if p.Recovery {
		return nil
	}
	rows, err := conn.Query(ctx, `SELECT coalesce(application_name, ''), coalesce(sync_state, ''), coalesce(extract(epoch FROM replay_lag), 0)::float8,
		coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0)::bigint FROM pg_stat_replication`)
	if err := each(rows, err, func(r pgx.Rows) error {
		var one replica
		var seconds float64
		err := r.Scan(&one.Name, &one.Sync, &seconds, &one.Bytes)
		one.Lag = time.Duration(seconds * float64(time.Second))
		p.Replicas = append(p.Replicas, one)
		return err
	}); err != nil {
		return err
	}
	rows, err = conn.Query(ctx, `SELECT slot_name::text, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint FROM pg_replication_slots WHERE NOT active AND restart_lsn IS NOT NULL`)
	return each(rows, err, func(r pgx.Rows) error {
		var one slot
		err := r.Scan(&one.Name, &one.Kept)
		p.Slots = append(p.Slots, one)
		return err
	})
}

// each reads rows one by one.
func each(rows pgx.Rows, err error, one func(pgx.Rows) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := one(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// connect opens one session as the gateway's are opened.
func connect(ctx context.Context, address string) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL is not a PostgreSQL address") // the driver's error may quote the password
	}
	cfg.RuntimeParams["application_name"] = "wabagate doctor"
	return pgx.ConnectConfig(ctx, cfg)
}
