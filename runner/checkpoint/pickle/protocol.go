package pickle

import (
	"io"
	"strconv"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// AddProtocol adds to the facts of a file by which protocol the pickle of size bytes in r says to be written; those before
// protocol 2 say nothing.
func AddProtocol(f *checkpoint.File, r io.ReaderAt, size int64) error {
	var head [2]byte
	if err := checkpoint.ReadFull(r, head[:min(size, 2)], 0); err != nil {
		return err
	}
	protocol := "0 or 1"
	if head[0] == opProto {
		protocol = strconv.Itoa(int(head[1]))
	}
	f.Facts = append(f.Facts, checkpoint.Fact{Key: "pickle protocol", Value: protocol})
	return nil
}
