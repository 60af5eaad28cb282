package lint

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// WriteText writes a document for people, what is missing first.
func (d *Document) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s: exact resume: %s", checkpoint.Display(d.Path, 500), d.Resume)
	if d.Resume == "cannot tell" {
		b.WriteString(" (nothing that it surely needs is missing; what else it needs depends on the training)")
	}
	b.WriteString("\n")
	if len(d.GoodFor) > 0 {
		fmt.Fprintf(b, "good for: %s\n", strings.Join(d.GoodFor, ", "))
	}
	if len(d.NotFor) > 0 {
		fmt.Fprintf(b, "not for: %s\n", strings.Join(d.NotFor, ", "))
	}
	for _, x := range d.Damage {
		where := x.File
		if x.Name != "" {
			where += ": " + x.Name
		}
		fmt.Fprintf(b, "\n%s %s\n  %s\n", x.Rule, checkpoint.Display(where, 200), checkpoint.Display(x.Text, 500))
	}
	for _, status := range []Status{Missing, CannotTell, Present} {
		title := strings.ToUpper(string(status)[:1]) + string(status)[1:]
		first := true
		for _, p := range d.Parts {
			if p.Status != status {
				continue
			}
			if first {
				fmt.Fprintf(b, "\n%s:\n", title)
				first = false
			}
			fmt.Fprintf(b, "  %s %s: %s\n", p.Rule, p.Title, checkpoint.Display(p.Why, 300))
			if status == Missing {
				fmt.Fprintf(b, "      without it: %s\n      unnoticed: %s\n      fix: %s\n", p.Without, p.Hides, p.Fix)
			}
		}
	}
	return b.Flush()
}

// WriteText writes a rule's documentation.
func (r Rule) WriteText(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s: %s\n\nWhat goes wrong: %s.\n", r.ID, r.Title, r.Without)
	if err == nil && r.Hides != "" {
		_, err = fmt.Fprintf(w, "How long it stays unnoticed: %s.\n", r.Hides)
	}
	if err == nil {
		_, err = fmt.Fprintf(w, "What to do: %s.\n", r.Fix)
	}
	return err
}
