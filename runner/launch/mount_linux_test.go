package launch_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/launch"
)

// TestVanishedMount has mounts over what is no longer there when the command starts, between others that are made.
func TestVanishedMount(t *testing.T) {
	if !slices.ContainsFunc(launch.Capabilities(t.Context()), func(c launch.Capability) bool {
		return c.Name == "private mounts" && c.Available
	}) {
		t.Skip("needs private mounts")
	}
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"source", "target", "upper", "work"} {
		if err := os.Mkdir(path(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path("source/seen"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	mounts := []launch.Mount{
		{Target: path("socket"), Source: path("socket")},
		{Target: path("mount"), Upper: path("upper"), Work: path("work")},
		{Target: path("target"), Source: path("source")},
	}
	_, out, _ := run(t, launch.Command{Argv: []string{"ls", path("target")}, Mounts: mounts})
	if strings.TrimSpace(out) != "seen" {
		t.Errorf("the command lists %q", out)
	}
	// What is to be put there has to be there.
	mounts[2].Source = path("nosuch")
	if p, err := launch.Start(t.Context(), launch.Command{Argv: []string{"true"}, Dir: dir, Env: os.Environ(), Mounts: mounts}); err == nil {
		p.Wait()
		t.Error("a mount without its source was passed over")
	}
}
