package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// LookPath finds the program that Start would execute, as execvp(3) does: a name with a slash is relative to dir, any
// other is searched in the PATH of env. An empty element of PATH is dir. The error is exec.ErrNotFound,
// fs.ErrPermission for a file that is no program, or syscall.EISDIR.
func LookPath(name string, env []string, dir string) (string, error) {
	if strings.Contains(name, "/") {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		return path, executable(path)
	}
	search, set := "", false
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			search, set = v, true
		}
	}
	if !set {
		search = "/usr/local/bin:/usr/bin:/bin"
	}
	var denied error
	for _, d := range filepath.SplitList(search) {
		if !filepath.IsAbs(d) {
			d = filepath.Join(dir, d)
		}
		path := filepath.Join(d, name)
		err := executable(path)
		if err == nil {
			return path, nil
		}
		// A directory that may not be searched says nothing about the program.
		if denied == nil && errors.Is(err, errNotExecutable) {
			denied = err
		}
	}
	if denied != nil {
		return "", denied
	}
	return "", fmt.Errorf("%s: %w, which is %s", name, exec.ErrNotFound, search)
}

// errNotExecutable says that a file is there and cannot be a program.
var errNotExecutable = fmt.Errorf("not executable: %w", fs.ErrPermission)

// missing is the path of a program that was not searched for in PATH, and is not there.
type missing string

func (path missing) Error() string { return string(path) + ": there is no such file" }

func (path missing) Is(target error) bool { return target == exec.ErrNotFound }

// executable returns nil when path is a file that somebody may execute.
func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case isMissing(err):
		return missing(path)
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s: %w", path, syscall.EISDIR)
	case info.Mode()&0o111 == 0:
		return fmt.Errorf("%s: %w", path, errNotExecutable)
	}
	return nil
}
