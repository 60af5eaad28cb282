// Package tree names the values of a nested document (dictionaries, lists, numbers, arrays) as docs/checkpoint-digest.md
// says, while its reader goes through it once, from front to back.
package tree

import (
	"encoding/binary"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
)

const (
	// maxEntries and maxNames bound the memory that a document's structure may take.
	maxEntries = 1 << 17
	maxNames   = 16 << 20
	// maxText bounds all texts together.
	maxText = 24 << 20
	// maxDepth bounds nesting, and with it the stack of a recursive reader.
	maxDepth = 200
)

// PackFrom is the length from which a list of strings is one entry instead of one for each member.
const PackFrom = 512

// Path is the place of a value in a document. A nil *Path is the root.
type Path struct {
	up    *Path
	key   string
	index bool // written in brackets
	depth int
}

func (p *Path) step(key string, index bool) *Path {
	depth := 1
	if p != nil {
		depth = p.depth + 1
	}
	return &Path{up: p, key: key, index: index, depth: depth}
}

// String writes the path as the name of its entry.
func (p *Path) String() string { return p.name(false) }

// plain reports whether the path is a key that is its own name below the root.
func (p *Path) plain() bool {
	return !p.index && p.key != "" && !strings.ContainsAny(p.key, "[]\"") && !strings.ContainsFunc(p.key, unicode.IsControl)
}

// name joins plain keys by dots and puts all others in brackets. With quoteAll every key is quoted, which keeps "a.b"
// apart from b within a.
func (p *Path) name(quoteAll bool) string {
	if p != nil && p.up == nil && !quoteAll && p.plain() {
		return p.key
	}
	var steps []*Path
	for ; p != nil; p = p.up {
		steps = append(steps, p)
	}
	var b strings.Builder
	for _, s := range slices.Backward(steps) {
		switch {
		case s.index:
			b.WriteString("[" + s.key + "]")
		case quoteAll || !s.plain():
			b.WriteString("[" + strconv.Quote(s.key) + "]")
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.key)
		}
	}
	return b.String()
}

// Builder appends the values of a document to a file.
type Builder struct {
	file   *checkpoint.File
	places []place // of file.Entries
	names  int     // bytes of all names
	texts  int     // bytes of all texts
}

// place is a Path without its key, which stands at the end of the entry's name. A file can have a hundred thousand.
type place struct {
	up    *Path
	key   int32 // length of a plain key, 0 of any other
	other int32 // length of what stands for another key
}

func placeOf(p *Path) place {
	switch {
	case p == nil:
		return place{}
	case p.plain():
		return place{up: p.up, key: int32(len(p.key))}
	case p.index:
		return place{up: p.up, other: int32(len("[]") + len(p.key))}
	}
	return place{up: p.up, other: int32(len("[]") + len(strconv.Quote(p.key)))}
}

// quoted returns the name with every key quoted.
func (p place) quoted(name string) string {
	up := p.up.name(true)
	if p.key > 0 {
		return up + "[" + strconv.Quote(name[len(name)-int(p.key):]) + "]"
	}
	return up + name[len(name)-int(p.other):]
}

// NewBuilder returns a Builder that appends to f, which has no entries yet.
func NewBuilder(f *checkpoint.File) *Builder { return &Builder{file: f} }

// Add appends a value, whose name is set here.
func (b *Builder) Add(p *Path, e checkpoint.Entry) error {
	e.Name = p.String()
	b.names += len(e.Name)
	if len(b.places) >= maxEntries || b.names > maxNames {
		return checkpoint.Limit("more than %d values, or names of more than %d MiB", maxEntries, maxNames>>20)
	}
	b.file.Entries = append(b.file.Entries, e)
	b.places = append(b.places, placeOf(p))
	return nil
}

// Finish tells apart the values whose plain names collide. It returns an error where two still share a name.
func (b *Builder) Finish() error {
	for _, i := range checkpoint.RepeatedNames(b.file.Entries) {
		b.file.Entries[i].Name = b.places[i].quoted(b.file.Entries[i].Name)
	}
	return checkpoint.CheckNames(b.file.Entries)
}

// Dict is a dictionary whose members are being added.
type Dict struct {
	container
	seen map[string]struct{}
}

// List is a list whose members are being added.
type List struct{ container }

type container struct {
	builder *Builder
	path    *Path
	at, n   int // index of the container's own entry, number of members
}

func (b *Builder) container(p *Path, typ string) (container, error) {
	if p != nil && p.depth > maxDepth {
		return container{}, checkpoint.Limit("values nested more than %d deep", maxDepth)
	}
	c := container{builder: b, path: p, at: len(b.places)}
	return c, b.Add(p, checkpoint.Entry{Kind: checkpoint.KindObject, Type: typ, Structure: true})
}

// End says that all members were added.
func (c *container) End() {
	e := &c.builder.file.Entries[c.at]
	e.Text = strconv.Itoa(c.n)
	e.Data = checkpoint.Text(e.Text)
}

// Dict begins a dictionary at p.
func (b *Builder) Dict(p *Path) (*Dict, error) {
	c, err := b.container(p, "dict")
	return &Dict{c, map[string]struct{}{}}, err
}

// Key returns the place of the next member, or an error where the dictionary has that key already.
func (d *Dict) Key(key string) (*Path, error) {
	if !utf8.ValidString(key) {
		return nil, checkpoint.Unsupported("key that is not UTF-8, in %q", checkpoint.Clip(d.path.String(), 80))
	}
	return d.member(key, false)
}

// NumberKey returns the place of the next member, whose key is an integer.
func (d *Dict) NumberKey(key string) (*Path, error) { return d.member(key, true) }

func (d *Dict) member(key string, number bool) (*Path, error) {
	id := key
	if number {
		id = "[" + key + "]\x00" // no key of text that Key would take for the same
	}
	if _, twice := d.seen[id]; twice {
		return nil, checkpoint.Damaged("dictionary %q has the key %q twice", checkpoint.Clip(d.path.String(), 80), checkpoint.Clip(key, 80))
	}
	if len(d.seen) >= maxEntries {
		return nil, checkpoint.Limit("more than %d values", maxEntries)
	}
	d.seen[id] = struct{}{}
	d.n++
	return d.path.step(key, number), nil
}

// List begins a list at p.
func (b *Builder) List(p *Path) (*List, error) {
	c, err := b.container(p, "list")
	return &List{c}, err
}

// Next returns the place of the next member.
func (l *List) Next() *Path {
	l.n++
	return l.path.step(strconv.Itoa(l.n-1), true)
}

// None adds what Python calls None.
func (b *Builder) None(p *Path) error {
	return b.Add(p, checkpoint.Entry{Kind: checkpoint.KindObject, Type: "None", Text: "None", Data: checkpoint.Text("")})
}

// Bool adds a truth value.
func (b *Builder) Bool(p *Path, v bool) error {
	text := "False"
	if v {
		text = "True"
	}
	return b.Add(p, checkpoint.Entry{Kind: checkpoint.KindNumber, Type: "bool", Text: text, Data: checkpoint.Text(text)})
}

// Int adds an integer.
func (b *Builder) Int(p *Path, v *big.Int) error {
	text := v.String()
	return b.Add(p, checkpoint.Entry{Kind: checkpoint.KindNumber, Type: "int", Text: text, Data: checkpoint.Text(text)})
}

// Float adds a number of double precision.
func (b *Builder) Float(p *Path, v float64) error {
	return b.Add(p, checkpoint.Entry{
		Kind: checkpoint.KindNumber, Type: "float", Text: pyobject.FloatText(v), Data: checkpoint.Text(pyobject.FloatBytes(v)),
	})
}

// Bytes adds a value of raw bytes.
func (b *Builder) Bytes(p *Path, data checkpoint.Data) error {
	return b.Add(p, checkpoint.Entry{
		Kind: checkpoint.KindBytes, Type: "bytes", Text: strconv.FormatInt(data.Size(), 10) + " bytes", Data: data,
	})
}

// String adds a text.
func (b *Builder) String(p *Path, s string) error {
	if !utf8.ValidString(s) {
		return checkpoint.Unsupported("text that is not UTF-8, in %q", checkpoint.Clip(p.String(), 80))
	}
	if b.texts += len(s); b.texts > maxText {
		return checkpoint.Limit("texts of more than %d MiB", maxText>>20)
	}
	return b.Add(p, pyobject.StringEntry(s))
}

// Strings adds a list of n texts, which next returns one after the other, as one entry where it is long.
func (b *Builder) Strings(p *Path, n int, next func() (string, error)) error {
	if n < PackFrom {
		l, err := b.List(p)
		if err != nil {
			return err
		}
		for range n {
			s, err := next()
			if err == nil {
				err = b.String(l.Next(), s)
			}
			if err != nil {
				return err
			}
		}
		l.End()
		return nil
	}
	var packed strings.Builder
	for range n {
		s, err := next()
		if err != nil {
			return err
		}
		if !utf8.ValidString(s) {
			return checkpoint.Unsupported("text that is not UTF-8, in %q", checkpoint.Clip(p.String(), 80))
		}
		if b.texts += 9 + len(s); b.texts > maxText {
			return checkpoint.Limit("texts of more than %d MiB", maxText>>20)
		}
		packed.WriteByte('s')
		packed.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(s))))
		packed.WriteString(s)
	}
	return b.Add(p, checkpoint.Entry{
		Kind: checkpoint.KindObject, Type: "list", Text: strconv.Itoa(n) + " plain values", Data: checkpoint.Text(packed.String()),
	})
}

// Tensor adds an array.
func (b *Builder) Tensor(p *Path, t *checkpoint.Tensor) error {
	return b.Add(p, checkpoint.Entry{Kind: checkpoint.KindTensor, Type: string(t.DType), Data: t})
}
