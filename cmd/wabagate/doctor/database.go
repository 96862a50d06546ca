package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"wabagate/models"
)

// lookAtDatabase opens the store and judges its schema, and the server under it.
func (d *doctor) lookAtDatabase(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	o := d.Database
	o.LookOnly, o.ApplicationName = true, "wabagate doctor"
	store, err := models.Open(ctx, o)
	if err != nil {
		d.say(judgeOpening(err, o.DatabaseURL == ""))
		if o.DatabaseURL != "" {
			d.lookAtServer(ctx) // a wrong key says nothing about the server
		}
		return
	}
	d.store = store
	schema, err := store.Schema(ctx)
	if err != nil {
		d.say(wrong("schema", err.Error(), "let the user of DATABASE_URL read goose_db_version"))
		return
	}
	finding := judgeSchema(schema)
	d.usable = len(schema.Pending) == 0
	d.say(finding, judgeMasterKey(store.KeysProtected(), store.Embedded()))
	if !d.lookAtServer(ctx) || !d.usable {
		return
	}
	now := store.Now()
	missing, err := store.MissingLeaves(ctx, now, now.AddDate(0, 0, leavesAhead))
	if err != nil {
		d.say(wrong("partitions", err.Error(), "let the user of DATABASE_URL read pg_inherits"))
		return
	}
	d.say(judgeLeaves(missing))
}

// lookAtServer judges a PostgreSQL; false when there is none, or none that answers.
func (d *doctor) lookAtServer(ctx context.Context) bool {
	if d.Database.DatabaseURL == "" {
		return false
	}
	conn, err := connect(ctx, d.Database.DatabaseURL.Text())
	if err != nil {
		return false // opening the store has said so
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	asked := d.Now()
	p, err := postgresFacts(ctx, conn)
	if err != nil {
		d.say(wrong("postgres", "does not say how it is set: "+err.Error(), "let the user of DATABASE_URL read pg_settings and the statistics: GRANT pg_monitor TO …"))
		return false
	}
	processes := d.Processes
	if processes == 0 {
		processes = max(1, d.seen(), p.Hosts)
	}
	d.say(judgePostgres(p, processes, d.Conns)...)
	d.say(judgeClock("postgres clock", "PostgreSQL", p.Time, asked))
	return true
}

func judgeOpening(err error, embedded bool) Finding {
	const check = "database"
	text := err.Error()
	switch {
	case embedded && errors.Is(err, fs.ErrNotExist):
		return warning(check, "the embedded database is not there yet", "wabagate serve makes it; WABAGATE_DATA says where")
	case strings.Contains(text, "WABAGATE_MASTER_KEY"):
		return wrong("master key", text, "give every process the same key, the one in the backup of the deployment's secrets")
	}
	return wrong(check, strings.TrimPrefix(text, "DATABASE_URL: "), "start it, or correct DATABASE_URL; look at firewalls and network policies on the way")
}

func judgeSchema(s models.Schema) Finding {
	const check = "schema"
	switch {
	case len(s.Pending) > 0:
		return wrong(check, fmt.Sprintf("%s to apply: %s", plural(len(s.Pending), "migration waits", "migrations wait"), strings.Join(s.Pending, ", ")), "run wabagate migrate")
	case s.Applied > s.Known:
		return warning(check, fmt.Sprintf("the database is at migration %d, of a newer version than this one, which knows %d", s.Applied, s.Known), "finish the upgrade: run the newer version everywhere")
	}
	return fine(check, "up to date, migration %d", s.Applied)
}

func judgeMasterKey(protected, embedded bool) Finding {
	const check = "master key"
	if !protected && !embedded {
		return warning(check, "WABAGATE_MASTER_KEY is not set: the key that encrypts secrets lies readable in the database and in every backup of it",
			"set it in every process to the output of: openssl rand -base64 32; and keep it apart from the backups")
	}
	if !protected {
		return fine(check, "none; the data key lies in the embedded database")
	}
	return fine(check, "it protects the secrets in the database")
}

// leavesAhead is for how many days tables should be there: workers make them for a week, every hour.
const leavesAhead = 2

func judgeLeaves(missing []string) Finding {
	const check = "partitions"
	if len(missing) == 0 {
		return fine(check, "the tables of the days to come are there")
	}
	return warning(check, fmt.Sprintf("%s of the days to come missing, such as %s: nobody looks after the history, and nothing old is dropped", plural(len(missing), "table is", "tables are"), missing[0]),
		"run a process with the role worker; its log says \"history looked after\" every hour, or why not")
}

// judgeDisk judges the disk under a directory.
func judgeDisk(dir string, free, total uint64) Finding {
	const check = "disk"
	says := fmt.Sprintf("%s of %s are free under %s", size(int64(free)), size(int64(total)), dir)
	remedy := "make room, or keep less: WABAGATE_RETENTION, WABAGATE_MEDIA_RETENTION"
	switch {
	case total == 0:
		return fine(check, "the system does not say how full the one under %s is", dir)
	case free < 1<<30 || free*100 < total*3:
		return wrong(check, says, remedy)
	case free < 5<<30 || free*100 < total*10:
		return warning(check, says, remedy)
	}
	return fine(check, "%s", says)
}

// lookAtMedia tries whether files can be kept, and how much room there is for them.
func (d *doctor) lookAtMedia(ctx context.Context) {
	if d.Media != nil {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		d.say(judgeMedia(d.MediaPlace, d.Media(ctx), d.MediaUnsaid && !d.embedded()))
	}
	for _, dir := range d.Disks {
		if free, total, ok := room(dir); ok {
			d.say(judgeDisk(dir, free, total))
		}
	}
}

func judgeMedia(place string, err error, scattered bool) Finding {
	const check = "media"
	switch {
	case err != nil:
		return wrong(check, "files of messages cannot be kept: "+err.Error(), "let the gateway's user write there, or set WABAGATE_MEDIA to another directory or bucket")
	case scattered:
		return warning(check, "files of messages are kept in "+place+", in which each process looks for itself", "set WABAGATE_MEDIA to a directory that all processes share, or to a bucket")
	}
	return fine(check, "files of messages can be kept in %s", place)
}

// since is how long ago something was, in words for people.
func since(t, now time.Time) string {
	switch ago := now.Sub(t); {
	case ago >= 48*time.Hour:
		return fmt.Sprintf("%d days", ago/(24*time.Hour))
	case ago >= 2*time.Hour:
		return fmt.Sprintf("%d hours", ago/time.Hour)
	default:
		return ago.Round(time.Second).String()
	}
}
