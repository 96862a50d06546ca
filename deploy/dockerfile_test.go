//go:build linux

package deploy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fullVar has the image's binary built as the Dockerfile builds it, which compiles everything anew the first time. Without
// it the binary is the one that other tests build, with the libraries that it needs.
const fullVar = "WABAGATE_TEST_DOCKERFILE"

// step is one instruction.
type step struct{ name, args string }

// steps reads the instructions of a Dockerfile.
func steps(t *testing.T, path string) (all []step) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	joined := strings.ReplaceAll(string(text), "\\\n", " ")
	for line := range strings.Lines(joined) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, args, _ := strings.Cut(line, " ")
		all = append(all, step{name, strings.TrimSpace(args)})
	}
	return all
}

// list reads the list form of a command.
func list(t *testing.T, args string) (words []string) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(args[strings.Index(args, "["):]), &words), args)
	return words
}

// image is what the Dockerfile's steps make, in directories: no engine is needed for any of them.
type image struct {
	t       *testing.T
	context string // the files that an engine would be sent
	stages  map[string]string
	now     string // the root of the stage that is being made
	workdir string
	env     []string
	user    uint32
	command []string // ENTRYPOINT and CMD
	health  []string
}

func TestDockerfile(t *testing.T) {
	t.Parallel()
	i := &image{t: t, context: t.TempDir(), stages: map[string]string{}, workdir: "/"}
	i.send("..", ignored(t, "Dockerfile.dockerignore"))
	for _, s := range steps(t, "Dockerfile") {
		i.do(s)
	}
	i.prove()
}

// do does one step.
func (i *image) do(s step) {
	i.t.Helper()
	switch s.name {
	case "FROM":
		name := "final"
		if _, as, ok := strings.Cut(s.args, " AS "); ok {
			name = as
		} else {
			require.Equal(i.t, "scratch", s.args, "the image has nothing but what is copied into it")
		}
		i.now, i.workdir = i.t.TempDir(), "/"
		i.stages[name] = i.now
	case "WORKDIR":
		i.workdir = s.args
		require.NoError(i.t, os.MkdirAll(i.now+i.workdir, 0o755))
	case "COPY":
		i.copy(strings.Fields(s.args))
	case "RUN":
		i.run(s.args)
	case "ENV":
		i.env = append(i.env, s.args)
	case "USER":
		id, err := strconv.Atoi(strings.Split(s.args, ":")[0])
		require.NoError(i.t, err, "a number, so that an orchestrator knows that it is not root")
		require.NotZero(i.t, id)
		i.user = uint32(id)
	case "ENTRYPOINT", "CMD":
		i.command = append(i.command, list(i.t, s.args)...)
	case "HEALTHCHECK":
		i.health = list(i.t, s.args)
	case "EXPOSE":
		require.Equal(i.t, "8080", s.args)
	default:
		i.t.Fatalf("this test does not know what %s does", s.name)
	}
}

// run runs a command of the build stage. What is absolute in it is below the stage's own root.
func (i *image) run(command string) {
	i.t.Helper()
	if strings.Contains(command, "go build") && os.Getenv(fullVar) == "" {
		i.borrow(command)
		return
	}
	command = regexp.MustCompile(`(^|[ =])/out`).ReplaceAllString(command, "${1}"+i.now+"/out")
	cmd := exec.CommandContext(i.t.Context(), "sh", "-c", command)
	cmd.Dir = i.now + i.workdir
	out, err := cmd.CombinedOutput()
	require.NoError(i.t, err, "%s\n%s", command, out)
}

// borrow puts the binary that other tests build in the place of the one that the step would build, after the tree was seen
// to hold all that the build needs.
func (i *image) borrow(command string) {
	i.t.Helper()
	require.Regexp(i.t, `^CGO_ENABLED=0 go build .*-trimpath.* -o /out/wabagate ./cmd/wabagate$`, command)
	cmd := exec.CommandContext(i.t.Context(), "go", "list", "-deps", "./cmd/wabagate")
	cmd.Dir, cmd.Env = i.now+i.workdir, append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(i.t, err, "the tree that is sent lacks what the build needs:\n%s", out)
	require.NoError(i.t, os.MkdirAll(i.now+"/out", 0o755))
	cmd = exec.CommandContext(i.t.Context(), "go", "build", "-o", i.now+"/out/wabagate", "../cmd/wabagate")
	out, err = cmd.CombinedOutput()
	require.NoError(i.t, err, "%s", out)
}

// copy copies files of the context, or of a stage before. What the build stage's base image brings is this machine's.
func (i *image) copy(args []string) {
	i.t.Helper()
	from := i.context
	for len(args) > 0 && strings.HasPrefix(args[0], "--") {
		if stage, ok := strings.CutPrefix(args[0], "--from="); ok {
			require.Contains(i.t, i.stages, stage, "nothing comes from another image")
			from = i.stages[stage]
		}
		if owner, ok := strings.CutPrefix(args[0], "--chown="); ok {
			require.Equal(i.t, "65532:65532", owner)
		}
		args = args[1:]
	}
	to := args[len(args)-1]
	target := filepath.Join(i.now, to)
	if !strings.HasPrefix(to, "/") {
		target = filepath.Join(i.now, i.workdir, to)
	}
	for _, source := range args[:len(args)-1] {
		path := filepath.Join(from, source)
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(source, "/etc/ssl") {
			if path = source; !exists(source) {
				i.t.Logf("this machine has no %s", source)
				continue
			}
		} else {
			require.NoError(i.t, err)
			if info.IsDir() {
				copyTree(i.t, path, target)
				require.NoError(i.t, os.Chmod(target, info.Mode()))
				continue
			}
		}
		file := target
		if strings.HasSuffix(to, "/") {
			file = filepath.Join(target, filepath.Base(source))
		}
		require.NoError(i.t, os.MkdirAll(filepath.Dir(file), 0o755))
		content, err := os.ReadFile(path)
		require.NoError(i.t, err)
		mode := fs.FileMode(0o644)
		if info != nil {
			mode = info.Mode().Perm()
		}
		require.NoError(i.t, os.WriteFile(file, content, mode))
	}
}

// copyTree copies a folder onto another.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(from, path)
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), content, 0o644)
	}))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// prove runs the image: with its root as its whole world and as its user where we may, who can write nowhere but where the
// image lets it.
func (i *image) prove() {
	i.t.Helper()
	root := i.stages["final"]
	require.NotZero(i.t, i.user, "it would run as root")
	if os.Getenv(fullVar) == "" {
		i.libraries(root)
	}
	chroot := os.Geteuid() == 0
	if chroot {
		require.NoError(i.t, os.Chmod(filepath.Dir(root), 0o755))
		require.NoError(i.t, os.Chmod(root, 0o755))
		require.NoError(i.t, os.Chown(root+"/data", int(i.user), int(i.user)))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(i.t, err)
	port := l.Addr().(*net.TCPAddr).Port
	require.NoError(i.t, l.Close())
	command := func(words []string) *exec.Cmd {
		cmd := exec.CommandContext(i.t.Context(), words[0], words[1:]...)
		cmd.Env = append(slices.Clone(i.env), fmt.Sprintf("PORT=%d", port), "WABAGATE_HOST=127.0.0.1")
		if chroot {
			cmd.Dir = "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: i.user, Gid: i.user}}
		} else {
			cmd.Path = filepath.Join(root, words[0])
			cmd.Env = append(cmd.Env, "WABAGATE_DATA="+root+"/data")
		}
		return cmd
	}
	before := listing(i.t, root)
	serve := command(i.command)
	var log strings.Builder
	serve.Stdout, serve.Stderr = &log, &log
	require.NoError(i.t, serve.Start())
	ended := make(chan error, 1)
	go func() { ended <- serve.Wait() }()
	healthy := false
	for deadline := time.Now().Add(30 * time.Second); !healthy && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		healthy = command(i.health).Run() == nil
	}
	require.NoError(i.t, serve.Process.Signal(syscall.SIGTERM))
	require.NoError(i.t, <-ended, log.String())
	require.True(i.t, healthy, "it never was healthy:\n%s", log.String())
	require.Error(i.t, command(i.health).Run(), "what has ended is healthy")
	require.Equal(i.t, before, listing(i.t, root), "it wrote outside of its data")
	require.True(i.t, exists(root+"/data/wabagate.db"))
}

// libraries copies what a binary that is not static needs.
func (i *image) libraries(root string) {
	i.t.Helper()
	out, _ := exec.Command("ldd", root+"/bin/wabagate").Output() // fails for one that is static
	for _, path := range regexp.MustCompile(`/\S+`).FindAllString(string(out), -1) {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // the name of the binary, with a colon
		}
		require.NoError(i.t, os.MkdirAll(root+filepath.Dir(path), 0o755))
		require.NoError(i.t, os.WriteFile(root+path, content, 0o755))
	}
}

// listing is every file but those that the program may write.
func listing(t *testing.T, root string) (all []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (path == root+"/data" || path == root+"/tmp") {
			return fs.SkipDir
		}
		if err == nil {
			info, _ := d.Info()
			all = append(all, fmt.Sprintf("%s %s %d", strings.TrimPrefix(path, root), info.Mode(), info.Size()))
		}
		return err
	}))
	return all
}

// ignored is the list of a .dockerignore.
func ignored(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return strings.Fields(string(text))
}

// send copies the tree as an engine would be sent it: the last pattern that a path or a folder above it matches decides.
func (i *image) send(tree string, patterns []string) {
	i.t.Helper()
	require.NoError(i.t, filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(tree, path)
		if d.IsDir() {
			if name == ".git" || name == "bin" || name == "data" {
				return fs.SkipDir // large, and in every list
			}
			return nil
		}
		if !d.Type().IsRegular() || excluded(name, patterns) {
			return nil
		}
		target := filepath.Join(i.context, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o644)
	}))
	for _, out := range []string{".git", "bin", "data"} {
		require.Contains(i.t, patterns, out)
	}
}

func excluded(name string, patterns []string) (out bool) {
	for _, p := range patterns {
		p, keep := strings.CutPrefix(p, "!")
		if matches(p, name) {
			out = !keep
		}
	}
	return out
}

// matches says whether a pattern names a path or a folder above it.
func matches(pattern, name string) bool {
	anywhere, deep := strings.CutPrefix(pattern, "**/")
	parts := strings.Split(name, "/")
	for n := range parts {
		path := strings.Join(parts[:n+1], "/")
		if deep {
			path = parts[n]
		}
		if ok, _ := filepath.Match(anywhere, path); ok {
			return true
		}
	}
	return false
}

func TestDockerignore(t *testing.T) {
	patterns := []string{"bin", "deploy/*", "!deploy/throwaway", "**/*_test.go", "**/testdata"}
	for name, want := range map[string]bool{
		"bin/wabagate": true, "cmd/bin.go": false, "deploy/compose.yaml": true, "deploy/kubernetes/base/api.yaml": true, "deploy/throwaway/redis.go": false,
		"deploy/throwaway/redis_test.go": true, "models/look_test.go": true, "models/look.go": false, "waba/testdata/x.json": true, "go.mod": false,
	} {
		require.Equal(t, want, excluded(name, patterns), name)
	}
}
