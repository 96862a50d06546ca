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
	// told says that the tests which need it fail and say so when it is missing. The others then run all the same.
	told bool
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
		list = append(list, need{why: "a Postgres", packages: []string{"postgresql"}, missing: absent("initdb")})
	}
	if addr, _ := lookup(redisVar); addr == "" {
		list = append(list, need{why: "a Redis", packages: []string{"redis-server"}, missing: absent("redis-server")})
	}
	if _, decided := lookup(chromiumVar); !decided {
		list = append(list, need{why: "a browser", packages: []string{"chromium"}, missing: func() bool { return findChromium() == "" }})
	}
	// The products' own verification samples are run as their customers run them.
	list = append(list,
		need{why: "Node, for the receivers' verification samples", packages: []string{"nodejs"}, missing: notOnPath("node")},
		need{why: "Python, for the same", packages: []string{"python3"}, missing: notOnPath("python3")},
		need{why: "PHP, for the same", packages: []string{"php-cli"}, missing: notOnPath("php")},
		need{why: "Ruby, for deploy/samples", packages: []string{"ruby", "ruby-webrick"}, missing: notOnPath("ruby"), told: true},
		need{why: "a JDK, for the same", packages: []string{"default-jdk-headless"}, missing: notOnPath("java", "javac"), told: true},
		need{why: "C#, for the same", packages: csharp, missing: noCSharp, told: true},
		need{why: "promtool, for the tests of the alert rules", packages: []string{"prometheus"}, missing: notOnPath("promtool")},
		need{why: "nginx, for the sample of a reverse proxy", packages: []string{"nginx-light"}, missing: notOnPath("nginx"), told: true})
	if slices.Contains(command, "-race") {
		list = append(list, need{why: "a C compiler for the race detector", packages: []string{"gcc", "libc6-dev"}, missing: noCompiler})
	}
	return list
}

func absent(program string) func() bool {
	return func() bool {
		_, err := throwaway.Find(program)
		return errors.Is(err, throwaway.ErrMissing)
	}
}

// notOnPath says whether one of several programs is not.
func notOnPath(programs ...string) func() bool {
	return func() bool {
		return slices.ContainsFunc(programs, func(name string) bool {
			_, err := exec.LookPath(name)
			return err != nil
		})
	}
}

// csharp are the parts of Mono that run the sample: its whole is ten times as much.
var csharp = []string{"mono-mcs", "mono-runtime", "libmono-system-runtime-serialization4.0-cil", "libmono-system-xml-linq4.0-cil"}

// noCSharp asks for one of the two ways to run C#.
func noCSharp() bool { return notOnPath("dotnet")() && notOnPath("mcs", "mono")() }

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
