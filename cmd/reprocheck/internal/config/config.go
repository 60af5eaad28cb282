// Package config reads reprocheck.yaml: the options of `reprocheck run`, kept beside the training they are for.
//
// Every key is an option's name without its dashes, and an option on the command line wins over the file. A file is read
// whole or not at all: an unknown key, a repeated one or a value of another type is an error that names its line.
// docs/configuration.md has a complete example.
package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/reprocheck/reprocheck/runner/record"
)

const (
	// DefaultRuns is the number of runs of the command as it ships.
	DefaultRuns = 3
	// DefaultMaxRuns bounds all runs of an audit, those that look for the cause included.
	DefaultMaxRuns = 30
)

// MaxSize is the largest file read, in bytes; a real one has a few hundred.
const MaxSize = 1 << 20

// File is what a configuration file says. A field that the file does not mention is zero, and a pointer nil.
type File struct {
	// Command is the training command, word by word; no shell reads it.
	Command []string

	Runs    int
	MaxRuns int
	Jobs    int
	Seed    uint64
	Timeout time.Duration
	Store   string
	// Pin and Vary hold source ids, or "all".
	Pin      []string
	Vary     []string
	Isolate  []string
	Results  []string
	Diagnose *bool

	RTol            *float64
	ATol            *float64
	DTypeTolerances bool
	// Tolerances are by metric; a single number in the file is an absolute tolerance.
	Tolerances  map[string]record.Tolerance
	MetricRegex []string
}

// Error is one problem of a configuration file.
type Error struct {
	Path string
	// Line is 1-based.
	Line    int
	Problem string
}

func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Problem) }

// Load reads a configuration file. A file that does not exist is an error that matches [os.ErrNotExist]; problems of its
// content are joined values of type [*Error].
func Load(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading the configuration: %s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if len(data) > MaxSize {
		return nil, fmt.Errorf("reading the configuration: %s is larger than %d bytes", path, MaxSize)
	}
	return parse(path, data)
}
