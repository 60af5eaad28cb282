package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"syscall"
	"time"

	"github.com/reprocheck/reprocheck/runner/record"
)

// ErrNoAudit says that a store holds no audit of the name asked for.
var ErrNoAudit = errors.New("no such audit")

// maxRecord bounds what is read of one record: a record is written by reprocheck, but read as if by anyone.
const maxRecord = 256 << 20

// Store is a directory of audits: <dir>/audits/<id>/audit.json and <dir>/audits/<id>/runs/<run>/run.json with the
// run's streams and traces beside it.
type Store struct{ dir string }

// OpenStore returns the store at dir, which need not exist yet.
func OpenStore(dir string) *Store { return &Store{dir: dir} }

// Dir is the store's directory.
func (s *Store) Dir() string { return s.dir }

// AuditDir is where an audit is kept.
func (s *Store) AuditDir(audit string) string { return filepath.Join(s.dir, "audits", audit) }

// RunDir is where a run of an audit is kept.
func (s *Store) RunDir(audit, run string) string {
	return filepath.Join(s.AuditDir(audit), "runs", run)
}

// NewAudit makes the directory of an audit that begins at the given time and returns its id.
func (s *Store) NewAudit(at time.Time) (string, error) {
	if err := os.MkdirAll(filepath.Join(s.dir, "audits"), 0o755); err != nil {
		return "", fmt.Errorf("making the store: %w", err)
	}
	base := at.UTC().Format("20060102-150405")
	for n := 1; ; n++ {
		id := base
		if n > 1 {
			id = fmt.Sprintf("%s-%d", base, n)
		}
		err := os.Mkdir(s.AuditDir(id), 0o755)
		if err == nil {
			return id, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("making the audit's directory: %w", err)
		}
	}
}

// PutAudit writes the audit's record, whole or not at all.
func (s *Store) PutAudit(a *record.Audit) error {
	return writeJSON(filepath.Join(s.AuditDir(a.ID), "audit.json"), a)
}

// DropAudit removes an audit, and the store when it held nothing else.
func (s *Store) DropAudit(audit string) error {
	if err := os.RemoveAll(s.AuditDir(audit)); err != nil {
		return fmt.Errorf("removing the audit: %w", err)
	}
	for _, dir := range []string{filepath.Join(s.dir, "audits"), s.dir} {
		if os.Remove(dir) != nil {
			break // it holds something
		}
	}
	return nil
}

// Audit reads an audit by id, by the path of its directory, or the latest when name is empty.
func (s *Store) Audit(name string) (*record.Audit, error) {
	if name == "" {
		ids, err := s.Audits()
		if err != nil {
			return nil, err
		}
		if len(ids) == 0 {
			return nil, fmt.Errorf("%w: %s holds none; `reprocheck run` makes one", ErrNoAudit, s.dir)
		}
		name = ids[len(ids)-1]
	}
	dir := s.Locate(name)
	var a record.Audit
	if err := readJSON(filepath.Join(dir, "audit.json"), &a); err != nil {
		// A name that means a file is no audit either.
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			return nil, fmt.Errorf("%w: %s", ErrNoAudit, dir)
		}
		return nil, err
	}
	if a.Version < 1 {
		return nil, fmt.Errorf("%s holds no record of an audit", filepath.Join(dir, "audit.json"))
	}
	if a.Version > record.Version {
		return nil, fmt.Errorf("audit %s has format %d, and this reprocheck reads up to %d: use the newer reprocheck that wrote it", a.ID, a.Version, record.Version)
	}
	for _, e := range a.Experiments {
		for _, run := range e.Runs {
			if !filepath.IsLocal(run) {
				return nil, fmt.Errorf("audit %s names a run %q, which lies outside it", a.ID, run)
			}
		}
	}
	return &a, nil
}

// Locate is the directory that an audit's name means: an id in this store, or the path of a directory.
func (s *Store) Locate(name string) string {
	if dir := s.AuditDir(name); !strings.ContainsRune(name, filepath.Separator) {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
	}
	return name
}

// Audits lists the ids of the store's audits, oldest first.
func (s *Store) Audits() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "audits"))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, fmt.Errorf("listing the store: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(s.AuditDir(e.Name()), "audit.json")); err == nil {
			ids = append(ids, e.Name())
		}
	}
	sort.Strings(ids)
	return ids, nil
}

// PutRun writes a run's record, whole or not at all: a run that has a record is finished.
func (s *Store) PutRun(audit string, r *record.Run) error {
	return writeJSON(filepath.Join(s.RunDir(audit, r.ID), "run.json"), r)
}

// Run reads a finished run's record; fs.ErrNotExist says that the run has not finished.
func (s *Store) Run(audit, run string) (*record.Run, error) {
	return ReadRun(s.RunDir(audit, run))
}

// ReadRun reads the record in a run's directory.
func ReadRun(dir string) (*record.Run, error) {
	var r record.Run
	if err := readJSON(filepath.Join(dir, "run.json"), &r); err != nil {
		return nil, err
	}
	if r.Version < 1 {
		return nil, fmt.Errorf("%s holds no record of a run", filepath.Join(dir, "run.json"))
	}
	if r.Version > record.Version {
		return nil, fmt.Errorf("run %s has format %d, and this reprocheck reads up to %d: use the newer reprocheck that wrote it", r.ID, r.Version, record.Version)
	}
	return &r, nil
}

// Runs reads the records of all runs that the audit in a directory names in its experiments, in their order, one at a time: those
// of runs that wrote many files are large. It ends with the first error.
func Runs(dir string, a *record.Audit) iter.Seq2[*record.Run, error] {
	return func(yield func(*record.Run, error) bool) {
		for _, e := range a.Experiments {
			for _, id := range e.Runs {
				r, err := ReadRun(filepath.Join(dir, "runs", id))
				if err != nil {
					yield(nil, fmt.Errorf("reading run %s: %w", id, err))
					return
				}
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// probeFrame is a frame of the probe in a traceback of Python, with the lines that quote it: where the program called what the probe
// stands in for, the program's own frame says so.
var probeFrame = regexp.MustCompile(`\n  File "[^"\n]*/reprocheck_probe/[^"\n]*", line \d+, in [^\n]*(?:\n    [^\n]*)*`)

// LastLines reads the end of a run's kept output: at most 20 lines of at most 16 KiB, none when it cannot be read. Of a
// line that was written over, as progress bars are, it gives what stood there last; frames of the probe are left out.
func (s *Store) LastLines(audit string, stream record.Stream, run string) []string {
	const lines, bytes = 20, 16 << 10
	f, err := os.Open(filepath.Join(s.RunDir(audit, run), filepath.Base(stream.Path)))
	if err != nil {
		return nil
	}
	defer f.Close()
	if stream.Bytes > bytes {
		if _, err := f.Seek(stream.Bytes-bytes, io.SeekStart); err != nil {
			return nil
		}
	}
	tail, err := io.ReadAll(io.LimitReader(f, bytes))
	if err != nil {
		return nil
	}
	text := strings.TrimRight(string(tail), "\r\n")
	if text == "" {
		return nil
	}
	all := strings.Split(strings.TrimLeft(probeFrame.ReplaceAllString("\n"+text, ""), "\n"), "\n")
	all = all[max(0, len(all)-lines):]
	for i, line := range all {
		line = strings.TrimRight(line, "\r")
		all[i] = line[strings.LastIndexByte(line, '\r')+1:]
	}
	return all
}

func writeJSON(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", filepath.Base(path), err)
	}
	return WriteFile(path, append(data, '\n'))
}

// WriteFile writes data to path whole or not at all: a reader sees the old file or the new one, never a part.
func WriteFile(path string, data []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Write lets write write the file at path, whole or not at all as WriteFile does.
func Write(path string, write func(io.Writer) error) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, errors.Unwrap(err)) // without the temporary file's name
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
			err = fmt.Errorf("writing %s: %w", path, err)
		}
	}()
	if err = write(tmp); err != nil {
		return err
	}
	if err = tmp.Chmod(0o644); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

func readJSON(path string, v any) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var text bytes.Buffer
	if info, err := f.Stat(); err == nil {
		text.Grow(int(min(max(info.Size(), 0), maxRecord)) + bytes.MinRead)
	}
	if _, err := text.ReadFrom(io.LimitReader(f, maxRecord+1)); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	data := text.Bytes()
	if len(data) > maxRecord {
		return fmt.Errorf("reading %s: larger than %d bytes, not a record of reprocheck's", path, maxRecord)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}
