package launch

import "os"

// Owner says which process something belongs to, in a text that outlives the process. Alive reads it.
func Owner() string { return identity(os.Getpid()) }

// Alive reports whether the process that wrote owner may still be there. It errs towards true: of a process in another
// pid namespace nothing can be known, and so it is with a text that this machine did not write.
func Alive(owner string) bool { return alive(owner) }
