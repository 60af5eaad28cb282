// Package manifest records and checks the identities of checkpoints: the SHA-256 of a file's bytes and the canonical
// digest of its content.
package manifest

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
)

// SchemaVersion names the JSON form of a Document.
const SchemaVersion = "reprocheck.checkpoint-hash/v1"

// Document holds the digests of one file.
type Document struct {
	Schema string `json:"schema"`
	Path   string `json:"path"`
	Format string `json:"format,omitempty"`
	// SHA256 is that of the file's bytes, empty for a directory, and where Hash left it out.
	SHA256 string `json:"sha256,omitempty"`
	// Content is the digest of docs/checkpoint-digest.md, empty where the file is no checkpoint that can be read;
	// Unread says why then.
	Content string  `json:"content,omitempty"`
	Unread  string  `json:"unread,omitempty"`
	Values  []Value `json:"values,omitempty"`

	err error
}

// Err is why the content could not be read, nil where it was.
func (d *Document) Err() error { return d.err }

// Value is the digest of one value; containers are left out.
type Value struct {
	Name   string         `json:"name"`
	Type   string         `json:"type"`
	Shape  []int64        `json:"shape,omitzero"`
	Digest checkpoint.Sum `json:"digest"`
}

// maxUnread is the size in bytes up to which a file that is no readable checkpoint is hashed all the same. A sparse file
// of a few bytes can claim to be of any size.
const maxUnread = 1 << 30

// Hash reads a file twice: its bytes, and its content. Of a directory that is one checkpoint it reads the content; of a
// large file that is no readable checkpoint neither, and Sum reads the bytes of that. Values are listed where they are asked
// for.
func Hash(ctx context.Context, path string, values bool) (*Document, error) {
	d := &Document{Schema: SchemaVersion, Path: path}
	f, err := all.Open(ctx, path)
	if err != nil {
		d.Unread, d.err = err.Error(), err
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Size() > maxUnread {
			return d, nil
		}
		return d, d.Sum(ctx)
	}
	defer f.Close()
	if err := d.Sum(ctx); err != nil {
		return nil, err
	}
	digests, err := checkpoint.Digest(ctx, f)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		d.Unread, d.err = err.Error(), err
		return d, nil
	}
	d.Format, d.Content = f.Format, digests.Content
	if !values {
		return d, nil
	}
	d.Values = make([]Value, 0, len(f.Entries))
	for i := range f.Entries {
		e := &f.Entries[i]
		if e.Structure {
			continue
		}
		v := Value{Name: e.Name, Type: e.Type, Digest: digests.Entries[i]}
		if v.Name == "" {
			v.Name = checkpoint.RootName
		}
		if t := e.Tensor(); t != nil {
			if v.Shape = t.Shape; v.Shape == nil {
				v.Shape = []int64{}
			}
		}
		d.Values = append(d.Values, v)
	}
	return d, nil
}

// Sum hashes the bytes of the file, which a directory does not have.
func (d *Document) Sum(ctx context.Context) (err error) {
	if !all.IsDirectory(d.Path) {
		d.SHA256, err = sum(ctx, d.Path)
	}
	return err
}

// sum returns the SHA-256 of a file's bytes.
func sum(ctx context.Context, path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	// Opened so, a file that can keep its reader waiting has a deadline.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return sumOf(ctx, f)
}

// patience is how long a file may keep its reader waiting: some files of /proc, which have the mode of a regular file, wait for
// what comes next. Files on disks have no deadline.
const patience = time.Second

func sumOf(ctx context.Context, f *os.File) (string, error) {
	h := sha256.New()
	buf := make([]byte, 128<<10)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if err := f.SetReadDeadline(time.Now().Add(patience)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
			return "", err
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", fmt.Errorf("reading %s: %w", f.Name(), err)
		}
	}
}

// none stands in a manifest for the SHA-256 of a directory, and for the content digest of a file that is no readable
// checkpoint.
const none = "-"

// Line is one file of a manifest. A digest that it does not have is empty.
type Line struct{ SHA256, Content, Path string }

// Write writes a manifest: for each file its SHA-256 or "-", its content digest or "-", and its path, separated by two
// spaces. A line begins with a backslash where its path is escaped: where it has backslashes or is not printable.
func Write(w io.Writer, lines []Line) error {
	b := bufio.NewWriter(w)
	for _, l := range lines {
		path, marked := escape(l.Path)
		if marked {
			b.WriteString(mark)
		}
		fmt.Fprintf(b, "%s  %s  %s\n", cmp.Or(l.SHA256, none), cmp.Or(l.Content, none), path)
	}
	return b.Flush()
}

// Parse reads a manifest.
func Parse(r io.Reader) ([]Line, error) {
	var lines []Line
	s := bufio.NewScanner(r)
	for n := 1; s.Scan(); n++ {
		text := strings.TrimSuffix(s.Text(), "\r")
		if text == "" {
			continue
		}
		text, marked := strings.CutPrefix(text, mark)
		parts := strings.SplitN(text, "  ", 3)
		if len(parts) != 3 || parts[2] == "" {
			return nil, fmt.Errorf("line %d of the manifest is not \"sha256  content  path\"", n)
		}
		l := Line{parts[0], parts[1], parts[2]}
		if marked {
			var err error
			if l.Path, err = unescape(l.Path); err != nil {
				return nil, fmt.Errorf("line %d of the manifest: %w", n, err)
			}
		}
		if raw, err := hex.DecodeString(l.SHA256); l.SHA256 == none {
			l.SHA256 = ""
		} else if err != nil || len(raw) != sha256.Size {
			return nil, fmt.Errorf("line %d of the manifest: the SHA-256 is not %d hexadecimal digits", n, 2*sha256.Size)
		}
		if l.Content == none {
			l.Content = ""
		} else if !strings.HasPrefix(l.Content, checkpoint.DigestVersion+":") {
			return nil, fmt.Errorf("line %d of the manifest: content digest of a version other than %s", n, checkpoint.DigestVersion)
		}
		if l.SHA256 == "" && l.Content == "" {
			return nil, fmt.Errorf("line %d of the manifest has no digest", n)
		}
		lines = append(lines, l)
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	return lines, nil
}

// Status says how a file compares with its line.
type Status string

const (
	OK          Status = "ok"           // the same bytes
	SameContent Status = "same content" // other bytes, equal values
	Changed     Status = "changed"
	Missing     Status = "missing"
	Unreadable  Status = "unreadable" // other bytes, and the values cannot be read
)

// Outcome is the result of checking one line.
type Outcome struct {
	Path   string `json:"path"`
	Status Status `json:"status"`
	Why    string `json:"why,omitempty"`

	foreign bool // the file is no checkpoint itself
}

// Good reports whether the file holds what its line says.
func (o Outcome) Good() bool { return o.Status == OK || o.Status == SameContent }

// Check compares files with their lines; paths are relative to dir. Of a file whose bytes are as recorded the content is not
// digested, unless it lies in other files too, as that of an index does.
func Check(ctx context.Context, dir string, lines []Line) ([]Outcome, error) {
	outcomes := make([]Outcome, 0, len(lines))
	for _, l := range lines {
		o, err := check(ctx, located(dir, l.Path), l)
		if err != nil {
			return nil, err
		}
		o.Path = l.Path
		outcomes = append(outcomes, o)
	}
	for i := range outcomes {
		if outcomes[i].foreign {
			settle(dir, lines, outcomes, i)
		}
	}
	return outcomes, nil
}

// settle judges a file of other bytes that is no checkpoint itself: it is as the one of that content is whose values lie in it.
func settle(dir string, lines []Line, outcomes []Outcome, i int) {
	for j, l := range lines {
		if j != i && l.Content == lines[i].Content && outcomes[j].Good() && slices.Contains(all.Beside(located(dir, l.Path)), located(dir, lines[i].Path)) {
			outcomes[i] = Outcome{Path: outcomes[i].Path, Status: SameContent}
			return
		}
	}
	outcomes[i] = Outcome{Path: outcomes[i].Path, Status: Changed}
}

func located(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

func check(ctx context.Context, path string, l Line) (Outcome, error) {
	sha, err := l.sum(ctx, path)
	switch {
	case ctx.Err() != nil:
		return Outcome{}, ctx.Err()
	case errors.Is(err, fs.ErrNotExist):
		return Outcome{Status: Missing}, nil
	case err != nil:
		return Outcome{Status: Unreadable, Why: err.Error()}, nil
	case l.Content == "" && sha != l.SHA256:
		return Outcome{Status: Changed}, nil
	case sha == l.SHA256 && (l.Content == "" || !all.Spread(path)):
		return Outcome{Status: OK}, nil
	}
	content, err := digest(ctx, path)
	switch {
	case ctx.Err() != nil:
		return Outcome{}, ctx.Err()
	case err != nil:
		return Outcome{Status: Unreadable, Why: err.Error(), foreign: errors.Is(err, checkpoint.ErrUnknownFormat)}, nil
	case content != l.Content:
		return Outcome{Status: Changed}, nil
	case sha != l.SHA256:
		return Outcome{Status: SameContent}, nil
	}
	return Outcome{Status: OK}, nil
}

// sum returns the SHA-256 that is to be compared with the line's, empty where the line has none.
func (l Line) sum(ctx context.Context, path string) (string, error) {
	if l.SHA256 != "" {
		return sum(ctx, path)
	}
	_, err := os.Stat(path)
	return "", err
}

// digest returns the digest of a checkpoint's content.
func digest(ctx context.Context, path string) (string, error) {
	f, err := all.Open(ctx, path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	d, err := checkpoint.Digest(ctx, f)
	if err != nil {
		return "", err
	}
	return d.Content, nil
}
