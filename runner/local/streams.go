package local

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/reprocheck/reprocheck/runner/record"
)

// stream keeps one output of the command: a file, its digest, and a copy for the user's eyes.
type stream struct {
	file  *os.File
	sum   hash.Hash
	bytes int64
	lines int64
	eyes  *prefixer
}

func openStream(dir, name string, eyes *prefixer) (*stream, error) {
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("keeping the command's %s: %w", name, err)
	}
	return &stream{file: f, sum: sha256.New(), eyes: eyes}, nil
}

func (s *stream) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	s.sum.Write(p[:n])
	s.bytes += int64(n)
	s.lines += int64(bytes.Count(p[:n], []byte("\n")))
	if s.eyes != nil {
		s.eyes.write(p[:n])
	}
	return n, err
}

func (s *stream) record() record.Stream {
	return record.Stream{Path: filepath.Base(s.file.Name()), Bytes: s.bytes, Lines: s.lines, SHA256: hex.EncodeToString(s.sum.Sum(nil))}
}

// prefixer writes whole lines, each with its run, to a writer that several runs share.
type prefixer struct {
	to     io.Writer
	mu     *sync.Mutex
	prefix string
	rest   []byte
	// returned says that the last line ended with a carriage return: a newline that follows belongs to it.
	returned bool
}

// longestLine is how much of a line without an end is held back.
const longestLine = 64 << 10

func (p *prefixer) write(data []byte) {
	p.rest = append(p.rest, data...)
	for len(p.rest) > 0 {
		end := bytes.IndexAny(p.rest, "\r\n")
		switch {
		case end < 0 && len(p.rest) < longestLine:
			return
		case end < 0:
			p.flush()
			return
		}
		text, closer := p.rest[:end], p.rest[end]
		// A progress bar begins its line with a carriage return: nothing stands before it.
		if end > 0 || closer == '\n' && !p.returned {
			p.line(text)
		}
		p.returned = closer == '\r'
		p.rest = p.rest[end+1:]
	}
}

// flush writes what is left of a last line without an end.
func (p *prefixer) flush() {
	if len(p.rest) > 0 {
		p.line(p.rest)
		p.rest, p.returned = nil, false
	}
}

func (p *prefixer) line(text []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.to, "%s | %s\n", p.prefix, text)
}
