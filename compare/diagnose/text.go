package diagnose

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
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
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		all = append(all, head(name, each)...)
	}
	return all
}

// head reads the beginning of a regular file, nothing when it cannot be read.
func head(name string, most int64) []byte {
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil
	}
	return append(data, '\n')
}

func (t text) mentions(pattern *regexp.Regexp) bool { return pattern.Match(t) }
