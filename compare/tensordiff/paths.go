package tensordiff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
	"github.com/reprocheck/reprocheck/runner/metrics"
	"github.com/reprocheck/reprocheck/runner/metrics/volatile"
)

// ComparisonVersion names the JSON form of a Comparison.
const ComparisonVersion = "reprocheck.checkpoint-comparison/v1"

// Comparison is the result for two files or two directories.
type Comparison struct {
	Schema  string  `json:"schema"`
	A       string  `json:"a"`
	B       string  `json:"b"`
	Verdict Verdict `json:"verdict"`
	// Identical counts files of equal bytes, which are not opened.
	Identical int `json:"identical_files"`
	// Files are the pairs of checkpoints with other bytes, by path.
	Files []*Result `json:"files"`
	// Other are files that are no checkpoints and have other bytes; OnlyA and OnlyB are there on one side only.
	Other []string `json:"other_files_that_differ"`
	// Alike are such files of which only times and other values differ that do so by nature.
	Alike []string `json:"other_files_that_differ_by_nature"`
	OnlyA []string `json:"only_in_a"`
	OnlyB []string `json:"only_in_b"`
	// Unreadable are pairs of two directories of which one file cannot be read, so that nothing is known of them.
	Unreadable []Unreadable `json:"unreadable"`
}

// Unreadable is a pair of files that could not be compared.
type Unreadable struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Paths compares two checkpoints, each a file or a directory. In directories files are paired by path, and the shards of
// an index are compared as one model; what cannot be read of them is told beside what can. One file is compared with that of a
// directory that alone has a model. It reads one pair at a time.
func Paths(ctx context.Context, a, b string, o Options) (*Comparison, error) {
	c := &Comparison{Schema: ComparisonVersion, A: a, B: b, Files: []*Result{}, Other: []string{}, Alike: []string{}, OnlyA: []string{}, OnlyB: []string{}, Unreadable: []Unreadable{}}
	listA, err := all.List(a)
	if err != nil {
		return nil, err
	}
	listB, err := all.List(b)
	if err != nil {
		return nil, err
	}
	switch { // a directory of one file stays one
	case all.IsDirectory(a) && all.IsDirectory(b):
		listB[0].Name = listA[0].Name // the checkpoints that the directories are, whatever else is in them
	case len(listA) != 1 && len(listB) == 1 && listB[0].Path == b:
		listA, err = theModel(ctx, listA)
	case len(listA) == 1 && len(listB) != 1 && listA[0].Path == a:
		listB, err = theModel(ctx, listB)
	}
	if err != nil {
		return nil, err
	}
	if len(listA) == 1 && len(listB) == 1 {
		// Files, or models of one file or index, may have any names.
		if err := c.pair(ctx, listA[0], listB[0], o); err != nil {
			return nil, err
		}
	} else if err := c.directories(ctx, listA, listB, o); err != nil {
		return nil, err
	}
	c.Verdict = c.verdict()
	return c, nil
}

// theModel returns the one file of a directory that has the weights of a model, beside its configuration and others; all of them
// where there is none, or several.
func theModel(ctx context.Context, list []all.Item) ([]all.Item, error) {
	var found []all.Item
	for _, x := range list {
		f, err := all.Open(ctx, x.Path)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			continue // it is told where it is compared
		}
		if models(f, component.Classify(f).Of, false).count() > 0 {
			found = append(found, x)
		}
		f.Close()
	}
	if len(found) == 1 {
		return found, nil
	}
	return list, nil
}

func (c *Comparison) directories(ctx context.Context, listA, listB []all.Item, o Options) error {
	pairs, onlyA, onlyB := counterparts(listA, listB)
	for _, x := range onlyA {
		c.OnlyA = append(c.OnlyA, x.Name)
	}
	for _, y := range onlyB {
		c.OnlyB = append(c.OnlyB, y.Name)
	}
	for _, p := range pairs {
		err := c.pair(ctx, p[0], p[1], o)
		if ctx.Err() != nil || errors.As(err, new(*restError)) {
			return err
		}
		if err != nil {
			c.Unreadable = append(c.Unreadable, Unreadable{both(p[0], p[1]), err.Error()})
		}
	}
	return nil
}

// both is what a pair of files is called.
func both(x, y all.Item) string {
	if x.Name == y.Name {
		return x.Name
	}
	return x.Name + " and " + y.Name
}

func (c *Comparison) pair(ctx context.Context, x, y all.Item, o Options) error {
	if same, ok := deadLinks(x.Path, y.Path); ok && x.Path != c.A {
		if same {
			c.Identical++
		} else {
			c.Other = append(c.Other, both(x, y))
		}
		return nil
	}
	apart := int64(-1)
	if !x.Spread && !y.Spread {
		var err error
		if apart, err = firstOtherByte(ctx, x.Path, y.Path); err != nil {
			return err
		}
		if apart < 0 {
			c.Identical++
			return nil
		}
	}
	fa, errA := all.Open(ctx, x.Path)
	fb, errB := all.Open(ctx, y.Path)
	for _, f := range []*checkpoint.File{fa, fb} {
		if f != nil {
			defer f.Close()
		}
	}
	if x.Path != c.A && all.Foreign(x.Name, errA) && all.Foreign(y.Name, errB) {
		alike, err := alike(x, y)
		if alike {
			c.Alike = append(c.Alike, both(x, y))
		} else {
			c.Other = append(c.Other, both(x, y))
		}
		return err
	}
	if errA != nil {
		return errA
	}
	if errB != nil {
		return errB
	}
	r, err := Files(ctx, fa, fb, o)
	if err != nil {
		return fmt.Errorf("comparing %s with %s: %w", x.Path, y.Path, err)
	}
	if r.Verdict == SameContent && len(r.Container) == 0 && apart >= 0 {
		r.Container = append(r.Container, fmt.Sprintf("how %s arranges the same values: the first other byte is at offset %d", fa.Format, apart))
	}
	r.A.Path, r.B.Path = x.Path, y.Path
	c.Files = append(c.Files, r)
	return nil
}

// deadLinks reports whether two paths are links to what is gone, and whether they lead to the same.
func deadLinks(a, b string) (same, ok bool) {
	var targets [2]string
	for i, path := range []string{a, b} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return false, false
		}
		var err error
		if targets[i], err = os.Readlink(path); err != nil {
			return false, false
		}
	}
	return targets[0] == targets[1], true
}

// alike reports whether two files that are no checkpoints differ only in what does so by nature, as the times in TensorFlow's list of
// checkpoints.
func alike(x, y all.Item) (bool, error) {
	var digests [2]string
	for i, item := range []all.Item{x, y} {
		var err error
		if digests[i], err = lasting(item); err != nil {
			return false, err
		}
	}
	return digests[0] != "" && digests[0] == digests[1], nil
}

// lasting is the digest of what in a file does not differ by nature, "" where that cannot be told.
func lasting(item all.Item) (string, error) {
	info, err := os.Stat(item.Path)
	if err != nil || !info.Mode().IsRegular() {
		return "", err
	}
	f, err := os.Open(item.Path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if digest := volatile.Fingerprint(f, item.Name, info.Size()); digest != "" {
		return digest, nil
	}
	digest, _, err := metrics.MaskedDigest(f)
	return digest, err
}

// verdict is the worst of all files.
func (c *Comparison) verdict() Verdict {
	if len(c.OnlyA)+len(c.OnlyB)+len(c.Other) > 0 {
		return Different
	}
	v := SameContent
	for _, f := range c.Files {
		switch {
		case f.Verdict == Different:
			return Different
		case f.Verdict == WithinTolerance:
			v = WithinTolerance
		}
	}
	if len(c.Unreadable) > 0 {
		return Inconclusive
	}
	return v
}

// firstOtherByte returns the offset from which on two regular files differ, or where the shorter one ends; -1 where their bytes are
// the same.
func firstOtherByte(ctx context.Context, a, b string) (int64, error) {
	var files [2]*os.File
	var infos [2]fs.FileInfo
	for i, path := range []string{a, b} {
		info, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		if !info.Mode().IsRegular() {
			return 0, fmt.Errorf("%s is not a regular file", path)
		}
		f, err := os.Open(path)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		files[i], infos[i] = f, info
	}
	if os.SameFile(infos[0], infos[1]) {
		return -1, nil
	}
	size := min(infos[0].Size(), infos[1].Size())
	var buf [2][]byte
	for i := range buf {
		buf[i] = make([]byte, chunkBytes)
	}
	for off := int64(0); off < size; off += chunkBytes {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n := min(chunkBytes, size-off)
		for i, f := range files {
			if err := checkpoint.ReadFull(f, buf[i][:n], off); err != nil {
				return 0, fmt.Errorf("reading %s: %w", f.Name(), err)
			}
		}
		if !bytes.Equal(buf[0][:n], buf[1][:n]) {
			for i := range n {
				if buf[0][i] != buf[1][i] {
					return off + i, nil
				}
			}
		}
	}
	if infos[0].Size() != infos[1].Size() {
		return size, nil
	}
	return -1, nil
}

// WriteText writes a comparison for people.
func (c *Comparison) WriteText(w io.Writer) error {
	if c.Identical == 1 && len(c.Files)+len(c.Other)+len(c.Alike)+len(c.OnlyA)+len(c.OnlyB)+len(c.Unreadable) == 0 {
		_, err := fmt.Fprintf(w, "identical: %s and %s have the same bytes\n", display(c.A), display(c.B))
		return err
	}
	if c.Identical > 0 {
		same := fmt.Sprintf("%d files have", c.Identical)
		if c.Identical == 1 {
			same = "1 file has"
		}
		if _, err := fmt.Fprintf(w, "%s the same bytes on both sides\n", same); err != nil {
			return err
		}
	}
	for _, x := range []struct {
		what  string
		names []string
	}{{"only in " + display(c.A), c.OnlyA}, {"only in " + display(c.B), c.OnlyB}, {"no checkpoint, and other bytes", c.Other},
		{"no checkpoint, and other bytes only in what differs by nature", c.Alike}} {
		for _, name := range x.names {
			if _, err := fmt.Fprintf(w, "%s: %s\n", x.what, checkpoint.Display(name, 200)); err != nil {
				return err
			}
		}
	}
	for _, x := range c.Unreadable {
		if _, err := fmt.Fprintf(w, "cannot be read: %s: %s\n", checkpoint.Display(x.Name, 200), checkpoint.Display(x.Why, 500)); err != nil {
			return err
		}
	}
	for i, r := range c.Files {
		if i > 0 || c.Identical+len(c.OnlyA)+len(c.OnlyB)+len(c.Other)+len(c.Alike)+len(c.Unreadable) > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		if err := r.WriteText(w); err != nil {
			return err
		}
	}
	return nil
}
