package seed

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// EnvScript writes the settings' environment for eval in a POSIX shell. What follows the exports are comments: the user's
// own values that were kept, and the pinned sources that an environment alone cannot pin, with what can. Comments
// come last and every export ends in a semicolon, so that an unquoted eval, which joins the lines, still works.
func EnvScript(s Settings) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		fmt.Fprintf(&b, "export %s=%s;\n", name, quote(s.Env[name]))
	}
	for _, kept := range s.Kept {
		fmt.Fprintf(&b, "# kept: %s\n", comment(kept))
	}
	for _, source := range All() {
		if s.Levels[source.ID] != Pin {
			continue
		}
		if rest := beyondEnvironment(source.Pin); rest != "" {
			fmt.Fprintf(&b, "# %s: %s. %s\n", source.ID, rest, comment(source.Fix))
		}
	}
	return b.String()
}

// beyondEnvironment says which part of a control a shell cannot set; empty where the variables are all there is.
func beyondEnvironment(c Control) string {
	if !c.Probe && c.Launch == nil && c.Tree == nil && !c.Workspace {
		return ""
	}
	if len(c.Env) > 0 {
		return "pinned in part by the variables above, in full only by `reprocheck run`"
	}
	return "not pinned by any variable, only by `reprocheck run`"
}

// quote makes a word that a POSIX shell takes literally.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// comment keeps a text on one line: what follows a line break would be run.
func comment(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
}
