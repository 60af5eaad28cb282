package all_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/reprocheck/reprocheck/fixtures"
	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
)

func TestDistributedCheckpointsHaveTheTensorsThatPyTorchSaved(t *testing.T) {
	// PyTorch 1.13 has the package, and cannot import it under Python 3.11.
	if err := exec.Command(fixtures.Python(t), "-W", "ignore", "-c", "import torch.distributed.checkpoint.filesystem").Run(); err != nil {
		t.Skip("no working torch.distributed.checkpoint")
	}
	dir := write(t, "write_dcp.py", "torch")
	compareAll(t, dir)
	_, one := open(t, filepath.Join(dir, "names.pt"))
	if _, spread := open(t, filepath.Join(dir, "names")); spread.Content != one.Content {
		t.Errorf("the digest of a state in one file is %s, that of the directory %s", one.Content, spread.Content)
	}
	f, _ := open(t, filepath.Join(dir, "real"))
	found := false
	shared := map[checkpoint.Block][]string{}
	for _, e := range f.Entries {
		found = found || e.Name == "epoch" && e.Text == "3"
		if x := e.Tensor(); x != nil {
			if block, ok := x.Block(); ok {
				shared[block] = append(shared[block], e.Name)
			}
		}
	}
	if !found {
		t.Error("no epoch")
	}
	for _, names := range shared {
		if len(names) > 1 {
			t.Errorf("%q are said to share a storage", names)
		}
	}
	if len(shared) == 0 {
		t.Error("no storages")
	}
	if f, err := all.Open(context.Background(), filepath.Join(dir, "shared")); err == nil || !refusal(err) {
		t.Errorf("two parts in one place: %v, %v", f, err)
	}
	for name, spoil := range map[string]func(dir string){
		"without a file": func(dir string) { os.Remove(filepath.Join(dir, "__1_0.distcp")) },
		"cut short":      func(dir string) { os.Truncate(filepath.Join(dir, "__1_0.distcp"), 2000) },
		"no metadata":    func(dir string) { os.Truncate(filepath.Join(dir, ".metadata"), 20) },
	} {
		copied := filepath.Join(t.TempDir(), "grid")
		if err := os.CopyFS(copied, os.DirFS(filepath.Join(dir, "grid"))); err != nil {
			t.Fatal(err)
		}
		spoil(copied)
		if f, err := all.Open(context.Background(), copied); err == nil {
			f.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestFourRanksSavedWhatPyTorchPutsTogether(t *testing.T) {
	if err := exec.Command(fixtures.Python(t), "-W", "ignore", "-c", "import torch.distributed.tensor, torch.distributed.fsdp; torch.distributed.fsdp.fully_shard").Run(); err != nil {
		t.Skip("no DTensor")
	}
	dir := write(t, "write_dcp_ranks.py", "torch")
	files, err := filepath.Glob(filepath.Join(dir, "four", "*.distcp"))
	if err != nil || len(files) != 4 {
		t.Fatalf("files %q of four ranks, %v", files, err)
	}
	_, one := open(t, filepath.Join(dir, "four.pt"))
	if _, spread := open(t, filepath.Join(dir, "four")); spread.Content != one.Content {
		t.Errorf("the digest of the ranks' directory is %s, that of PyTorch's file %s", spread.Content, one.Content)
	}
}

func TestTensorsCutOverRanksAreReadAsPyTorchSavedThem(t *testing.T) {
	if err := exec.Command(fixtures.Python(t), "-W", "ignore", "-c", "import torch.distributed.tensor, torch.distributed.fsdp; torch.distributed.fsdp.fully_shard").Run(); err != nil {
		t.Skip("no DTensor")
	}
	dir := write(t, "write_ranks.py", "torch")
	compareAll(t, dir)
	f, _ := open(t, filepath.Join(dir, "rank1.pt"))
	for _, e := range f.Entries {
		if x := e.Tensor(); x == nil && !e.Structure {
			t.Errorf("%s is %s, of what only arranges tensors", e.Name, e.Type)
		}
	}
}
