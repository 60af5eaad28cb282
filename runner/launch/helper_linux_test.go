package launch_test

import (
	"os"

	"github.com/reprocheck/reprocheck/runner/launch"
)

// helper returns what the test binary is to be when it was started in a special way.
func helper(name string) func(args []string) error {
	switch {
	case os.Getenv(asSupervisor) != "":
		return supervise
	case os.Getenv(asScratchOwner) != "":
		return func([]string) error { return ownScratch(os.Getenv(asScratchOwner) == "watched") }
	case name == inContainer:
		return func(args []string) error {
			return launch.EnterContainer(append([]string{os.Args[0] + "-inside"}, args...))
		}
	}
	return nil
}
