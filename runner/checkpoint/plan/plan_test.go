package plan

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/fixtures"
)

func TestEstimate(t *testing.T) {
	for name, test := range map[string]struct {
		training                            Training
		model, masters, optimizer, averages int64
	}{
		"fp32 adamw":        {Training{Parameters: 3e9, DType: "fp32", Optimizer: "adamw"}, 12e9, 0, 24e9, 0},
		"pure bf16":         {Training{Parameters: 3e9, DType: "bf16", Optimizer: "adamw"}, 6e9, 0, 12e9, 0},
		"bf16 with masters": {Training{Parameters: 3e9, DType: "bf16", Optimizer: "adamw", Masters: true}, 6e9, 12e9, 24e9, 0},
		"sgd":               {Training{Parameters: 1e6, DType: "float32", Optimizer: "sgd"}, 4e6, 0, 0, 0},
		"adafactor":         {Training{Parameters: 1e6, DType: "bf16", Optimizer: "adafactor"}, 2e6, 0, 2e4, 0},
		"8 bits":            {Training{Parameters: 1e6, DType: "bf16", Optimizer: "adamw8bit", Masters: true}, 2e6, 4e6, 2e6 + 2*4*1e6/256, 0},
		"momentum and EMA":  {Training{Parameters: 1e6, DType: "float32", Optimizer: "sgd-momentum", EMA: true}, 4e6, 0, 4e6, 4e6},
	} {
		s, err := Estimate(test.training)
		if err != nil || s.Model != test.model || s.Masters != test.masters || s.Optimizer != test.optimizer || s.Averages != test.averages || s.Other != 0 {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	if s, err := Estimate(Training{Parameters: 1e6, DType: "bf16", Optimizer: "adamw"}); err != nil || s.WithMasters != (2+4+4+4)*1e6 {
		t.Errorf("with masters %d, %v", s.WithMasters, err)
	}
	if s, err := Estimate(Training{Parameters: 1e6, DType: "fp32", Optimizer: "adamw"}); err != nil || s.WithMasters != 0 {
		t.Errorf("masters of float32: %d, %v", s.WithMasters, err)
	}
	for _, text := range []string{"1.1B", "3.3T", "124.4399M", "0.5k"} {
		n, err := ParseParameters(text)
		if _, estimateErr := Estimate(Training{Parameters: n, DType: "fp32", Optimizer: "adam"}); err != nil || estimateErr != nil {
			t.Errorf("%s: %v, %v", text, err, estimateErr)
		}
	}
	for name, bad := range map[string]Training{
		"no parameters": {DType: "fp32", Optimizer: "adam"}, "dtype": {Parameters: 1, DType: "int3", Optimizer: "adam"},
		"half of one": {Parameters: 1.5, DType: "fp32", Optimizer: "adam"}, "optimizer": {Parameters: 1, DType: "fp32", Optimizer: "magic"}, "too many": {Parameters: 1e18, DType: "fp32", Optimizer: "sgd"},
	} {
		if s, err := Estimate(bad); err == nil {
			t.Errorf("%s: accepted as %+v", name, s)
		}
	}
}

func TestMake(t *testing.T) {
	s := Size{Model: 10, Optimizer: 20} // 30 in full
	for name, test := range map[string]struct {
		policy       Policy
		saves        int
		disk         int64
		steady, peak int64
		fits         bool
		nearest      *Policy
	}{
		"no limit":        {Policy{Last: 2, Best: 1}, 100, 0, 90, 120, true, nil},
		"few saves":       {Policy{Last: 5, Best: 3}, 2, 0, 60, 60, true, nil},
		"one save":        {Policy{Last: 1}, 1, 0, 30, 30, true, nil},
		"none replaced":   {Policy{Last: 3, ModelOnlyPeriodic: true, Every: 2}, 3, 0, 100, 100, true, nil},
		"first replaced":  {Policy{Last: 3, ModelOnlyPeriodic: true, Every: 2}, 4, 0, 110, 140, true, nil},
		"whole periodic":  {Policy{Last: 2, Best: 1, Every: 20}, 100, 0, 240, 270, true, nil},
		"periodic":        {Policy{Last: 1, Every: 20}, 100, 0, 180, 210, true, nil},
		"model only":      {Policy{Last: 1, Every: 20, ModelOnlyPeriodic: true}, 100, 0, 80, 110, true, nil},
		"exactly":         {Policy{Last: 1}, 10, 60, 30, 60, true, nil},
		"one byte short":  {Policy{Last: 1}, 10, 59, 30, 60, false, nil},
		"periodic first":  {Policy{Last: 1, Every: 20}, 100, 110, 180, 210, false, &Policy{Last: 1, Every: 20, ModelOnlyPeriodic: true}},
		"then best":       {Policy{Last: 1, Best: 1}, 100, 70, 60, 90, false, &Policy{Last: 1, Best: 1, ModelOnlyBest: true}},
		"then fewer kept": {Policy{Last: 1, Every: 10, ModelOnlyPeriodic: true}, 100, 85, 130, 160, false, &Policy{Last: 1, Every: 40, ModelOnlyPeriodic: true}},
		"no period beyond the end": {Policy{Last: 2, Best: 1, Every: 20, ModelOnlyPeriodic: true}, 100, 83, 140, 170, false,
			&Policy{Last: 1, Best: 1, Every: 80, ModelOnlyPeriodic: true, ModelOnlyBest: true}},
		"then the newest": {Policy{Last: 3}, 100, 60, 90, 120, false, &Policy{Last: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Make(s, test.policy, test.saves, test.disk)
			if err != nil {
				t.Fatal(err)
			}
			if d.Steady != test.steady || d.Peak != test.peak || d.Fits != test.fits {
				t.Errorf("steady %d, peak %d, fits %t", d.Steady, d.Peak, d.Fits)
			}
			var got *Policy
			if d.Nearest != nil {
				got = &d.Nearest.Policy
				if d.Nearest.Peak > test.disk {
					t.Errorf("the nearest policy takes %d", d.Nearest.Peak)
				}
			}
			if diff := cmp.Diff(test.nearest, got); diff != "" {
				t.Errorf("nearest: %s", diff)
			}
			var b strings.Builder
			if err := d.WriteText(&b); err != nil || !strings.Contains(b.String(), test.policy.String()) {
				t.Errorf("text: %v\n%s", err, b.String())
			}
		})
	}
	for name, p := range map[string]Policy{"nothing": {}, "negative": {Last: 1, Best: -1}} {
		if _, err := Make(s, p, 10, 0); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestFormulasAgreeWithRealFiles compares the formulas with what PyTorch writes for each of its optimizers, to the byte: 4
// bytes for each counter of a parameter's tensor are the whole difference, and for Adafactor what the shapes say.
func TestFormulasAgreeWithRealFiles(t *testing.T) {
	python := fixtures.Python(t)
	if !fixtures.HasModule(t, python, "torch") {
		t.Skip("no PyTorch")
	}
	const program = `
import sys, torch
from torch import optim
kinds = {"adamw": optim.AdamW, "adam": optim.Adam, "amsgrad": lambda p: optim.Adam(p, amsgrad=True), "nadam": optim.NAdam, "radam": optim.RAdam,
         "adamax": optim.Adamax, "adadelta": optim.Adadelta, "rprop": optim.Rprop, "rmsprop": optim.RMSprop, "adagrad": optim.Adagrad, "asgd": optim.ASGD,
         "sgd": lambda p: optim.SGD(p, lr=.1), "sgd-momentum": lambda p: optim.SGD(p, lr=.1, momentum=.9)}
if hasattr(optim, "Muon"):  # since 2.9
    kinds["muon"] = lambda p: optim.Muon([x for x in p if x.ndim == 2])
if hasattr(optim, "Adafactor"):  # since 2.5
    kinds["adafactor"] = optim.Adafactor
for dtype in ("float32", "bfloat16"):
    for name, make in kinds.items():
        model = torch.nn.Sequential(torch.nn.Linear(7, 11), torch.nn.Linear(11, 5)).to(getattr(torch, dtype))
        optimizer = make(model.parameters())
        model(torch.ones(2, 7, dtype=getattr(torch, dtype))).sum().backward()
        optimizer.step()
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, f"{sys.argv[1]}/{dtype}.{name}.pt")
        steps = [s["step"] for s in optimizer.state_dict()["state"].values() if "step" in s]
        if any(not torch.is_tensor(s) for s in steps):  # of some optimizers until 2.1
            print(f"{dtype}.{name}.pt counts steps in Python")
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(7, 11), torch.nn.Tanh(), torch.nn.Linear(11, 5))
optimizer = optim.LBFGS(model.parameters(), lr=.1)
x, y = torch.randn(200, 7), torch.randn(200, 5)
def closure():
    optimizer.zero_grad()
    loss = (model(x) - y).square().mean()
    loss.backward()
    return loss
for _ in range(20):
    optimizer.step(closure)
if len(optimizer.state_dict()["state"][0]["old_dirs"]) == 100:
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, f"{sys.argv[1]}/float32.lbfgs.pt")
`
	dir := t.TempDir()
	cmd := exec.Command(python, "-W", "ignore", "-c", program, dir)
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.pt"))
	if err != nil || len(paths) < 2*13 {
		t.Fatalf("%d files: %v", len(paths), err)
	}
	const tensors = 4
	counters := map[string]int64{"sgd": 0, "sgd-momentum": 0, "nadam": 2, "asgd": 3, "muon": 0, "lbfgs": 0} // NAdam's product, ASGD's eta and mu; all others have a step
	for _, path := range paths {
		parts := strings.Split(filepath.Base(path), ".")
		want, err := Estimate(Training{Parameters: 7*11 + 11 + 11*5 + 5, DType: parts[0], Optimizer: parts[1]})
		if err != nil {
			t.Fatal(err)
		}
		if parts[1] == "adafactor" {
			width := want.Model / (7*11 + 11 + 11*5 + 5)
			want.Optimizer = (7 + 11 + 11 + 11 + 5 + 5) * width // rows and columns of two matrices, two biases whole
		}
		if parts[1] == "muon" {
			want.Optimizer = want.Model / (7*11 + 11 + 11*5 + 5) * (7*11 + 11*5) // matrices alone
		}
		n, ok := counters[parts[1]]
		if !ok {
			n = 1
		}
		if strings.Contains(string(out), filepath.Base(path)+" counts") {
			n--
		}
		want.Optimizer += 4 * n * tensors
		if parts[1] == "lbfgs" {
			want.Optimizer += 4 * (2*100 + 1) // al, ro and H_diag
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Measure(context.Background(), path)
		if err != nil || got.Model != want.Model || got.Optimizer != want.Optimizer || got.Full() != info.Size() {
			t.Errorf("%s: measured %+v, %v; the formulas say %+v", filepath.Base(path), got, err, want)
		}
	}
}

func TestMastersOfWideWeightsAreRefused(t *testing.T) {
	for dtype, refused := range map[string]bool{"fp64": true, "fp32": true, "bf16": false, "fp8": false} {
		if _, err := Estimate(Training{Parameters: 10, DType: dtype, Optimizer: "adamw", Masters: true}); (err != nil) != refused {
			t.Errorf("%s: %v", dtype, err)
		}
	}
}

// TestWhatLacksIsTold where the sizes round to the same digits.
func TestWhatLacksIsTold(t *testing.T) {
	size := Size{Model: 6_000_000_000, Optimizer: 12_000_000_000}
	for _, test := range []struct {
		policy Policy
		saves  int
		disk   int64
		want   string
	}{
		{Policy{Last: 2}, 100, 53_999_999_990, "does not fit: the disk has 54.0 GB, 10 B too little\nnearest"},
		{Policy{Last: 1}, 100, 35_990_000_000, "does not fit: the disk has 36.0 GB, 10.0 MB too little for two full checkpoints"},
		{Policy{Last: 1}, 1, 17_990_000_000, "does not fit: the disk has 18.0 GB, 10.0 MB too little for one full checkpoint"},
	} {
		d, err := Make(size, test.policy, test.saves, test.disk)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := d.WriteText(&b); err != nil || !strings.Contains(b.String(), test.want) {
			t.Errorf("%v, no %q in\n%s", err, test.want, b.String())
		}
	}
}
