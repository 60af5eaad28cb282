package compare

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/record"
)

func TestSummarise(t *testing.T) {
	runs := []*record.Run{
		printed(t, "epoch 1 loss=2 acc=0.5 time=1\nepoch 2 loss=1 acc=0.75 time=1\n"),
		printed(t, "epoch 1 loss=2 acc=0.5 time=2\nepoch 2 loss=2 acc=0.75 time=3\n"),
		printed(t, "epoch 1 loss=2.5 acc=0.5 time=4\nepoch 2 loss=3 acc=0.75 time=5\n"),
	}
	summaries, masked := Summarise(runs, Options{})
	if !slices.Equal(masked, []string{"time"}) {
		t.Errorf("masked %q", masked)
	}
	if len(summaries) != 2 {
		t.Fatalf("%d summaries, want 2", len(summaries))
	}
	loss := summaries[0]
	// The finals are 1, 2, 3: mean 2, sample standard deviation 1, spread 2; against the first run the largest difference is 3-1.
	if loss.Name != "loss" || loss.Mean != 2 || loss.StdDev != 1 || loss.Spread != 2 || loss.MaxAbs != 2 || loss.MaxRel != 2 ||
		loss.FirstStep == nil || *loss.FirstStep != 1 || loss.Equal || loss.Class != "different" {
		t.Errorf("loss: %+v", loss)
	}
	acc := summaries[1]
	if acc.Name != "acc" || !acc.Equal || acc.Class != "equal" || acc.FirstStep != nil || acc.Spread != 0 || acc.StdDev != 0 {
		t.Errorf("acc: %+v", acc)
	}
}

func TestSummariseEdges(t *testing.T) {
	if s, masked := Summarise(nil, Options{}); s != nil || masked != nil {
		t.Error("no runs have a summary")
	}
	one, _ := Summarise([]*record.Run{printed(t, "loss=2\n")}, Options{})
	if len(one) != 1 || !math.IsNaN(float64(one[0].StdDev)) || !one[0].Equal {
		t.Errorf("one run: %+v", one)
	}
	nan, _ := Summarise([]*record.Run{printed(t, "loss=2\n"), printed(t, "loss=nan\n")}, Options{})
	if nan[0].Class != "nan" || !math.IsNaN(float64(nan[0].StdDev)) || !math.IsNaN(float64(nan[0].Spread)) {
		t.Errorf("nan in one run: %+v", nan[0])
	}
	missing, _ := Summarise([]*record.Run{printed(t, "a=1\n"), printed(t, "a=1 b=2\n"), printed(t, "a=1 b=3\n")}, Options{})
	if len(missing) != 2 || missing[1].Name != "b" || missing[1].Class != "missing" || len(missing[1].Finals) != 2 {
		t.Errorf("a metric that the first run lacks: %+v", missing)
	}
}

// TestSummariseResultsFirst: what a training comes to is told before the sizes that it prints first.
func TestSummariseResultsFirst(t *testing.T) {
	var run record.Run
	for _, name := range []string{"Total params", "val_loss", "modules", "acc"} {
		run.Metrics = append(run.Metrics, record.Series{Origin: "stdout", Name: name, Points: []record.Point{{Value: 1}}})
	}
	metrics, _ := Summarise([]*record.Run{&run, &run}, Options{})
	var names []string
	for _, m := range metrics {
		names = append(names, m.Name)
	}
	if diff := cmp.Diff([]string{"val_loss", "acc", "Total params", "modules"}, names); diff != "" {
		t.Error(diff)
	}
}
