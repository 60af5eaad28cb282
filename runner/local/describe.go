package local

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/runner/workspace"
)

// Describe records a file, or everything in a directory, as if a run had written it. A file is recorded under another name
// before its extension, stem, since two that are compared are two versions of one, whatever their names.
func Describe(ctx context.Context, path, stem string) (*record.Run, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is neither a file nor a directory: save what it gives to a file first", path)
	}
	run := &record.Run{Version: record.Version, ID: path, Experiment: "described"}
	var spread spread
	add := func(name, onDisk string, info fs.FileInfo) error {
		change := workspace.Change{Path: filepath.ToSlash(name), Op: workspace.Added, OnDisk: onDisk, Size: info.Size()}
		if info.Mode()&fs.ModeSymlink != 0 {
			if change.Link, err = os.Readlink(onDisk); err != nil {
				return err
			}
		}
		artifact, series, beside, err := readArtifact(ctx, change, nil)
		if err != nil {
			return fmt.Errorf("reading %q: %w", onDisk, err)
		}
		if hasTensors(artifact) {
			if artifact.Kept, err = filepath.Abs(onDisk); err != nil {
				return err
			}
		}
		run.Artifacts = append(run.Artifacts, artifact)
		spread.add(onDisk, artifact, beside)
		run.Metrics = append(run.Metrics, series...)
		return nil
	}
	if !info.IsDir() {
		return run, add(stem+filepath.Ext(path), path, info)
	}
	// WalkDir would not follow a link at the root.
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, err
	}
	err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() && info.Mode()&fs.ModeSymlink == 0 {
			return nil
		}
		rel, err := filepath.Rel(path, name)
		if err != nil {
			return err
		}
		return add(rel, name, info)
	})
	spread.settle(run.Artifacts)
	return run, err
}
