package hdf5

import (
	"encoding/binary"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// wholeObject asks for all of an object.
const wholeObject = -1

// inHeap returns n bytes of the object of a global heap at a place, which is the heap's address and a number.
func (w *walker) inHeap(place []byte, n int64) (string, error) {
	addr, index := binary.LittleEndian.Uint64(place), binary.LittleEndian.Uint32(place[8:])
	if n == 0 || addr == 0 || addr == undefined {
		return "", nil
	}
	heap, err := w.globalHeap(addr)
	if err != nil {
		return "", err
	}
	object, ok := heap[uint16(index)]
	if n == wholeObject {
		n = int64(len(object))
	}
	if !ok || index > 0xffff || n > int64(len(object)) {
		return "", checkpoint.Damaged("element of %d bytes that is not in its heap", n)
	}
	// An object is one element's alone, so all of them together have no more bytes than the file.
	if w.inHeaps += n; w.inHeaps > w.s.size {
		return "", checkpoint.Damaged("elements that share their place in a heap")
	}
	return object[:n], nil
}

// globalHeap reads a collection of objects of variable length.
func (w *walker) globalHeap(addr uint64) (map[uint16]string, error) {
	if heap, ok := w.heaps[addr]; ok {
		return heap, nil
	}
	head, err := w.s.block(addr, 16)
	if err != nil {
		return nil, err
	}
	if err := head.expect("GCOL"); err != nil {
		return nil, err
	}
	head.skip(4)
	size := head.u64()
	if size < 16 || size > maxBlock {
		return nil, checkpoint.Damaged("heap of %d bytes", size)
	}
	if err := w.s.charge(int64(size)); err != nil { // it stays in memory
		return nil, err
	}
	whole, err := w.s.text(addr+16, int64(size-16))
	if err != nil {
		return nil, err
	}
	heap := map[uint16]string{}
	for rest := whole; len(rest) >= 16; {
		b := &buffer{p: []byte(rest[:16])}
		index := b.u16()
		b.skip(6)
		n := b.u64()
		if index == 0 {
			break // free space
		}
		if rest = rest[16:]; n > uint64(len(rest)) {
			return nil, checkpoint.Damaged("object of %d bytes passes the end of its heap", n)
		}
		heap[index] = rest[:n]
		rest = rest[min((n+7)/8*8, uint64(len(rest))):]
	}
	w.heaps[addr] = heap
	return heap, nil
}
