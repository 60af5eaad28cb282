package diagnose

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// largestSource is as much of a file of the user's code as is read, in bytes.
const largestSource = 64 << 20

// cellName is how the probe names a notebook's cell: train.ipynb:In[2], counted among the cells of code that are not empty.
var cellName = newPattern(`^(.*\.ipynb):In\[(\d+)\]$`)

// leadingBlank are the empty lines before a cell's first, which IPython does not count.
var leadingBlank = newPattern(`^(\s*\n)+`)

// openSource opens a regular file of the user's code, or a cell of a notebook.
func openSource(dir, file string) (io.ReadCloser, error) {
	cell := cellName().FindStringSubmatch(file)
	if cell != nil {
		file = cell[1]
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return nil, os.ErrNotExist
	}
	f, err := os.Open(file)
	if err != nil || cell == nil {
		return f, err
	}
	defer f.Close()
	cells, err := codeCells(f)
	n, _ := strconv.Atoi(cell[2])
	if err != nil || n < 1 || n > len(cells) {
		return nil, os.ErrNotExist
	}
	return io.NopCloser(strings.NewReader(cells[n-1])), nil
}

// codeCells reads the sources of a notebook's cells of code that are not empty.
func codeCells(r io.Reader) ([]string, error) {
	var notebook struct {
		Cells []struct {
			Type   string          `json:"cell_type"`
			Source json.RawMessage `json:"source"` // a text, or a list of lines
		} `json:"cells"`
	}
	if err := json.NewDecoder(io.LimitReader(r, largestSource)).Decode(&notebook); err != nil {
		return nil, err
	}
	var cells []string
	for _, c := range notebook.Cells {
		var lines []string
		if c.Type != "code" {
			continue
		}
		if bytes.HasPrefix(bytes.TrimSpace(c.Source), []byte("[")) {
			if err := json.Unmarshal(c.Source, &lines); err != nil {
				return nil, err
			}
		} else {
			lines = make([]string, 1)
			if err := json.Unmarshal(c.Source, &lines[0]); err != nil {
				return nil, err
			}
		}
		if source := strings.Join(lines, ""); strings.TrimSpace(source) != "" {
			cells = append(cells, leadingBlank().ReplaceAllString(source, ""))
		}
	}
	return cells, nil
}

// head reads the beginning of a file of the user's code, nothing when it cannot be read.
func head(dir, file string, most int64) []byte {
	f, err := openSource(dir, file)
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
