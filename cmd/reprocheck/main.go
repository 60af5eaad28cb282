// Command reprocheck launches a training command several times, compares the runs to the last bit, and says which
// source of randomness made them differ, on which line, with the experiment that proves it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/reprocheck/reprocheck/runner/launch"
)

func main() {
	if code, ran := launch.RunIfStub(os.Args); ran {
		os.Exit(code)
	}
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	defer stop()
	// A second Ctrl-C ends the program at once, but not one that `timeout` or a shell sends to the process and to its group.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second/2, stop) })
	os.Exit(run(ctx, os.Args, process{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: os.Environ(), dir: os.Getwd,
	}))
}
