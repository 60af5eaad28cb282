package launch

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"

	"golang.org/x/sys/unix"
)

// maxDraw bounds one answer to getrandom; the call may return less than was asked for, getrandom(2).
const maxDraw = 1 << 20

// entropyStream is what one process gets for operating-system entropy: the ChaCha8 generator, keyed by the
// seed and the process's place in the tree.
type entropyStream struct {
	source *rand.ChaCha8
	ahead  []byte // produced and not yet received
}

func newEntropyStream(seed uint64, place string) *entropyStream {
	key := binary.LittleEndian.AppendUint64([]byte("reprocheck entropy 1\x00"), seed)
	return &entropyStream{source: rand.NewChaCha8(sha256.Sum256(append(key, place...)))}
}

// peek returns the next n bytes without consuming them.
func (s *entropyStream) peek(n int) []byte {
	if more := n - len(s.ahead); more > 0 {
		fresh := make([]byte, more)
		s.source.Read(fresh)
		s.ahead = append(s.ahead, fresh...)
	}
	return s.ahead[:n]
}

func (s *entropyStream) consume(n int) { s.ahead = append(s.ahead[:0], s.ahead[n:]...) }

func (w *watcher) streamOf(p *process) *entropyStream {
	if p.stream == nil {
		p.stream = newEntropyStream(w.setup.Controls.EntropySeed, placeName(p.place))
	}
	return p.stream
}

// drew counts a read. The program's name is looked up again now and then, because a process may execute another.
func (p *process) drew(bytes int) {
	p.calls++
	p.bytes += int64(bytes)
	if p.calls&(p.calls-1) == 0 {
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", p.pid)); err == nil {
			p.exe = exe
		}
	}
}

// hashSecret is what Python draws for the secret of its hashes (_Py_HashSecret_t) before it runs any code. One that has drawn
// it is more than a "python --version", however short it lives; the C library draws less.
const hashSecret = 24

func (w *watcher) getrandom(n *notification, p *process) reply {
	asked := int(min(n.args[1], maxDraw))
	if p.executed && asked >= hashSecret {
		p.executed = false
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", p.pid)); err == nil && isPython(exe) && len(w.pythons) < maxEntropyProcesses {
			w.pythons = append(w.pythons, PythonProcess{PID: p.pid, Exe: exe})
		}
	}
	if !w.setup.Controls.Entropy || w.spares(p) {
		return reply{carryOn: true, after: func(sent bool, _ int) {
			if sent {
				p.drew(asked)
			}
		}}
	}
	stream := w.streamOf(p)
	if err := writeMemory(int(n.tid), uintptr(n.args[0]), stream.peek(asked)); err != nil {
		if err == unix.EFAULT {
			return reply{errno: unix.EFAULT}
		}
		w.refuse(fmt.Sprintf("a repeatable stream of operating-system entropy for %s: %v", p.exe, err))
		return goOn
	}
	return reply{value: int64(asked), after: func(sent bool, _ int) {
		if sent {
			stream.consume(asked)
			p.drew(asked)
		}
	}}
}

// openRandom answers an open of /dev/urandom with a pipe that a stream of its own is written to.
func (w *watcher) openRandom(n *notification, p *process, flags uint32) reply {
	r, write, err := os.Pipe()
	if err != nil {
		return goOn
	}
	stream := newEntropyStream(w.setup.Controls.EntropySeed, fmt.Sprintf("%s/open/%d", placeName(p.place), p.opened))
	return reply{file: r, fileFlags: flags & unix.O_CLOEXEC, after: func(sent bool, _ int) {
		if !sent {
			write.Close()
			return
		}
		p.opened++
		p.drew(0)
		go stream.pour(write)
	}}
}

// pour writes the stream to a pipe until its last reader is gone.
func (s *entropyStream) pour(to *os.File) {
	defer to.Close()
	buf := make([]byte, 4096)
	for {
		s.source.Read(buf)
		if _, err := to.Write(buf); err != nil {
			return
		}
	}
}
