package tensordiff

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// shard is a safetensors file of one int32 tensor.
func shard(name string, value byte) string {
	header := `{"` + name + `":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}`
	return string(rune(len(header))) + strings.Repeat("\x00", 7) + header + string([]byte{value, 0, 0, 0})
}

func TestDirectories(t *testing.T) {
	a := tree(t, map[string]string{
		"same.json": `{"w": 1}`, "spaced.json": `{"w": 1}`, "sub/changed.json": `{"w": 1}`, "gone.json": `{}`, "log.txt": "one", "kept.txt": "k",
	})
	b := tree(t, map[string]string{
		"same.json": `{"w": 1}`, "spaced.json": `{ "w": 1 }`, "sub/changed.json": `{"w": 2}`, "new.json": `{}`, "log.txt": "two", "kept.txt": "k",
	})
	c, err := Paths(context.Background(), a, b, Options{})
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[string]Verdict{}
	for _, f := range c.Files {
		verdicts[filepath.Base(f.A.Path)] = f.Verdict
	}
	if c.Verdict != Different || c.Identical != 2 || len(verdicts) != 2 || verdicts["spaced.json"] != SameContent || verdicts["changed.json"] != Different ||
		!slices.Equal(c.OnlyA, []string{"gone.json"}) || !slices.Equal(c.OnlyB, []string{"new.json"}) || !slices.Equal(c.Other, []string{"log.txt"}) {
		t.Errorf("%+v, files %v", c, verdicts)
	}
	var text strings.Builder
	if err := c.WriteText(&text); err != nil || !strings.Contains(text.String(), "only in "+a+": gone.json") {
		t.Errorf("%v\n%s", err, text.String())
	}
	if c, err = Paths(context.Background(), a, a, Options{}); err != nil || c.Verdict != SameContent || c.Identical != 6 {
		t.Errorf("a directory with itself: %+v, %v", c, err)
	}
}

func TestShardsAreComparedAsOneModel(t *testing.T) {
	two := tree(t, map[string]string{
		"model.safetensors.index.json": `{"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}`,
		"m-1.safetensors":              shard("a", 1), "m-2.safetensors": shard("b", 2),
	})
	swapped := tree(t, map[string]string{
		"model.safetensors.index.json": `{"weight_map": {"b": "x.safetensors", "a": "y.safetensors"}}`,
		"y.safetensors":                shard("a", 1), "x.safetensors": shard("b", 2),
	})
	other := tree(t, map[string]string{
		"model.safetensors.index.json": `{"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}`,
		"m-1.safetensors":              shard("a", 1), "m-2.safetensors": shard("b", 3),
	})
	if c, err := Paths(context.Background(), two, swapped, Options{}); err != nil || c.Verdict != SameContent {
		t.Errorf("the same model in other shards: %+v, %v", c, err)
	}
	c, err := Paths(context.Background(), two, other, Options{})
	if err != nil || c.Verdict != Different || len(c.Files) != 1 || c.Files[0].Changed.Count != 1 || c.Files[0].Changed.First[0].Name != "b" {
		t.Errorf("another tensor: %+v, %v", c, err)
	}
}

// TestValuesInFilesBesideAreCompared has two indices of the same bytes, of which one's data differ in a byte.
func TestValuesInFilesBesideAreCompared(t *testing.T) {
	const index, data = "model.index", "model.data-00000-of-00001"
	files := map[string]string{}
	for _, name := range []string{index, data} {
		text, err := os.ReadFile(filepath.Join("..", "..", "runner", "checkpoint", "tensorbundle", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
	a, twin := tree(t, files), tree(t, files)
	last := len(files[data]) - 1
	files[data] = files[data][:last] + string(files[data][last]^1)
	b := tree(t, files)
	for _, below := range []string{"", index} {
		for other, want := range map[string]Verdict{twin: SameContent, b: Different} {
			c, err := Paths(context.Background(), filepath.Join(a, below), filepath.Join(other, below), Options{})
			if err != nil || c.Verdict != want || len(c.Files) != 1 || len(c.Other) > 0 {
				t.Errorf("%q: %+v, %v, want %s", below, c, err, want)
			}
		}
	}
	if err := os.Remove(filepath.Join(b, data)); err != nil {
		t.Fatal(err)
	}
	if c, err := Paths(context.Background(), a, b, Options{}); err == nil {
		t.Errorf("without the data: %+v", c)
	}
}

func TestAnUnreadableCheckpointIsAnErrorAndNoDifference(t *testing.T) {
	good := filepath.Join(tree(t, map[string]string{"m.json": `{"w": 1}`}), "m.json")
	for name, text := range map[string]string{"damaged": `{"w": `, "unknown": "hello"} {
		file := "m.json"
		if name == "unknown" {
			file = "m.txt"
		}
		bad := filepath.Join(tree(t, map[string]string{file: text}), file)
		if c, err := Paths(context.Background(), good, bad, Options{}); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
	var unknown error = checkpoint.ErrUnknownFormat
	bad := filepath.Join(tree(t, map[string]string{"m.txt": "hello"}), "m.txt")
	if _, err := Paths(context.Background(), good, bad, Options{}); !errors.Is(err, unknown) {
		t.Errorf("error %v", err)
	}
}

func TestALongListTellsItsFirstDifference(t *testing.T) {
	long := "[" + strings.Repeat("0.5, ", 700) + "1, \"x\"]"
	for other, want := range map[string]string{
		strings.Replace(long, "1,", "2,", 1):           "object: 702 plain values, of which [700] is 1 -> 702 plain values, of which [700] is 2",
		strings.Replace(long, "0.5", "-0.5", 1):        "[0] is 0.5 -> 702 plain values, of which [0] is -0.5",
		strings.Replace(long, "\"x\"", "\"y\"", 1):     "[701] is \"x\" -> 702 plain values, of which [701] is \"y\"",
		strings.Replace(long, ", \"x\"", "", 1):        "[701] is \"x\" -> 701 plain values, of which [701] is nothing",
		strings.Replace(long, "1, \"x\"", "1.0, 0", 1): "[700] is 1 -> 702 plain values, of which [700] is 1.0",
	} {
		dir := tree(t, map[string]string{"a.json": `{"losses": ` + long + `}`, "b.json": `{"losses": ` + other + `}`})
		c, err := Paths(context.Background(), filepath.Join(dir, "a.json"), filepath.Join(dir, "b.json"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := c.WriteText(&text); err != nil || !strings.Contains(text.String(), want) {
			t.Errorf("%v, no %q in\n%s", err, want, text.String())
		}
	}
}

func TestLinksToWhatIsGone(t *testing.T) {
	a, b := tree(t, map[string]string{"same.json": "{}"}), tree(t, map[string]string{"same.json": "{}"})
	for _, link := range []struct{ dir, name, target string }{{a, "one", "gone"}, {b, "one", "gone"}, {a, "other", "gone"}, {b, "other", "elsewhere"}} {
		if err := os.Symlink(link.target, filepath.Join(link.dir, link.name)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Paths(context.Background(), a, b, Options{})
	if err != nil || c.Identical != 2 || !slices.Equal(c.Other, []string{"other"}) {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestAFileAndTheModelOfADirectory(t *testing.T) {
	dir := tree(t, map[string]string{"config.json": `{"w": 1}`, "m.safetensors": shard("fc.weight", 1), "notes.txt": "notes"})
	alone := filepath.Join(tree(t, map[string]string{"other.safetensors": shard("fc.weight", 2)}), "other.safetensors")
	for _, pair := range [][2]string{{dir, alone}, {alone, dir}} {
		c, err := Paths(context.Background(), pair[0], pair[1], Options{})
		if err != nil || len(c.Files) != 1 || c.Files[0].Changed.Count != 1 || len(c.OnlyA)+len(c.OnlyB) > 0 {
			t.Errorf("%+v, %v", c, err)
		}
	}
	one := tree(t, map[string]string{"m.safetensors": shard("fc.weight", 1)})
	if c, err := Paths(context.Background(), one, dir, Options{}); err != nil || c.Verdict != Different || len(c.OnlyB) != 2 {
		t.Errorf("a directory of one file: %+v, %v", c, err)
	}
	two := tree(t, map[string]string{"a.safetensors": shard("fc.weight", 1), "b.safetensors": shard("fc.weight", 1)})
	if c, err := Paths(context.Background(), two, alone, Options{}); err != nil || len(c.Files) != 0 || len(c.OnlyA) != 2 {
		t.Errorf("two models: %+v, %v", c, err)
	}
}

// TestFilesBesideDistributedCheckpoints holds that what another file in the directory holds, such as Lightning's meta.pt, counts.
func TestFilesBesideDistributedCheckpoints(t *testing.T) {
	seed := os.DirFS(filepath.Join("..", "..", "runner", "checkpoint", "all", "testdata", "seed-dcp"))
	with := func(files map[string]string) string {
		dir := tree(t, files)
		if err := os.CopyFS(dir, seed); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	one, two, none := with(map[string]string{"meta.json": `{"epoch": 1}`}), with(map[string]string{"meta.json": `{"epoch": 2}`}), with(nil)
	for _, test := range []struct {
		a, b    string
		verdict Verdict
		onlyA   string
	}{
		{one, with(map[string]string{"meta.json": `{"epoch": 1}`}), SameContent, ""},
		{one, two, Different, ""},
		{one, none, Different, "meta.json"},
		{none, with(nil), SameContent, ""},
	} {
		c, err := Paths(context.Background(), test.a, test.b, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if c.Verdict != test.verdict || strings.Join(c.OnlyA, " ") != test.onlyA || len(c.OnlyB) > 0 {
			t.Errorf("%+v, want %s and %q only in the first", c, test.verdict, test.onlyA)
		}
	}
}
