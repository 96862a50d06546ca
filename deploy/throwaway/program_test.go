package throwaway

import (
	"fmt"
	"net/http"
	"os"
	"syscall"
	"testing"
)

const programEnv = "WABAGATE_THROWAWAY_PROGRAM"

// TestProgram runs this test again in a process of its own, which serves HTTP.
func TestProgram(t *testing.T) {
	if port := os.Getenv(programEnv); port != "" {
		http.HandleFunc("/ready", func(http.ResponseWriter, *http.Request) {})
		t.Fatal(http.ListenAndServe(host+":"+port, nil))
	}
	path, err := os.Executable()
	must(t, err)
	p, err := StartProgram(t.Context(), ProgramOptions{Name: "program", Path: path, Args: []string{"-test.run=^TestProgram$"}, Ready: "/ready",
		Environ: func(port int) []string { return append(os.Environ(), fmt.Sprintf("%s=%d", programEnv, port)) }})
	must(t, err)
	defer func() { must(t, p.Stop()) }()
	addr := p.Addr()
	for range 2 {
		if !p.Running() || !listening(addr) {
			t.Fatal("it does not run")
		}
		must(t, p.Signal(syscall.SIGSTOP))
		must(t, p.Signal(syscall.SIGCONT))
		must(t, p.Kill())
		if p.Running() || listening(addr) {
			t.Fatal("it runs after it was killed")
		}
		must(t, p.Signal(syscall.SIGCONT))
		must(t, p.Resume(t.Context()))
		if p.Addr() != addr {
			t.Fatalf("moved from %s to %s", addr, p.Addr())
		}
	}
	if _, err := StartProgram(t.Context(), ProgramOptions{Name: "nothing", Path: "/no/such/program", Environ: func(int) []string { return nil }}); err == nil {
		t.Error("a program that is not there was started")
	}
}
