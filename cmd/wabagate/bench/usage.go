package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU time in /proc, the same on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// process is a line of /proc/<pid>/stat.
type process struct {
	pid, parent int
	own         time.Duration // CPU, user and system
	reaped      time.Duration // CPU of children that ended
}

// parseStat reads a line of /proc/<pid>/stat. The second field is the program's name in parentheses, which may hold
// anything.
func parseStat(line []byte) (process, error) {
	open, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return process{}, fmt.Errorf("not a process: %q", line)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(line[:open])))
	fields := strings.Fields(string(line[end+1:])) // from the third field on
	if err != nil || len(fields) < 15 {
		return process{}, fmt.Errorf("not a process: %q", line)
	}
	var n [5]int64
	for i, at := range [5]int{4, 14, 15, 16, 17} { // as proc(5) counts them: ppid, utime, stime, cutime, cstime
		if n[i], err = strconv.ParseInt(fields[at-3], 10, 64); err != nil {
			return process{}, fmt.Errorf("not a process: %q", line)
		}
	}
	return process{pid: pid, parent: int(n[0]), own: time.Duration(n[1]+n[2]) * tick, reaped: time.Duration(n[3]+n[4]) * tick}, nil
}

func readProcess(pid int) (process, error) {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, err
	}
	return parseStat(line)
}

// cpuOf is the CPU time that a process has used; false where the system does not tell.
func cpuOf(pid int) (time.Duration, bool) {
	p, err := readProcess(pid)
	return p.own, err == nil
}

// treeCPU is the CPU time that a process and everything below it have used, what ended meanwhile included.
func treeCPU(root int) (time.Duration, bool) {
	paths, _ := filepath.Glob("/proc/[0-9]*/stat")
	below := map[int][]process{}
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if err != nil {
			continue // ended
		}
		if p, err := parseStat(line); err == nil {
			below[p.parent] = append(below[p.parent], p)
		}
	}
	top, err := readProcess(root)
	if err != nil {
		return 0, false
	}
	sum := time.Duration(0)
	for todo := []process{top}; len(todo) > 0; {
		p := todo[0]
		todo = append(todo[1:], below[p.pid]...)
		sum += p.own + p.reaped
	}
	return sum, true
}

// memoryOf is the resident memory of a process now and at its peak, in MiB; false where the system does not tell.
func memoryOf(pid int) (now, peak float64, ok bool) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, false
	}
	found := 0
	for line := range strings.Lines(string(status)) {
		key, rest, _ := strings.Cut(line, ":")
		if key != "VmRSS" && key != "VmHWM" {
			continue
		}
		kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
		if err != nil {
			continue
		}
		found++
		if key == "VmRSS" {
			now = kib / 1024
		} else {
			peak = kib / 1024
		}
	}
	return now, peak, found == 2
}
