package tensordiff

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
)

func TestWhatIsComparedWithWhat(t *testing.T) {
	for _, test := range []struct{ a, b, want string }{
		{"m.pt o.pt", "m.pt x.pt", "m.pt=m.pt | o.pt | x.pt"},
		{"last.ckpt epoch=4-val_loss=0.3125.ckpt", "last.ckpt epoch=4-val_loss=0.29.ckpt",
			"last.ckpt=last.ckpt epoch=4-val_loss=0.3125.ckpt=epoch=4-val_loss=0.29.ckpt | |"},
		// The epoch tells which is which where the metric does not.
		{"epoch=1-loss=0.5.ckpt epoch=2-loss=0.4.ckpt", "epoch=1-loss=0.25.ckpt epoch=2-loss=1e-3.ckpt",
			"epoch=1-loss=0.5.ckpt=epoch=1-loss=0.25.ckpt | epoch=2-loss=0.4.ckpt | epoch=2-loss=1e-3.ckpt"},
		{"checkpoint-100/model.safetensors checkpoint-100/optimizer.pt", "checkpoint-200/model.safetensors checkpoint-200/optimizer.pt",
			"checkpoint-100/model.safetensors=checkpoint-200/model.safetensors checkpoint-100/optimizer.pt=checkpoint-200/optimizer.pt | |"},
		{"checkpoint-100/m.pt checkpoint-200/m.pt", "checkpoint-100/m.pt checkpoint-300/m.pt", "checkpoint-100/m.pt=checkpoint-100/m.pt | checkpoint-200/m.pt | checkpoint-300/m.pt"},
		{"step3/rank_0.pt step3/rank_1.pt step3/model.pt", "step4/model.pt step4/rank_0.pt step4/rank_1.pt",
			"step3/rank_0.pt=step4/rank_0.pt step3/rank_1.pt=step4/rank_1.pt step3/model.pt=step4/model.pt | |"},
		{"rng_state_0.pth rng_state_1.pth", "rng_state_0.pth", "rng_state_0.pth=rng_state_0.pth | rng_state_1.pth |"},
		{"model.safetensors.index.json", "model.safetensors", "model.safetensors.index.json=model.safetensors | |"},
		{"a1.pt", "b2.pt", " | a1.pt | b2.pt"},
	} {
		items := func(names string) (list []all.Item) {
			for _, n := range strings.Fields(names) {
				list = append(list, all.Item{Name: n})
			}
			return list
		}
		pairs, onlyA, onlyB := counterparts(items(test.a), items(test.b))
		var got []string
		for _, p := range pairs {
			got = append(got, p[0].Name+"="+p[1].Name)
		}
		text := strings.Join(got, " ") + " |"
		for i, only := range [][]all.Item{onlyA, onlyB} {
			for _, x := range only {
				text += " " + x.Name
			}
			if i == 0 {
				text += " |"
			}
		}
		if text != test.want {
			t.Errorf("%s and %s:\n%s, want\n%s", test.a, test.b, text, test.want)
		}
	}
}

func TestOneUnreadablePairDoesNotHideTheOthers(t *testing.T) {
	good := map[string]string{"a.json": `{"w": 1}`, "damaged.json": `{"w": 1}`, "z.json": `{"w": 1}`}
	damaged := map[string]string{"a.json": `{ "w": 1}`, "damaged.json": `{"w": `, "z.json": `{"w": 2}`}
	c, err := Paths(context.Background(), tree(t, good), tree(t, damaged), Options{})
	if err != nil || c.Verdict != Different || len(c.Files) != 2 || len(c.Unreadable) != 1 || c.Unreadable[0].Name != "damaged.json" {
		t.Fatalf("%+v, %v", c, err)
	}
	var text strings.Builder
	if err := c.WriteText(&text); err != nil || !strings.Contains(text.String(), "cannot be read: damaged.json: ") || !strings.Contains(text.String(), "int 1 -> int 2") {
		t.Errorf("%v\n%s", err, text.String())
	}
	damaged["z.json"] = good["z.json"]
	if c, err = Paths(context.Background(), tree(t, good), tree(t, damaged), Options{}); err != nil || c.Verdict != Inconclusive {
		t.Errorf("all others are equal: %+v, %v", c, err)
	}
}

// TestADamagedIndexDoesNotHideTheOthers: which shards it stands for is not known.
func TestADamagedIndexDoesNotHideTheOthers(t *testing.T) {
	files := map[string]string{"model.safetensors.index.json": `{"weight_map": {"a": "m-1.safetensors"}}`, "m-1.safetensors": shard("a", 1), "o.json": `{"w": 1}`}
	a := tree(t, files)
	files["model.safetensors.index.json"], files["o.json"] = `{"weight_map": `, `{"w": 2}`
	c, err := Paths(context.Background(), a, tree(t, files), Options{})
	if err != nil || len(c.Unreadable) != 1 || !slices.ContainsFunc(c.Files, func(r *Result) bool { return filepath.Base(r.A.Path) == "o.json" }) {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestACanceledComparisonIsNone(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	a, b := tree(t, map[string]string{"a.json": "1", "b.json": "1"}), tree(t, map[string]string{"a.json": "2", "b.json": "2"})
	if c, err := Paths(ctx, a, b, Options{}); err == nil {
		t.Errorf("%+v", c)
	}
}

func TestNoRoomForTheListOfChangesIsAnError(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "gone"))
	many := func(x int) string {
		var b strings.Builder
		for i := range maxLines + 2 {
			fmt.Fprintf(&b, `"k%d": %d, `, i, x)
		}
		return "{" + strings.TrimSuffix(b.String(), ", ") + "}"
	}
	dir := t.TempDir()
	for side, x := range map[string]int{"a": 1, "b": 2} {
		for _, name := range []string{"one.json", "two.json"} {
			if err := os.MkdirAll(filepath.Join(dir, side), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, side, name), []byte(many(x)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	c, err := Paths(context.Background(), filepath.Join(dir, "a"), filepath.Join(dir, "b"), Options{Rest: new(Rest)})
	if err == nil || !strings.Contains(err.Error(), "making room") {
		t.Errorf("%+v, %v", c, err)
	}
}
