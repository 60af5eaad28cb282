package picklefile

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz/lzma"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

const (
	// maxRatio and freeBytes bound what a compressed file may inflate to.
	maxRatio  = 100
	freeBytes = 64 << 20
	// memoryBytes is how much inflated data is held in memory; more goes to a temporary file.
	memoryBytes = 8 << 20
	// maxDictionary bounds the window of LZMA that is held, whatever a header asks for: 64 MiB with preset 9 of xz and
	// joblib, 8 MiB by default. Data of no more than this need no larger one, and in others few matches reach that far.
	maxDictionary = 16 << 20
)

// CompressedReader reads a pickle within one compressed stream, as joblib.dump(compress=...) and pandas write them:
// zlib, gzip, bzip2, xz, lzma or lz4.
type CompressedReader struct{}

// Format returns "pickle".
func (CompressedReader) Format() string { return "pickle" }

// Sniff looks for the marks of the compressions.
func (CompressedReader) Sniff(head []byte, _ string, _ int64) bool { return compression(head) != "" }

func compression(head []byte) string {
	switch {
	case len(head) < 6:
		return ""
	case bytes.HasPrefix(head, []byte("\x1f\x8b\x08")):
		return "gzip"
	case head[0] == 0x78 && (uint(head[0])<<8|uint(head[1]))%31 == 0: // the check bits of RFC 1950
		return "zlib"
	case bytes.HasPrefix(head, []byte("BZh")):
		return "bzip2"
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		return "xz"
	case bytes.HasPrefix(head, []byte("\x5d\x00\x00")):
		return "lzma"
	case bytes.HasPrefix(head, []byte("\x04\x22\x4d\x18")):
		return "lz4"
	}
	return ""
}

func decompressor(kind string, r *bufio.Reader) (io.Reader, error) {
	switch kind {
	case "gzip":
		return gzip.NewReader(r)
	case "zlib":
		return zlib.NewReader(r)
	case "bzip2":
		return bzip2.NewReader(r), nil
	case "xz":
		return newXZReader(r)
	case "lzma":
		return newLZMAReader(r)
	}
	return lz4.NewReader(r), nil
}

// newLZMAReader reads the format of LZMA before xz, whose header holds the size of the window behind a byte of properties.
func newLZMAReader(r *bufio.Reader) (io.Reader, error) {
	header := make([]byte, lzma.HeaderLen)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	window := int64(binary.LittleEndian.Uint32(header[1:]))
	binary.LittleEndian.PutUint32(header[1:], uint32(min(window, maxDictionary)))
	in, err := lzma.ReaderConfig{DictCap: maxDictionary}.NewReader(io.MultiReader(bytes.NewReader(header), r))
	if err != nil {
		return nil, err
	}
	return windowed(in, window), nil
}

// windowed says of data that cannot be inflated, where less than their window is held, that this may be why.
func windowed(r io.Reader, window int64) io.Reader {
	if window <= maxDictionary {
		return r
	}
	return narrowed{r, window}
}

type narrowed struct {
	io.Reader
	window int64
}

func (n narrowed) Read(p []byte) (int, error) {
	read, err := n.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = checkpoint.Limit("LZMA data that are damaged, or that need more than %d MiB of their window of %d MiB",
			maxDictionary>>20, n.window>>20)
	}
	return read, err
}

// Open inflates the file, to memory or to a temporary file, and reads the pickle in it.
func (CompressedReader) Open(ctx context.Context, r io.ReaderAt, size int64, _ string) (*checkpoint.File, error) {
	head := make([]byte, min(size, 16))
	if err := checkpoint.ReadFull(r, head, 0); err != nil {
		return nil, err
	}
	kind := compression(head)
	in := bufio.NewReader(io.NewSectionReader(r, 0, size))
	stream, err := decompressor(kind, in)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", checkpoint.ErrUnknownFormat, kind, err)
	}
	first := make([]byte, 2)
	if _, err := io.ReadFull(stream, first); err != nil || !signature(first) {
		return nil, fmt.Errorf("%w: no pickle in the compressed data", checkpoint.ErrUnknownFormat)
	}
	s := &spool{limit: freeBytes + maxRatio*min(size, 1<<40)}
	if err := s.fill(ctx, io.MultiReader(bytes.NewReader(first), stream)); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", kind, err), s.Close())
	}
	if _, err := in.ReadByte(); err != io.EOF {
		return nil, errors.Join(checkpoint.Damaged("%s: the file goes on behind its compressed data", kind), s.Close())
	}
	f, err := open(s.reader(), s.n)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	f.Facts = append(f.Facts, checkpoint.Fact{Key: "compression", Value: kind})
	f.OnClose(s)
	return f, nil
}

// spool holds inflated data: in memory while there is little, else in a temporary file.
type spool struct {
	limit int64
	n     int64
	held  []byte
	file  *os.File
}

func (s *spool) reader() io.ReaderAt {
	if s.file != nil {
		return s.file
	}
	return bytes.NewReader(s.held)
}

func (s *spool) fill(ctx context.Context, r io.Reader) error {
	buf := make([]byte, 256<<10)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(buf)
		if s.n += int64(n); s.n > s.limit {
			return checkpoint.Limit("the file inflates to more than %d MiB", s.limit>>20)
		}
		if err := s.write(buf[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			return nil
		}
		if limit := (*checkpoint.LimitError)(nil); errors.As(err, &limit) {
			return err
		}
		if err != nil {
			return checkpoint.Damaged("%v", err)
		}
	}
}

func (s *spool) write(p []byte) error {
	if s.file == nil {
		if len(s.held)+len(p) <= memoryBytes {
			s.held = append(s.held, p...)
			return nil
		}
		f, err := os.CreateTemp("", "reprocheck-*")
		if err != nil {
			return fmt.Errorf("making room for inflated data: %w", err)
		}
		s.file = f
		if _, err := f.Write(s.held); err != nil {
			return fmt.Errorf("writing inflated data: %w", err)
		}
		s.held = nil
	}
	if _, err := s.file.Write(p); err != nil {
		return fmt.Errorf("writing inflated data: %w", err)
	}
	return nil
}

// Close removes the temporary file.
func (s *spool) Close() error {
	if s.file == nil {
		return nil
	}
	return errors.Join(s.file.Close(), os.Remove(s.file.Name()))
}
