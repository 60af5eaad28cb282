package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/reprocheck/reprocheck/runner"
)

// The exit statuses of the contract.
const (
	exitUsage       = 2
	exitCommand     = 3
	exitOurs        = 5
	exitInterrupted = 130
)

const exitStatusHelp = `Exit status: 0 reproducible, 1 not reproducible, 2 bad usage or configuration, 3 the training command itself
failed, 4 inconclusive, 5 reprocheck itself failed, 130 interrupted (what finished is kept).`

// statusError carries an exit status. Without an error it says that everything has been told already.
type statusError struct {
	code int
	err  error
	hint string
}

func (e *statusError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

// status ends the command with a code and says nothing more; 0 is success.
func status(code int) error {
	if code == 0 {
		return nil
	}
	return &statusError{code: code}
}

func usage(err error) error { return &statusError{code: exitUsage, err: err} }

func usagef(format string, args ...any) error { return usage(fmt.Errorf(format, args...)) }

func hinted(err error, code int, hint string) error {
	return &statusError{code: code, err: err, hint: hint}
}

func codeOf(err error) int {
	var status *statusError
	var failed *runner.FailedError
	switch {
	case errors.As(err, &status):
		return status.code
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &failed):
		return exitCommand
	case errors.Is(err, runner.ErrNoAudit):
		return exitUsage
	}
	return exitOurs
}

func hintOf(err error) string {
	var status *statusError
	if errors.As(err, &status) {
		return status.hint
	}
	return ""
}
