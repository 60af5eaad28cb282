package metrics

import (
	"encoding/json"
	"errors"
	"io"
	"path"
	"strings"
)

// maxNotebook bounds the notebooks that are read, in bytes: one is read whole.
const maxNotebook = 32 << 20

// ErrNoNotebook says that a file is not a notebook, or too large a one.
var ErrNoNotebook = errors.New("no notebook that can be read")

// IsNotebook reports whether a file is named as Jupyter's notebooks are.
func IsNotebook(file string) bool { return strings.EqualFold(path.Ext(file), ".ipynb") }

// notebook is what of Jupyter's format tells the course of a training (nbformat 4).
type notebook struct {
	Cells []struct {
		Type    string    `json:"cell_type"`
		Source  multiline `json:"source"`
		Outputs []struct {
			Name string    `json:"name"` // of a stream
			Text multiline `json:"text"`
			Data struct {
				Plain multiline `json:"text/plain"`
			}
			Error string `json:"ename"`
			Value string `json:"evalue"`
		} `json:"outputs"`
	} `json:"cells"`
}

// multiline is a text that may be written as a list of lines.
type multiline string

func (l *multiline) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*l = multiline(one)
		return nil
	}
	var many []string
	err := json.Unmarshal(text, &many)
	*l = multiline(strings.Join(many, ""))
	return err
}

func readNotebookFile(r io.Reader) (*notebook, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxNotebook+1))
	if err != nil {
		return nil, err
	}
	var n notebook
	if len(text) > maxNotebook || json.Unmarshal(text, &n) != nil || n.Cells == nil {
		return nil, ErrNoNotebook
	}
	return &n, nil
}

// printed is what the cells wrote to one of the two streams, cell by cell.
func (n *notebook) printed(stream string) string {
	var all strings.Builder
	for _, cell := range n.Cells {
		for _, output := range cell.Outputs {
			if output.Name == stream {
				all.WriteString(string(output.Text))
			}
		}
		all.WriteByte('\n')
	}
	return all.String()
}

// NotebookDigest is MaskedDigest of what is in a notebook: the sources of its cells, what each printed, and what it came to as text. The
// two streams of a cell are taken one after the other, since how they are mixed is chance. When cells ran, how often the
// kernel counted, their ids and pictures are left out. The error is ErrNoNotebook where r is none.
func NotebookDigest(r io.Reader) (digest string, err error) {
	n, err := readNotebookFile(r)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for _, cell := range n.Cells {
		text.WriteString(cell.Type + "\n" + string(cell.Source) + "\n")
		for _, output := range cell.Outputs {
			text.WriteString(string(output.Data.Plain) + "\n" + output.Error + "\n" + output.Value + "\n")
		}
	}
	digest, isText, err := MaskedDigest(strings.NewReader("notebook\n" + n.printed("stdout") + n.printed("stderr") + text.String()))
	if err == nil && !isText {
		err = ErrNoNotebook
	}
	return digest, err
}

// readNotebook reads the metrics that the cells of a notebook printed.
func readNotebook(open func() *Collector, in io.Reader, size int64) (*Collector, error) {
	if size > maxNotebook {
		return nil, nil
	}
	n, err := readNotebookFile(in)
	if errors.Is(err, ErrNoNotebook) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := open()
	_, err = io.WriteString(c, n.printed("stdout"))
	return c, err
}
