package checkpoint

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"runtime"
	"slices"
	"strconv"
	"sync"
)

// DigestVersion names the definition in docs/checkpoint-digest.md that digests follow; it prefixes every one of them.
const DigestVersion = "rc1"

const (
	// digestChunk is how many bytes of a value each leaf of its two-level hash covers.
	digestChunk = 4 << 20
	// readSize is how much is read at a time, small enough to stay in a core's cache.
	readSize = 256 << 10
)

// Digests are the canonical digests of a file.
type Digests struct {
	// Content covers all entries by name, whatever their order.
	Content string
	// Entries are those of File.Entries, in their order.
	Entries []Sum
}

// Sum is a digest without its version, which String writes in front of it.
type Sum [sha256.Size]byte

// String writes the digest as docs/checkpoint-digest.md does.
func (s Sum) String() string { return DigestVersion + ":" + hex.EncodeToString(s[:]) }

// MarshalText returns what String does.
func (s Sum) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Digest reads all values of f, on as many cores as there are.
func Digest(ctx context.Context, f *File) (*Digests, error) {
	sums, err := entrySums(ctx, f.Entries)
	if err != nil {
		return nil, err
	}
	order := make([]int, len(f.Entries))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(f.Entries[a].Name, f.Entries[b].Name) })

	h := sha256.New()
	field(h, DigestVersion)
	field(h, "file")
	for _, i := range order {
		field(h, f.Entries[i].Name)
		h.Write(sums[i][:])
	}
	return &Digests{Content: Sum(h.Sum(nil)).String(), Entries: sums}, nil
}

// field writes s so that no two sequences of fields have the same bytes.
func field(h hash.Hash, s string) {
	io.WriteString(h, strconv.Itoa(len(s)))
	io.WriteString(h, ":")
	io.WriteString(h, s)
}

// chunkJob is a part of an entry's data, with its leaves.
type chunkJob struct {
	entry  int
	off, n int64
	leaves []Sum
	crcs   []uint32 // of the leaves, where sealed data have several
}

// readBuffers are passed on from one file to the next, of which there may be thousands.
var readBuffers = sync.Pool{New: func() any { return new([readSize]byte) }}

// entrySums hashes the chunks of all entries in one queue, so that a single large tensor keeps every core busy.
func entrySums(ctx context.Context, entries []Entry) ([]Sum, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	sums := make([]Sum, len(entries)) // at first the leaves of values that have one
	leaves := map[int][]Sum{}         // of values that have more
	crcs := map[int][]uint32{}
	jobs := make(chan chunkJob)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			buffer := readBuffers.Get().(*[readSize]byte)
			defer readBuffers.Put(buffer)
			h, buf := sha256.New(), buffer[:]
			for j := range jobs {
				if ctx.Err() != nil {
					continue
				}
				if err := hashChunks(entries[j.entry].Data, j, h, buf); err != nil {
					cancel(fmt.Errorf("reading %q: %w", Clip(entries[j.entry].Name, 80), err))
				}
			}
		})
	}
	for i := range entries {
		if ctx.Err() != nil {
			break
		}
		d := entries[i].Data
		if d == nil || d.Size() == 0 {
			continue
		}
		n := (d.Size() + digestChunk - 1) / digestChunk
		into := sums[i : i+1]
		if n > 1 {
			into = make([]Sum, n)
			leaves[i] = into
			if sealOf(d) != nil {
				crcs[i] = make([]uint32, n)
			}
		}
		if IsSequential(d) {
			jobs <- chunkJob{i, 0, d.Size(), into, nil}
			continue
		}
		for c := range n {
			j := chunkJob{i, c * digestChunk, min(digestChunk, d.Size()-c*digestChunk), into[c:], nil}
			if crcs[i] != nil {
				j.crcs = crcs[i][c:]
			}
			jobs <- j
		}
	}
	close(jobs)
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}

	for i, pieces := range crcs {
		if err := sealOf(entries[i].Data).check(pieces, digestChunk); err != nil {
			return nil, fmt.Errorf("reading %q: %w", Clip(entries[i].Name, 80), err)
		}
	}
	h := sha256.New()
	for i := range entries {
		h.Reset()
		field(h, DigestVersion)
		field(h, entries[i].Type)
		if t := entries[i].Tensor(); t != nil {
			field(h, ShapeText(t.Shape))
			field(h, t.Attrs)
		} else {
			field(h, "")
			field(h, "")
		}
		switch d := entries[i].Data; {
		case d == nil || d.Size() == 0:
		case d.Size() <= digestChunk:
			h.Write(sums[i][:])
		default:
			for _, leaf := range leaves[i] {
				h.Write(leaf[:])
			}
		}
		h.Sum(sums[i][:0])
	}
	return sums, nil
}

// hashChunks fills the leaves that the job covers. Of sealed data, which are not sequential, it is one.
func hashChunks(d Data, j chunkJob, h hash.Hash, buf []byte) error {
	defer Alone(d)()
	h.Reset()
	seal, crc := sealOf(d), uint32(0)
	for done := int64(0); done < j.n; {
		n := min(int64(len(buf)), j.n-done, digestChunk-done%digestChunk)
		if err := ReadFull(d, buf[:n], j.off+done); err != nil {
			return err
		}
		h.Write(buf[:n])
		if seal != nil {
			crc = crc32.Update(crc, crc32.IEEETable, buf[:n])
		}
		done += n
		if done%digestChunk == 0 || done == j.n {
			h.Sum(j.leaves[(done-1)/digestChunk][:0])
			h.Reset()
		}
	}
	switch {
	case seal == nil:
		return nil
	case j.crcs == nil:
		return seal.check([]uint32{crc}, digestChunk)
	}
	j.crcs[0] = crc
	return nil
}

// ReadFull reads len(p) bytes at off, or returns an error that names the shortfall. An error that comes with all bytes
// counts: it is how a checksum at the end of compressed data is told.
func ReadFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if err == nil || err == io.EOF {
		if n == len(p) {
			return nil
		}
		return Damaged("file ends early: %d of %d bytes at offset %d", n, len(p), off)
	}
	return err
}
