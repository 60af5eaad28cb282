// Package pickle reads Python pickles of protocol 0 to 5 symbolically: opcodes build a tree of inert values, and none of
// them imports or calls anything. What a pickle asks to be called is a node of the tree like any other.
package pickle

import "math/big"

// Value is a node of the tree: None, bool, int64, *big.Int, float64, string, *Text, *Bytes, *Tuple, *List, *Dict, *Set, Global,
// *Object or *Persistent. Pointers carry identity: the same pointer twice is the same Python object.
type Value any

// None is Python's None.
type None struct{}

// Global is a class or function that the pickle names. It is never looked up.
type Global struct{ Module, Name string }

// String returns the dotted name.
func (g Global) String() string { return g.Module + "." + g.Name }

// Text is a str that is too long to be held: Len bytes of UTF-8 at Off of the reader given to Parse.
type Text struct {
	Off, Len   int64
	Latin1     bool  // no character is above U+00FF
	Characters int64 // how many there are, where Latin1
}

// Bytes is a bytes or bytearray value. Long ones stay in the file: Held is nil then and the value is Len bytes at Off of
// the reader given to Parse.
type Bytes struct {
	Held    []byte
	Off     int64
	Len     int64
	Mutable bool // bytearray
	// UTF8, where it is not 0, tells that each byte is written as the character of its number, in so many bytes at Off.
	UTF8 int64
}

// Tuple is a Python tuple.
type Tuple struct{ Items []Value }

// List is a Python list.
type List struct{ Items []Value }

// Set is a set or frozenset, in the order of the file, which is arbitrary.
type Set struct {
	Items  []Value
	Frozen bool
}

// Dict is a plain dict in the order of the file.
type Dict struct{ Items []Pair }

// Pair is one key and value of a mapping.
type Pair struct{ Key, Value Value }

// Object is what a call would have made: Func applied to Args, then filled.
type Object struct {
	Func Value
	Args Value // usually *Tuple
	Kw   Value // *Dict of NEWOBJ_EX, else nil
	// New tells an object made by cls.__new__ from the result of a call.
	New bool
	// State is what BUILD would have set, nil where it did not.
	State Value
	// Items are what was appended or added, Pairs what was set by key.
	Items []Value
	Pairs []Pair
}

// Global returns the class or function that made the object, where it is named directly.
func (o *Object) Global() (Global, bool) {
	g, ok := o.Func.(Global)
	return g, ok
}

// Persistent is a reference to something outside the pickle.
type Persistent struct{ ID Value }

// Int returns v as an int64 where it is an integer that fits.
func Int(v Value) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case *big.Int:
		return n.Int64(), n.IsInt64()
	}
	return 0, false
}
