package plan

import (
	"bufio"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/reprocheck/reprocheck/runner/checkpoint/inspect"
)

// WriteText writes a plan for people.
func (d *Document) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "One checkpoint (%s):\n", d.Size.Source)
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, part := range []struct {
		name  string
		bytes int64
	}{
		{"model", d.Size.Model}, {"float32 masters", d.Size.Masters}, {"optimizer moments", d.Size.Optimizer},
		{"averaged weights", d.Size.Averages}, {"other", d.Size.Other}, {"full", d.Full},
	} {
		if part.bytes > 0 {
			fmt.Fprintf(t, "  %s\t%s\t\n", part.name, inspect.Size(part.bytes))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for i, f := range d.Size.Formulas {
		if i == 0 {
			b.WriteString("\nFormulas; buffers, step counters and the container come on top:\n")
		}
		fmt.Fprintf(b, "  %s\n", f)
	}
	if d.Size.WithMasters > 0 {
		fmt.Fprintf(b, "\nWith float32 masters, as mixed precision keeps in Apex, Megatron-LM and DeepSpeed (--masters), it has %s.\n", inspect.Size(d.Size.WithMasters))
	}
	saves := fmt.Sprintf("%d saves", d.Saves)
	if d.Saves == 1 {
		saves = "1 save"
	}
	fmt.Fprintf(b, "\n%s, %s: %s kept at the end, %s while the last one is written\n",
		d.Policy, saves, inspect.Size(d.Steady), inspect.Size(d.Peak))
	switch {
	case d.Disk == 0:
	case d.Fits:
		fmt.Fprintf(b, "fits: the disk has %s\n", inspect.Size(d.Disk))
	case d.Nearest != nil:
		fmt.Fprintf(b, "does not fit: the disk has %s, %s too little\nnearest policy that fits: %s (%s kept, %s at the peak)\n",
			inspect.Size(d.Disk), inspect.Size(d.Peak-d.Disk), d.Nearest.Policy, inspect.Size(d.Nearest.Steady), inspect.Size(d.Nearest.Peak))
	case d.Saves == 1:
		fmt.Fprintf(b, "does not fit: the disk has %s, %s too little for one full checkpoint of %s\n",
			inspect.Size(d.Disk), inspect.Size(d.Full-d.Disk), inspect.Size(d.Full))
	default:
		fmt.Fprintf(b, "does not fit: the disk has %s, %s too little for two full checkpoints, the least that can be resumed from safely, which take %s\n",
			inspect.Size(d.Disk), inspect.Size(2*d.Full-d.Disk), inspect.Size(2*d.Full))
	}
	return b.Flush()
}
