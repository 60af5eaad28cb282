// Package launch starts a command, keeps its whole process tree in hand and says how it ended.
//
// On Linux reprocheck starts itself once more as a small stub. The stub is the first process of a pid
// namespace (or, where namespaces are refused, a subreaper), mounts what the workspace asks for, applies
// the controls of [seed.Launch], starts the command, reaps everything, and answers the system calls that a
// seccomp filter hands to it. It ends the tree when the command has ended, when it is told to, and when
// reprocheck itself has died, which it learns from the closed control socket. Everything that this needs
// is tried, never assumed from a version; what a machine refuses is listed in [Outcome.Refused].
//
// Elsewhere the command runs in a process group of its own, and no control of [seed.Launch] is available.
package launch
