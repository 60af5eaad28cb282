package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/reprocheck/reprocheck/runner/workspace"
)

// Changed leaves out the records, and what reprocheck itself and the rest of its pipeline write to: `| tee log.txt`.
func (l lab) Changed(since time.Time) ([]string, time.Time) {
	store, err := filepath.Abs(l.runner.Store.Dir())
	if err != nil {
		return nil, time.Time{}
	}
	audits := filepath.Join(store, "audits") // the store itself may be the project
	written := pipelineWrites()
	touched := workspace.TouchedSince(l.runner.Audit.Dir, since, func(path string, info fs.FileInfo) bool {
		return path == store || path == audits || slices.ContainsFunc(written, func(w fs.FileInfo) bool { return os.SameFile(w, info) })
	})
	return touched.Paths, touched.Last
}

// pipelineWrites are the files that are open for writing in the processes of this one's group, as a shell makes one of a
// pipeline. Without /proc they are this process's own.
func pipelineWrites() []fs.FileInfo {
	var written []fs.FileInfo
	for _, f := range []*os.File{os.Stdout, os.Stderr} {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			written = append(written, info)
		}
	}
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		pid, err := strconv.Atoi(filepath.Base(process))
		if err != nil {
			continue
		}
		if group, err := syscall.Getpgid(pid); err != nil || group != syscall.Getpgrp() {
			continue
		}
		files, _ := filepath.Glob(process + "/fd/*")
		for _, file := range files {
			if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && opensForWriting(process+"/fdinfo/"+filepath.Base(file)) {
				written = append(written, info)
			}
		}
	}
	return written
}

// opensForWriting reads the flags of an open file from its entry in /proc/PID/fdinfo.
func opensForWriting(fdinfo string) bool {
	text, err := os.ReadFile(fdinfo)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if octal, found := strings.CutPrefix(line, "flags:"); found {
			flags, err := strconv.ParseInt(strings.TrimSpace(octal), 8, 64)
			return err == nil && flags&(syscall.O_WRONLY|syscall.O_RDWR) != 0
		}
	}
	return false
}
