package modelstest

import (
	"embed"
	"fmt"
	"io/fs"
	"testing/fstest"

	"wabagate/models/migrations"
)

//go:embed newer/postgres/*.sql
var newer embed.FS

// Newer are the migrations of a version to come, for PostgreSQL: the present ones, and one of each kind that the rules of
// the package migrations allow.
func Newer() fs.FS {
	all := fstest.MapFS{}
	for _, files := range []fs.FS{migrations.Postgres, Added()} {
		names, err := fs.Glob(files, "postgres/*.sql")
		if err != nil {
			panic(fmt.Sprintf("list the migrations: %v", err)) // of files that are compiled in
		}
		for _, name := range names {
			text, err := fs.ReadFile(files, name)
			if err != nil {
				panic(fmt.Sprintf("read the migration %s: %v", name, err))
			}
			all[name] = &fstest.MapFile{Data: text}
		}
	}
	return all
}

// Added are those of Newer that the present version does not have.
func Added() fs.FS {
	files, err := fs.Sub(newer, "newer")
	if err != nil {
		panic(fmt.Sprintf("open the newer migrations: %v", err))
	}
	return files
}
