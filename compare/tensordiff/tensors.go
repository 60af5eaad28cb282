package tensordiff

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// chunkBytes is how much of each side is read at a time. Two buffers of it stay in a core's cache.
const chunkBytes = 256 << 10

// jobBytes is how much of a tensor one core takes at a time, so that one huge tensor keeps all of them busy.
const jobBytes = 16 << 20

// Pair is two tensors of one type and shape, and the tolerance they are compared under.
type Pair struct {
	A, B      *checkpoint.Tensor
	Tolerance Tolerance
}

// Tensors compares pairs on all cores and returns their statistics in order.
func Tensors(ctx context.Context, pairs []Pair) ([]Stats, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	results := make([]Stats, len(pairs))
	works := make([]work, len(pairs))
	for i, p := range pairs {
		if p.A.DType != p.B.DType || !slices.Equal(p.A.Shape, p.B.Shape) || p.A.Size() != p.B.Size() {
			return nil, fmt.Errorf("pair %d: %s%s and %s%s cannot be compared element by element",
				i, p.A.DType, checkpoint.ShapeText(p.A.Shape), p.B.DType, checkpoint.ShapeText(p.B.Shape))
		}
		n, err := checkpoint.Elements(p.A.Shape)
		if err != nil {
			return nil, err
		}
		results[i] = newStats(n)
		works[i].Pair = p
		works[i].kernel, works[i].item = choose(p.A, n)
	}

	type job struct {
		pair   int
		off, n int64
	}
	jobs := make(chan job)
	var mu sync.Mutex // guards results
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			var buf [2][]byte
			for j := range jobs {
				if ctx.Err() != nil {
					continue
				}
				part, err := works[j.pair].compare(ctx, &buf, j.off, j.n)
				if err != nil {
					cancel(fmt.Errorf("pair %d: %w", j.pair, err))
					continue
				}
				mu.Lock()
				results[j.pair].merge(&part)
				mu.Unlock()
			}
		})
	}
	for i, w := range works {
		size := w.A.Size()
		step := max(jobBytes/w.item, 1) * w.item
		if checkpoint.IsSequential(w.A) || checkpoint.IsSequential(w.B) {
			step = max(size, 1)
		}
		for off := int64(0); off < size && ctx.Err() == nil; off += step {
			jobs <- job{i, off, min(step, size-off)}
		}
	}
	close(jobs)
	wg.Wait()
	return results, context.Cause(ctx)
}

type work struct {
	Pair
	kernel kernel
	item   int64
}

// compare compares n bytes from off on; buf is reused between calls.
func (w *work) compare(ctx context.Context, buf *[2][]byte, off, n int64) (Stats, error) {
	defer checkpoint.Alone(w.A, w.B)()
	s := newStats(0)
	size := chunkBytes / w.item * w.item
	for side := range buf {
		if int64(len(buf[side])) < size {
			buf[side] = make([]byte, size)
		}
	}
	for end := off + n; off < end; off += size {
		if err := ctx.Err(); err != nil {
			return s, err
		}
		part := min(size, end-off)
		a, b := buf[0][:part], buf[1][:part]
		if err := checkpoint.ReadFull(w.A, a, off); err != nil {
			return s, fmt.Errorf("first file: %w", err)
		}
		if err := checkpoint.ReadFull(w.B, b, off); err != nil {
			return s, fmt.Errorf("second file: %w", err)
		}
		w.kernel(&s, a, b, off/w.item, w.Tolerance)
	}
	return s, nil
}
