package local

import (
	"runtime"
	"sync"

	"github.com/reprocheck/reprocheck/runner/record"
)

// machine describes this machine, once.
var machine = sync.OnceValue(func() record.Machine {
	return record.Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: processor(), CPUs: runtime.NumCPU()}
})
