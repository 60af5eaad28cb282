// Package all opens a checkpoint of any format that has a reader.
package all

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/dcp"
	"github.com/reprocheck/reprocheck/runner/checkpoint/gguf"
	"github.com/reprocheck/reprocheck/runner/checkpoint/hdf5"
	"github.com/reprocheck/reprocheck/runner/checkpoint/jsonfile"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keras"
	"github.com/reprocheck/reprocheck/runner/checkpoint/lightgbm"
	"github.com/reprocheck/reprocheck/runner/checkpoint/msgpack"
	"github.com/reprocheck/reprocheck/runner/checkpoint/npyfile"
	"github.com/reprocheck/reprocheck/runner/checkpoint/npz"
	"github.com/reprocheck/reprocheck/runner/checkpoint/onnx"
	"github.com/reprocheck/reprocheck/runner/checkpoint/orbax"
	"github.com/reprocheck/reprocheck/runner/checkpoint/picklefile"
	"github.com/reprocheck/reprocheck/runner/checkpoint/safetensors"
	"github.com/reprocheck/reprocheck/runner/checkpoint/sharded"
	"github.com/reprocheck/reprocheck/runner/checkpoint/stablebaselines"
	"github.com/reprocheck/reprocheck/runner/checkpoint/tensorbundle"
	"github.com/reprocheck/reprocheck/runner/checkpoint/torchlegacy"
	"github.com/reprocheck/reprocheck/runner/checkpoint/torchzip"
	"github.com/reprocheck/reprocheck/runner/checkpoint/xgboost"
	"github.com/reprocheck/reprocheck/runner/checkpoint/ziparchive"
)

// headSize is how much of a file is read to tell its format.
const headSize = 4096

// Readers returns every reader, in the order in which they are tried.
func Readers() []checkpoint.Reader {
	return []checkpoint.Reader{
		npz.Reader{},
		keras.Reader{},
		stablebaselines.Reader{},
		torchzip.Reader{},
		torchlegacy.Reader{},
		npyfile.Reader{},
		safetensors.Reader{},
		hdf5.Reader{},
		gguf.Reader{},
		onnx.Reader{},
		xgboost.Reader{},
		lightgbm.Reader{},
		tensorbundle.Reader{},
		orbax.Reader{},
		orbax.StepReader{},
		jsonfile.Reader{},
		picklefile.CompressedReader{},
		picklefile.Reader{}, // takes whatever is named .pkl
		msgpack.Reader{},
	}
}

// Open opens the checkpoint at path with the reader of its format, which is told by content.
// The index of a sharded model opens all of its shards, and a directory of torch.distributed.checkpoint or of Orbax all of
// its parts.
// It returns an error that wraps checkpoint.ErrUnknownFormat where
// no reader recognises the file.
func Open(ctx context.Context, path string) (*checkpoint.File, error) {
	if sharded.IsIndex(path) {
		return sharded.Open(ctx, path, OpenReader)
	}
	info, err := os.Stat(path) // before opening, which would wait for the other end of a named pipe
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		switch {
		case dcp.IsCheckpoint(path):
			return dcp.Open(ctx, path, OpenReader)
		case orbax.IsCheckpoint(path):
			return orbax.Open(ctx, path)
		}
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: not a regular file", path, checkpoint.ErrUnknownFormat)
	}
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := OpenReader(ctx, r, info.Size(), filepath.Base(path))
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.OnClose(r)
	return f, nil
}

// IsDirectory reports whether path is a directory that is one checkpoint as a whole, which Open opens.
func IsDirectory(path string) bool { return dcp.IsCheckpoint(path) || orbax.IsCheckpoint(path) }

// OpenReader opens a checkpoint of size bytes that r holds; name is a base name that may hint at the format.
func OpenReader(ctx context.Context, r io.ReaderAt, size int64, name string) (*checkpoint.File, error) {
	readers, head, err := candidates(r, size, name)
	if err != nil {
		return nil, err
	}
	for reader := range readers {
		f, err := open(ctx, reader, r, size, name)
		if errors.Is(err, checkpoint.ErrUnknownFormat) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", reader.Format(), err)
		}
		return f, nil
	}
	if what := unknown(head, name); what != "" {
		return nil, fmt.Errorf("%w: %s", checkpoint.ErrUnknownFormat, what)
	}
	return nil, checkpoint.ErrUnknownFormat
}

// unknown says of a file that no reader knows what it is instead, where its first bytes tell.
func unknown(head []byte, name string) string {
	const tarMark = 257
	switch {
	case filepath.Ext(name) == dcp.Suffix && ziparchive.Signature(head):
		return "it holds parts of a checkpoint of torch.distributed.checkpoint, which its directory is"
	case len(head) == 0:
		return "the file is empty"
	case len(bytes.TrimLeft(head, "\x00")) == 0:
		return fmt.Sprintf("it begins with %d zero bytes, as a file does that was never written out", len(head))
	case ziparchive.Signature(head):
		return fmt.Sprintf("it is a ZIP archive that begins with %q", checkpoint.Clip(ziparchive.FirstName(head), 80))
	case len(head) > tarMark && bytes.HasPrefix(head[tarMark:], []byte("ustar")):
		return "it is a tar archive"
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		return "it is compressed by zstd"
	case bytes.HasPrefix(head, []byte("SQLite format 3\x00")):
		return "it is a database of SQLite"
	}
	return ""
}

// candidates are the readers that may know a file by its beginning, which is returned too; each is asked when its turn comes.
func candidates(r io.ReaderAt, size int64, name string) (readers iter.Seq[checkpoint.Reader], head []byte, err error) {
	head = make([]byte, min(size, headSize))
	if err := checkpoint.ReadFull(r, head, 0); err != nil {
		return nil, nil, err
	}
	return func(yield func(checkpoint.Reader) bool) {
		for _, reader := range Readers() {
			if reader.Sniff(head, name, size) && !yield(reader) {
				return
			}
		}
	}, head, nil
}

// open keeps a fault of a reader from ending the program: untrusted input must never do more than fail to open.
func open(ctx context.Context, reader checkpoint.Reader, r io.ReaderAt, size int64, name string) (f *checkpoint.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, checkpoint.Damaged("the reader failed on it: %v", p)
		}
	}()
	return reader.Open(ctx, r, size, name)
}
