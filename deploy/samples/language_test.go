package samples_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/fanouttest"
)

// language is one of those that have a sample.
type language struct {
	name    string
	file    string   // in this folder
	run     string   // how README starts it, in the folder of the file
	tools   []string // programs that it takes
	install string   // where the tools come from
	// build makes a program of the file in an empty directory; nil where there is nothing to make.
	build func(t *testing.T, dir string)
	// command starts it on a port, 0 for one that is free; dir is build's.
	command func(dir, port string) []string
	// constant is what compares signatures in constant time: a test of behaviour would not tell.
	constant string
	// picky is a server that has to be told a free port.
	picky bool
}

var languages = []language{
	{
		name: "go", file: "go/receiver.go", constant: "hmac.Equal([]byte(",
		run: "go run receiver.go 3000", tools: []string{"go"}, install: "https://go.dev/dl",
		build:   func(t *testing.T, dir string) { tool(t, "go", "build", "-o", dir, filepath.Join("go", "receiver.go")) },
		command: func(dir, port string) []string { return []string{filepath.Join(dir, "receiver"), port} },
	},
	{
		name: "node", file: "node/receiver.js", constant: "crypto.timingSafeEqual(",
		run: "node receiver.js 3000", tools: []string{"node"}, install: "apt-get install -y nodejs",
		command: func(_, port string) []string { return []string{"node", "receiver.js", port} },
	},
	{
		name: "python", file: "python/receiver.py", constant: "hmac.compare_digest(",
		run: "python3 receiver.py 3000", tools: []string{"python3"}, install: "apt-get install -y python3",
		command: func(_, port string) []string { return []string{"python3", "receiver.py", port} },
	},
	{
		name: "php", file: "php/receiver.php", constant: "hash_equals(",
		run: "php -S 127.0.0.1:3000 receiver.php", tools: []string{"php"}, install: "apt-get install -y php-cli",
		command: func(_, port string) []string { return []string{"php", "-S", "127.0.0.1:" + port, "receiver.php"} },
	},
	{
		name: "ruby", file: "ruby/receiver.rb", constant: "OpenSSL.fixed_length_secure_compare(",
		run: "ruby receiver.rb 3000", tools: []string{"ruby"}, install: "apt-get install -y ruby ruby-webrick",
		command: func(_, port string) []string { return []string{"ruby", "receiver.rb", port} },
	},
	{
		name: "java", file: "java/Receiver.java", constant: "MessageDigest.isEqual(",
		run: "java Receiver.java 3000", tools: []string{"java", "javac"}, install: "apt-get install -y default-jdk-headless",
		command: func(_, port string) []string { return []string{"java", "Receiver.java", port} },
	},
	{
		name: mono, file: "csharp/Receiver.cs", constant: "different |= a[i] ^ b[i]",
		run: "mono receiver.exe 3000", tools: []string{"mcs", "mono"},
		install: "apt-get install -y mono-mcs mono-runtime libmono-system-runtime-serialization4.0-cil libmono-system-xml-linq4.0-cil",
		build: func(t *testing.T, dir string) {
			tool(t, "mcs", "-out:"+filepath.Join(dir, "receiver.exe"),
				"-r:System.Runtime.Serialization.dll", "-r:System.Xml.dll", "-r:System.Xml.Linq.dll", filepath.Join("csharp", "Receiver.cs"))
		},
		command: func(dir, port string) []string { return []string{"mono", filepath.Join(dir, "receiver.exe"), port} }, picky: true,
	},
	{
		name: dotnet, file: "csharp/Receiver.cs", constant: "different |= a[i] ^ b[i]",
		run: "dotnet run -- 3000", tools: []string{"dotnet"}, install: "https://dot.net",
		build: func(t *testing.T, dir string) {
			require.NoError(t, os.CopyFS(dir, os.DirFS("csharp"))) // which keeps what a build leaves out of the sources
			tool(t, "dotnet", "build", "--nologo", "-o", filepath.Join(dir, "out"), filepath.Join(dir, "Receiver.csproj"))
		},
		command: func(dir, port string) []string {
			return []string{"dotnet", filepath.Join(dir, "out", "Receiver.dll"), port}
		}, picky: true,
	},
}

// The two ways to run C#.
const (
	mono   = "csharp with mono"
	dotnet = "csharp with dotnet"
)

// tool runs a compiler.
func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %s\n%s", name, strings.Join(args, " "), out)
}

// here says whether all of a language's tools are.
func (l language) here() bool {
	return !slices.ContainsFunc(l.tools, func(name string) bool {
		_, err := exec.LookPath(name)
		return err != nil
	})
}

// need ends the test of a language that is not here. make test installs all of them, and TEST_DATABASE_URL tells that a test
// is part of it or of something as complete: then a missing language is a failure, elsewhere it is skipped. C# has two ways to
// run, of which one is enough.
func (l language) need(t *testing.T) {
	t.Helper()
	if l.here() {
		return
	}
	missing := fmt.Sprintf("%s not on PATH, so that deploy/samples/%s does not run: %s", strings.Join(l.tools, " or "), l.file, l.install)
	other := l.name == dotnet || l.name == mono && slices.ContainsFunc(languages, func(l language) bool { return l.name == dotnet && l.here() })
	if os.Getenv("TEST_DATABASE_URL") != "" && !other {
		t.Fatal(missing)
	}
	t.Skip(missing)
}

// made is a sample that is ready to be started.
type made struct {
	language
	dir string
}

func (l language) make(t *testing.T) made {
	t.Helper()
	m := made{l, t.TempDir()}
	if l.build != nil {
		l.build(t, m.dir)
	}
	return m
}

// start runs the sample until the test ends.
func (m made) start(t *testing.T, secret string) *fanouttest.Running {
	t.Helper()
	return fanouttest.Start(t, filepath.Dir(m.file), []string{"WEBHOOK_SECRET=" + secret, "WEBHOOK_INBOX=" + t.TempDir()}, m.command(m.dir, m.port(t))...)
}

// refusesToStart runs the sample without a secret, and requires that it says why it ends.
func (m made) refusesToStart(t *testing.T, why string) {
	t.Helper()
	args := m.command(m.dir, m.port(t))
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = filepath.Dir(m.file)
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET=", "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "%s", out)
	require.Contains(t, string(out), why)
}

func (m made) port(t *testing.T) string {
	t.Helper()
	if !m.picky {
		return "0"
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
