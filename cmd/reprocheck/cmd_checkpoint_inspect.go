package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

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
			documents, err := inspectAll(c.Context, args[0])
			if err != nil {
				return unreadable(err)
			}
			limit := 100
			if c.Bool("all") {
				limit = 0
			}
			var result any = inspected{"reprocheck.checkpoint-inspect-directory/v1", args[0], documents}
			if info, err := os.Stat(args[0]); err == nil && !info.IsDir() {
				result = documents[0]
			}
			return p.show(c, result, func(w io.Writer) error {
				for i, d := range documents {
					if i > 0 {
						fmt.Fprintln(w)
					}
					if err := d.WriteText(w, limit); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

// inspectAll describes a file, or those files of a directory that are of a known format.
func inspectAll(ctx context.Context, path string) ([]*inspect.Document, error) {
	items, err := all.List(path)
	if err != nil {
		return nil, err
	}
	documents := []*inspect.Document{}
	for _, item := range items {
		d, err := inspectOne(ctx, item.Path)
		if errors.Is(err, checkpoint.ErrUnknownFormat) {
			continue
		}
		if err != nil {
			return nil, err
		}
		documents = append(documents, d)
	}
	if len(documents) == 0 {
		return nil, fmt.Errorf("%s: %w", path, checkpoint.ErrUnknownFormat)
	}
	return documents, nil
}

func inspectOne(ctx context.Context, path string) (*inspect.Document, error) {
	f, size, err := openSized(ctx, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return inspect.Describe(f, path, size), nil
}

// openSized opens a checkpoint, and says how many bytes its file has.
func openSized(ctx context.Context, path string) (*checkpoint.File, int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	f, err := all.Open(ctx, path)
	return f, info.Size(), err
}
