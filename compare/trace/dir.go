package trace

import (
	"fmt"
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
	file := filepath.FromSlash(s.files[process])
	if !filepath.IsLocal(file) {
		return nil, fmt.Errorf("the trace of %s, %q, lies outside its run", process, file)
	}
	f, err := os.Open(filepath.Join(s.dir, file))
	if err != nil {
		return nil, fmt.Errorf("opening the trace of %s: %w", process, err)
	}
	return &fileEvents{Decoder: probe.NewDecoder(f), file: f}, nil
}

// fileEvents closes the file that a decoder reads.
type fileEvents struct {
	*probe.Decoder
	file *os.File
}

func (e *fileEvents) Close() error { return e.file.Close() }
