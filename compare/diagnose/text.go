package diagnose

import (
	"path/filepath"
	"slices"
)

// text is the user's own source code as far as the traces and the command name its files. It only ever raises or lowers
// what is tried first: no cause rests on it.
type text []byte

// largestText is as much of a file as is searched for words, in bytes.
const largestText = 1 << 20

// userText reads the files of the user's code that a run came by.
func userText(dir string, command []string, o *observation) text {
	var all text
	for _, name := range userFiles(command, o) {
		all = append(all, head(dir, name, largestText)...)
	}
	return all
}

// userFiles are the files of the user's code that a run came by.
func userFiles(command []string, o *observation) []string {
	const most = 200
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
	return files
}

func (t text) mentions(p pattern) bool { return p().Match(t) }
