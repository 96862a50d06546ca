//go:build !linux

package bench

import "syscall"

func attributes() *syscall.SysProcAttr { return nil }

// machineMemory is not known here.
func machineMemory() uint64 { return 0 }
