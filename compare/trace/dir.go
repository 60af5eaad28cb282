package trace

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// OpenDir gives the traces that are kept in a run's directory.
func OpenDir(dir string, run *record.Run) Source {
	s := &dirSource{dir: dir, files: map[string]string{}}
	for _, p := range run.Processes {
		s.names = append(s.names, p.Name)
		s.files[p.Name] = p.Trace
	}
	return s
}

type dirSource struct {
	dir   string
	names []string
	files map[string]string
}

func (s *dirSource) Processes() []string { return s.names }

func (s *dirSource) Open(process string) (Events, error) {
	file, known := s.files[process]
	if !known {
		return noEvents{}, nil
	}
	file = filepath.FromSlash(file)
	if !filepath.IsLocal(file) {
		return nil, fmt.Errorf("the trace of %s, %q, lies outside its run", process, file)
	}
	f, err := os.Open(filepath.Join(s.dir, file))
	if err != nil {
		return nil, fmt.Errorf("opening the trace of %s: %w", process, err)
	}
	return &fileEvents{Decoder: probe.NewDecoder(f), file: f}, nil
}

// noEvents is the trace of a process that a run did not have.
type noEvents struct{}

func (noEvents) Next() (probe.Event, error) { return probe.Event{}, io.EOF }
func (noEvents) Close() error               { return nil }

// fileEvents closes the file that a decoder reads.
type fileEvents struct {
	*probe.Decoder
	file *os.File
}

func (e *fileEvents) Close() error { return e.file.Close() }
