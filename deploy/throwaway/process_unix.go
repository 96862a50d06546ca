//go:build unix

package throwaway

import (
	"errors"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// attributes gives a server a process group of its own, an identity and the signal it receives when we die.
func attributes(as *identity, onDeath syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if as != nil {
		attr.Credential = &syscall.Credential{Uid: as.uid, Gid: as.gid}
	}
	setDeathSignal(attr, onDeath)
	return attr
}

// unprivileged returns who Postgres runs as: nil (ourselves) unless we are root, whom Postgres refuses.
func unprivileged() (*identity, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	var errs []error
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			errs = append(errs, err)
			continue
		}
		return &identity{uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return nil, errors.Join(errs...)
}

// killTree kills a process, its group and its direct children. Postgres puts each backend in a session of its own,
// out of the group's reach; the parent goes first so that it cannot react to their deaths.
func killTree(pid int) {
	below := children(pid)
	_ = syscall.Kill(-pid, syscall.SIGKILL) // ended meanwhile: nothing to kill
	for _, p := range below {
		_ = syscall.Kill(p, syscall.SIGKILL)
	}
}
