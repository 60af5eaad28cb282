package launch

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// listing hands out directories in an order of its own. It reads a directory as a whole through a descriptor of its own.
//
// How far a directory has been handed out is kept in the caller's file position where the stub can share the caller's
// descriptor (pidfd_getfd(2); Docker's default profile forbids it), so rewinding, seeking and opening anew do what they
// always do. Elsewhere it is kept here, and forgotten when the directory is opened, wound back, or read to its end.
type listing struct {
	order string
	seed  uint64
	open  map[openDirectory]*listed
}

// openDirectory is a directory as a process has it open.
type openDirectory struct {
	of *process
	fd int32
}

// listed is a directory that is being handed out.
type listed struct {
	device, inode uint64
	entries       []dirEntry
	next          int
}

type dirEntry struct {
	inode uint64
	kind  byte
	name  []byte
	rank  [sha256.Size]byte // for a shuffle
}

func newListing(order string, seed uint64) *listing {
	return &listing{order, seed, map[openDirectory]*listed{}}
}

// openDirectory opens a directory on the caller's behalf, because only so its number is known: a directory that was
// closed half read leaves a position behind, which must not become that of the next one with its number.
func (l *listing) openDirectory(w *watcher, n *notification, p *process, flags int) reply {
	if flags&unix.O_TMPFILE == unix.O_TMPFILE {
		return goOn // a file without a name, not a directory
	}
	a := pathCalls[n.nr][0]
	name, ok := readString(int(n.tid), uintptr(n.args[a.path]))
	if !ok || !w.valid(n) {
		return goOn
	}
	if !filepath.IsAbs(name) {
		// No cleaning: "link/.." is not what it looks like.
		name = directoryLink(int(n.tid), a.directory(n)) + "/" + name
	}
	fd, err := unix.Open(name, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return goOn // the kernel says what is wrong
	}
	return reply{
		file: os.NewFile(uintptr(fd), "directory"), fileFlags: uint32(flags) & unix.O_CLOEXEC,
		after: func(sent bool, number int) {
			if sent {
				delete(l.open, openDirectory{p, int32(number)})
			}
		},
	}
}

// rewind forgets how far a directory has been handed out.
func (l *listing) rewind(p *process, fd int32) {
	if l != nil {
		delete(l.open, openDirectory{p, fd})
	}
}

func (d openDirectory) path() string { return fmt.Sprintf("/proc/%d/fd/%d", d.of.pid, d.fd) }

// share returns a descriptor of this process for the caller's open directory, position included.
func (d openDirectory) share() (int, error) {
	pidfd, err := unix.PidfdOpen(d.of.pid, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(pidfd)
	return unix.PidfdGetfd(pidfd, int(d.fd), 0)
}

// canShare tries share on this process itself.
func canShare() bool {
	fd, err := openDirectory{&process{pid: os.Getpid()}, 0}.share()
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

// list answers getdents64 and getdents.
func (l *listing) list(w *watcher, n *notification, p *process) reply {
	d := openDirectory{p, int32(n.args[0])}
	shared, err := d.share()
	if err != nil {
		shared = -1
	}
	r := l.handOut(w, n, d, shared)
	then := r.after
	r.after = func(sent bool, value int) {
		if then != nil {
			then(sent, value)
		}
		if shared >= 0 {
			unix.Close(shared)
		}
	}
	return r
}

func (l *listing) handOut(w *watcher, n *notification, d openDirectory, shared int) reply {
	position := int64(0)
	if shared >= 0 {
		var err error
		if position, err = unix.Seek(shared, 0, unix.SEEK_CUR); err != nil {
			return goOn
		}
		if position == 0 {
			delete(l.open, d)
		}
	}
	state, err := l.find(d)
	if err != nil {
		return goOn // the kernel says what is wrong
	}
	if shared >= 0 {
		state.next = int(min(position, int64(len(state.entries))))
	}
	buf, next := state.fill(int(min(n.args[2], maxDraw)), n.nr == oldGetdents)
	if len(buf) == 0 && next < len(state.entries) {
		return reply{errno: unix.EINVAL} // not even one entry fits, getdents(2)
	}
	if err := writeMemory(int(n.tid), uintptr(n.args[1]), buf); err != nil {
		if err == unix.EFAULT {
			return reply{errno: unix.EFAULT}
		}
		w.refuse(fmt.Sprintf("a given order of directory listings: %v", err))
		return goOn
	}
	if shared >= 0 {
		// Before the reply, because what the caller does next may be to wind the directory back.
		unix.Seek(shared, int64(next), unix.SEEK_SET)
	}
	return reply{value: int64(len(buf)), after: func(sent bool, _ int) {
		switch {
		case sent && len(buf) == 0:
			delete(l.open, d)
		case sent:
			state.next = next
		case shared >= 0:
			unix.Seek(shared, position, unix.SEEK_SET)
		}
	}}
}

func (l *listing) find(d openDirectory) (*listed, error) {
	var st unix.Stat_t
	if err := unix.Stat(d.path(), &st); err != nil {
		return nil, err
	}
	state := l.open[d]
	if state != nil && state.device == uint64(st.Dev) && state.inode == st.Ino {
		return state, nil
	}
	entries, err := readEntries(d.path())
	if err != nil {
		return nil, err
	}
	l.sort(entries)
	state = &listed{device: uint64(st.Dev), inode: st.Ino, entries: entries}
	l.open[d] = state
	return state, nil
}

// sort keeps "." and ".." in front.
func (l *listing) sort(entries []dirEntry) {
	if l.order == "shuffled" {
		for i := range entries {
			key := binary.LittleEndian.AppendUint64(nil, l.seed)
			entries[i].rank = sha256.Sum256(append(key, entries[i].name...))
		}
	}
	dots := func(e dirEntry) int {
		if name := string(e.name); name == "." || name == ".." {
			return len(name)
		}
		return 3
	}
	slices.SortFunc(entries, func(a, b dirEntry) int {
		if c := cmp.Compare(dots(a), dots(b)); c != 0 {
			return c
		}
		switch l.order {
		case "reversed":
			return bytes.Compare(b.name, a.name)
		case "shuffled":
			return bytes.Compare(a.rank[:], b.rank[:])
		}
		return bytes.Compare(a.name, b.name)
	})
}

// readEntries reads a whole directory.
func readEntries(path string) ([]dirEntry, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var entries []dirEntry
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Getdents(fd, buf)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return entries, nil
		}
		// struct linux_dirent64: inode 8, offset 8, record length 2, type 1, name up to a zero byte.
		for b := buf[:n]; len(b) >= direntName; {
			size := int(binary.LittleEndian.Uint16(b[16:]))
			if size < direntName || size > len(b) {
				return nil, fmt.Errorf("malformed directory entry in %s", path)
			}
			name, _, _ := bytes.Cut(b[direntName:size], []byte{0})
			entries = append(entries, dirEntry{inode: binary.LittleEndian.Uint64(b), kind: b[18], name: bytes.Clone(name)})
			b = b[size:]
		}
	}
}

// direntName is the offset of the name in struct linux_dirent64.
const direntName = 19

// fill encodes as many entries as fit into size bytes, and returns what comes next.
func (s *listed) fill(size int, old bool) (buf []byte, next int) {
	for next = s.next; next < len(s.entries); next++ {
		e := s.entries[next]
		length := (direntName + len(e.name) + 1 + 7) &^ 7
		if old {
			// struct linux_dirent has the type in its last byte instead.
			length = (direntName - 1 + len(e.name) + 2 + 7) &^ 7
		}
		if len(buf)+length > size {
			return buf, next
		}
		record := make([]byte, length)
		binary.LittleEndian.PutUint64(record, e.inode)
		binary.LittleEndian.PutUint64(record[8:], uint64(next+1))
		binary.LittleEndian.PutUint16(record[16:], uint16(length))
		if old {
			copy(record[18:], e.name)
			record[length-1] = e.kind
		} else {
			record[18] = e.kind
			copy(record[direntName:], e.name)
		}
		buf = append(buf, record...)
	}
	return buf, next
}
