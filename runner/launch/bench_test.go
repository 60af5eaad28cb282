package launch_test

import (
	"os"
	"testing"

	"github.com/reprocheck/reprocheck/runner/launch"
	"github.com/reprocheck/reprocheck/seed"
)

// BenchmarkLaunch is the cost of one launch of /bin/true.
func BenchmarkLaunch(b *testing.B) {
	for _, c := range []struct {
		name    string
		command launch.Command
	}{
		{"plain", launch.Command{}},
		{"audit", launch.Command{Audit: true}},
		{"controls", launch.Command{Audit: true, Controls: seed.Launch{Entropy: true, DirOrder: "sorted", NoASLR: true}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.command.Argv, c.command.Dir, c.command.Env = []string{"true"}, "/", os.Environ()
			for b.Loop() {
				p, err := launch.Start(b.Context(), c.command)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := p.Wait(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
