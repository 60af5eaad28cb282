package workspace

import (
	"bytes"
	"io/fs"
	"os"
	"slices"
)

// maxSockets bounds the sockets that are kept reachable.
const maxSockets = 256

// socketsBelow lists the sockets in use below the directories, from /proc/net/unix, proc(5). An overlay hides the server behind
// a socket of its lower layer, and a program that talks to its ssh-agent or window system would find nobody there.
func socketsBelow(dirs []string) []string {
	table, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return nil
	}
	var found []string
	for line := range bytes.Lines(table) {
		// Num RefCount Protocol Flags Type St Inode Path: nothing before the path has a slash.
		i := bytes.IndexByte(line, '/')
		if i < 1 || line[i-1] != ' ' {
			continue // no path, or one in the abstract namespace
		}
		path := string(bytes.TrimSuffix(line[i:], []byte("\n")))
		covered := slices.ContainsFunc(dirs, func(dir string) bool { return within(path, dir) })
		if !covered || slices.Contains(found, path) || len(found) >= maxSockets {
			continue
		}
		if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSocket != 0 {
			found = append(found, path)
		}
	}
	return found
}
