package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/reprocheck/reprocheck/runner/launch"
	"github.com/reprocheck/reprocheck/runner/workspace"
	"github.com/reprocheck/reprocheck/seed"
)

func doctorCommand(p process) *cli.Command {
	return &cli.Command{
		Name:            "doctor",
		Usage:           "say what can be observed and controlled on this machine",
		UsageText:       "reprocheck doctor",
		HideHelpCommand: true,
		Action: func(c *cli.Context) error {
			dir, err := p.dir()
			if err != nil {
				return usagef("the working directory cannot be used: %w", err)
			}
			t := tabwriter.NewWriter(p.stdout, 0, 8, 2, ' ', 0)
			if err := doctorWorkspace(c, p, t, dir); err != nil {
				return err
			}
			for _, capability := range launch.Capabilities(c.Context) {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", mark(capability.Available), capability.Name, capability.For, capability.Detail)
			}
			doctorGPU(t)
			if err := t.Flush(); err != nil {
				return err
			}
			return doctorSources(p.stdout)
		},
	}
}

// doctorWorkspace says which workspace a run here would get, and what that cannot isolate.
func doctorWorkspace(c *cli.Context, p process, w io.Writer, dir string) error {
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
		fmt.Fprintf(w, "%s\tworkspace\ta clean tree for every run\t%v\n", mark(false), err)
		return nil
	}
	fmt.Fprintf(w, "%s\tworkspace\ta clean tree for every run\t%s\n", mark(true), kind)
	for _, limit := range limits {
		fmt.Fprintf(w, "\t\t\t%s\n", limit)
	}
	return nil
}

// doctorGPU says whether the sources that only a GPU has can be observed here.
func doctorGPU(w io.Writer) {
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
	fmt.Fprintf(w, "%s\tGPU\t%s\t%s\n", mark(err == nil), strings.Join(ids, ", "), detail)
}

// doctorSources lists what no control here reaches.
func doctorSources(w io.Writer) error {
	var none []string
	for _, s := range seed.All() {
		if !s.Pin.Possible() && !s.Vary.Possible() {
			none = append(none, string(s.ID))
		}
	}
	_, err := fmt.Fprintf(w, "\nObserved only, on any machine: %s\n", strings.Join(none, ", "))
	return err
}

func mark(available bool) string {
	if available {
		return "yes"
	}
	return "no"
}
