package throwaway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"syscall"
	"time"
)

// ProgramOptions say how to run a program that serves HTTP on loopback. Path, Environ and Ready have to be set.
type ProgramOptions struct {
	// Name is what errors and the log file call it.
	Name string
	// Path is the executable, Args what follows it on the command line.
	Path string
	Args []string
	// Environ is the program's whole environment, given the port that it has to listen on.
	Environ func(port int) []string
	// Ready is the path that answers 200 once the program is ready, such as /readyz.
	Ready string
	// Dir is its working directory, holds the log, and is kept. Empty: a temporary directory that Stop removes.
	Dir string
}

// Program is a running program with the lifecycle of a store: it can be killed and brought back on the same port.
type Program struct{ server }

// StartProgram runs a program and returns once it is ready. ctx bounds the start only: the program runs until Stop.
func StartProgram(ctx context.Context, o ProgramOptions) (*Program, error) {
	dir, temp, err := openDir(o.Dir, o.Name, nil)
	if err != nil {
		return nil, err
	}
	p := &Program{server{name: o.Name, dir: dir, temp: temp, stop: syscall.SIGTERM}}
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	p.ready = func(ctx context.Context, _ int) error { return answersOK(ctx, client, p.URL()+o.Ready) }
	p.command = func(port int) *exec.Cmd {
		cmd := exec.Command(o.Path, o.Args...)
		cmd.Env = o.Environ(port)
		cmd.SysProcAttr = attributes(nil, syscall.SIGKILL)
		return cmd
	}
	if err := p.start(ctx, 0); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// URL is the program's address without a path.
func (p *Program) URL() string { return "http://" + p.Addr() }

// Name is what errors and the log file call the program.
func (p *Program) Name() string { return p.name }

func answersOK(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %d", url, res.StatusCode)
	}
	return nil
}
