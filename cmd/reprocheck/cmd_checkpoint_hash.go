package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/reprocheck/reprocheck/report/terminal"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
	"github.com/reprocheck/reprocheck/runner/checkpoint/manifest"
)

// hashes and checks are what `checkpoint hash --json` writes.
type hashes struct {
	Schema string               `json:"schema"`
	Files  []*manifest.Document `json:"files"`
}

type checks struct {
	Schema string             `json:"schema"`
	Files  []manifest.Outcome `json:"files"`
}

func hashCommand(p process) *cli.Command {
	return &cli.Command{
		Name:  "hash",
		Usage: "print or check the SHA-256 of files and the digest of what is in them",
		UsageText: "reprocheck checkpoint hash [--values] [--write FILE] [--json FILE] PATH...\n" +
			"reprocheck checkpoint hash --check FILE [--json FILE]",
		Description: `Each line has a file's SHA-256, the digest of its content, and its path. Two files with the same content digest hold the
same values under the same names to the last bit, whatever wraps them: docs/checkpoint-digest.md defines it byte by byte.
A content digest of "-" stands for a file of no known format, a SHA-256 of "-" for a directory that is one checkpoint
(torch.distributed.checkpoint). Any other directory stands for all files below it, an index for its shards too.

   reprocheck checkpoint hash --write checkpoints.sum runs/12/
   reprocheck checkpoint hash --check checkpoints.sum

Exit status: 0 hashed, or every file holds what it held; 1 a file checked has other content or is missing;
` + checkpointStatusHelp,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "values", Usage: "print the digest of every value too"},
			&cli.StringFlag{Name: "write", Usage: "write the lines to `FILE`, paths being relative to its directory"},
			&cli.StringFlag{Name: "check", Usage: "check the files named in `FILE`, - for standard input"},
			checkpointJSONFlag(),
		},
		Action: func(c *cli.Context) error {
			if c.IsSet("check") {
				return checkHashes(p, c)
			}
			return writeHashes(p, c)
		},
	}
}

func writeHashes(p process, c *cli.Context) error {
	args, err := paths(c, 0)
	if err != nil {
		return err
	}
	result := hashes{manifest.SchemaVersion, []*manifest.Document{}}
	var lines []manifest.Line
	var failed []error                        // of files that the others need not wait for
	owners := map[string]*manifest.Document{} // of files in which nothing but values of others lie
	for _, arg := range args {
		items, err := all.Files(arg)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		for _, item := range items {
			if filepath.Clean(item.Path) == filepath.Clean(c.String("write")) {
				continue // written here again, it cannot hold its own digest
			}
			d, err := manifest.Hash(c.Context, item.Path, c.Bool("values") || c.String("json") != "")
			switch {
			case c.Context.Err() != nil:
				return c.Context.Err()
			case err != nil:
				failed = append(failed, err)
				continue
			}
			if err := d.Err(); err != nil && (item.Path == arg || !all.Foreign(item.Name, err)) {
				failed = append(failed, fmt.Errorf("the content cannot be digested: %w", err))
			} else if err != nil && d.SHA256 == "" {
				if err := d.Sum(c.Context); err != nil {
					return err
				}
			}
			result.Files = append(result.Files, d)
			for _, path := range item.Beside {
				owners[filepath.Clean(path)] = d
			}
		}
	}
	for _, d := range result.Files {
		if owner := owners[filepath.Clean(d.Path)]; owner != nil && d.Content == "" {
			d.Content, d.Unread = owner.Content, ""
		}
		if d.SHA256 != "" || d.Content != "" {
			lines = append(lines, manifest.Line{SHA256: d.SHA256, Content: d.Content, Path: d.Path})
		}
	}
	if path := c.String("write"); path != "" {
		if err := writeManifest(path, lines); err != nil {
			return err
		}
	}
	err = p.show(c, result, func(w io.Writer) error { return hashText(w, result, c.Bool("values")) })
	if err != nil {
		return err
	}
	return unreadable(several(failed))
}

// several makes one error of those of many files.
func several(errs []error) error {
	const most = 5
	if len(errs) == 0 {
		return nil
	}
	err := errs[0]
	for _, next := range errs[1:min(most, len(errs))] {
		err = fmt.Errorf("%w; %w", err, next)
	}
	if len(errs) > most {
		err = fmt.Errorf("%w; and %d more", err, len(errs)-most)
	}
	return err
}

func hashText(w io.Writer, result hashes, values bool) error {
	for _, d := range result.Files {
		// Each file is a line that --check understands, and is never broken to a terminal's width.
		if err := manifest.Write(w, []manifest.Line{{SHA256: d.SHA256, Content: d.Content, Path: d.Path}}); err != nil {
			return err
		}
		if !values {
			continue
		}
		for _, v := range d.Values {
			if _, err := fmt.Fprintf(w, "  %s  %s\n", v.Digest, terminal.Printable(v.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeManifest writes a manifest. Paths that were given relative are relative to its own directory, where --check looks
// for them.
func writeManifest(path string, lines []manifest.Line) error {
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return err
	}
	for i, l := range lines {
		if filepath.IsAbs(l.Path) {
			continue
		}
		target, err := filepath.Abs(l.Path)
		if err != nil {
			return err
		}
		if lines[i].Path, err = filepath.Rel(dir, target); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	if err := manifest.Write(&b, lines); err != nil {
		return usage(err)
	}
	return writeReport(path, func(w io.Writer) error {
		_, err := b.WriteTo(w)
		return err
	})
}

func checkHashes(p process, c *cli.Context) error {
	if c.NArg() > 0 || c.IsSet("write") || c.Bool("values") {
		return usagef("hash --check FILE takes no other arguments; the files are named in FILE")
	}
	outcomes, err := check(c.Context, p, c.String("check"))
	if err != nil {
		return unreadable(err)
	}
	err = p.show(c, checks{"reprocheck.checkpoint-check/v1", outcomes}, func(w io.Writer) error { return checkText(w, outcomes) })
	if err != nil {
		return err
	}
	for _, o := range outcomes {
		if !o.Good() {
			return status(1)
		}
	}
	return nil
}

func check(ctx context.Context, p process, path string) ([]manifest.Outcome, error) {
	read := make(chan *listed, 1)
	go func() { read <- list(p, path) }()
	var files *listed
	select {
	case files = <-read:
	case <-ctx.Done(): // a pipe can keep its reader waiting for ever
		return nil, ctx.Err()
	}
	switch {
	case files.err != nil:
		return nil, files.err
	case len(files.lines) == 0:
		return nil, fmt.Errorf("%s names no file", path)
	}
	return manifest.Check(ctx, files.dir, files.lines)
}

// listed is what a manifest names.
type listed struct {
	dir   string // that paths are relative to
	lines []manifest.Line
	err   error
}

func list(p process, path string) *listed {
	in, dir := p.stdin, "." // a pipe has no directory of its own
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return &listed{err: err}
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			dir = filepath.Dir(path)
		}
		in = f
	}
	lines, err := manifest.Parse(in)
	return &listed{dir, lines, err}
}

func checkText(w io.Writer, outcomes []manifest.Outcome) error {
	bad := 0
	for _, o := range outcomes {
		line := fmt.Sprintf("%s: %s", terminal.Printable(o.Path), o.Status)
		if o.Why != "" {
			line += ": " + terminal.Printable(o.Why)
		}
		if !o.Good() {
			bad++
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	if bad > 0 {
		_, err := fmt.Fprintf(w, "changed or missing: %d of %d files\n", bad, len(outcomes))
		return err
	}
	return nil
}
