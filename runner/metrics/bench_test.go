package metrics

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// output is some text as trainings print it, repeated by repeatReader.
var outputs = map[string]string{
	"words":  strings.Repeat("Loading the next shard of the data set and shuffling it again\n", 200),
	"pairs":  strings.Repeat("epoch 3 step 120 | loss: 0.531234 | acc: 0.9312 | lr 1.0e-03 | time: 12.3ms\n", 200),
	"json":   strings.Repeat("{\"epoch\": 3, \"step\": 120, \"loss\": 0.531234, \"acc\": 0.9312, \"time\": 12.3}\n", 200),
	"hf":     strings.Repeat("{'loss': 0.6, 'grad_norm': 1.5, 'learning_rate': 4.5e-05, 'epoch': 0.53}\n", 200),
	"bars":   strings.Repeat(" 12%|█▏        | 12/100 [00:01<00:09,  9.1it/s, loss=0.9]\r", 200) + "\n",
	"logger": strings.Repeat("2026-11-23 16:04:11,123 - INFO - epoch 3 - loss 0.5\n", 200),
}

// repeatReader gives text over and over until size bytes have been read.
func repeatReader(text string, size int64) io.Reader {
	return io.LimitReader(&repeated{text: []byte(text)}, size)
}

type repeated struct {
	text []byte
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	n := copy(p, r.text[r.at:])
	r.at = (r.at + n) % len(r.text)
	return n, nil
}

// BenchmarkRead reads 100 MB of standard output and reports the heap in use at the end beside the speed.
func BenchmarkRead(b *testing.B) {
	const size = 100 << 20
	for name, text := range outputs {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				c := NewCollector("stdout", Options{})
				if _, err := io.Copy(c, repeatReader(text, size)); err != nil {
					b.Fatal(err)
				}
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MB-heap")
				runtime.KeepAlive(c)
			}
		})
	}
}

func BenchmarkMaskedDigest(b *testing.B) {
	const size = 20 << 20
	b.SetBytes(size)
	for b.Loop() {
		if _, _, err := MaskedDigest(repeatReader(outputs["pairs"], size)); err != nil {
			b.Fatal(err)
		}
	}
}

// Twice the input takes about twice the work: the number of allocations, which time would blur, grows no faster.
func TestReadIsLinear(t *testing.T) {
	for name, line := range map[string]string{
		"digits":   "1",
		"words":    "a ",
		"brackets": "(",
		"opened":   "{\"a\":",
		"lists":    "[",
		"quotes":   "'",
		"labels":   "a=",
		"dates":    "2026-11-23 ",
		"paths":    "/tmp/",
		"ratios":   "1/2 ",
		"hex":      "3f",
		"minus":    "-",
		"colons":   "a: ",
	} {
		t.Run(name, func(t *testing.T) {
			work := func(n int) float64 {
				text := strings.Repeat(line, n) + " 1}\n"
				return testing.AllocsPerRun(1, func() {
					if _, err := Read(strings.NewReader(text), Options{MaxPoints: 100}); err != nil {
						t.Fatal(err)
					}
				})
			}
			small, large := work(20_000), work(40_000)
			if large > 2.5*small+100 {
				t.Errorf("%v allocations for 20,000 times %q and %v for 40,000", small, line, large)
			}
		})
	}
}

func ExampleRead() {
	series, _ := Read(bytes.NewBufferString("epoch 1 loss 0.5 took 3.2s\nepoch 2 loss 0.25 took 3.1s\n"), Options{})
	for _, s := range series {
		fmt.Printf("%s: %d points, volatile: %q\n", s.Name, len(s.Points), s.Volatile)
	}
	// Output:
	// loss: 2 points, volatile: ""
	// took: 2 points, volatile: "a time or duration"
}
