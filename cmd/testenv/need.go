//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"wabagate/deploy/throwaway"
)

// need is something that has to be installed for the tests to run in full.
type need struct {
	why      string
	packages []string // of Debian
	missing  func() bool
}

// chromiums are the names under which a Chromium or Chrome is found, on PATH or in full.
var chromiums = []string{
	"chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome",
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	"/Applications/Chromium.app/Contents/MacOS/Chromium",
}

// needs lists what the command needs beside what the environment gives it already.
func needs(lookup func(string) (string, bool), command []string) []need {
	var list []need
	if url, _ := lookup(databaseVar); url == "" {
		list = append(list, need{"a Postgres", []string{"postgresql"}, absent("initdb")})
	}
	if addr, _ := lookup(redisVar); addr == "" {
		list = append(list, need{"a Redis", []string{"redis-server"}, absent("redis-server")})
	}
	if _, decided := lookup(chromiumVar); !decided {
		list = append(list, need{"a browser", []string{"chromium"}, func() bool { return findChromium() == "" }})
	}
	// The products' own verification samples are run as their customers run them.
	list = append(list,
		need{"Node, for the receivers' verification samples", []string{"nodejs"}, notOnPath("node")},
		need{"Python, for the same", []string{"python3"}, notOnPath("python3")},
		need{"PHP, for the same", []string{"php-cli"}, notOnPath("php")})
	if slices.Contains(command, "-race") {
		list = append(list, need{"a C compiler for the race detector", []string{"gcc", "libc6-dev"}, noCompiler})
	}
	return list
}

func absent(program string) func() bool {
	return func() bool {
		_, err := throwaway.Find(program)
		return errors.Is(err, throwaway.ErrMissing)
	}
}

func notOnPath(program string) func() bool {
	return func() bool {
		_, err := exec.LookPath(program)
		return err != nil
	}
}

// findChromium returns the path of a browser, or nothing.
func findChromium() string {
	for _, name := range chromiums {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// noCompiler compiles a line: a compiler without the C library's headers is installed more often than one thinks.
func noCompiler() bool {
	compiler := os.Getenv("CC")
	if compiler == "" {
		compiler = "gcc"
		if runtime.GOOS != "linux" {
			compiler = "cc"
		}
	}
	args := append(strings.Fields(compiler), "-x", "c", "-fsyntax-only", "-")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin = strings.NewReader("#include <stdlib.h>\n")
	return cmd.Run() != nil
}
