package launch_test

import (
	"os"

	"github.com/reprocheck/reprocheck/runner/launch"
)

// helper returns what the test binary is to be when it was started under that name.
func helper(name string) func(args []string) error {
	switch name {
	case asSupervisor:
		return supervise
	case inContainer:
		return func(args []string) error {
			return launch.EnterContainer(append([]string{os.Args[0] + "-inside"}, args...))
		}
	}
	return nil
}
