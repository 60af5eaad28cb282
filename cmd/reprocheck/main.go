// Command reprocheck launches a training command several times, compares the runs to the last bit, and says which
// source of randomness made them differ, on which line, with the experiment that proves it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

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
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(run(ctx, os.Args, process{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: os.Environ(), dir: os.Getwd,
	}))
}
