package report

import (
	"bufio"
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"strings"
)

// Elements is implemented by a list that is not held whole: its elements, and what went wrong with reading them.
type Elements interface {
	Elements() iter.Seq2[json.RawMessage, error]
}

// encoder writes what json.Encoder does with an indentation of two spaces, without holding more than an element of a list.
type encoder struct {
	w    *bufio.Writer
	long map[reflect.Type]bool // whether values of a type may hold lists that are written element by element
}

func (e encoder) value(v reflect.Value, indent string) error {
	if !v.IsValid() {
		return e.plain(v, indent)
	}
	if list, ok := v.Interface().(Elements); ok && !isNil(v) {
		l := e.sequence('[', ']', indent)
		for raw, err := range list.Elements() {
			if err != nil {
				return err
			}
			l.next()
			if err := e.plain(reflect.ValueOf(raw), l.indent); err != nil {
				return err
			}
		}
		l.end()
		return nil
	}
	switch {
	case isNil(v) || !e.isLong(v.Type()):
	case v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface:
		return e.value(v.Elem(), indent)
	case v.Kind() == reflect.Struct:
		l := e.sequence('{', '}', indent)
		for i := range v.NumField() {
			name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			if name == "-" || !v.Type().Field(i).IsExported() || omitted(v.Field(i), options) {
				continue
			}
			l.next()
			fmt.Fprintf(e.w, "%q: ", name)
			if err := e.value(v.Field(i), l.indent); err != nil {
				return err
			}
		}
		l.end()
		return nil
	case v.Kind() == reflect.Slice:
		l := e.sequence('[', ']', indent)
		for i := range v.Len() {
			l.next()
			if err := e.value(v.Index(i), l.indent); err != nil {
				return err
			}
		}
		l.end()
		return nil
	}
	return e.plain(v, indent)
}

// plain writes what is held in memory twice for it.
func (e encoder) plain(v reflect.Value, indent string) error {
	var x any
	switch {
	case v.IsValid() && v.CanAddr():
		x = v.Addr().Interface() // whose methods count too
	case v.IsValid():
		x = v.Interface()
	}
	var b bytes.Buffer
	j := json.NewEncoder(&b)
	j.SetEscapeHTML(false)
	j.SetIndent(indent, "  ")
	if err := j.Encode(x); err != nil {
		return err
	}
	e.w.Write(escapeControls(bytes.TrimSuffix(b.Bytes(), []byte("\n"))))
	return nil
}

// sequence begins an array or an object.
func (e encoder) sequence(open, end byte, indent string) *sequence {
	e.w.WriteByte(open)
	return &sequence{e.w, end, indent + "  ", false}
}

type sequence struct {
	w      *bufio.Writer
	close  byte
	indent string // of its elements
	some   bool
}

func (l *sequence) next() {
	if l.some {
		l.w.WriteByte(',')
	}
	l.some = true
	l.w.WriteString("\n" + l.indent)
}

func (l *sequence) end() {
	if l.some {
		l.w.WriteString("\n" + strings.TrimSuffix(l.indent, "  "))
	}
	l.w.WriteByte(l.close)
}

func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Map:
		return v.IsNil()
	}
	return false
}

// isLong reports whether a value of a type may be or hold a list that is written element by element: any but of numbers and
// of lists.
func (e encoder) isLong(t reflect.Type) bool {
	long, known := e.long[t]
	if known {
		return long
	}
	e.long[t] = true // of a type that holds itself
	switch {
	case t.Implements(reflect.TypeFor[Elements]()):
		long = true
	case encodesItself(t):
	case t.Kind() == reflect.Interface:
		long = true
	case t.Kind() == reflect.Pointer:
		long = e.isLong(t.Elem())
	case t.Kind() == reflect.Slice:
		switch t.Elem().Kind() {
		case reflect.Struct, reflect.Pointer, reflect.Interface, reflect.String:
			long = true
		}
	case t.Kind() == reflect.Struct && plainFields(t):
		for i := range t.NumField() {
			long = long || t.Field(i).IsExported() && e.isLong(t.Field(i).Type)
		}
	}
	e.long[t] = long
	return long
}

func encodesItself(t reflect.Type) bool {
	for _, face := range []reflect.Type{reflect.TypeFor[json.Marshaler](), reflect.TypeFor[encoding.TextMarshaler]()} {
		if t.Implements(face) || t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(face) {
			return true
		}
	}
	return false
}

// plainFields reports whether all fields of a struct have names of their own in its JSON form.
func plainFields(t reflect.Type) bool {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || f.IsExported() && name == "" || strings.Contains(options, "string") {
			return false
		}
	}
	return true
}

// omitted reports whether a field stays out for its value.
func omitted(v reflect.Value, options string) bool {
	for option := range strings.SplitSeq(options, ",") {
		switch {
		case option == "omitzero" && v.IsZero():
			return true
		case option != "omitempty":
		case v.Kind() == reflect.Struct:
		case v.IsZero() || (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0:
			return true
		}
	}
	return false
}
