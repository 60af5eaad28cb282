package workspace

// room is what an ordinary user may still write to a file system: bytes, and files, of which there is no end (math.MaxInt64)
// where inodes are made as they are needed.
type room struct{ bytes, files int64 }
