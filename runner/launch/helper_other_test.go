//go:build !linux

package launch_test

func helper(string) func(args []string) error { return nil }
