package main

import (
	"context"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
	"github.com/reprocheck/reprocheck/runner/checkpoint/inspect"
)

// inspected is what `checkpoint inspect --json` writes for a directory.
type inspected struct {
	Schema string              `json:"schema"`
	Path   string              `json:"path"`
	Files  []*inspect.Document `json:"files"`
}

func inspectCommand(p process) *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Usage:     "show what is inside: components, tensors, writer, devices, code that loading would run",
		UsageText: "reprocheck checkpoint inspect [--all] [--json FILE] PATH",
		Description: `PATH is a file, the index of a sharded model (model.safetensors.index.json), or a directory.

   reprocheck checkpoint inspect last.ckpt
   reprocheck checkpoint inspect --json - model.safetensors | jq '.values[] | select(.component == "optimizer")'

Exit status: 0 read, ` + checkpointStatusHelp,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "list every value, not only the first 100"},
			checkpointJSONFlag(),
		},
		Action: func(c *cli.Context) error {
			args, err := paths(c, 1)
			if err != nil {
				return err
			}
			options := inspect.TextOptions{Width: p.textOptions().Width}
			if !c.Bool("all") {
				options.Values = 100
			}
			listed := options.Values
			if c.String("json") != "" {
				listed = 0
			}
			documents, err := inspectAll(c.Context, args[0], listed)
			if err != nil {
				return unreadable(err)
			}
			var result any = inspected{"reprocheck.checkpoint-inspect-directory/v1", args[0], documents}
			if len(documents) == 1 && documents[0].Path == args[0] {
				result = documents[0]
			}
			return p.show(c, result, p.paged(func(w io.Writer) error {
				for i, d := range documents {
					if i > 0 {
						fmt.Fprintln(w)
					}
					if err := d.WriteText(w, options); err != nil {
						return err
					}
				}
				return nil
			}))
		},
	}
}

// inspectAll describes a file, or the checkpoints in a directory, each with up to listed of its values, 0 being all.
func inspectAll(ctx context.Context, path string, listed int) ([]*inspect.Document, error) {
	var documents []*inspect.Document
	err := all.Each(ctx, path, func(item all.Item, f *checkpoint.File, err error) error {
		if err != nil {
			return err
		}
		size, err := all.Size(item.Path)
		if err != nil {
			return err
		}
		documents = append(documents, inspect.Describe(f, item.Path, size, listed))
		return nil
	})
	return documents, err
}
