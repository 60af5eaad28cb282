package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/reprocheck/reprocheck/report"
	"github.com/reprocheck/reprocheck/runner"
)

// emit writes the text report to standard output and the JSON where it was asked for; with "-" JSON alone.
func emit(p process, d *report.Document, jsonPath string) error {
	if jsonPath == "-" {
		return report.JSON(p.stdout, d)
	}
	var err error
	if jsonPath != "" {
		if err = writeReport(jsonPath, func(w io.Writer) error { return report.JSON(w, d) }); err != nil {
			err = fmt.Errorf("the report as JSON: %w", err) // after hours of training the text is shown all the same
		}
	}
	return errors.Join(err, report.Text(p.stdout, d, p.textOptions()))
}

// writeReport writes a report file whole or not at all. What is there and no regular file, such as a pipe or a link, is
// written to as it is.
func writeReport(path string, write func(io.Writer) error) error {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		f, err := openTarget(path)
		if err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
		return errors.Join(write(f), f.Close())
	}
	return runner.Write(path, write)
}

// readerWait is how long a named pipe may take to get a reader, one that the same line of a shell starts among them.
const readerWait = 2 * time.Second

// openTarget opens what is there for writing. A named pipe without a reader would keep its writer waiting for ever.
func openTarget(path string) (*os.File, error) {
	for deadline := time.Now().Add(readerWait); ; time.Sleep(10 * time.Millisecond) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NONBLOCK, 0o644)
		switch info, statErr := os.Stat(path); {
		case !errors.Is(err, syscall.ENXIO) || statErr != nil || info.Mode()&fs.ModeNamedPipe == 0:
			return f, err
		case time.Now().After(deadline):
			return nil, usagef("nothing reads the named pipe %s: start its reader first, or name a file", path)
		}
	}
}

// targets finds out before a command begins whether what its flags ask to be written can be.
func targets(c *cli.Context) error {
	for _, name := range []string{"json", "output", "write"} {
		if err := checkTarget(c.String(name)); err != nil {
			return usage(err)
		}
	}
	return nil
}

// checkTarget finds out before hours of training whether a report can be written after them.
func checkTarget(path string) error {
	if path == "" || path == "-" {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("the report cannot be written: %s is a directory", path)
	case err == nil && !info.Mode().IsRegular():
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the report cannot be written: %w", err)
	}
	trial, err := os.CreateTemp(filepath.Dir(path), ".reprocheck-*")
	if err != nil {
		return fmt.Errorf("the report %s cannot be written: %w", path, errors.Unwrap(err))
	}
	return errors.Join(trial.Close(), os.Remove(trial.Name()))
}
