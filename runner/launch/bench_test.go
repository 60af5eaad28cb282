package launch_test

import (
	"os"
	"strconv"
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

// BenchmarkWrite is the cost of one call that opens a file to write to it, seen and not.
func BenchmarkWrite(b *testing.B) {
	for name, audit := range map[string]bool{"plain": false, "audit": true} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			p, err := launch.Start(b.Context(), launch.Command{
				Argv: []string{"sh", "-c", "i=0; while [ $i -lt $0 ]; do : > file; i=$((i+1)); done", strconv.Itoa(b.N)},
				Dir:  dir, Private: []string{dir}, Env: os.Environ(), Audit: audit,
			})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := p.Wait(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
