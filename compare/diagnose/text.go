package diagnose

import (
	"path/filepath"
	"slices"
)

// text is the user's own source code as far as the traces and the command name its files. It only ever raises or lowers
// what is tried first: no cause rests on it.
type text []byte

// userText reads the files of the user's code that a run came by.
func userText(dir string, command []string, o *observation) text {
	const most, each = 200, 1 << 20
	var files []string
	for _, arg := range command {
		if filepath.Ext(arg) == ".py" {
			files = append(files, arg)
		}
	}
	for _, s := range o.summary.Sites {
		if s.File != "" && !slices.Contains(files, s.File) && len(files) < most {
			files = append(files, s.File)
		}
	}
	var all text
	for _, name := range files {
		all = append(all, head(dir, name, each)...)
	}
	return all
}

func (t text) mentions(p pattern) bool { return p().Match(t) }
