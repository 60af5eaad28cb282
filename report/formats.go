package report

import (
	"fmt"
	"io"
	"strings"
)

// format is one way to write a document.
type format struct {
	name  string
	write func(io.Writer, *Document, TextOptions) error
}

// formats lists every format; a new one is added here and nowhere else.
func formats() []format {
	plain := func(write func(io.Writer, *Document) error) func(io.Writer, *Document, TextOptions) error {
		return func(w io.Writer, d *Document, _ TextOptions) error { return write(w, d) }
	}
	return []format{
		{"text", Text},
		{"checklist", ChecklistText},
		{"json", plain(JSON)},
		{"markdown", plain(Markdown)},
		{"junit", plain(JUnit)},
		{"sarif", plain(SARIF)},
	}
}

// Formats names what Write can write.
func Formats() []string {
	var names []string
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

// Write writes the document in the format of that name. The options apply to the formats made for a terminal.
func Write(w io.Writer, name string, d *Document, o TextOptions) error {
	for _, f := range formats() {
		if f.name == name {
			return f.write(w, d, o)
		}
	}
	return fmt.Errorf("unknown report format %q; the formats are %s", name, strings.Join(Formats(), ", "))
}
