package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/reprocheck/reprocheck/report/terminal"
	"github.com/reprocheck/reprocheck/runner/launch"
	"github.com/reprocheck/reprocheck/runner/workspace"
	"github.com/reprocheck/reprocheck/seed"
)

func doctorCommand(p process) *cli.Command {
	return &cli.Command{
		Name:      "doctor",
		Usage:     "say what can be observed and controlled on this machine",
		UsageText: "reprocheck doctor",
		Description: `What is missing limits a verdict made in this directory, and every report says so in its own words.

   reprocheck doctor

Exit status: 0 told, whatever is missing; 2 bad usage; 5 reprocheck itself failed.`,
		HideHelpCommand: true,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("doctor takes no arguments, and was given %q", c.Args().First())
			}
			dir, err := p.dir()
			if err != nil {
				return usagef("the working directory cannot be used: %w", err)
			}
			t := &findings{w: p.stdout, width: p.columns()}
			if err := doctorWorkspace(c, p, t, dir); err != nil {
				return err
			}
			for _, capability := range launch.Capabilities(c.Context) {
				t.add(capability.Available, capability.Name, capability.For, capability.Detail)
			}
			doctorGPU(t)
			if t.err != nil {
				return t.err
			}
			return doctorSources(t)
		},
	}
}

// findings prints what can be had and what not, beside its name, in lines no longer than the terminal.
type findings struct {
	w     io.Writer
	width int
	err   error
}

func (t *findings) add(available bool, name, purpose string, details ...string) {
	const narrowest = 30
	indent, width := 31, t.width
	left := fmt.Sprintf("%-3s  %s", mark(available), name)
	lines := []string{}
	if width < indent+narrowest { // the name has a line of its own
		indent = 5
		lines = append(lines, "")
	}
	for _, text := range append([]string{purpose}, details...) {
		rest := max(width-indent, narrowest)
		lines = append(lines, terminal.Wrap(terminal.Printable(text), rest, rest)...)
	}
	for i, line := range lines {
		if i > 0 {
			left = ""
		}
		if _, err := fmt.Fprintf(t.w, "%-*s%s\n", indent, left, line); err != nil {
			t.err = err
		}
	}
}

// doctorWorkspace says which workspace a run here would get, and what that cannot isolate.
func doctorWorkspace(c *cli.Context, p process, t *findings, dir string) error {
	if err := checkTemp(os.TempDir()); err != nil {
		return err
	}
	scratch, err := launch.NewScratch()
	if err != nil {
		return err
	}
	defer scratch.Close()
	env := p.environ()
	kind, limits, err := workspace.Choose(c.Context, workspace.Spec{Project: dir, Home: env["HOME"], Temp: env["TMPDIR"], Scratch: scratch.Dir})
	if err != nil {
		t.add(false, "workspace", "a clean tree for every run", err.Error())
		return nil
	}
	t.add(true, "workspace", "a clean tree for every run", append([]string{string(kind)}, limits...)...)
	return nil
}

// doctorGPU says whether the sources that only a GPU has can be observed here.
func doctorGPU(t *findings) {
	var ids []string
	for _, s := range seed.All() {
		if s.NeedsGPU {
			ids = append(ids, string(s.ID))
		}
	}
	_, err := os.Stat("/proc/driver/nvidia/version")
	detail := "an NVIDIA driver is loaded"
	if err != nil {
		detail = "no NVIDIA driver is loaded: these can be neither observed nor controlled"
	}
	t.add(err == nil, "GPU", strings.Join(ids, ", "), detail)
}

// doctorSources lists what no control here reaches.
func doctorSources(t *findings) error {
	var none []string
	for _, s := range seed.All() {
		if !s.Pin.Possible() && !s.Vary.Possible() {
			none = append(none, string(s.ID))
		}
	}
	text := "Observed only, on any machine: " + strings.Join(none, ", ")
	_, err := fmt.Fprintf(t.w, "\n%s\n", strings.Join(terminal.Wrap(text, t.width, t.width), "\n"))
	return err
}

func mark(available bool) string {
	if available {
		return "yes"
	}
	return "no"
}
