//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// provide makes sure that every need is met, by installing if that is allowed and possible.
func (t *testenv) provide(ctx context.Context, list []need, install bool) error {
	lacking := unmet(list)
	if snapOnly() {
		// Ubuntu's chromium package is a pointer to a snap, which needs a running snapd: not for a test to set up.
		lacking = slices.DeleteFunc(lacking, func(n need) bool {
			if !slices.Contains(n.packages, "chromium") {
				return false
			}
			t.printf("no Chromium or Chrome found, and Ubuntu has none to install with apt-get: browser tests SKIP")
			return true
		})
	}
	if len(lacking) == 0 {
		return nil
	}
	required := slices.DeleteFunc(slices.Clone(lacking), func(n need) bool { return n.told })
	apt, err := exec.LookPath("apt-get")
	if !install || err != nil || os.Geteuid() != 0 {
		if len(required) > 0 {
			return errors.New(advice(lacking, err == nil))
		}
		t.printf("the tests that need them will say so, and fail; %s", advice(lacking, err == nil))
		return nil
	}
	t.printf("installing %s with apt-get, for %s", strings.Join(packages(lacking), " "), reasons(lacking))
	began := time.Now()
	if err = aptInstall(ctx, apt, packages(lacking)); err != nil && len(required) < len(lacking) && ctx.Err() == nil {
		// A distribution may have no package of that name, and apt-get then installs none of them.
		t.printf("%v", err)
		t.printf("installing what nothing runs without: %s", strings.Join(packages(required), " "))
		err = nil
		if len(required) > 0 {
			err = aptInstall(ctx, apt, packages(required))
		}
	}
	if err != nil {
		return err
	}
	if required = unmet(required); len(required) > 0 {
		return fmt.Errorf("installed, and yet missing: %s", reasons(required))
	}
	if lacking = unmet(lacking); len(lacking) > 0 {
		t.printf("still missing: %s; the tests that need them will say so, and fail", reasons(lacking))
	}
	t.printf("installed in %s", time.Since(began).Round(time.Second))
	return nil
}

func unmet(list []need) []need {
	return slices.DeleteFunc(slices.Clone(list), func(n need) bool { return !n.missing() })
}

func packages(list []need) []string {
	var names []string
	for _, n := range list {
		names = append(names, n.packages...)
	}
	return names
}

func reasons(list []need) string {
	var whys []string
	for _, n := range list {
		whys = append(whys, n.why)
	}
	return strings.Join(whys, ", ")
}

// advice tells a person what to do about what is missing.
func advice(lacking []need, apt bool) string {
	b := new(strings.Builder)
	fmt.Fprintf(b, "missing: %s\n", reasons(lacking))
	names := strings.Join(packages(lacking), " ")
	if apt {
		fmt.Fprintf(b, "  install:  apt-get update && apt-get install -y --no-install-recommends %s\n", names)
		fmt.Fprintf(b, "  or, as root, let testenv do it: -install\n")
	} else {
		fmt.Fprintf(b, "  install what Debian calls:  %s\n", names)
	}
	fmt.Fprintf(b, "  or point %s and %s at running servers, set %s to a browser or to nothing",
		databaseVar, redisVar, chromiumVar)
	return b.String()
}

// snapOnly reports whether this is an Ubuntu.
func snapOnly() bool {
	release, err := os.ReadFile("/etc/os-release")
	return err == nil && slices.Contains(strings.Split(string(release), "\n"), "ID=ubuntu")
}

// aptInstall installs packages and keeps the services among them from starting. What apt-get says is shown only if it
// fails.
func aptInstall(ctx context.Context, apt string, names []string) error {
	allow, err := denyServices("/usr/sbin/policy-rc.d")
	if err != nil {
		return err
	}
	defer allow()
	// Another apt-get may be running, as on a machine that just booted.
	lock := []string{"-q", "-o", "DPkg::Lock::Timeout=120"}
	for _, args := range [][]string{
		append(lock[:3:3], "update"),
		append(append(lock[:3:3], "install", "-y", "--no-install-recommends"), names...),
	} {
		var output strings.Builder
		cmd := exec.CommandContext(ctx, apt, args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		cmd.Stdout, cmd.Stderr = &output, &output
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt comes through Cancel, once
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
		cmd.WaitDelay = grace
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(output.String()))
		}
	}
	return nil
}

// denyServices writes the policy by which Debian's packages do not start their services, unless the machine has a
// policy of its own. allow takes it away again.
func denyServices(policy string) (allow func(), err error) {
	const script = "#!/bin/sh\n# Written by testenv while it installs packages; safe to remove.\nexit 101\n"
	file, err := os.OpenFile(policy, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("keep services from starting: %w", err)
	}
	allow = func() { _ = os.Remove(policy) } // worst case it stays, and says what it is
	_, err = file.WriteString(script)
	if err := errors.Join(err, file.Close()); err != nil {
		allow()
		return nil, fmt.Errorf("keep services from starting: %w", err)
	}
	return allow, nil
}
