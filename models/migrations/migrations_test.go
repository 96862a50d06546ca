package migrations_test

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"wabagate/models/migrations"
	"wabagate/models/modelstest"
)

// ruled is the first migration to which the rules of the package apply.
const ruled = 19

var (
	comment   = regexp.MustCompile(`--[^\n]*`)
	quoted    = regexp.MustCompile(`'[^']*'`)
	blanks    = regexp.MustCompile(`\s+`)
	altered   = regexp.MustCompile(`^ALTER TABLE (?:IF EXISTS )?(?:ONLY )?(\w+) `)
	made      = regexp.MustCompile(`^CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(\w+)`)
	indexed   = regexp.MustCompile(`^CREATE (?:UNIQUE )?INDEX (CONCURRENTLY )?(?:IF NOT EXISTS )?(\w+) ON (ONLY )?(\w+)`)
	column    = regexp.MustCompile(`ADD COLUMN ((?:[^,(]|\([^)]*\))*)`)
	fallback  = regexp.MustCompile(`DEFAULT (\S+)`)
	rewritten = regexp.MustCompile(`^(UPDATE|DELETE|INSERT INTO \w+ (\([^)]*\) )?SELECT|WITH|MERGE)\b`)
)

// never is what no file may do, and what to do instead.
var never = []struct{ pattern, why string }{
	{`\bRENAME\b`, "the other version knows the old name: add, and drop in a contract file"},
	{`\bALTER (COLUMN )?\w+ (SET DATA )?TYPE\b`, "it rewrites the table, and the other version knows the old type: add a column"},
	{`\bSET NOT NULL\b`, "it looks at every row under a lock: ADD CONSTRAINT … CHECK (… IS NOT NULL) NOT VALID, validated by a file of its own"},
	{`^(TRUNCATE|CLUSTER|VACUUM|LOCK)\b`, "it shuts everybody out"},
	{`^REINDEX (?!.*CONCURRENTLY)`, "it shuts everybody out: CONCURRENTLY"},
	{`^DO\b`, "a DO block hides what it does"},
}

// contracts are what only a contract file may do.
var contracts = regexp.MustCompile(`\bDROP (COLUMN|TABLE|VIEW|CONSTRAINT|DEFAULT|SEQUENCE)\b|\bALTER (COLUMN )?\w+ DROP DEFAULT\b`)

// faults are what is wrong with a migration of PostgreSQL by the rules of the package.
func faults(name, text string) (found []string) {
	fault := func(statement, why string) { found = append(found, statement[:min(len(statement), 60)]+": "+why) }
	alone := strings.Contains(text, "-- +goose NO TRANSACTION")
	plain := quoted.ReplaceAllString(comment.ReplaceAllString(text, ""), "''")
	var statements []string
	for s := range strings.SplitSeq(plain, ";") {
		if s = strings.ToUpper(strings.TrimSpace(blanks.ReplaceAllString(s, " "))); s != "" {
			statements = append(statements, s)
		}
	}
	fresh, changed, rows := map[string]bool{}, map[string]bool{}, ""
	for i, s := range statements {
		for _, n := range never {
			pattern, but, _ := strings.Cut(n.pattern, "(?!.*") // which Go's expressions do not have
			if regexp.MustCompile(pattern).MatchString(s) && (but == "" || !strings.Contains(s, strings.TrimSuffix(but, ")"))) {
				fault(s, n.why)
			}
		}
		if contracts.MatchString(s) && !strings.Contains(name, "_contract_") {
			fault(s, "an older version may use it: only a file called 000NN_contract_….sql drops, a release after the last that did")
		}
		if m := made.FindStringSubmatch(s); m != nil {
			fresh[m[1]] = true
		}
		if m := altered.FindStringSubmatch(s); m != nil && !fresh[m[1]] {
			changed[m[1]] = true
			found = append(found, columnFaults(s)...)
			if strings.Contains(s, "ADD CONSTRAINT") && !strings.Contains(s, "NOT VALID") && !strings.Contains(s, "USING INDEX") {
				fault(s, "it looks at every row under a lock: NOT VALID, and VALIDATE CONSTRAINT in a file of its own")
			}
		}
		if m := indexed.FindStringSubmatch(s); m != nil && !fresh[m[4]] {
			switch {
			case m[3] != "": // Migrate builds the rest
			case m[1] == "":
				fault(s, "writers wait until it is built: CONCURRENTLY, or ON ONLY for a partitioned table")
			case i < 2 || statements[i-2] != "SET LOCK_TIMEOUT = 0" || statements[i-1] != "DROP INDEX CONCURRENTLY IF EXISTS "+m[2] || i+1 == len(statements) || statements[i+1] != "RESET LOCK_TIMEOUT":
				fault(s, "an interrupted run leaves half an index: SET lock_timeout = 0; DROP INDEX CONCURRENTLY IF EXISTS "+strings.ToLower(m[2])+"; CREATE …; RESET lock_timeout")
			}
		}
		if strings.Contains(s, "CONCURRENTLY") && !alone {
			fault(s, "it needs -- +goose NO TRANSACTION")
		}
		if rewritten.MatchString(s) {
			rows = s
		}
	}
	if alone && len(changed) > 0 {
		fault(statements[0], "a table is changed in a transaction")
	}
	if len(changed) > 1 {
		fault(statements[0], "it changes several tables that are there, and keeps the first locked while it waits for the next: a file for each")
	}
	if rows != "" && len(changed) > 0 {
		fault(rows, "it changes rows while a table is locked: a file of its own, or the program does it bit by bit")
	}
	return found
}

// columnFaults are what is wrong with the columns that a statement adds to a table with rows.
func columnFaults(s string) (found []string) {
	for _, m := range column.FindAllStringSubmatch(s, -1) {
		c := m[1]
		value := fallback.FindStringSubmatch(c)
		switch {
		case strings.Contains(c, "NOT NULL") && value == nil:
			found = append(found, c+": an older version does not set it: NOT NULL needs a DEFAULT")
		case value != nil && strings.Contains(value[1], "(") && value[1] != "NOW()":
			found = append(found, c+": a default that is not a constant rewrites the table")
		case regexp.MustCompile(`SERIAL|GENERATED|UNIQUE|PRIMARY KEY|REFERENCES`).MatchString(c):
			found = append(found, c+": it rewrites the table or looks at every row under a lock: a plain column, and an index or a constraint NOT VALID in files of their own")
		}
	}
	return found
}

// TestMigrationsLetTwoVersionsRun checks every file from the first that is ruled on.
func TestMigrationsLetTwoVersionsRun(t *testing.T) {
	for _, files := range []fs.FS{migrations.Postgres, modelstest.Added()} {
		names, err := fs.Glob(files, "postgres/*.sql")
		if err != nil || len(names) == 0 {
			t.Fatalf("no migrations: %v", err)
		}
		for _, name := range names {
			b, err := fs.ReadFile(files, name)
			if err != nil {
				t.Fatal(err)
			}
			if number(t, name) >= ruled {
				for _, f := range faults(name, string(b)) {
					t.Errorf("%s: %s", name, f)
				}
			}
		}
	}
}

// TestEnginesHaveTheSameNumbers: a number stands for one step of the schema, on either engine, and only grows.
func TestEnginesHaveTheSameNumbers(t *testing.T) {
	list := func(files fs.FS) (names []string) {
		err := fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				names = append(names, path.Base(p))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	postgres, sqlite := list(migrations.Postgres), list(migrations.SQLite)
	if !slices.Equal(postgres, sqlite) {
		t.Errorf("PostgreSQL has %v, SQLite %v", postgres, sqlite)
	}
	for i, name := range postgres[1:] {
		if number(t, name) <= number(t, postgres[i]) {
			t.Errorf("%s follows %s", name, postgres[i])
		}
	}
}

func number(t *testing.T, name string) int {
	t.Helper()
	digits, _, _ := strings.Cut(path.Base(name), "_")
	n, err := strconv.Atoi(digits)
	if err != nil || len(digits) != 5 {
		t.Fatalf("%s does not begin with five digits", name)
	}
	return n
}

// TestFaultsAreFound: the rules find what they are for, and nothing else.
func TestFaultsAreFound(t *testing.T) {
	const concurrently = "-- +goose NO TRANSACTION\nSET lock_timeout = 0; DROP INDEX CONCURRENTLY IF EXISTS a; CREATE INDEX CONCURRENTLY a ON b (c); RESET lock_timeout;"
	for text, want := range map[string]string{
		"ALTER TABLE a DROP COLUMN b":                                          "older version",
		"DROP TABLE a":                                                         "older version",
		"ALTER TABLE a ALTER COLUMN b DROP DEFAULT":                            "older version",
		"ALTER TABLE a RENAME COLUMN b TO c":                                   "old name",
		"ALTER TABLE a RENAME TO b":                                            "old name",
		"ALTER TABLE a ALTER COLUMN b TYPE bigint":                             "old type",
		"ALTER TABLE a ALTER b SET DATA TYPE bigint":                           "old type",
		"ALTER TABLE a ALTER COLUMN b SET NOT NULL":                            "NOT VALID",
		"alter table a\n\tadd column b text not null":                          "needs a DEFAULT",
		"ALTER TABLE a ADD COLUMN b numeric(10, 2) NOT NULL, ADD COLUMN c int": "needs a DEFAULT",
		"ALTER TABLE a ADD COLUMN b uuid DEFAULT gen_random_uuid()":            "not a constant",
		"ALTER TABLE a ADD COLUMN b bigint GENERATED ALWAYS AS (c) STORED":     "rewrites the table",
		"ALTER TABLE a ADD COLUMN b bigint REFERENCES c":                       "looks at every row",
		"ALTER TABLE a ADD CONSTRAINT b CHECK (c > 0)":                         "NOT VALID",
		"CREATE INDEX a ON b (c)":                                              "CONCURRENTLY",
		"CREATE UNIQUE INDEX a ON b (c)":                                       "CONCURRENTLY",
		"-- +goose NO TRANSACTION\nCREATE INDEX CONCURRENTLY a ON b (c)":       "half an index",
		strings.TrimPrefix(concurrently, "-- +goose NO TRANSACTION"):           "NO TRANSACTION",
		"ALTER TABLE a ADD COLUMN b text; ALTER TABLE c ADD COLUMN d text":     "a file for each",
		"ALTER TABLE a ADD COLUMN b text; UPDATE a SET b = c":                  "changes rows",
		"-- +goose NO TRANSACTION\nALTER TABLE a ADD COLUMN b text":            "in a transaction",
		"LOCK TABLE a":       "shuts everybody out",
		"REINDEX TABLE a":    "shuts everybody out",
		"DO $$ BEGIN END $$": "hides",
	} {
		if found := strings.Join(faults("00099_x.sql", text), "\n"); !strings.Contains(found, want) {
			t.Errorf("%s: found %q, want %q", text, found, want)
		}
	}
	for _, text := range []string{
		concurrently,
		"CREATE INDEX a ON ONLY b (c)",
		"CREATE TABLE a (b bigint PRIMARY KEY REFERENCES c, d text NOT NULL); CREATE INDEX e ON a (d); ALTER TABLE a ADD CONSTRAINT f CHECK (d <> '')",
		"ALTER TABLE a ADD COLUMN b text NOT NULL DEFAULT '; DROP TABLE x', ADD COLUMN c timestamptz NOT NULL DEFAULT now(), ADD COLUMN d numeric(10, 2)",
		"ALTER TABLE a ADD CONSTRAINT b CHECK (c > 0) NOT VALID",
		"-- DROP TABLE a\nUPDATE settings SET a = 1",
	} {
		if found := faults("00099_x.sql", text); found != nil {
			t.Errorf("%s: found %q", text, found)
		}
	}
	if found := faults("00099_contract_old.sql", "ALTER TABLE a DROP COLUMN b"); found != nil {
		t.Errorf("a contract file may not contract: %q", found)
	}
}
