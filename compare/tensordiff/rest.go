package tensordiff

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Rest keeps what results list and is not held in memory, one JSON value in a line, in a temporary file. The zero value is ready
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
	return fmt.Sprintf("making room for the list of differences: %v", e.err)
}
func (e *restError) Unwrap() error { return e.err }

func (r *Rest) add(x any) (err error) {
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
	line, err := encode(x)
	if err != nil {
		return err
	}
	r.end += int64(len(line))
	_, err = r.w.Write(line)
	return err
}

// encode returns a line of JSON.
func encode(x any) ([]byte, error) {
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	err := e.Encode(x)
	return line.Bytes(), err
}

// spilled are values that follow each other in a Rest, counted where there is none.
type spilled struct {
	rest     *Rest
	count    int
	from, to int64
}

func (s *spilled) add(x any) error {
	s.count++
	if s.rest == nil {
		return nil
	}
	if s.count == 1 {
		s.from = s.rest.end
	}
	err := s.rest.add(x)
	s.to = s.rest.end
	return err
}

// each yields the JSON forms of the values. It is an error where they were not kept.
func (s *spilled) each(yield func(json.RawMessage, error) bool) {
	switch {
	case s.count == 0:
		return
	case s.rest == nil:
		yield(nil, errors.New("the differences were not kept"))
		return
	}
	if err := s.rest.w.Flush(); err != nil {
		yield(nil, err)
		return
	}
	lines := bufio.NewReader(io.NewSectionReader(s.rest.file, s.from, s.to-s.from))
	for range s.count {
		if line, err := lines.ReadBytes('\n'); !yield(line, err) || err != nil {
			return
		}
	}
}
