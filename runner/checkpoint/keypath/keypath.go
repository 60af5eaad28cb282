// Package keypath names the values of nested documents by the keys and indices that lead to them, as docs/checkpoint-digest.md
// says.
package keypath

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Path is a step from a container to a member, linked to the container's own path. A nil *Path is the root.
type Path struct {
	up    *Path
	key   string
	depth int32
	index bool // written in brackets
	raw   bool // written as it is, whatever is in it, as long as names are unambiguous
}

// Key is the path of the member with a key of text.
func (p *Path) Key(key string) *Path { return &Path{up: p, key: key, depth: p.Depth() + 1} }

// Join names a member with a key of text by the name of its container, which is that of a path.
func Join(container, key string) string {
	switch p := (&Path{key: key}); {
	case !p.plain():
		return container + "[" + strconv.Quote(key) + "]"
	case container == "":
		return key
	}
	return container + "." + key
}

// Within is the name, in a larger document, of what has a name in a document that is kept there under another.
func Within(container, name string) string {
	if name == "" || name[0] == '[' {
		return container + name
	}
	return container + "." + name
}

// Bracket is the path of a member that is written in brackets: an index, a key that is no text, a part that has no name.
func (p *Path) Bracket(text string) *Path {
	return &Path{up: p, key: text, index: true, depth: p.Depth() + 1}
}

// Item is the path of the member with an index, from 0.
func (p *Path) Item(i int) *Path { return p.Bracket(strconv.Itoa(i)) }

// Raw is a root's path whose name stands as it is in front of those of its members.
func Raw(name string) *Path { return &Path{key: name, raw: true} }

// Depth is the number of containers that the value lies in.
func (p *Path) Depth() int32 {
	if p == nil {
		return 0
	}
	return p.depth
}

// Last is the key or the text in brackets that the path ends in.
func (p *Path) Last() string { return p.key }

// plain reports whether the key needs neither brackets nor quotes.
func (p *Path) plain() bool {
	return p.raw || !p.index && p.key != "" && !strings.ContainsAny(p.key, "[]\"") && !strings.ContainsFunc(p.key, unicode.IsControl)
}

// IsKey reports whether the path's name is its key itself, which is held already.
func (p *Path) IsKey() bool { return p != nil && p.up == nil && p.plain() }

// String writes the path: keys joined by dots as state dictionaries do, brackets for anything but plain keys.
func (p *Path) String() string { return p.name(false) }

// name is String; with quoteAll every key is quoted, which keeps "a.b" apart from b within a.
func (p *Path) name(quoteAll bool) string {
	if !quoteAll && p.IsKey() {
		return p.key
	}
	var onStack [16]*Path // of most names, without an allocation
	steps, length := onStack[:0], 0
	for ; p != nil; p = p.up {
		steps, length = append(steps, p), length+len(p.key)+len("[]")
	}
	var b strings.Builder
	b.Grow(length)
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

// Place is a path without its last key, which stands at the end of its name. A file can have a hundred thousand.
type Place struct {
	up    *Path
	key   int32 // length of a plain key, 0 of any other
	other int32 // length of what stands for another key
}

// Place returns what Quoted needs beside the path's name.
func (p *Path) Place() Place {
	switch {
	case p == nil:
		return Place{}
	case p.plain():
		return Place{up: p.up, key: int32(len(p.key))}
	case p.index:
		return Place{up: p.up, other: int32(len("[]") + len(p.key))}
	}
	return Place{up: p.up, other: int32(len("[]") + len(strconv.Quote(p.key)))}
}

// Quoted returns the name of a path, which is that of its String, with every key quoted. The root's, and that of the zero
// Place, is as it was.
func (p Place) Quoted(name string) string {
	switch {
	case p.key > 0:
		return p.up.name(true) + "[" + strconv.Quote(name[len(name)-int(p.key):]) + "]"
	case p.other > 0:
		return p.up.name(true) + name[len(name)-int(p.other):]
	}
	return name
}
