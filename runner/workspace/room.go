package workspace

// room is what an ordinary user may still write to a file system: bytes, and files, of which there is no end (math.MaxInt64)
// where inodes are made as they are needed.
type room struct{ bytes, files int64 }

// Full reports whether next to nothing can be written to the file system of dir any more.
func Full(dir string) bool {
	const least = 64 << 10 // bytes
	free, err := freeRoom(dir)
	return err == nil && (free.bytes < least || free.files < 1)
}
