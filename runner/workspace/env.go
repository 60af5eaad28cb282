package workspace

import (
	"slices"
	"strings"
)

// Env returns env with the variables that this workspace needs set: HOME, TMPDIR and their kin where the directories of
// the run are not at the original paths, and PWD.
func (w *Workspace) Env(env []string) []string {
	out := make([]string, 0, len(env)+len(w.env))
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		if _, ours := w.env[name]; !ours {
			out = append(out, kv)
		}
	}
	names := make([]string, 0, len(w.env))
	for name := range w.env {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		out = append(out, name+"="+w.env[name])
	}
	return out
}
