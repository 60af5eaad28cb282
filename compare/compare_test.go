package compare

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/metrics"
	"github.com/reprocheck/reprocheck/runner/record"
)

// printed is the record of a run that printed text.
func printed(t *testing.T, text string, artifacts ...record.Artifact) *record.Run {
	t.Helper()
	series, err := metrics.Read(strings.NewReader(text), metrics.Options{})
	if err != nil {
		t.Fatal(err)
	}
	masked, _, err := metrics.MaskedDigest(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return &record.Run{Metrics: series, Artifacts: artifacts, Stdout: record.Stream{Masked: masked}}
}

// A checkpoint that nobody can read is told of, even where it is the same in every run; a log that looks like JSON is not.
func TestUnreadFilesAreToldOf(t *testing.T) {
	files := []record.Artifact{{Path: "a.log", SHA256: "1", Unread: "json: damaged file: text behind the value"},
		{Path: "m.pt", SHA256: "2", Unread: "torch-zip: damaged file: cut short"}, {Path: "n.pt", SHA256: "3", Unread: "torch-zip: damaged file: cut short"}}
	run := &record.Run{Artifacts: files}
	r := Runs(run, run, Options{})
	if r.Verdict() != Equal || len(r.Warnings) != 1 || r.Warnings[0].ID != "unreadable-file" || !strings.HasPrefix(r.Warnings[0].Text, "m.pt is the same") {
		t.Errorf("%s, warnings %+v", r.Verdict(), r.Warnings)
	}
}

func TestRunsPrintedMetrics(t *testing.T) {
	tests := map[string]struct {
		expected, actual string
		options          Options
		verdict          Class
		class            Class // of the first metric that differs
		step, line       int64
		texts            [2]string
	}{
		"equal":                    {expected: "loss=0.5\n", actual: "loss=0.5\n", verdict: Equal},
		"printed otherwise":        {expected: "loss=0.10\n", actual: "loss=0.1\n", verdict: Equal},
		"exponent":                 {expected: "loss=1e-3\n", actual: "loss=0.001\n", verdict: Equal},
		"different":                {expected: "epoch 1 loss=0.5\nepoch 2 loss=0.25\n", actual: "epoch 1 loss=0.5\nepoch 2 loss=0.26\n", verdict: Different, class: Different, step: 2, line: 2, texts: [2]string{"0.25", "0.26"}},
		"beyond float64":           {expected: "n=9007199254740992\n", actual: "n=9007199254740993\n", verdict: Different, class: Different, line: 1, texts: [2]string{"9007199254740992", "9007199254740993"}},
		"nan on one side":          {expected: "loss=0.5\n", actual: "loss=nan\n", verdict: Different, class: NaN, line: 1, texts: [2]string{"0.5", "nan"}},
		"nan on both":              {expected: "loss=nan\n", actual: "loss=NaN\n", verdict: Equal},
		"infinities":               {expected: "loss=inf\n", actual: "loss=inf\n", verdict: Equal},
		"infinity's sign":          {expected: "loss=inf\n", actual: "loss=-inf\n", options: Options{RTol: 1}, verdict: Different, class: Infinite, line: 1, texts: [2]string{"inf", "-inf"}},
		"infinity is never close":  {expected: "loss=inf\n", actual: "loss=1\n", options: Options{RTol: 1}, verdict: Different, class: Infinite, line: 1, texts: [2]string{"inf", "1"}},
		"signed zero":              {expected: "g=0.0\n", actual: "g=-0.0\n", verdict: Different, class: SignedZero, line: 1, texts: [2]string{"0.0", "-0.0"}},
		"signed zero, tolerated":   {expected: "g=0.0\n", actual: "g=-0.0\n", options: Options{ATol: 1e-9}, verdict: Within, class: Within, line: 1, texts: [2]string{"0.0", "-0.0"}},
		"missing in the second":    {expected: "loss=0.5\nacc=0.9\n", actual: "loss=0.5\n", verdict: Different, class: Missing, line: 2, texts: [2]string{"0.9", ""}},
		"missing in the first":     {expected: "loss=0.5\n", actual: "loss=0.5\nacc=0.9\n", verdict: Different, class: Missing, line: 2, texts: [2]string{"", "0.9"}},
		"ended early":              {expected: "step 1 loss=3\nstep 2 loss=2\n", actual: "step 1 loss=3\n", verdict: Different, class: Length, step: 2, line: 2, texts: [2]string{"2", ""}},
		"differs before it ends":   {expected: "step 1 loss=3\nstep 2 loss=2\n", actual: "step 1 loss=4\n", verdict: Different, class: Different, step: 1, line: 1, texts: [2]string{"3", "4"}},
		"other steps":              {expected: "step 1 loss=3\nstep 5 loss=2\n", actual: "step 1 loss=3\nstep 4 loss=2\n", verdict: Different, class: Steps, step: 4, line: 2, texts: [2]string{"", "2"}},
		"printed by the clock":     {expected: "step 1 loss=3\nstep 4 loss=2\nstep 9 loss=1\n", actual: "step 1 loss=3\nstep 6 loss=1.5\nstep 9 loss=1\n", verdict: Equal},
		"volatile":                 {expected: "loss=0.5 time=1.5\n3.2 it/s\n", actual: "loss=0.5 time=1.6\n3.9 it/s\n", verdict: Equal},
		"error in a volatile coat": {expected: "time_weighted_error=0.5\n", actual: "time_weighted_error=0.6\n", verdict: Different, class: Different, line: 1, texts: [2]string{"0.5", "0.6"}},
		"within":                   {expected: "loss=100\n", actual: "loss=101\n", options: Options{RTol: 0.01}, verdict: Within, class: Within, line: 1, texts: [2]string{"100", "101"}},
		"just outside":             {expected: "loss=100\n", actual: "loss=101.01\n", options: Options{RTol: 0.01}, verdict: Different, class: Different, line: 1, texts: [2]string{"100", "101.01"}},
		"tolerance by name":        {expected: "loss=1 acc=1\n", actual: "loss=1.1 acc=1\n", options: Options{Tolerances: map[string]record.Tolerance{"loss": {ATol: 0.2}}}, verdict: Within, class: Within, line: 1, texts: [2]string{"1", "1.1"}},
		"tolerance by pattern":     {expected: "val_loss=1\n", actual: "val_loss=1.1\n", options: Options{Tolerances: map[string]record.Tolerance{"val_*": {ATol: 0.2}, "*": {}}}, verdict: Within, class: Within, line: 1, texts: [2]string{"1", "1.1"}},
		"tolerance of another":     {expected: "loss=1 acc=1\n", actual: "loss=1 acc=1.1\n", options: Options{Tolerances: map[string]record.Tolerance{"loss": {ATol: 0.2}}}, verdict: Different, class: Different, line: 1, texts: [2]string{"1", "1.1"}},
		"tolerance and nan":        {expected: "loss=1\n", actual: "loss=nan\n", options: Options{ATol: 9}, verdict: Different, class: NaN, line: 1, texts: [2]string{"1", "nan"}},
		"first in the output":      {expected: "acc=1\nloss=1\n", actual: "acc=2\nloss=2\n", verdict: Different, class: Different, line: 1, texts: [2]string{"1", "2"}},
		"only words":               {expected: "done well\n", actual: "done badly\n", verdict: Different},
		"a digest":                 {expected: "weights sha256 3f2a9c1e77\n", actual: "weights sha256 3f2a9c1e78\n", verdict: Different, class: Different, line: 1, texts: [2]string{"3f2a9c1e77", "3f2a9c1e78"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := Runs(printed(t, tt.expected), printed(t, tt.actual), tt.options)
			if got := r.Verdict(); got != tt.verdict {
				t.Fatalf("verdict %s, want %s: %+v", got, tt.verdict, r.Metrics)
			}
			m := r.FirstMetric()
			if tt.class == "" {
				if m != nil {
					t.Fatalf("first difference %+v, want none", m)
				}
				return
			}
			if m == nil {
				t.Fatal("no metric differs")
			}
			if m.Class != tt.class || m.Step != tt.step || m.Line != tt.line || m.Expected != tt.texts[0] || m.Actual != tt.texts[1] {
				t.Errorf("got %s at step %d, line %d, %q against %q", m.Class, m.Step, m.Line, m.Expected, m.Actual)
			}
		})
	}
}

func TestRunsArtifacts(t *testing.T) {
	tensor := func(name, digest string) record.Leaf {
		return record.Leaf{Name: name, Kind: "tensor", DType: "float32", Shape: []int64{2, 3}, Digest: digest}
	}
	value := func(name, kind, text string) record.Leaf {
		return record.Leaf{Name: name, Kind: kind, Text: text, Digest: text}
	}
	links := func(path, target string, files ...string) []record.Artifact {
		all := []record.Artifact{{Path: path, Link: target}}
		for _, file := range files {
			all = append(all, record.Artifact{Path: file, SHA256: "1"})
		}
		return all
	}
	long := func(second, masked string) record.Leaf {
		return record.Leaf{Name: "note", Kind: "string", Text: "2026-11-23 16:04:1" + second + " ...", Masked: masked, Digest: second}
	}
	file := func(path, sha, format, content string, leaves ...record.Leaf) []record.Artifact {
		return []record.Artifact{{Path: path, SHA256: sha, Format: format, Content: content, Leaves: leaves}}
	}
	tests := map[string]struct {
		expected, actual []record.Artifact
		options          Options
		want             []Class
		masked           []string
	}{
		"same bytes":                   {expected: file("m.pt", "1", "torch-zip", "a"), actual: file("m.pt", "1", "torch-zip", "a"), want: []Class{Equal}},
		"same content":                 {expected: file("m.pt", "1", "torch-zip", "a"), actual: file("m.pt", "2", "torch-zip", "a"), want: []Class{SameContent}},
		"other tensor":                 {expected: file("m.pt", "1", "torch-zip", "a", tensor("w", "1")), actual: file("m.pt", "2", "torch-zip", "b", tensor("w", "2")), want: []Class{Different}},
		"time inside":                  {expected: file("m.pt", "1", "torch-zip", "a", tensor("w", "1"), value("saved_at", "number", "1.5")), actual: file("m.pt", "2", "torch-zip", "b", tensor("w", "1"), value("saved_at", "number", "2.5")), want: []Class{SameContent}, masked: []string{"m.pt: saved_at"}},
		"uuid inside":                  {expected: file("m.pt", "1", "torch-zip", "a", value("tag", "string", "123e4567-e89b-42d3-a456-426614174000")), actual: file("m.pt", "2", "torch-zip", "b", value("tag", "string", "00000000-e89b-42d3-a456-426614174000")), want: []Class{SameContent}, masked: []string{"m.pt: tag"}},
		"short id inside":              {expected: file("m.pt", "1", "torch-zip", "a", value("tag", "string", "3f2a9c1e")), actual: file("m.pt", "2", "torch-zip", "b", value("tag", "string", "77ab12cd")), want: []Class{SameContent}, masked: []string{"m.pt: tag"}},
		"checksum inside":              {expected: file("m.pt", "1", "torch-zip", "a", value("data_checksum", "string", "3f2a9c1e")), actual: file("m.pt", "2", "torch-zip", "b", value("data_checksum", "string", "77ab12cd")), want: []Class{Different}},
		"a link to another checkpoint": {expected: links("best.pt", "ckpt_3.pt", "ckpt_3.pt", "ckpt_7.pt"), actual: links("best.pt", "ckpt_7.pt", "ckpt_3.pt", "ckpt_7.pt"), want: []Class{Different, Equal, Equal}},
		"a link to another folder":     {expected: links("out/best", "step-3", "out/step-3/m.pt", "out/step-7/m.pt"), actual: links("out/best", "step-7", "out/step-3/m.pt", "out/step-7/m.pt"), want: []Class{Different, Equal, Equal}},
		"a link to a run's folder": {expected: links("latest", "runs/1764000001", "runs/1764000001/m.pt"), actual: links("latest", "runs/1764000009", "runs/1764000009/m.pt"),
			want: []Class{Equal, SameContent}, masked: []string{"runs/1764000001/m.pt: the file's name"}},
		"a long text with a time":                  {expected: file("m.json", "1", "json", "a", long("1", "x")), actual: file("m.json", "2", "json", "b", long("2", "x")), want: []Class{SameContent}, masked: []string{"m.json: note"}},
		"a long text with a time, and another end": {expected: file("m.json", "1", "json", "a", long("1", "x")), actual: file("m.json", "2", "json", "b", long("2", "y")), want: []Class{Different}},
		"word inside":                              {expected: file("m.pt", "1", "torch-zip", "a", value("tag", "string", "facade")), actual: file("m.pt", "2", "torch-zip", "b", value("tag", "string", "decade")), want: []Class{Different}},
		"time and tensor":                          {expected: file("m.pt", "1", "torch-zip", "a", tensor("w", "1"), value("saved_at", "number", "1.5")), actual: file("m.pt", "2", "torch-zip", "b", tensor("w", "2"), value("saved_at", "number", "2.5")), want: []Class{Different}, masked: []string{"m.pt: saved_at"}},
		"loss inside":                              {expected: file("m.pt", "1", "torch-zip", "a", value("best_loss", "number", "1.5")), actual: file("m.pt", "2", "torch-zip", "b", value("best_loss", "number", "1.6")), want: []Class{Different}},
		"loss inside, tolerated":                   {expected: file("m.pt", "1", "torch-zip", "a", value("best_loss", "number", "1.5")), actual: file("m.pt", "2", "torch-zip", "b", value("best_loss", "number", "1.6")), options: Options{ATol: 0.2}, want: []Class{Within}},
		"tensor called time":                       {expected: file("m.pt", "1", "torch-zip", "a", tensor("time", "1")), actual: file("m.pt", "2", "torch-zip", "b", tensor("time", "2")), want: []Class{Different}},
		"a key more":                               {expected: file("m.pt", "1", "torch-zip", "a", tensor("w", "1")), actual: file("m.pt", "2", "torch-zip", "b", tensor("w", "1"), tensor("v", "1")), want: []Class{Different}},
		"a key less":                               {expected: file("m.pt", "1", "torch-zip", "a", tensor("w", "1"), tensor("v", "1")), actual: file("m.pt", "2", "torch-zip", "b", tensor("w", "1")), want: []Class{Different}},
		"values in another file": {expected: []record.Artifact{{Path: "m.onnx", SHA256: "1", Format: "onnx", Content: "a", Leaves: []record.Leaf{tensor("w", "1")}}},
			actual: []record.Artifact{{Path: "m.onnx", SHA256: "1", Format: "onnx", Content: "b", Leaves: []record.Leaf{tensor("w", "2")}}}, want: []Class{Different}},
		"beyond what is kept": {expected: []record.Artifact{{Path: "m.pt", SHA256: "1", Format: "torch-zip", Content: "a", Leaves: []record.Leaf{tensor("w", "1")}, More: 5}},
			actual: []record.Artifact{{Path: "m.pt", SHA256: "2", Format: "torch-zip", Content: "b", Leaves: []record.Leaf{tensor("w", "1")}, More: 5}}, want: []Class{Different}},
		"time inside, rest equal": {expected: []record.Artifact{{Path: "m.pt", SHA256: "1", Format: "torch-zip", Content: "a", Leaves: []record.Leaf{value("saved_at", "number", "1")}, More: 5, Rest: "r"}},
			actual: []record.Artifact{{Path: "m.pt", SHA256: "2", Format: "torch-zip", Content: "b", Leaves: []record.Leaf{value("saved_at", "number", "2")}, More: 5, Rest: "r"}}, want: []Class{SameContent}, masked: []string{"m.pt: saved_at"}},
		"a date that is pickled": {expected: []record.Artifact{{Path: "m.pkl", SHA256: "1", Format: "pickle", Content: "1", Leaves: []record.Leaf{value("when", "object", "datetime.datetime"), {Name: "when[arg 0]", Kind: "bytes", Text: "10 bytes", Digest: "1"}}}},
			actual: []record.Artifact{{Path: "m.pkl", SHA256: "2", Format: "pickle", Content: "2", Leaves: []record.Leaf{value("when", "object", "datetime.datetime"), {Name: "when[arg 0]", Kind: "bytes", Text: "10 bytes", Digest: "2"}}}}, want: []Class{SameContent}, masked: []string{"m.pkl: when"}},
		"a UUID that is pickled": {expected: []record.Artifact{{Path: "m.pkl", SHA256: "1", Format: "pickle", Content: "1", Leaves: []record.Leaf{value("key", "object", "uuid.UUID"), {Name: "key.int", Kind: "number", Text: "1", Digest: "1"}}}},
			actual: []record.Artifact{{Path: "m.pkl", SHA256: "2", Format: "pickle", Content: "2", Leaves: []record.Leaf{value("key", "object", "uuid.UUID"), {Name: "key.int", Kind: "number", Text: "2", Digest: "2"}}}}, want: []Class{SameContent}, masked: []string{"m.pkl: key.int"}},
		"another object that is pickled": {expected: []record.Artifact{{Path: "m.pkl", SHA256: "1", Format: "pickle", Content: "1", Leaves: []record.Leaf{value("key", "object", "fractions.Fraction"), {Name: "key[arg 0]", Kind: "bytes", Text: "4 bytes", Digest: "1"}}}},
			actual: []record.Artifact{{Path: "m.pkl", SHA256: "2", Format: "pickle", Content: "2", Leaves: []record.Leaf{value("key", "object", "fractions.Fraction"), {Name: "key[arg 0]", Kind: "bytes", Text: "4 bytes", Digest: "2"}}}}, want: []Class{Different}, masked: nil},
		"a time in a pickled tuple": {expected: file("m.pkl", "1", "pickle", "a", value("[0]", "number", "1764000000.5")), actual: file("m.pkl", "2", "pickle", "b", value("[0]", "number", "1764000009.25")), want: []Class{SameContent}, masked: []string{"m.pkl: [0]"}},
		"times in a pickled list": {
			expected: file("m.pkl", "1", "pickle", "a", value("log[0].wall_time", "number", "1.5"), value("log[12].wall_time", "number", "2.5")),
			actual:   file("m.pkl", "2", "pickle", "b", value("log[0].wall_time", "number", "1.75"), value("log[12].wall_time", "number", "2.75")),
			want:     []Class{SameContent}, masked: []string{"m.pkl: log[*].wall_time"}},
		"time inside, rest not": {expected: []record.Artifact{{Path: "m.pt", SHA256: "1", Format: "torch-zip", Content: "a", Leaves: []record.Leaf{value("saved_at", "number", "1")}, More: 5, Rest: "r"}},
			actual: []record.Artifact{{Path: "m.pt", SHA256: "2", Format: "torch-zip", Content: "b", Leaves: []record.Leaf{value("saved_at", "number", "2")}, More: 5, Rest: "s"}}, want: []Class{Different}, masked: []string{"m.pt: saved_at"}},
		"time inside, rest unknown": {expected: []record.Artifact{{Path: "m.pt", SHA256: "1", Format: "torch-zip", Content: "a", Leaves: []record.Leaf{value("saved_at", "number", "1")}, More: 5}},
			actual: []record.Artifact{{Path: "m.pt", SHA256: "2", Format: "torch-zip", Content: "b", Leaves: []record.Leaf{value("saved_at", "number", "2")}, More: 5}}, want: []Class{Different}, masked: []string{"m.pt: saved_at"}},
		"score like a time":             {expected: file("m.pt", "1", "torch-zip", "a", value("best_score", "number", "1764000000")), actual: file("m.pt", "2", "torch-zip", "b", value("best_score", "number", "1764000009")), want: []Class{Different}},
		"number like a time":            {expected: file("m.pt", "1", "torch-zip", "a", value("made", "number", "1764000000.5")), actual: file("m.pt", "2", "torch-zip", "b", value("made", "number", "1764000009.25")), want: []Class{SameContent}, masked: []string{"m.pt: made"}},
		"unknown binary":                {expected: file("m.bin", "1", "", ""), actual: file("m.bin", "2", "", ""), want: []Class{Different}},
		"text":                          {expected: file("log.txt", "1", "text", "a"), actual: file("log.txt", "2", "text", "b"), want: []Class{Different}},
		"text with times":               {expected: file("log.txt", "1", "text", "a"), actual: file("log.txt", "2", "text", "a"), want: []Class{SameContent}},
		"event file":                    {expected: file("runs/events.out.tfevents.1764000000.host.12.0", "1", "", ""), actual: file("runs/events.out.tfevents.1764000009.host.13.0", "2", "", ""), want: []Class{Volatile}, masked: []string{"runs/events.out.tfevents.1764000000.host.12.0"}},
		"tracker":                       {expected: file("wandb/run-1/x.bin", "1", "", ""), actual: nil, want: []Class{Volatile}, masked: []string{"wandb/run-1/x.bin"}},
		"weights in a tracker's folder": {expected: file("mlruns/1/artifacts/m.pt", "1", "torch-zip", "a", tensor("w", "1")), actual: file("mlruns/1/artifacts/m.pt", "2", "torch-zip", "b", tensor("w", "2")), want: []Class{Different}},
		"values in a tracker's folder":  {expected: file("wandb/run-1/s.pkl", "1", "pickle", "a", value("n", "number", "1")), actual: file("wandb/run-1/s.pkl", "2", "pickle", "b", value("n", "number", "2")), want: []Class{Volatile}, masked: []string{"wandb/run-1/s.pkl"}},
		"cache":                         {expected: file("__pycache__/m.cpython-311.pyc", "1", "", ""), actual: file("__pycache__/m.cpython-311.pyc", "2", "", ""), want: []Class{Volatile}, masked: []string{"__pycache__/m.cpython-311.pyc"}},
		"missing":                       {expected: file("m.pt", "1", "torch-zip", "a"), actual: nil, want: []Class{Missing}},
		"one more":                      {expected: nil, actual: file("m.pt", "1", "torch-zip", "a"), want: []Class{Missing}},
		"renamed by time":               {expected: file("runs/2026-11-23_16-04-11/m.pt", "1", "torch-zip", "a"), actual: file("runs/2026-11-23_16-09-59/m.pt", "1", "torch-zip", "a"), want: []Class{SameContent}, masked: []string{"runs/2026-11-23_16-04-11/m.pt" + nameOnly}},
		"renamed and changed":           {expected: file("model-3f2a9c1e.pt", "1", "torch-zip", "a", tensor("w", "1")), actual: file("model-77ab12cd.pt", "2", "torch-zip", "b", tensor("w", "2")), want: []Class{Different}, masked: []string{"model-3f2a9c1e.pt" + nameOnly}},
		"renamed beyond a number":       {expected: file("red.pt", "1", "torch-zip", "a"), actual: file("blue.pt", "2", "torch-zip", "a"), want: []Class{SameContent}, masked: []string{"red.pt" + nameOnly}},
		"format changed":                {expected: file("m", "1", "torch-zip", "a"), actual: file("m", "2", "npz", "a"), want: []Class{Different}},
		"swapped names": {expected: append(file("ckpt-100.pt", "1", "torch-zip", "a"), file("ckpt-200.pt", "2", "torch-zip", "b")...),
			actual: append(file("ckpt-101.pt", "2", "torch-zip", "b"), file("ckpt-201.pt", "1", "torch-zip", "a")...), want: []Class{SameContent, SameContent}, masked: []string{"ckpt-100.pt" + nameOnly, "ckpt-200.pt" + nameOnly}},
		"link to a time": {expected: []record.Artifact{{Path: "latest", Link: "runs/2026-11-23_16-04-11", SHA256: "1"}}, actual: []record.Artifact{{Path: "latest", Link: "runs/2026-11-23_16-04-12", SHA256: "2"}}, want: []Class{Equal}},
		"folders with random names": {
			expected: append(append(file("runs/run-20261123_160411-3dji89lk/events.jsonl", "1", "text", "a"), file("runs/run-20261123_160411-3dji89lk/ckpt/m.pt", "2", "torch-zip", "b")...),
				record.Artifact{Path: "runs/latest", Link: "run-20261123_160411-3dji89lk", SHA256: "3"}),
			actual: append(append(file("runs/run-20261123_160412-cl2mps3q/events.jsonl", "1", "text", "a"), file("runs/run-20261123_160412-cl2mps3q/ckpt/m.pt", "4", "torch-zip", "c", tensor("w", "1"))...),
				record.Artifact{Path: "runs/latest", Link: "run-20261123_160412-cl2mps3q", SHA256: "5"}),
			want:   []Class{Equal, Different, SameContent},
			masked: []string{"runs/run-20261123_160411-3dji89lk/ckpt/m.pt" + nameOnly, "runs/run-20261123_160411-3dji89lk/events.jsonl" + nameOnly}},
		"a folder's random name inside": {
			expected: file("calm-sun/m.pt", "1", "torch-zip", "a", value("out", "string", "calm-sun/m.pt"), value("tag", "string", "calm")),
			actual:   file("hot-moon/m.pt", "2", "torch-zip", "b", value("out", "string", "hot-moon/m.pt"), value("tag", "string", "calm")),
			want:     []Class{SameContent}, masked: []string{"calm-sun/m.pt: out", "calm-sun/m.pt" + nameOnly}},
		"long texts in folders with random names": {
			expected: file("calm-sun/m.pt", "1", "torch-zip", "a", record.Leaf{Name: "card", Kind: "string", Digest: "1"}),
			actual:   file("hot-moon/m.pt", "2", "torch-zip", "b", record.Leaf{Name: "card", Kind: "string", Digest: "2"}),
			want:     []Class{Different}, masked: []string{"calm-sun/m.pt" + nameOnly}},
		"another folder's name inside": {
			expected: file("calm-sun/m.pt", "1", "torch-zip", "a", value("out", "string", "calm-sun/m.pt")),
			actual:   file("hot-moon/m.pt", "2", "torch-zip", "b", value("out", "string", "calm-sun/m.pt")),
			want:     []Class{Different}, masked: []string{"calm-sun/m.pt" + nameOnly}},
		"folders with other files": {
			expected: file("runs/calm-sun/m.pt", "1", "torch-zip", "a"), actual: file("runs/brisk-moon/best.pt", "2", "torch-zip", "b"), want: []Class{Missing, Missing}},
		"two folders alike": {
			expected: append(file("calm/m.pt", "1", "torch-zip", "a"), file("hot/m.pt", "2", "torch-zip", "b")...),
			actual:   append(file("eager/m.pt", "3", "torch-zip", "c"), file("warm/m.pt", "4", "torch-zip", "d")...), want: []Class{Missing, Missing, Missing, Missing}},
		"link elsewhere": {expected: []record.Artifact{{Path: "latest", Link: "a.pt", SHA256: "1"}}, actual: []record.Artifact{{Path: "latest", Link: "b.pt", SHA256: "2"}}, want: []Class{Different}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := Runs(&record.Run{Artifacts: tt.expected}, &record.Run{Artifacts: tt.actual}, tt.options)
			var got []Class
			worst := Equal
			for _, a := range r.Artifacts {
				got = append(got, a.Class)
				worst = worse(worst, a.Class.verdict())
				if a.Class.verdict() == Different && a.Detail == "" {
					t.Errorf("%s differs without a word", a.Path)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if r.Verdict() != worst {
				t.Errorf("verdict %s of %v", r.Verdict(), got)
			}
			if !slices.Equal(tt.masked, r.Masked) {
				t.Errorf("masked %q, want %q", r.Masked, tt.masked)
			}
		})
	}
}

// TestFilesOfSurplus counts the files that one artifact stands for.
func TestFilesOfSurplus(t *testing.T) {
	run := &record.Run{Artifacts: []record.Artifact{{Path: "a", SHA256: "1"}, {Path: "(30 further files)", SHA256: "2", Format: "files", Files: 30}}}
	if r := Runs(run, run, Options{}); r.Files != 31 {
		t.Errorf("%d files compared, want 31", r.Files)
	}
}

func TestRunsTensorTolerance(t *testing.T) {
	run := func(digest string) *record.Run {
		return &record.Run{Artifacts: []record.Artifact{{Path: "m.pt", SHA256: digest, Format: "torch-zip", Content: digest,
			Leaves: []record.Leaf{{Name: "w", Kind: "tensor", DType: "bfloat16", Shape: []int64{2}, Digest: digest}}}}}
	}
	var asked record.Tolerance
	close := func(_, _ *record.Artifact, name string, tol record.Tolerance) bool { asked = tol; return name == "w" }
	if v := Runs(run("1"), run("2"), Options{DTypes: true, CloseTensors: close}).Verdict(); v != Within || asked != DTypeTolerance("bfloat16") {
		t.Errorf("verdict %s with %+v", v, asked)
	}
	if v := Runs(run("1"), run("2"), Options{CloseTensors: close}).Verdict(); v != Different {
		t.Errorf("exact comparison of unequal tensors says %s", v)
	}
}

func TestRunsMetricFileTolerance(t *testing.T) {
	run := func(loss, words string) *record.Run {
		text := "epoch,loss\n1," + loss + "\n"
		series, err := metrics.ReadFile("log.csv", strings.NewReader(text), int64(len(text)))
		if err != nil {
			t.Fatal(err)
		}
		return &record.Run{Metrics: series, Artifacts: []record.Artifact{{Path: "log.csv", SHA256: loss + words, Format: "text", Content: loss + words}}}
	}
	if v := Runs(run("1", ""), run("1.1", ""), Options{ATol: 0.2}).Verdict(); v != Within {
		t.Errorf("a file of metrics within tolerance is %s", v)
	}
	if v := Runs(run("1", ""), run("1.3", ""), Options{ATol: 0.2}).Verdict(); v != Different {
		t.Errorf("a file of metrics outside tolerance is %s", v)
	}
	if v := Runs(run("1", ""), run("1", "x"), Options{ATol: 0.2}).Verdict(); v != Different {
		t.Errorf("a file whose metrics are equal and whose words are not is %s", v)
	}
}

func TestWarnings(t *testing.T) {
	model := func(digest string) record.Artifact {
		return record.Artifact{Path: "m.pt", SHA256: digest, Format: "torch-zip", Content: digest}
	}
	tests := map[string]struct {
		a, b *record.Run
		want []string
	}{
		"nothing":       {printed(t, "loss=0.5\n", model("1")), printed(t, "loss=0.5\n", model("1")), nil},
		"equal metrics": {printed(t, "loss=0.5\n", model("1")), printed(t, "loss=0.5\n", model("2")), []string{"equal-metrics-unequal-artifacts"}},
		"words":         {printed(t, "loss=0.5\nred\n", model("1")), printed(t, "loss=0.5\nblue\n", model("1")), []string{"output-differs"}},
		"cadence":       {printed(t, "step 1 a=1\nstep 2 a=2\nstep 4 a=1\n"), printed(t, "step 1 a=1\nstep 4 a=1\n"), []string{"metric-steps", "output-differs"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, w := range Runs(tt.a, tt.b, Options{}).Warnings {
				got = append(got, w.ID)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSeriesOfRunFolders(t *testing.T) {
	run := func(folder string, values ...string) *record.Run {
		r := &record.Run{}
		for i, v := range values {
			text := "{\"loss\": " + v + "}"
			origin := folder + "/ckpt-" + string(rune('1'+i)) + "/metrics.json"
			series, err := metrics.ReadFile(origin, strings.NewReader(text), int64(len(text)))
			if err != nil {
				t.Fatal(err)
			}
			r.Metrics = append(r.Metrics, series...)
			r.Artifacts = append(r.Artifacts, record.Artifact{Path: origin, Format: "text", SHA256: text})
		}
		return r
	}
	a := run("2026-11-23_16-04-11", "0.5", "0.25")
	if r := Runs(a, run("2026-11-23_17-04-11", "0.5", "0.25"), Options{}); r.Verdict() != Equal || len(r.Metrics) != 2 {
		t.Errorf("equal runs in folders of their own: %s, %+v", r.Verdict(), r.Metrics)
	}
	if r := Runs(a, run("calm-sun-x7q", "0.5", "0.25"), Options{}); r.Verdict() != Equal || len(r.Metrics) != 2 {
		t.Errorf("equal runs, one in a folder with a name of words: %s, %+v", r.Verdict(), r.Metrics)
	}
	if r := Runs(a, run("2026-11-23_17-04-11", "0.5", "0.26"), Options{}); r.Verdict() != Different || r.FirstMetric().Actual != "0.26" {
		t.Errorf("different runs in folders of their own: %s", r.Verdict())
	}
}

func TestDroppedPoints(t *testing.T) {
	run := func(text string) *record.Run {
		series, err := metrics.Read(strings.NewReader(text), metrics.Options{MaxPoints: 2})
		if err != nil {
			t.Fatal(err)
		}
		return &record.Run{Metrics: series}
	}
	a := run("a=1\na=2\na=3\na=4\n")
	if v := Runs(a, run("a=1\na=2\na=3\na=4\n"), Options{}).Verdict(); v != Equal {
		t.Errorf("equal beyond what is kept: %s", v)
	}
	if v := Runs(a, run("a=1\na=2\na=5\na=4\n"), Options{}).Verdict(); v != Different {
		t.Errorf("a dropped point differs: %s", v)
	}
}

func TestNumbersOfProcessesInFiles(t *testing.T) {
	run := func(pid int64, worker string) *record.Run {
		return &record.Run{Processes: []record.Process{{Name: "main", PIDs: []int64{pid}}},
			Artifacts: []record.Artifact{{Path: "m.json", SHA256: worker, Format: "json", Content: worker,
				Leaves: []record.Leaf{{Name: "workers[0]", Kind: "number", Text: worker, Digest: worker}}}}}
	}
	for _, c := range []struct {
		a, b *record.Run
		want Class
	}{
		{run(4711, "4711"), run(815, "815"), SameContent},
		{run(4711, "4711"), run(815, "816"), Different},
		{run(4711, "815"), run(815, "4711"), Different},
	} {
		if got := Runs(c.a, c.b, Options{}).Artifacts[0].Class; got != c.want {
			t.Errorf("%v against %v: %s, want %s", c.a.Artifacts[0].Leaves, c.b.Artifacts[0].Leaves, got, c.want)
		}
	}
}

// The number of a process, which a logger prints beside a metric or in brackets before it, is told by both runs' own.
func TestNumbersOfProcesses(t *testing.T) {
	run := func(pid int64, points ...record.Series) *record.Run {
		return &record.Run{Metrics: points, Processes: []record.Process{{Name: "main", PIDs: []int64{pid}}}}
	}
	series := func(name, text string, step int64) record.Series {
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		return record.Series{Name: name, Points: []record.Point{{Step: step, Value: record.Float(value), Text: text}}}
	}
	mixed := func(epoch, pid int64) record.Series {
		return record.Series{Name: "loss", Points: []record.Point{{Step: 0, Value: 0.5, Text: "0.5"}, {Step: 1, Value: 0.125, Text: "0.125"}, {Step: epoch*record.EpochStride + pid, Value: 0.25, Text: "0.25"}}}
	}
	between := func(pid int64) record.Series {
		return record.Series{Name: "loss[1]", Points: []record.Point{{Step: 0, Value: 5, Text: "5"}, {Step: 1, Value: record.Float(pid), Text: strconv.FormatInt(pid, 10)}}}
	}
	tests := map[string]struct {
		a, b   *record.Run
		differ bool
	}{
		"taken for one of the steps": {run(4711, mixed(0, 4711)), run(815, mixed(0, 815)), false},
		"taken for an epoch":         {run(4711, mixed(4711, 3)), run(815, mixed(815, 3)), false},
		"one of the steps is other":  {run(4711, mixed(0, 4712)), run(815, mixed(0, 816)), true},
		"among values":               {run(4711, between(4711)), run(815, between(815)), false},
		"among values of the other":  {run(4711, between(815)), run(815, between(4711)), true},
		"printed beside":             {run(4711, series("loss[1]", "4711", 0)), run(815, series("loss[1]", "815", 0)), false},
		"taken for a step":           {run(4711, series("loss", "0.5", 4711)), run(815, series("loss", "0.5", 815)), false},
		"and another value":          {run(4711, series("loss", "0.5", 4711)), run(815, series("loss", "0.6", 815)), true},
		"of the other run":           {run(4711, series("n", "815", 0)), run(815, series("n", "4711", 0)), true},
		"in one run alone":           {run(4711, series("n", "4711", 0)), run(815, series("n", "816", 0)), true},
		"small, as in a container":   {run(7, series("n", "7", 0)), run(8, series("n", "8", 0)), true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			result := Runs(tt.a, tt.b, Options{})
			differ := slices.ContainsFunc(result.Metrics, func(m MetricDiff) bool { return m.Class != Equal })
			if differ != tt.differ {
				t.Errorf("differ: %v, want %v: %+v", differ, tt.differ, result.Metrics)
			}
			metrics, _ := Summarise([]*record.Run{tt.a, tt.b, tt.b}, Options{})
			if len(metrics) != len(result.Metrics) {
				t.Errorf("%d metrics are summed up, want %d", len(metrics), len(result.Metrics))
			}
		})
	}
}

// A pinned process has the same number in every run. It is no metric, beside which the words of an output would not count.
func TestPinnedNumbersOfProcesses(t *testing.T) {
	run := func(pid int64, text string) *record.Run {
		number := record.Series{Name: "value", Points: []record.Point{{Value: record.Float(pid), Text: strconv.FormatInt(pid, 10)}}}
		return &record.Run{Metrics: []record.Series{number}, Processes: []record.Process{{Name: "main", PIDs: []int64{pid}}},
			Stdout: record.Stream{Masked: text}}
	}
	const pinned = 1<<22 + 200
	for _, c := range []struct {
		a, b *record.Run
		want Class
	}{
		{run(pinned, "reading a, b"), run(pinned, "reading b, a"), Different},
		{run(pinned, "reading a, b"), run(pinned, "reading a, b"), Equal},
		{run(4711, "reading a, b"), run(815, "reading b, a"), Different},
		{run(4711, "reading a, b"), run(4711, "reading b, a"), Equal}, // it may be a result
	} {
		if got := Runs(c.a, c.b, Options{}).Verdict(); got != c.want {
			t.Errorf("%+v against %+v: %s, want %s", c.a, c.b, got, c.want)
		}
	}
}
