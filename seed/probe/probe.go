// Package probe carries the Python side of reprocheck: the package that watches and controls the sources of
// randomness inside Python processes, what it is told, and the reader of the traces it writes.
// The wire protocol is described in docs/probe-protocol.md.
package probe

import (
	"embed"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Protocol is the version of the wire protocol that this package speaks.
const Protocol = 1

// EnvConfig is the environment variable that holds the path of the probe's configuration.
const EnvConfig = "REPROCHECK_PROBE"

// Compiled files, which a Python that was started there leaves in the folder, are not shipped.
//
//go:embed py/reprocheck_probe/*.py
//go:embed py/sitecustomize.py
var files embed.FS

// Names of the two files that the probe is unpacked into.
const (
	startFile   = "sitecustomize.py"
	modulesFile = "reprocheck_probe.modules"
)

// Unpack writes the probe's Python files below dir, which it creates. With dir first on PYTHONPATH, every Python
// process started with EnvConfig set runs the probe as its sitecustomize, which finds all other modules in one file:
// to make one for each takes a disk longer than all else that happens before the first run.
func Unpack(dir string) error {
	start, err := files.ReadFile("py/" + startFile)
	if err != nil {
		return fmt.Errorf("read the embedded probe: %w", err)
	}
	modules, err := modules()
	if err != nil {
		return fmt.Errorf("read the embedded probe: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("unpack the probe: %w", err)
	}
	for name, content := range map[string][]byte{startFile: start, modulesFile: modules} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return fmt.Errorf("unpack the probe: %w", err)
		}
	}
	return nil
}

// modules returns the sources of the package, each after a line with the module's name and its length in bytes, which
// are characters: all of it is ASCII.
func modules() ([]byte, error) {
	const folder = "py/reprocheck_probe"
	entries, err := files.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var all []byte
	for _, entry := range entries {
		source, err := files.ReadFile(path.Join(folder, entry.Name()))
		if err != nil {
			return nil, err
		}
		name := path.Base(folder)
		if module := strings.TrimSuffix(entry.Name(), ".py"); module != "__init__" {
			name += "." + module
		}
		all = fmt.Appendf(all, "%s %d\n%s", name, len(source), source)
	}
	return all, nil
}
