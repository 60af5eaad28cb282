package checkpoint

import (
	"context"
	"errors"
	"io"
	"strings"
	"unicode"
)

// Kind is what an entry is.
type Kind uint8

const (
	KindTensor Kind = iota + 1
	KindNumber
	KindString
	KindBytes
	KindObject // a container, None, a class or an instance
)

// String returns the kind in the words of a run record.
func (k Kind) String() string {
	return [...]string{"", "tensor", "number", "string", "bytes", "object"}[k]
}

// RootName is what lists call a file's only value, which has no name of its own.
const RootName = "(root)"

// Entry is one named value of a file. A container is an entry too: its type is content, its members are further entries.
// A file may have a hundred thousand, so an entry holds what a tensor is of itself.
type Entry struct {
	// Name is the path from the root: "model.fc.weight", "losses[3]", "" for the root itself.
	Name string
	// Type is the exact type: a DType for tensors; "int", "float", "bool", "complex", "str", "bytes", "bytearray",
	// "None", "dict", "list", "tuple", "set", "frozenset", "global", "object", "decimal" otherwise.
	Type string
	// Text is the value as Python would print it, for numbers and short strings; for objects the class, or the number
	// of members; for tensors their Attrs.
	Text string
	// Data holds the canonical bytes.
	Data Data
	// Shape and From are those of a tensor.
	Shape []int64
	From  *Origin
	Kind  Kind
	// Structure marks a container that only says how its members are arranged.
	Structure bool
	// Packed marks a long sequence of plain values that is one entry; pyobject.Unpack reads its Data.
	Packed bool
}

// TensorEntry returns the entry of a tensor.
func TensorEntry(name string, t *Tensor) Entry {
	return Entry{Name: name, Kind: KindTensor, Type: string(t.DType), Text: t.Attrs, Data: t.Data, Shape: t.Shape, From: t.From}
}

// Tensor returns the entry's tensor, nil where it is none.
func (e *Entry) Tensor() *Tensor {
	if e.Kind != KindTensor {
		return nil
	}
	return &Tensor{DType: DType(e.Type), Shape: e.Shape, Attrs: e.Text, Data: e.Data, From: e.From}
}

// Finding is something about a file that its user should know, such as a pickle that would run a program.
type Finding struct {
	ID   string // "code-execution", "dead-storage", ...
	Name string // the entry concerned, where there is one
	Text string
}

// Fact is something that a file says about itself and that is not content: its writer, a version, metadata.
type Fact struct{ Key, Value string }

// File is an open checkpoint.
type File struct {
	// Format is the format's name: "torch-zip", "safetensors", "npz", ...
	Format string
	// Entries are in the order of the file.
	Entries  []Entry
	Facts    []Fact
	Findings []Finding
	// RNG lists entries that hold the state of a random number generator.
	RNG []RNGState
	// Beside are the paths of other files in which values lie, where a single file that is no index of shards refers to some.
	Beside []string
	// Verify, where set, reads the container and compares its own checksums.
	Verify func(context.Context) error

	closers []io.Closer
}

// RNGState names an entry (or the container of several) recognised as the state of a random number generator.
type RNGState struct {
	Name string
	// Generator is "python-random", "numpy-mt19937", "torch-cpu", "torch-cuda", ...
	Generator string
}

// OnClose makes Close close c too; closers run in reverse order.
func (f *File) OnClose(c io.Closer) { f.closers = append(f.closers, c) }

// Close releases what reading the entries needs. Entries must not be read afterwards.
func (f *File) Close() error {
	var errs []error
	for i := len(f.closers) - 1; i >= 0; i-- {
		errs = append(errs, f.closers[i].Close())
	}
	f.closers = nil
	return errors.Join(errs...)
}

// Reader reads one format.
type Reader interface {
	// Format is the name that files of this reader carry.
	Format() string
	// Sniff reports whether a file may be of this format, from its first bytes (up to 4096), its base name and size.
	Sniff(head []byte, name string, size int64) bool
	// Open reads a file's structure. The File reads its tensors from r, which must stay open until File.Close.
	// It returns an error that wraps ErrUnknownFormat where a closer look shows another format.
	Open(ctx context.Context, r io.ReaderAt, size int64, name string) (*File, error)
}

// Clip shortens s to about n bytes for a message, at a character boundary.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// Display shortens s to about n bytes for a terminal, and replaces what could move its cursor or hide text: line ends and tabs by
// their escapes, other control and format characters, and bytes that are no UTF-8.
func Display(s string, n int) string {
	return escapes.Replace(strings.Map(func(r rune) rune {
		if (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) && !strings.ContainsRune("\n\r\t", r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(Clip(s, n), string(unicode.ReplacementChar))))
}

var escapes = strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`)
