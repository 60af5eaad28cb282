package metrics

import (
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/reprocheck/reprocheck/runner/record"
)

// maxFile bounds the files that are read for metrics; larger ones are data.
const maxFile = 64 << 20

// fileFormat reads one kind of file into a Collector made by open; it returns nil where the file is not of this kind, or not of metrics.
type fileFormat func(open func() *Collector, in io.Reader, size int64) (*Collector, error)

// ReadFile reads the metrics of a file that a run wrote: a JSON document, JSON lines, a table with a header as CSV or TSV, or a
// notebook by what its cells printed. A file that
// is of none of these, or is data or settings rather than metrics by its name, size and shape, has no series, and that is no error. r is read at
// most once, and not at all when the name and the size already decide.
func ReadFile(file string, r io.Reader, size int64) ([]record.Series, error) {
	if size > maxFile || size == 0 || holdsSettings(file) {
		return nil, nil
	}
	var format fileFormat
	switch strings.ToLower(path.Ext(file)) {
	case ".json":
		format = readJSON
	case ".jsonl", ".ndjson":
		format = readJSONLines
	case ".ipynb":
		format = readNotebook
	case ".csv":
		format = readTable(',')
	case ".tsv":
		format = readTable('\t')
	default:
		return nil, nil
	}
	open := func() *Collector { return NewCollector(file, Options{MaxPoints: 20_000}) }
	c, err := format(open, io.LimitReader(r, maxFile), size)
	if err != nil {
		return nil, fmt.Errorf("reading %s for metrics: %w", file, err)
	}
	if c == nil {
		return nil, nil
	}
	return c.Series(), nil
}

// holdsSettings reports whether a file is one in which libraries and programs write what they were told, by its name.
func holdsSettings(file string) bool {
	name := strings.ToLower(path.Base(file))
	return strings.HasSuffix(name, "config.json") || name == "hparams.json" || name == "args.json"
}

// readJSONLines reads one object on each line.
func readJSONLines(open func() *Collector, in io.Reader, _ int64) (*Collector, error) {
	c := open()
	c.reader.formats = formatList{literalFormat{}}
	_, err := io.Copy(c, in)
	return c, err
}
