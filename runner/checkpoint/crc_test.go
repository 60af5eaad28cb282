package checkpoint

import (
	"bytes"
	"context"
	"hash/crc32"
	"strings"
	"testing"
)

// TestDigestComparesChecksums of data in one chunk, in several, and with a last one that is shorter; every flipped bit of
// the data, or of what is in front of them, is seen, and digests are those of data without a checksum.
func TestDigestComparesChecksums(t *testing.T) {
	const before = 7
	for _, size := range []int{1, 24, digestChunk - 1, digestChunk, digestChunk + 1, 3 * digestChunk, 3*digestChunk + 12345} {
		record := make([]byte, before+size)
		for i := range record {
			record[i] = byte(i * i >> 3)
		}
		crc := crc32.ChecksumIEEE(record)
		digest := func(record []byte, sealed bool) (string, error) {
			data := Section(bytes.NewReader(record), before, int64(size))
			if sealed {
				data = Sealed(data, before, crc)
			}
			tensor := &Tensor{DType: Uint8, Shape: []int64{int64(size)}, Data: data}
			d, err := Digest(context.Background(), &File{Entries: []Entry{TensorEntry("w", tensor)}})
			if err != nil {
				return "", err
			}
			return d.Content, nil
		}
		want, err := digest(record, false)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := digest(record, true); err != nil || got != want {
			t.Errorf("%d bytes: %s, %v, want %s", size, got, err, want)
		}
		for _, at := range []int{0, before, before + size/2, before + size - 1} {
			record[at] ^= 1 << (at % 8)
			if _, err := digest(record, true); err == nil || !strings.Contains(err.Error(), "checksum") {
				t.Errorf("%d bytes, one changed at %d: %v", size, at, err)
			}
			record[at] ^= 1 << (at % 8)
		}
	}
}
