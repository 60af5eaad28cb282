// Package tree names the values of a nested document (dictionaries, lists, numbers, arrays) as docs/checkpoint-digest.md
// says, while its reader goes through it once, from front to back.
package tree

import (
	"encoding/binary"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
)

const (
	// maxEntries bounds the values of a document, and maxMemory what they take in memory: with their names and texts, and
	// about entryCost for each.
	maxEntries = 1 << 17
	maxMemory  = 34 << 20
	entryCost  = 160
	// maxDepth bounds nesting, and with it the stack of a recursive reader.
	maxDepth = 200
)

// PackFrom is the length from which a list of strings is one entry instead of one for each member.
const PackFrom = 512

// Builder appends the values of a document to a file.
type Builder struct {
	file   *checkpoint.File
	places []keypath.Place // of file.Entries
	memory int
}

// NewBuilder returns a Builder that appends to f, which has no entries yet.
func NewBuilder(f *checkpoint.File) *Builder { return &Builder{file: f} }

// Add appends a value, whose name is set here.
func (b *Builder) Add(p *keypath.Path, e checkpoint.Entry) error {
	e.Name = p.String()
	if len(b.places) >= maxEntries {
		return checkpoint.Limit("more than %d values", maxEntries)
	}
	if err := b.hold(entryCost + len(e.Name)); err != nil {
		return err
	}
	b.file.Entries = append(b.file.Entries, e)
	b.places = append(b.places, p.Place())
	return nil
}

func (b *Builder) hold(n int) error {
	if b.memory += n; b.memory > maxMemory {
		return checkpoint.Limit("values that take, with their names, more than %d MiB", maxMemory>>20)
	}
	return nil
}

// Finish tells apart the values whose plain names collide. It returns an error where two still share a name.
func (b *Builder) Finish() error {
	for _, i := range checkpoint.RepeatedNames(b.file.Entries) {
		b.file.Entries[i].Name = b.places[i].Quoted(b.file.Entries[i].Name)
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
	path    *keypath.Path
	at, n   int // index of the container's own entry, number of members
}

func (b *Builder) container(p *keypath.Path, typ string) (container, error) {
	if p.Depth() > maxDepth {
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
func (b *Builder) Dict(p *keypath.Path) (*Dict, error) {
	c, err := b.container(p, "dict")
	return &Dict{c, map[string]struct{}{}}, err
}

// Key returns the place of the next member, or an error where the dictionary has that key already.
func (d *Dict) Key(key string) (*keypath.Path, error) {
	if !utf8.ValidString(key) {
		return nil, checkpoint.Unsupported("key that is not UTF-8, in %q", checkpoint.Clip(d.path.String(), 80))
	}
	return d.member(key, false)
}

// NumberKey returns the place of the next member, whose key is an integer.
func (d *Dict) NumberKey(key string) (*keypath.Path, error) { return d.member(key, true) }

func (d *Dict) member(key string, number bool) (*keypath.Path, error) {
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
	if number {
		return d.path.Bracket(key), nil
	}
	return d.path.Key(key), nil
}

// List begins a list at p.
func (b *Builder) List(p *keypath.Path) (*List, error) {
	c, err := b.container(p, "list")
	return &List{c}, err
}

// Next returns the place of the next member.
func (l *List) Next() *keypath.Path {
	l.n++
	return l.path.Item(l.n - 1)
}

// None adds what Python calls None.
func (b *Builder) None(p *keypath.Path) error {
	return b.Add(p, checkpoint.Entry{Kind: checkpoint.KindObject, Type: "None", Text: "None", Data: checkpoint.Text("")})
}

// Bool adds a truth value.
func (b *Builder) Bool(p *keypath.Path, v bool) error {
	text := "False"
	if v {
		text = "True"
	}
	return b.Add(p, checkpoint.Entry{Kind: checkpoint.KindNumber, Type: "bool", Text: text, Data: checkpoint.Text(text)})
}

// Int adds an integer.
func (b *Builder) Int(p *keypath.Path, v *big.Int) error {
	text := v.String()
	return b.Add(p, checkpoint.Entry{Kind: checkpoint.KindNumber, Type: "int", Text: text, Data: checkpoint.Text(text)})
}

// Float adds a number of double precision.
func (b *Builder) Float(p *keypath.Path, v float64) error {
	return b.Add(p, checkpoint.Entry{
		Kind: checkpoint.KindNumber, Type: "float", Text: pyobject.FloatText(v), Data: checkpoint.Text(pyobject.FloatBytes(v)),
	})
}

// Bytes adds a value of raw bytes.
func (b *Builder) Bytes(p *keypath.Path, data checkpoint.Data) error {
	return b.Add(p, checkpoint.Entry{
		Kind: checkpoint.KindBytes, Type: "bytes", Text: strconv.FormatInt(data.Size(), 10) + " bytes", Data: data,
	})
}

// String adds a text.
func (b *Builder) String(p *keypath.Path, s string) error {
	if !utf8.ValidString(s) {
		return checkpoint.Unsupported("text that is not UTF-8, in %q", checkpoint.Clip(p.String(), 80))
	}
	e := pyobject.StringEntry(s)
	if err := b.hold(len(s) + len(e.Text)); err != nil {
		return err
	}
	return b.Add(p, e)
}

// Strings adds a list of n texts, which next returns one after the other, as one entry where it is long.
func (b *Builder) Strings(p *keypath.Path, n int, next func() (string, error)) error {
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
		if err := b.hold(9 + len(s)); err != nil {
			return err
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
func (b *Builder) Tensor(p *keypath.Path, t *checkpoint.Tensor) error {
	return b.Add(p, checkpoint.TensorEntry("", t))
}
