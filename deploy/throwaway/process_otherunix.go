//go:build unix && !linux

package throwaway

import "syscall"

// setDeathSignal does nothing: only Linux signals a process when its parent dies.
func setDeathSignal(*syscall.SysProcAttr, syscall.Signal) {}

// children lists none: Postgres backends notice by themselves that their parent is gone.
func children(int) []int { return nil }
