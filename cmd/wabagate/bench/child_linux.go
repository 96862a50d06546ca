package bench

import "syscall"

// attributes give a child a process group of its own, so that an interrupt typed at a terminal reaches us alone and the
// stopping is in order, and let it die with us.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// machineMemory is in bytes; 0 when it does not tell.
func machineMemory() uint64 {
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		return 0
	}
	return info.Totalram * uint64(info.Unit)
}
