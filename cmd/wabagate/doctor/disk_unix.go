//go:build linux || darwin

package doctor

import "syscall"

// room is what is free, and what there is in all, of the disk under a directory, in bytes.
func room(dir string) (free, total uint64, ok bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0, false
	}
	return uint64(s.Bavail) * uint64(s.Bsize), uint64(s.Blocks) * uint64(s.Bsize), true
}
