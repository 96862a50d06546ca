package bench

import "syscall"

// attributes give a child a process group of its own, so that an interrupt typed at a terminal reaches us alone and the
// stopping is in order, and let it die with us.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
