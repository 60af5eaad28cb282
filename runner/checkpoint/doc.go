// Package checkpoint reads what a training leaves on disk (tensors, numbers, strings) without Python and without running
// anything that a file asks for, and gives every value a canonical digest that does not depend on the container.
//
// A format is a [Reader] in a package of its own below this one; package all lists them. A reader returns a [File]:
// an ordered list of entries whose tensors are read lazily, in chunks, from the open file.
// docs/checkpoint-digest.md defines the digests byte by byte.
package checkpoint
