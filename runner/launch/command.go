package launch

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/reprocheck/reprocheck/seed"
)

// Errors that Start wraps. A command that is not found is exec.ErrNotFound, one that may not be executed is fs.ErrPermission, a
// directory syscall.EISDIR.
var (
	// ErrDirectory says that the command's working directory cannot be entered.
	ErrDirectory = errors.New("working directory cannot be entered")
	// ErrMount says that a mount of the workspace was refused.
	ErrMount = errors.New("mount refused")
)

// DefaultGrace is the time between SIGINT, SIGTERM and SIGKILL where a Command does not say otherwise.
const DefaultGrace = 5 * time.Second

// Command is what to start, and how.
type Command struct {
	// Argv is the command as typed. Argv[0] is looked up in the PATH of Env, after the mounts have been made.
	Argv []string
	// Dir is the absolute working directory.
	Dir string
	// Env is the complete environment.
	Env []string
	// Stdin is the command's standard input, /dev/null where it is nil.
	Stdin *os.File
	// Stdout and Stderr receive the command's output through a pipe; output is discarded where they are nil.
	Stdout, Stderr io.Writer
	// Controls is applied to the whole process tree.
	Controls seed.Launch
	// Mounts are made in order, in a mount namespace of the tree's own.
	Mounts []Mount
	// Ground, when set, is where mounts have been made already; it is not to be used again. Where it does not fit the
	// command, another is made.
	Ground *Ground
	// Audit watches entropy reads, started programs, and writes outside Private.
	Audit bool
	// Private lists directories whose writes are expected; Dir always is.
	Private []string
	// Timeout ends the tree after that time; 0 never does.
	Timeout time.Duration
	// Grace is the time between SIGINT, SIGTERM and SIGKILL when the tree is ended; 0 is DefaultGrace.
	Grace time.Duration
}

// Mount puts one directory in front of another for the command's process tree.
type Mount struct {
	// Target is the absolute path that is covered.
	Target string
	// Source, when set, is bound over Target.
	Source string
	// Upper and Work are the directories of an overlay on Target, used when Source is empty.
	// What lies below Target becomes the lower layer. Work must be new for each mount.
	Upper, Work string
}

// Outcome is how a process tree ended and what was seen of it.
type Outcome struct {
	// Code is the exit status of the command's first process, 128+signal when Signal is set.
	Code int
	// Signal is the name of the signal that ended the first process, empty when it exited.
	Signal   string
	TimedOut bool
	Seconds  float64
	// MaxRSS is the largest resident set of any single process of the tree, in bytes.
	MaxRSS int64
	// Entropy sums up the reads of operating-system entropy, one element for each process that drew.
	Entropy []EntropyReads
	// Outside lists absolute paths outside Command.Private that were written, in order, at most MaxOutside.
	Outside []string
	// Pythons lists the Python interpreters seen in the tree.
	Pythons []PythonProcess
	// LeftRunning names the programs of processes that the command left behind and that were ended after it, sorted.
	LeftRunning []string
	// Refused lists what was asked for and not granted, in words.
	Refused []string
}

// MaxOutside bounds Outcome.Outside.
const MaxOutside = 1000

// EntropyReads counts what one process drew from the operating system.
type EntropyReads struct {
	// Place is the process's place in the process tree ("0.2.1": first child of the third child of the command).
	Place string
	PID   int
	Exe   string
	// Calls counts getrandom calls, and, where entropy is controlled, opens of /dev/urandom and /dev/random; Bytes is what
	// was asked for through getrandom.
	Calls, Bytes int64
}

// PythonProcess is a Python interpreter in the tree; PID is the one that it sees itself.
type PythonProcess struct {
	PID int
	Exe string
	// CopyOf is the process that this one was forked from, 0 if it was seen to run a program of its own.
	CopyOf int
}

// Capability is one facility of this machine, found out by using it.
type Capability struct {
	Name      string
	Available bool
	// Detail says how it is done here, or why it is refused.
	Detail string
	// For says what reprocheck needs it for.
	For string
}
