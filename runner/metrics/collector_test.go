package metrics

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/record"
)

func TestMetricRegex(t *testing.T) {
	tests := map[string]struct {
		pattern, in string
		want        []string
	}{
		"named groups":     {`<(?P<name>\w+)>=<(?P<value>[^>]+)>@(?P<step>\d+)`, "<loss>=<0.5>@7 and <acc>=<0.9>@7\n", []string{"loss@7=0.5", "acc@7=0.9"}},
		"a step in front":  {`it (?P<step>\d+) sc (?P<value>\S+)`, "it 1 sc 0.5\nit 2 sc 0.25\n", []string{"sc@1=0.5", "sc@2=0.25"}},
		"a step behind":    {`sc (?P<value>\S+) in (?P<step>\d+)`, "sc 0.5 in 3\n", []string{"sc@3=0.5"}},
		"one group":        {`final score: ([\d.]+) of`, "final score: 0.75 of 9\n", []string{"final score@0=0.75"}},
		"not a number":     {`loss=(\S+)`, "loss=high 0.5\n", []string{"high@0=0.5"}},
		"the rest as ever": {`loss=(\S+)`, "loss=0.5\nacc=0.25\n", []string{"loss@0=0.5", "acc@0=0.25"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(strings.Join(tt.want, "\n"), show(read(t, tt.in, regexp.MustCompile(tt.pattern)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCompilePattern(t *testing.T) {
	for pattern, right := range map[string]bool{
		`loss=(\S+)`: true, `(?P<name>\w+)=(?P<value>\S+)`: true,
		`loss`: false, `(\w+)=(\S+)`: false, `(?P<name>\w+)=\S+`: false, `(?P<step>\d+)`: false, `(`: false,
	} {
		if _, err := CompilePattern(pattern); (err == nil) != right {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}

func TestPointsKeepTextValueAndLine(t *testing.T) {
	got := read(t, "start\nacc 97.20%\nacc -0.0\nacc nan\n")
	want := []record.Point{{Step: 0, Text: "97.20%", Value: 97.2, Line: 2}, {Step: 1, Text: "-0.0", Value: record.Float(math.Copysign(0, -1)), Line: 3}}
	if len(got) != 1 || len(got[0].Points) != 3 {
		t.Fatalf("got %+v", got)
	}
	if diff := cmp.Diff(want, got[0].Points[:2]); diff != "" {
		t.Error(diff)
	}
	if !math.Signbit(float64(got[0].Points[1].Value)) || !math.IsNaN(float64(got[0].Points[2].Value)) {
		t.Errorf("got %+v", got[0].Points)
	}
}

func TestBounds(t *testing.T) {
	t.Run("points", func(t *testing.T) {
		var in strings.Builder
		for i := range 500 {
			fmt.Fprintf(&in, "loss=%d.5\n", i)
		}
		series, err := Read(strings.NewReader(in.String()), Options{MaxPoints: 100})
		if err != nil {
			t.Fatal(err)
		}
		s := series[0]
		if len(s.Points) != 100 || s.Dropped != 400 {
			t.Fatalf("%d points kept and %d dropped", len(s.Points), s.Dropped)
		}
		if last := s.Points[99]; last.Text != "499.5" || last.Step != 499 || last.Line != 500 {
			t.Errorf("the last point is %+v, not the last of the run", last)
		}
		if full := read(t, in.String())[0]; full.Digest != s.Digest {
			t.Error("the digest depends on what is kept")
		}
	})
	t.Run("series", func(t *testing.T) {
		input := func(last string) string {
			var in strings.Builder
			for i := range 3 * maxSeries {
				fmt.Fprintf(&in, "%s=0.5\n", letters(i))
			}
			return in.String() + "zzzz=" + last + "\n"
		}
		a, b := read(t, input("1")), read(t, input("2"))
		if len(a) > maxSeries+1 {
			t.Fatalf("%d series", len(a))
		}
		if more := a[len(a)-1]; more.Name != overflow || more.Dropped == 0 || more.Digest == b[len(b)-1].Digest {
			t.Errorf("what is beyond is not told apart: %+v", more)
		}
	})
	t.Run("volatile", func(t *testing.T) {
		if s := read(t, strings.Repeat("time 1.5\n", 3000))[0]; len(s.Points) != 1000 || s.Dropped != 2000 {
			t.Errorf("%d points of a volatile series kept, %d dropped", len(s.Points), s.Dropped)
		}
	})
	t.Run("vector", func(t *testing.T) {
		series := read(t, "w "+strings.Repeat("0.5 ", 5000)+"\n")
		if len(series) > maxIndexed+1 {
			t.Errorf("%d series of one vector", len(series))
		}
	})
}

// letters writes i without digits.
func letters(i int) string {
	s := "name"
	for ; i > 0; i /= 26 {
		s += string(rune('a' + i%26))
	}
	return s
}

// Workers write their lines in any order.
func TestLanes(t *testing.T) {
	for _, lines := range [][]string{
		{"rank 0 | step 1 | loss 0.5 | time 1.5", "rank 1 | step 1 | loss 0.75 | time 1.25"},
		{"[rank0]: loss=0.5", "[rank1]: loss=0.75"},
		{"[default0]:loss=0.5", "[default1]:loss=0.75"},
		{"[1,0]<stdout>:loss=0.5", "[1,1]<stdout>:loss=0.75"},
		{"worker 0: loss 0.5", "worker 1: loss 0.75"},
		{"2026-11-23 16:04:11,123 INFO rank 0 epoch 1 loss 0.5", "2026-11-23 16:04:11,123 INFO rank 1 epoch 1 loss 0.75"},
		{`{"rank": 0, "step": 1, "loss": 0.5}`, `{"rank": 1, "step": 1, "loss": 0.75}`},
	} {
		one, other := read(t, lines[0]+"\n"+lines[1]+"\n"), read(t, lines[1]+"\n"+lines[0]+"\n")
		byName := map[string]string{}
		for _, s := range one {
			if s.Volatile == "" {
				byName[s.Name] = fmt.Sprint(s.Points[0].Step, s.Points[0].Text, len(s.Points))
			}
		}
		if len(byName) != 2 {
			t.Errorf("%q: %v", lines, byName)
		}
		for _, s := range other {
			if s.Volatile == "" && byName[s.Name] != fmt.Sprint(s.Points[0].Step, s.Points[0].Text, len(s.Points)) {
				t.Errorf("%q: %s depends on the order of the lines", lines, s.Name)
			}
		}
	}
	if got := show(read(t, "rank 3\nmean rank 2.5\nmatrix rank 3, loss 0.5\n[10] loss 0.5\n")); got != "rank@0=3\nmean rank@0=2.5\nmatrix rank@0=3\nloss@0=0.5\nloss@10=0.5" {
		t.Errorf("no worker is named there:\n%s", got)
	}
}

// Two runs whose output differs only by nature have the same series that count.
func TestVolatileTwins(t *testing.T) {
	twins := [][2]string{
		{"Epoch: [0][ 10/391]\tTime  0.101 ( 0.234)\tData  0.012 ( 0.034)\tLoss 2.3\n", "Epoch: [0][ 10/391]\tTime  0.201 ( 0.334)\tData  0.022 ( 0.044)\tLoss 2.3\n"},
		{"epoch 1 took 3.2s loss 0.5\n", "epoch 1 took 1m 3s loss 0.5\n"},
		{"saved /tmp/tmpab12cd34/m-1.pt acc 0.5\n", "saved /tmp/tmpzz99xx11/m-2.pt acc 0.5\n"},
		{"PID 123: loss 0.5\n", "PID 456: loss 0.5\n"},
		{"listening on port 6006, http://localhost:6006/ ok 1\n", "listening on port 6007, http://localhost:6007/ ok 1\n"},
		{"run 3f2a9c1e loss 0.5\n", "run 12345678 loss 0.5\n"},
		{"[3f2a9c1e] loss 0.5\n", "[397921e9] loss 0.5\n"},
		{"[3f2a9c1e] loss 0.5\n", "[12345678] loss 0.5\n"},
		{"epoch 1: loss=0.5, 7.8 ms/step\n", "epoch 1: loss=0.5, 15.6 ms/step\n"},
		{"{\"w\": 0.5, \"started\": 1764000000.5}\n", "{\"w\": 0.5, \"started\": 1764000009.25}\n"},
		{"2026-11-23 16:04:11,123 1234 INFO loss 0.5\n", "2026-11-23 16:04:12,456 98765 INFO loss 0.5\n"},
		{"[2026-11-23 16:04:11] [1234] loss 0.5\n", "[2026-11-23 16:04:12] [98765] loss 0.5\n"},
		{"run 3f2a9c1e loss 0.5\n", "run 1234e567 loss 0.5\n"},
		{"run id: ab12cd34, loss: 0.5\n", "run id: 12345678, loss: 0.5\n"},
		{"run-3f2a9c1e loss: 0.5\n", "run-77ab12cd loss: 0.5\n"},
		{"[2026-11-23 16:04:11] loss: 0.5\n", "[2026-11-24 01:02:03] loss: 0.5\n"},
		{"now 1764000000.25 loss 0.5\n", "now 1764000009.75 loss 0.5\n"},
		{"GPU memory 1.2 GB loss 0.5\n", "GPU memory 3.4 GB loss 0.5\n"},
		{"eta 0:00:12 loss 0.5\n", "eta 1 day, 0:00:12 loss 0.5\n"},
		{"{'loss': 0.5, 'runtime': 1.5, 'run_id': 7}\n", "{'loss': 0.5, 'runtime': 2.5, 'run_id': 8}\n"},
		{"{\"loss\": 0.5, \"time\": {\"forward_ms\": 3, \"backward_ms\": 4}}\n", "{\"loss\": 0.5, \"time\": {\"forward_ms\": 5, \"backward_ms\": 6}}\n"},
		{"  5%|▌ | 5/100 [00:00<00:01, 50it/s]\r100%|█| 100/100 [00:01<00:00, 90it/s]\n", " 50%|▌ | 50/100 [00:00<00:01, 50it/s]\r100%|█| 100/100 [00:02<00:00, 45it/s]\n"},
		{"Finished in 0.62 seconds. Throughput: 1234.5 samples/s\n", "Finished in 12.9 seconds. Throughput: 99.5 samples/s\n"},
		{"{'episode': {'r': 23.0, 'l': 23, 't': 0.005}}\n", "{'episode': {'r': 23.0, 'l': 23, 't': 0.0061}}\n"},
		{"<__main__.Net object at 0x7f12ab34cd56> 0.5\n", "<__main__.Net object at 0x7fffab34cd56> 0.5\n"},
	}
	counts := func(series []record.Series) string {
		var out []string
		for _, s := range series {
			if s.Volatile == "" {
				out = append(out, fmt.Sprint(s.Name, s.Points))
			}
		}
		return strings.Join(out, "\n")
	}
	for _, twin := range twins {
		a, b := counts(read(t, twin[0])), counts(read(t, twin[1]))
		if a != b {
			t.Errorf("%q and %q differ:\n%s\n%s", twin[0], twin[1], a, b)
		}
	}
}

// A short identifier cut from a UUID may look like a word, an integer or a number with an exponent. One run in twenty is enough for
// a false accusation, so many are tried.
func TestShortIdentifiersNeverCount(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, line := range []string{"Run %s: loss 0.5", "[%s] loss 0.5", "run-%s loss: 0.5", "id=%s loss 0.5", "saved out/%s/model.pt loss 0.5", "model_%s.pt loss=0.5",
		"run_id: %s, loss: 0.5", "{'loss': 0.5, 'run_id': '%s'}", "INFO job %s started, loss 0.5", "wandb: run %s, loss 0.5"} {
		want := ""
		for i := range 3000 {
			id := fmt.Sprintf("%08x", r.Uint32())
			var got []string
			for _, s := range read(t, fmt.Sprintf(line, id)) {
				if s.Volatile == "" {
					got = append(got, fmt.Sprint(s.Name, s.Points))
				}
			}
			if i == 0 {
				want = fmt.Sprint(got)
			} else if fmt.Sprint(got) != want {
				t.Errorf(line+": %v, want %s", id, got, want)
				break
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"epoch=3 loss=0.53\n", "Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.3\n", "{'loss': np.float64(0.5), 'epoch': 0.5}\n",
		`{"a": [{"b": -1e-9}, NaN, "0x7f"], "c": {"d": null}}` + "\n", "[0]\ttrain-rmse:0.1\n", "100%|██| 9/9 [00:01<00:00,  9.1it/s, loss=0.3]\n",
		"D(G(z)): 0.3 / 0.2\n", "{\"\": 0}\n", "a=1_000 1.2.3 -inf +.5 1e+ 1e999 0x1p-3\n", "I1123 16:04:11.123456 12345 x.py:31] 0.3\n", "3f2a9c1e77 sha256: 3f2a9c1e77\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		series, err := Read(strings.NewReader(s), Options{MaxPoints: 50})
		if err != nil {
			t.Fatal(err)
		}
		points := 0
		for _, m := range series {
			if m.Name == "" || m.Digest == "" || len(m.Points) == 0 {
				t.Errorf("%+v", m)
			}
			points += len(m.Points)
			for _, p := range m.Points {
				if !strings.Contains(s, p.Text) || p.Text == "" {
					if m.Volatile == "" && !strings.ContainsAny(s, "\x1b\b\r\x00\xe2") && !hasControl(s) {
						t.Errorf("%s: %q was not printed", m.Name, p.Text)
					}
				}
			}
		}
		if points > len(s) {
			t.Errorf("%d points of %d bytes", points, len(s))
		}
		again, _ := Read(strings.NewReader(s), Options{MaxPoints: 50})
		if show(series) != show(again) {
			t.Error("reading twice gives two results")
		}
	})
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7F })
}

func FuzzReadFile(f *testing.F) {
	f.Add("a.json", `{"log_history": [{"step": 1, "loss": 0.5}], "loss": [1, 2]}`)
	f.Add("a.jsonl", "{\"step\": 1, \"loss\": 0.5}\n{\"st")
	f.Add("a.csv", "epoch,\"a,b\"\n1,0.5\n")
	f.Add("a.tsv", "epoch\tloss\n1\t0.5\n")
	f.Fuzz(func(t *testing.T, name, text string) {
		if _, err := ReadFile(name, strings.NewReader(text), int64(len(text))); err != nil {
			t.Fatal(err)
		}
		a, textA, err := MaskedDigest(strings.NewReader(text))
		if err != nil || (a != "") != textA {
			t.Fatalf("digest %q, text %v, error %v", a, textA, err)
		}
	})
}

func FuzzSameNumber(f *testing.F) {
	f.Add("0.10", "1e-1")
	f.Add("-0.0", "0")
	f.Fuzz(func(t *testing.T, a, b string) {
		if SameNumber(a, b) != SameNumber(b, a) || !SameNumber(a, a) {
			t.Errorf("%q, %q: not an equivalence", a, b)
		}
	})
}

// Our own conversion of short decimals gives the bits that strconv gives.
func TestParseNumberIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		text := strconv.FormatUint(r.Uint64()>>r.IntN(64), 10)
		if i := r.IntN(len(text) + 1); i > 0 {
			text = text[:i] + "." + text[i:] + "7"
		}
		if r.IntN(2) == 0 {
			text = "-" + text
		}
		want, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := parseNumber([]byte(text)); got.size != len(text) || math.Float64bits(got.value) != math.Float64bits(want) {
			t.Fatalf("%s is read as %v of %d bytes, want %v", text, got.value, got.size, want)
		}
	}
}

func TestSameNumber(t *testing.T) {
	same := [][2]string{{"0.10", "0.1"}, {"1e-3", "0.001"}, {"1.0", "1"}, {"+1", "1"}, {"100", "1e2"}, {"1.2D+00", "1.2"}, {"97.20%", "97.2%"}, {"NaN", "nan"}, {"0", "0.000"}, {".5", "0.5"}}
	for _, p := range same {
		if !SameNumber(p[0], p[1]) {
			t.Errorf("%q and %q are the same number", p[0], p[1])
		}
	}
	other := [][2]string{{"0.1", "0.11"}, {"9007199254740992", "9007199254740993"}, {"0", "-0"}, {"1", "1%"}, {"1", "-1"}, {"3/4", "6/8"}, {"inf", "-inf"}, {"1e5", "1e6"}, {"0.1000000000000000055", "0.1"}}
	for _, p := range other {
		if SameNumber(p[0], p[1]) {
			t.Errorf("%q and %q are not the same number", p[0], p[1])
		}
	}
}
