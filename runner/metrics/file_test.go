package metrics

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func vocabulary(words int) string {
	var b strings.Builder
	for i := range words {
		fmt.Fprintf(&b, ", %q: %d", letters(i), i)
	}
	return "{" + b.String()[2:] + "}"
}

func TestReadFile(t *testing.T) {
	tests := map[string]struct {
		path, in string
		want     []string
	}{
		"summary": {"out/metrics.json", "{\n  \"test\": {\"acc\": 0.97, \"loss\": 0.1},\n  \"train_time\": 3.5\n}\n",
			[]string{"test/acc@0=0.97", "test/loss@0=0.1", "~train_time"}},
		"trainer state": {"trainer_state.json", `{"global_step": 20, "log_history": [{"epoch": 0.5, "loss": 0.9, "step": 10}, {"epoch": 1.0, "loss": 0.5, "step": 20, "train_runtime": 3.5}]}`,
			[]string{"log_history/loss@10=0.9", "log_history/loss@20=0.5", "~log_history/train_runtime"}},
		"keras history": {"history.json", `{"loss": [0.9, 0.5, 0.25], "lr": [0.1, 0.1, 0.01]}`,
			[]string{"loss@0=0.9", "loss@1=0.5", "loss@2=0.25", "lr@0=0.1", "lr@1=0.1", "lr@2=0.01"}},
		"history in objects": {"h.json", `{"history": {"train": [0.5, 0.25], "val": [0.75, 0.5]}}`,
			[]string{"history/train@0=0.5", "history/train@1=0.25", "history/val@0=0.75", "history/val@1=0.5"}},
		"an epoch's columns":     {"h.json", `{"loss": [0.5, 0.25], "gap": [1, 2], "w": [1, 2, 3]}`, []string{"loss@0=0.5", "loss@1=0.25", "gap@0=1", "gap@1=2"}},
		"a model":                {"model.json", `{"hidden": [[0.1, 0.2], [0.3, 0.4]], "out": [0.5, 0.6], "bias": 0.3, "size": 7, "accuracy": 0.9}`, []string{"bias@0=0.3", "accuracy@0=0.9"}},
		"settings":               {"out/checkpoint-8/generation_config.json", `{"hidden_size": 32, "dropout": 0.1}`, nil},
		"a vector":               {"model.json", `{"coef": [0.5, 0.6], "n": 3}`, []string{"n@0=3"}},
		"ragged lists":           {"model.json", `{"tree": [[1, [2, 3]], [4]], "size": 7}`, nil},
		"arrays":                 {"w.json", `[[0.1, 0.2], [0.3, 0.4]]`, nil},
		"rows with arrays":       {"log.json", `[{"epoch": 1, "loss": 0.5, "cm": [[1, 2], [3, 4]]}, {"epoch": 2, "loss": 0.25, "cm": [[1, 2], [3, 4]]}]`, []string{"loss@1=0.5", "loss@2=0.25"}},
		"a long list":            {"w.json", `{"loss": 0.5, "emb": [` + strings.Repeat("0.5, ", 5000) + `1]}`, []string{"loss@0=0.5"}},
		"a vocabulary":           {"vocab.json", vocabulary(maxScalars + 1), nil},
		"deep":                   {"deep.json", strings.Repeat("[", 1<<20), nil},
		"json lines":             {"log.jsonl", "{\"step\": 1, \"loss\": 0.5}\n{\"step\": 2, \"loss\": NaN}\n{\"step\": 3, \"lo", []string{"loss@1=0.5", "loss@2=NaN"}},
		"json lines called json": {"results.json", "{\"step\": 1, \"loss\": 0.5}\n{\"step\": 2, \"loss\": 0.25}\n", []string{"loss@1=0.5", "loss@2=0.25"}},
		"csv":                    {"lightning_logs/metrics.csv", "epoch,step,train_loss,val_acc,time\n0,9,0.5,,1.5\n0,9,,0.75,1.6\n1,19,0.25,,1.7\n", []string{"train_loss@9=0.5", "train_loss@1, 19=0.25", "~time", "val_acc@9=0.75"}},
		"notebook":               {"out.ipynb", executed("a1b2c3d4", "2026-11-26T18:00:00Z", "0.5", "51.2", "iVBOR0", true), []string{"loss@0=0.5", "~took"}},
		"tsv":                    {"log.tsv", "epoch\tloss\n1\t0.5\n2\tnan\n", []string{"loss@1=0.5", "loss@2=nan"}},
		"time left":              {"log.csv", "step,loss,elapsed,eta\n1,0.5,1.5,3.5\n", []string{"loss@1=0.5", "~elapsed", "~eta"}},
		"a learning rate":        {"log.csv", "step,loss,eta\n1,0.5,0.1\n", []string{"loss@1=0.5", "eta@1=0.1"}},
		"time left in rows":      {"log.json", `{"history": [{"loss": 0.5, "time": 1.5, "eta": 3.5}]}`, []string{"history/loss@0=0.5", "~history/time", "~history/eta"}},
		"episodes of a monitor":  {"0.monitor.csv", "#{\"t_start\": 1764000000.5, \"env_id\": \"CartPole-v1\"}\nr,l,t\n23.0,23,5.687167\n9.0,9,6.0\n", []string{"r@0=23.0", "r@1=9.0", "l@0=23", "l@1=9", "~t"}},
		"a heading with a mark":  {"log.csv", "# epoch,loss\n1,0.5\n", []string{"loss@1=0.5"}},
		"time steps":             {"log.csv", "t,r\n1,0.5\n", []string{"t@0=1", "r@0=0.5"}},
		"quoted":                 {"log.csv", "\"epoch\",\"loss, mean\"\n1,\"0.5\"\n", []string{"loss, mean@1=0.5"}},
		"unix times":             {"log.csv", "at,w\n1764000000.25,0.5\n", []string{"~at", "w@0=0.5"}},
		"without a header":       {"data.csv", "1,2,3\n4,5,6\n", nil},
		"no numbers":             {"config.json", `{"optimizer": "adam", "classes": ["a", "b"]}`, nil},
		"another format":         {"model.bin", "loss 0.5\n", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			series, err := ReadFile(tt.path, strings.NewReader(tt.in), int64(len(tt.in)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Join(tt.want, "\n"), show(series)); diff != "" {
				t.Error(diff)
			}
			for _, s := range series {
				if s.Origin != tt.path {
					t.Errorf("origin of %s is %q", s.Name, s.Origin)
				}
			}
		})
	}
}

// Each pair is a text twice, with what may differ between runs, and once with what may not.
func TestMaskedDigest(t *testing.T) {
	tests := map[string]struct{ a, same, other string }{
		"duration":               {"epoch 1 took 0.62 seconds, loss 0.5\n", "epoch 1 took 12.9 seconds, loss 0.5\n", "epoch 1 took 0.62 seconds, loss 0.6\n"},
		"time stamp":             {"2026-11-23 16:04:11,123 INFO start\n", "2026-11-24 09:00:00,001 INFO start\n", "2026-11-23 16:04:11,123 INFO stop\n"},
		"address":                {"<A object at 0x7f12ab34cd56>\n", "<A object at 0x7fff00000000>\n", "<B object at 0x7f12ab34cd56>\n"},
		"uuid":                   {"run 123e4567-e89b-42d3-a456-426614174000\n", "run 00000000-e89b-42d3-a456-426614174000\n", "job 123e4567-e89b-42d3-a456-426614174000\n"},
		"temporary path":         {"saved to /tmp/tmpab12cd34/model.pt\n", "saved to /tmp/tmpzz99xx11/model.pt\n", "saved at /tmp/tmpab12cd34/model.pt\n"},
		"run folder":             {"saved runs/2026-11-23_16-04-11/m.pt\n", "saved runs/2026-11-24_01-02-03/m.pt\n", "saved runs/2026-11-23_16-04-11/n.pt\n"},
		"process in a log":       {"2026-11-23 16:04:11,123 1234 INFO loss 0.5\n", "2026-11-23 16:04:12,456 98765 INFO loss 0.5\n", "2026-11-23 16:04:11,123 1234 INFO loss 0.6\n"},
		"token":                  {"http://h/?token=0cc175b9c0f1b6a831c399e269772661\n", "http://h/?token=9d15c303a7f936930cc175b9c0f1b6a8\n", "http://h/?user=0cc175b9c0f1b6a831c399e269772661\n"},
		"run":                    {"INFO run 3f2a9c1e started\n", "INFO run 12345678 started\n", "INFO run 3f2a9c1e stopped\n"},
		"named word":             {"host: node7 loss 0.5\n", "host: node8 loss 0.5\n", "node: node7 loss 0.5\n"},
		"json":                   {"{\"run_id\": \"abc\", \"saved_at\": 1764000000.5, \"acc\": 0.5}\n", "{\"run_id\": \"xyz\", \"saved_at\": 1764000009.25, \"acc\": 0.5}\n", "{\"run_id\": \"abc\", \"saved_at\": 1764000000.5, \"acc\": 0.6}\n"},
		"a date in json":         {"{\"loss\": 0.5, \"at\": \"2026-11-27T08:13:50.123456\"}\n", "{\"loss\": 0.5, \"at\": \"2026-11-28T09:24:01.654321\"}\n", "{\"loss\": 0.6, \"at\": \"2026-11-27T08:13:50.123456\"}\n"},
		"dates in a dictionary":  {"{'when': '2026-11-27 08:13:50', 'took': '0:00:12', 'ratio': '3:4', 'loss': 0.5}\n", "{'when': '2026-11-28 09:24:01', 'took': '0:01:13', 'ratio': '3:4', 'loss': 0.5}\n", "{'when': '2026-11-27 08:13:50', 'took': '0:00:12', 'ratio': '3:5', 'loss': 0.5}\n"},
		"progress bar":           {"  5%|▌ | 5/100 [00:00<00:01, 50it/s]\r100%|██| 100/100 [00:02<00:00, 51.2it/s]\n", "100%|██| 100/100 [00:01<00:00,  9.9it/s]\n", "100%|██| 200/200 [00:02<00:00, 51.2it/s]\n"},
		"bars on lines":          {" 84%|███ | 42/50 [00:00<00:00, 412.30it/s]\n 90%|███ | 45/50 [00:00<00:00, 412.30it/s]\nloss 0.5\n", "loss 0.5\n", " 84%|███ | 42/50 [00:00<00:00, 412.30it/s]\nloss 0.6\n"},
		"a fraction":             {"w 0.1784059555297337\n", "w  0.1784059555297337\n", "w 0.1684059555297338\n"},
		"a list":                 {"0.1784059555297337,0.5\n", "0.1784059555297337,0.5\n", "0.1684059555297338,0.5\n"},
		"a seed":                 {"seed=1764000000 started=1764000000\n", "seed=1764000000 started=1764000009\n", "seed=1764000001 started=1764000000\n"},
		"digest printed":         {"weights 3f2a9c1e\n", "weights  3f2a9c1e\n\n", "weights 3f2a9c1f\n"},
		"table":                  {"epoch,loss,time\n1,0.5,1.25\n", "epoch,loss,time\n1,0.5,7.5\n", "epoch,loss,time\n1,0.6,1.25\n"},
		"words in a table":       {"epoch,phase,loss,elapsed\n1,train,0.5,1.25\n1.0,val,0.4,2.5\n", "epoch,phase,loss,elapsed\n1,train,0.5,1.75\n1.0,val,0.4,7.5\n", "epoch,phase,loss,elapsed\n1,train,0.5,1.25\n1.0,val,0.3,2.5\n"},
		"other words in a table": {"epoch\tphase\tloss\telapsed\n1\ttrain\t0.5\t1.25\n", "epoch\tphase\tloss\telapsed\n1\ttrain\t0.5\t1.75\n", "epoch\tphase\tloss\telapsed\n1\tval\t0.5\t1.25\n"},
		"empty cells":            {"epoch,loss,acc,elapsed\n1,0.5,,1.25\n1,,0.4,2.5\n", "epoch,loss,acc,elapsed\n1,0.5,,1.75\n1,,0.4,7.5\n", "epoch,loss,acc,elapsed\n1,0.5,,1.25\n1,,0.3,2.5\n"},
		"quotes in a table":      {"trial,params,fit_time\n0,\"{'n': 5, 'd': 3}\",0.5\n", "trial,params,fit_time\n0,\"{'n': 5, 'd': 3}\",0.25\n", "trial,params,fit_time\n0,\"{'n': 5, 'd': 4}\",0.5\n"},
		"dates in a table":       {"at,phase,loss\n2026-11-23 16:04:11,train,0.5\n1764000000,val,0.5\n", "at,phase,loss\n2026-11-24 16:04:12,train,0.5\n1764000009,val,0.5\n", "at,phase,loss\n2026-11-23 16:04:11,train,0.5\n1764000000,val,0.6\n"},
		"below a table":          {"epoch,time\n1,1.25\naccuracy, 0.5\n", "epoch,time\n1,7.5\naccuracy, 0.5\n", "epoch,time\n1,1.25\naccuracy, 0.6\n"},
		"monitor":                {"#{\"t_start\": 1764000000.5, \"env_id\": \"A\"}\nr,l,t\n23.0,23,5.687\n", "#{\"t_start\": 1764000009.25, \"env_id\": \"A\"}\nr,l,t\n23.0,23,5.9\n", "#{\"t_start\": 1764000000.5, \"env_id\": \"A\"}\nr,l,t\n24.0,23,5.687\n"},
		"monitor with more":      {"r,l,t,is_success\n23.0,23,5.687,True\n", "r,l,t,is_success\n23.0,23,0.25,True\n", "r,l,t,is_success\n23.0,23,5.687,False\n"},
		"prose":                  {"hello\n", "hello\r\n", "Hello\n"},
	}
	digest := func(t *testing.T, text string) string {
		d, isText, err := MaskedDigest(strings.NewReader(text))
		if err != nil || !isText {
			t.Fatalf("MaskedDigest(%q): text %v, error %v", text, isText, err)
		}
		return d
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if digest(t, tt.a) != digest(t, tt.same) {
				t.Error("a difference that says nothing changed the digest")
			}
			if digest(t, tt.a) == digest(t, tt.other) {
				t.Error("a difference that counts did not change the digest")
			}
		})
	}
}

// Nothing of a file is left out but what differs by nature: not the end of a long line, nor what no terminal shows.
func TestMaskedDigestLeavesNothingOut(t *testing.T) {
	header := strings.Repeat("field = value\n", 1000)
	long := strings.Repeat("0.5 ", maxLine/4)
	for name, pair := range map[string][2]string{
		"the end of a long line":         {long + "0.5\n", long + "0.25\n"},
		"the end of a long last line":    {long + "0.5", long + "0.25"},
		"the length of a long line":      {long + "0.5\n", long + "0.5 0.5\n"},
		"bytes behind a header of text":  {header + "\x01\xff\x02\x03", header + "\x01\xff\x04\x03"},
		"an escape sequence among bytes": {header + "\x01\xff\x1b[31m", header + "\x01\xff\x1b[32m"},
		"control characters":             {header + "a\x01b\n", header + "a\x02b\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var digests [2]string
			for i, text := range pair {
				digest, isText, err := MaskedDigest(strings.NewReader(text))
				if err != nil || !isText {
					t.Fatalf("text %v, %v", isText, err)
				}
				digests[i] = digest
			}
			if digests[0] == digests[1] {
				t.Error("two files have one digest")
			}
		})
	}
}

func TestMaskedDigestOfNumbersOfProcesses(t *testing.T) {
	digest := func(text string, pids ...int64) string {
		d, _, err := MaskedDigest(strings.NewReader(text), pids...)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	const text = "[4711] epoch 3 loss 0.5, of 4711\n"
	if digest(text, 4711, 4700) != digest(strings.ReplaceAll(text, "4711", "815"), 814, 815) {
		t.Error("each run's own number changes the digest")
	}
	for _, other := range []string{
		"[4712] epoch 3 loss 0.5, of 4711\n", "[4711] epoch 4 loss 0.5, of 4711\n", "[4711] epoch 3 loss 0.6, of 4711\n",
	} {
		if digest(text, 4711) == digest(other, 4711) {
			t.Errorf("%q has the digest of %q", other, text)
		}
	}
	for _, part := range []string{"0.%d", "%d.5", "1e-%d", "x%d", "%d_000"} {
		if digest(fmt.Sprintf(part, 4711), 4711) == digest(fmt.Sprintf(part, 815), 815) {
			t.Errorf("%s is taken for the number of a process", part)
		}
	}
}

func TestMaskedDigestRefusesBinary(t *testing.T) {
	for _, in := range []string{"PK\x03\x04\x00\x00", "text\x00", "\xff\xfe\x00"} {
		if _, isText, err := MaskedDigest(strings.NewReader(in)); isText || err != nil {
			t.Errorf("%q: text %v, error %v", in, isText, err)
		}
	}
}
