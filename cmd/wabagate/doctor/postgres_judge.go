package doctor

import (
	"fmt"
	"strings"
	"time"
)

// oldestPostgres is the first major version that everything used here exists in.
const oldestPostgres = 15

// judgePostgres judges a server and its settings.
func judgePostgres(p postgres, processes, conns int) []Finding {
	if p.Version/10000 < oldestPostgres {
		return []Finding{wrong("postgres", fmt.Sprintf("is PostgreSQL %d", p.Version/10000), fmt.Sprintf("upgrade it to %d or newer", oldestPostgres))}
	}
	if p.Recovery {
		return []Finding{wrong("postgres role", "DATABASE_URL leads to a standby, which takes no writes", "name the primary; of several hosts the driver takes the right one with ?target_session_attrs=read-write")}
	}
	fs := []Finding{fine("postgres", "answers, version %d.%d, %s", p.Version/10000, p.Version%10000, size(p.Size))}
	if p.Settings["default_transaction_read_only"] == "on" {
		fs = append(fs, wrong("postgres role", "transactions are read-only by default", "ALTER ROLE … RESET default_transaction_read_only, and the same for the database and the server"))
	}
	fs = append(fs, judgeDurability(p.Settings)...)
	fs = append(fs, judgeConnections(p, processes, conns), judgeBuffers(p.Settings), judgeWAL(p), judgeVacuum(p))
	fs = append(fs, judgeTimeouts(p.Settings)...)
	fs = append(fs, judgeSessions(p)...)
	fs = append(fs, judgeReplication(p)...)
	if len(p.Foreign) > 0 {
		fs = append(fs, wrong("postgres owner", "another role owns "+strings.Join(p.Foreign, ", ")+": old days cannot be dropped, and the disk fills",
			"REASSIGN OWNED BY that role TO the one of DATABASE_URL, or GRANT it"))
	}
	return fs
}

// judgeDurability: what is acknowledged is in the database for good, or the promise is worth nothing.
func judgeDurability(set map[string]string) []Finding {
	const check = "postgres durability"
	var fs []Finding
	for _, one := range []struct{ setting, bad, says string }{
		{"fsync", "off", "a crash of the machine can destroy the whole database"},
		{"full_page_writes", "off", "a crash of the machine can leave torn pages"},
		{"synchronous_commit", "off", "the last callbacks that were acknowledged are lost with a crash"},
	} {
		if set[one.setting] == one.bad {
			fs = append(fs, wrong(check, one.setting+" is off: "+one.says, "set it to on (ALTER SYSTEM SET "+one.setting+" = on, or RESET it for the user and the database), then SELECT pg_reload_conf()"))
		}
	}
	if len(fs) == 0 {
		fs = append(fs, fine(check, "a commit is on disk before it is answered (synchronous_commit %s)", set["synchronous_commit"]))
	}
	return fs
}

// judgeConnections counts what the pools of all processes may open: two for each, and one connection for maintenance.
func judgeConnections(p postgres, processes, conns int) Finding {
	const check = "postgres connections"
	need := processes * (2*conns + 1)
	says := fmt.Sprintf("%s may open %d connections (WABAGATE_DB_CONNS %d), and %d are to be had", plural(processes, "process", "processes"), need, conns, p.Room)
	remedy := fmt.Sprintf("raise max_connections (or the limit of the user or the database) to %d at least, or lower WABAGATE_DB_CONNS", need+p.Others+10)
	switch {
	case need > p.Room:
		return wrong(check, says, remedy)
	case need+p.Others > p.Room:
		return warning(check, fmt.Sprintf("%s, of which others use %d", says, p.Others), remedy)
	}
	return fine(check, "%s", says)
}

// smallBuffers is what PostgreSQL comes with: enough for a trial.
const smallBuffers = 128 << 20

func judgeBuffers(set map[string]string) Finding {
	const check = "postgres buffers"
	bytes := number(set["shared_buffers"]) * 8192
	if bytes <= smallBuffers {
		return warning(check, "shared_buffers is "+size(bytes)+", what PostgreSQL comes with", "set it to a quarter of the memory of its machine, then restart it")
	}
	return fine(check, "shared_buffers is %s", size(bytes))
}

// judgeWAL: forced checkpoints write every page anew, again and again.
func judgeWAL(p postgres) Finding {
	const check = "postgres wal"
	wal := number(p.Settings["max_wal_size"]) << 20
	remedy := "set max_wal_size to what five minutes write, 4GB for instance (ALTER SYSTEM SET max_wal_size = '4GB'), then SELECT pg_reload_conf()"
	if c := p.Checkpoints; c.Forced > 10 && c.Forced > c.Timed {
		return warning(check, fmt.Sprintf("%d of %d checkpoints came early, because max_wal_size (%s) was full", c.Forced, c.Forced+c.Timed, size(wal)), remedy)
	}
	if wal < 1<<30 {
		return warning(check, "max_wal_size is "+size(wal)+": checkpoints come early under load", remedy)
	}
	return fine(check, "max_wal_size is %s, checkpoints come in time", size(wal))
}

// The ages of the oldest row, in transactions, at which autovacuum should long have been there, and near which the
// database stops.
const (
	ageHigh = 500_000_000
	ageLast = 1_500_000_000
)

func judgeVacuum(p postgres) Finding {
	const check = "postgres vacuum"
	for _, setting := range []string{"autovacuum", "track_counts"} {
		if p.Settings[setting] == "off" {
			return wrong(check, setting+" is off: tables grow, plans grow stale, and in the end the database stops", "ALTER SYSTEM RESET "+setting+", then SELECT pg_reload_conf()")
		}
	}
	remedy := "look for what holds it back (old transactions, prepared ones, unused slots), then VACUUM FREEZE"
	switch says := fmt.Sprintf("the oldest row was frozen %d million transactions ago", p.Age/1_000_000); {
	case p.Age > ageLast:
		return wrong(check, says+"; at 2,100 the database stops", remedy)
	case p.Age > ageHigh:
		return warning(check, says, remedy)
	}
	return fine(check, "autovacuum is on")
}

// hurried is a limit within which every statement ends, with room to spare, but not the making and dropping of a day's tables.
const hurried = 30 * time.Second

func judgeTimeouts(set map[string]string) []Finding {
	var fs []Finding
	for _, setting := range []string{"statement_timeout", "transaction_timeout", "lock_timeout"} {
		if limit := time.Duration(number(set[setting])) * time.Millisecond; limit > 0 && limit < hurried {
			fs = append(fs, warning("postgres timeouts", fmt.Sprintf("%s is %s: migrations, retention and exports are cut off", setting, limit),
				"ALTER ROLE … SET "+setting+" = 0 for the user of DATABASE_URL; the gateway bounds its own statements"))
		}
	}
	if fs == nil {
		fs = append(fs, fine("postgres timeouts", "none that cuts anything off"))
	}
	return fs
}

// idleWrong is an open transaction that has held back vacuum and retention for too long.
const idleWrong = time.Hour

func judgeSessions(p postgres) []Finding {
	var fs []Finding
	for _, s := range p.Idle {
		f := warning("postgres sessions", fmt.Sprintf("session %d (%s) has been idle in a transaction for %s: it holds back vacuum, and old days cannot be dropped", s.PID, s.Application, s.For),
			fmt.Sprintf("end it: SELECT pg_terminate_backend(%d); and set idle_in_transaction_session_timeout for its user", s.PID))
		if s.For >= idleWrong {
			f.Level = Wrong
		}
		fs = append(fs, f)
	}
	for _, gid := range p.Prepared {
		fs = append(fs, wrong("postgres sessions", fmt.Sprintf("the prepared transaction %q has been open for more than an hour and holds back vacuum", gid), "COMMIT PREPARED or ROLLBACK PREPARED it; the gateway prepares none"))
	}
	if fs == nil {
		fs = append(fs, fine("postgres sessions", "no transaction lies open"))
	}
	return fs
}

// The lag of a standby, and the WAL that a slot keeps, that are worth a word.
const (
	lagTime  = time.Minute
	lagBytes = 1 << 30
)

func judgeReplication(p postgres) []Finding {
	const check = "postgres replication"
	var fs []Finding
	sync := false
	for _, r := range p.Replicas {
		sync = sync || r.Sync == "sync" || r.Sync == "quorum"
		if r.Lag > lagTime || r.Bytes > lagBytes {
			fs = append(fs, warning(check, fmt.Sprintf("the standby %s is %s and %s behind: so much is lost if it has to take over", r.Name, r.Lag.Round(time.Second), size(r.Bytes)),
				"look at its disk and its network; a long query on it can hold it up, too"))
		}
	}
	if names := p.Settings["synchronous_standby_names"]; names != "" && !sync {
		fs = append(fs, wrong(check, fmt.Sprintf("commits wait for a synchronous standby (%s), and none is connected", names), "start the standby, or empty synchronous_standby_names until it is back"))
	}
	for _, s := range p.Slots {
		if s.Kept > lagBytes {
			fs = append(fs, wrong(check, fmt.Sprintf("nobody reads the slot %s, for which %s of WAL are kept: the disk fills", s.Name, size(s.Kept)), "start who reads it, or SELECT pg_drop_replication_slot('"+s.Name+"')"))
		}
	}
	if p.Settings["archive_mode"] != "off" && p.Archive.LastFailed.After(p.Archive.LastDone) {
		fs = append(fs, wrong("postgres archive", "archiving WAL fails since "+p.Archive.LastFailed.UTC().Format(time.DateTime)+": there is no backup from then on, and the disk fills", "the server's log says why archive_command failed"))
	}
	if fs == nil {
		fs = append(fs, fine(check, "%s", plural(len(p.Replicas), "standby, none behind", "standbys, none behind")))
	}
	return fs
}
