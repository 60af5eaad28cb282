package volatile

import "bytes"

// Sniff recognises by its first bytes a format whose files differ between any two runs, as named by Format; "" otherwise.
// 32 bytes suffice.
func Sniff(head []byte) string {
	for _, magic := range [...]struct{ prefix, format string }{
		{"SQLite format 3\x00", "sqlite"},
		{"\x89PNG\r\n\x1a\n", "image"},
		{"\xff\xd8\xff", "image"}, // JPEG
		{"GIF8", "image"},
		{"%PDF-", "pdf"},
	} {
		if bytes.HasPrefix(head, []byte(magic.prefix)) {
			return magic.format
		}
	}
	// The first record of an event file: 8 bytes of length, 4 of checksum, then a protobuf Event that begins with its wall time (field 1,
	// a double) and holds the version string (field 3). See record_writer.cc and event.proto of TensorFlow.
	if len(head) >= 25 && head[12] == 0x09 && head[21] == 0x1A && bytes.HasPrefix(head[23:], []byte("br")) {
		return "tfevents"
	}
	return ""
}
