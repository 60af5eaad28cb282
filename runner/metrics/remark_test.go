package metrics

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What programs and libraries write to standard error, and what of it is a result.
func TestReadErrors(t *testing.T) {
	tests := map[string]struct {
		in   string
		want string
	}{
		"logging's default":  {"INFO:__main__:step 3 loss 0.532\n", "loss@3=0.532"},
		"logging with time":  {"2026-11-26 14:45:26,123 - train - INFO - epoch 2 val_acc: 0.91\n", "val_acc@2=0.91"},
		"loguru":             {"2026-11-26 14:45:26.123 | INFO     | __main__:train:12 - epoch 2 f1: 0.91\n", "f1@2=0.91"},
		"hydra":              {"[2026-11-26 14:45:26,123][root][INFO] - auc 0.77\n", "auc@0=0.77"},
		"dictionary":         {"{'train_loss': 0.5, 'epoch': 2}\n", "train_loss@2=0.5"},
		"user's own pattern": {"energy := 0.25\n", "energy@0=0.25"},
		"finished bar":       {" 50%|▌ | 5/10 [00:00<00:01, 50it/s, loss=0.5]\r100%|█| 10/10 [00:01<00:00, 90it/s, loss=0.25]\n", "loss@10=0.25"},
		"beside a bar":       {"epoch 1:  40%|████      | 4/10 [00:00<00:01,  9.1it/s, loss=0.9]INFO:root:epoch 1 loss 0.5\n", "loss@1=0.5"},
		"warning":            {"train.py:12: UserWarning: loss 4 is large\n  loss = 0.5 * f(x)\nloss 0.25\n", "loss@0=0.25"},
		"library's warning":  {"/usr/lib/python3/torch/optim/lr_scheduler.py:1501: torch.SomeWarning: lr 0.1\n  lr = 0.5\n", ""},
		"traceback":          {"Traceback (most recent call last):\n  File \"train.py\", line 12, in <module>\n    f(loss=3)\nValueError: loss 3\nloss 0.25\n", "loss@0=0.25"},
		"torch in C++":       {"[W1126 14:45:26.123456789 NNPACK.cpp:61] Could not initialize NNPACK! Reason: Unsupported hardware.\n", ""},
		"torchrun":           {"W1126 14:45:26.123000 12345 site-packages/torch/distributed/run.py:766] Setting OMP_NUM_THREADS environment variable 1\n", ""},
		"absl":               {"E0000 00:00:1732632326.123456   12345 cuda_dnn.cc:8310] Unable to register cuDNN factory\n", ""},
		"GNU time":           {"2.34user 0.12system 0:01.50elapsed 164%CPU (0avgtext+0avgdata 12345maxresident)k\n\tVoluntary context switches: 3\n", ""},
		"resource tracker":   {"There appear to be 6 leaked semaphore objects to clean up at shutdown\n", ""},
	}
	for name, tt := range tests {
		series, err := ReadErrors(strings.NewReader(tt.in), nil, Options{Regex: []*regexp.Regexp{regexp.MustCompile(`(?P<name>\w+) := (?P<value>\S+)`)}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, show(series)); diff != "" {
			t.Errorf("%s: series (-want +got):\n%s", name, diff)
		}
	}
}

// A log that goes to both streams is one series of each metric; what only one has is kept.
func TestReadErrorsOnce(t *testing.T) {
	printed := read(t, "loading 4 files\nepoch 1 loss 0.5\nepoch 2 loss 0.25\n")
	series, err := ReadErrors(strings.NewReader("INFO epoch 1 loss 0.5\nINFO epoch 2 loss 0.25\nINFO epoch 2 val_loss 0.75\n"), printed, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("val_loss@2=0.75", show(series)); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

// How far a bar had come when something was printed behind it depends on the clock, on standard output as well.
func TestBesideABar(t *testing.T) {
	early := " 10%|█ | 1/10 [00:00<00:01, 50it/s, loss=0.9]epoch 1 loss 0.5\n"
	late := " 90%|███ | 9/10 [00:01<00:00, 9it/s, loss=0.1]epoch 1 loss 0.5\n"
	if diff := cmp.Diff(show(read(t, early)), show(read(t, late))); diff != "" {
		t.Errorf("series (-early +late):\n%s", diff)
	}
}
