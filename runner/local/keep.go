package local

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// keepCopies copies a file, and those beside it in which values of it lie to where it looks for them, and returns the path of the
// copy.
func keepCopies(from string, beside []string, to string) (string, error) {
	if len(beside) == 0 {
		return to, keepCopy(from, to)
	}
	to, err := freshDir(to)
	if err != nil {
		return "", err
	}
	for _, path := range append(beside, from) {
		name, err := filepath.Rel(filepath.Dir(from), path)
		if err == nil {
			err = keepCopy(path, filepath.Join(to, name))
		}
		if err != nil {
			return "", err
		}
	}
	return filepath.Join(to, filepath.Base(from)), nil
}

// freshDir makes a directory, since models of the same bytes can have other values beside them.
func freshDir(near string) (string, error) {
	if err := os.MkdirAll(filepath.Dir(near), 0o755); err != nil {
		return "", err
	}
	return os.MkdirTemp(filepath.Dir(near), filepath.Base(near)+"-*")
}

func keepCopy(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
