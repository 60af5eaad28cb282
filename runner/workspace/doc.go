// Package workspace gives each run a clean tree to work in, and knows afterwards what the run wrote.
//
// A workspace shows the user's project as it is, and keeps every change to itself. The best kind is an overlay on the
// project's own path, in a mount namespace of the run: nothing is copied, paths are the same in every run, HOME and
// the temporary directory get private layers too, and the upper layer is the exact list of what was written. Where
// that is refused, the tree is copied (sharing blocks where the file system can), and HOME is put together from
// copies of small caches and links to the rest. The kind is found by trial; what it cannot isolate is said.
package workspace
