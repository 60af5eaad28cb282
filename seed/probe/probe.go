// Package probe carries the Python side of reprocheck: the package that watches and controls the sources of
// randomness inside Python processes, what it is told, and the reader of the traces it writes.
// The wire protocol is described in docs/probe-protocol.md.
package probe

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Protocol is the version of the wire protocol that this package speaks.
const Protocol = 1

// EnvConfig is the environment variable that holds the path of the probe's configuration.
const EnvConfig = "REPROCHECK_PROBE"

// The list is explicit, so that nothing that happens to lie in the folder is shipped.
//
//go:embed py/reprocheck_probe/__init__.py
//go:embed py/reprocheck_probe/digest.py
//go:embed py/reprocheck_probe/families.py
//go:embed py/reprocheck_probe/frames.py
//go:embed py/reprocheck_probe/generators.py
//go:embed py/reprocheck_probe/hooks_clock.py
//go:embed py/reprocheck_probe/hooks_dataloader.py
//go:embed py/reprocheck_probe/hooks_entropy.py
//go:embed py/reprocheck_probe/hooks_host.py
//go:embed py/reprocheck_probe/hooks_listing.py
//go:embed py/reprocheck_probe/hooks_memory.py
//go:embed py/reprocheck_probe/hooks_numpy.py
//go:embed py/reprocheck_probe/hooks_environment.py
//go:embed py/reprocheck_probe/hooks_open.py
//go:embed py/reprocheck_probe/hooks_ops.py
//go:embed py/reprocheck_probe/hooks_random.py
//go:embed py/reprocheck_probe/hooks_sklearn.py
//go:embed py/reprocheck_probe/hooks_tasks.py
//go:embed py/reprocheck_probe/hooks_torch.py
//go:embed py/reprocheck_probe/hooks_training.py
//go:embed py/reprocheck_probe/identity.py
//go:embed py/reprocheck_probe/imports.py
//go:embed py/reprocheck_probe/origin.py
//go:embed py/reprocheck_probe/probe.py
//go:embed py/reprocheck_probe/sampling.py
//go:embed py/reprocheck_probe/settings.py
//go:embed py/reprocheck_probe/sightings.py
//go:embed py/reprocheck_probe/streams.py
//go:embed py/reprocheck_probe/tensors.py
//go:embed py/reprocheck_probe/trace.py
//go:embed py/reprocheck_probe/values.py
//go:embed py/reprocheck_probe/zoom.py
//go:embed py/sitecustomize.py
var files embed.FS

// Unpack writes the probe's Python files below dir, which it creates. With dir first on PYTHONPATH, every Python
// process started with EnvConfig set runs the probe as its sitecustomize.
func Unpack(dir string) error {
	python, err := fs.Sub(files, "py")
	if err != nil {
		return fmt.Errorf("open the embedded probe: %w", err)
	}
	return fs.WalkDir(python, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("read the embedded probe: %w", err)
		}
		target := filepath.Join(dir, filepath.FromSlash(path))
		if entry.IsDir() {
			if err := os.MkdirAll(target, 0o755); err != nil {
				return fmt.Errorf("unpack the probe: %w", err)
			}
			return nil
		}
		content, err := fs.ReadFile(python, path)
		if err != nil {
			return fmt.Errorf("read the embedded probe: %w", err)
		}
		if err := os.WriteFile(target, content, 0o644); err != nil {
			return fmt.Errorf("unpack the probe: %w", err)
		}
		return nil
	})
}
