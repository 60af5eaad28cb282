package tensordiff

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

// Changes are the values that both sides have, with different content, in the order of A. There may be a hundred thousand.
type Changes struct {
	// First are those that the text form shows.
	First []Change
	// Count is how many there are, and Within how many of them a tolerance accepts.
	Count, Within int
	// Shapes counts those after the first that have another shape, as a new last layer has, and Misfits are the first of them.
	Shapes  int
	Misfits []Change

	rest     *Rest
	from, to int64 // of those after the first, in rest
}

// Rest keeps the changes that are not held in memory, one JSON value in a line, in a temporary file. The zero value is ready
// for use.
type Rest struct {
	file *os.File
	end  int64
	w    *bufio.Writer
}

// Close removes the file.
func (r *Rest) Close() error {
	if r.file == nil {
		return nil
	}
	return errors.Join(r.file.Close(), os.Remove(r.file.Name()))
}

// restError is of the temporary file, and not of a file that is compared.
type restError struct{ err error }

func (e *restError) Error() string {
	return fmt.Sprintf("making room for the list of changes: %v", e.err)
}
func (e *restError) Unwrap() error { return e.err }

func (r *Rest) add(c *Change) (err error) {
	defer func() {
		if err != nil {
			err = &restError{err}
		}
	}()
	if r.file == nil {
		if r.file, err = os.CreateTemp("", "reprocheck-*"); err != nil {
			return err
		}
		r.w = bufio.NewWriter(r.file)
	}
	line, err := encode(c)
	if err != nil {
		return err
	}
	r.end += int64(len(line))
	_, err = r.w.Write(line)
	return err
}

// encode returns a line of JSON.
func encode(c *Change) ([]byte, error) {
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	err := e.Encode(c)
	return line.Bytes(), err
}

// add enters the next change.
func (c *Changes) add(x *Change) error {
	c.Count++
	if x.Within {
		c.Within++
	}
	if len(c.First) == maxLines && x.Class == "shape" {
		if c.Shapes++; len(c.Misfits) < maxMisfits {
			c.Misfits = append(c.Misfits, *x)
		}
	}
	switch {
	case len(c.First) < maxLines:
		c.First = append(c.First, *x)
	case c.rest != nil:
		if c.Count == maxLines+1 {
			c.from = c.rest.end
		}
		err := c.rest.add(x)
		c.to = c.rest.end
		return err
	}
	return nil
}

// Elements are the JSON forms of all changes. It is an error where Options.Rest did not keep them.
func (c *Changes) Elements() iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		for i := range c.First {
			if line, err := encode(&c.First[i]); !yield(line, err) {
				return
			}
		}
		switch {
		case c.Count == len(c.First):
			return
		case c.rest == nil:
			yield(nil, errors.New("the changes were not kept"))
			return
		}
		if err := c.rest.w.Flush(); err != nil {
			yield(nil, err)
			return
		}
		lines := bufio.NewReader(io.NewSectionReader(c.rest.file, c.from, c.to-c.from))
		for range c.Count - len(c.First) {
			if line, err := lines.ReadBytes('\n'); !yield(line, err) || err != nil {
				return
			}
		}
	}
}
