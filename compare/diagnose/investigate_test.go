package diagnose

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

type valueOf = func(seed.ID) string

func TestCauses(t *testing.T) {
	untouched := func(v valueOf) []probe.Event {
		return []probe.Event{
			{Kind: probe.KindNew, Stream: seed.NumpyGenerator, File: "train.py", Line: 3, Value: "unseeded", Detail: json.RawMessage(`{"id":1}`)},
			{Kind: probe.KindStream, Stream: seed.NumpyGenerator, File: "train.py", Line: 3, Value: v(seed.NumpyGenerator), Detail: json.RawMessage(`{"at":"exit","id":1,"used":false,"seeded":false}`)},
		}
	}
	// A training on a GPU that adds by index and convolves: equal losses, then gradients by whichever kernel has no fixed result.
	kernels := func(sources ...seed.ID) func(valueOf) []probe.Event {
		return func(v valueOf) []probe.Event {
			gradient := ""
			for _, id := range sources {
				gradient += v(id)
			}
			device := probe.Event{Kind: probe.KindFact, Value: "a GPU", Detail: json.RawMessage(`{"name":"torch.device"}`)}
			return []probe.Event{device, reads(probe.KindOp, seed.TorchNondeterministicOps, 4, ""), reads(probe.KindOp, seed.CudnnDeterministic, 5, ""),
				reads(probe.KindLoss, "", 7, "the same"), reads(probe.KindGrad, "", 8, gradient)}
		}
	}
	// What a generator of the program's own gives is not watched.
	ownGenerator := func(stream seed.ID) func(valueOf) []probe.Event {
		return func(v valueOf) []probe.Event {
			return []probe.Event{{Kind: probe.KindFact, Value: "2.15.0", Detail: json.RawMessage(`{"name":"torch"}`)}, reads(probe.KindSeed, seed.TorchCPU, 1, "0"),
				{Kind: probe.KindFact, Value: "a GPU", Detail: json.RawMessage(`{"name":"torch.device"}`)}, reads(probe.KindLoss, "", 7, v(stream))}
		}
	}
	unseededNumPy := func(v valueOf) []probe.Event {
		return []probe.Event{draws(seed.NumpyLegacy, 7, v(seed.NumpyLegacy))}
	}
	uuidBait := reads(probe.KindEntropy, seed.OSEntropy, 3, "")
	tests := []struct {
		name    string
		world   world
		verdict record.Verdict
		causes  string
		most    int // launches
	}{
		{
			name:    "nothing reaches the loss",
			world:   world{},
			verdict: record.Reproducible, most: 3,
		}, {
			name:    "an unseeded stream",
			world:   world{reaches: []seed.ID{seed.NumpyLegacy}, events: unseededNumPy},
			verdict: record.Diverged, causes: "numpy-legacy proven train.py:7", most: 5,
		}, {
			name: "the order of a set beside a clock and entropy that are only shown",
			world: world{reaches: []seed.ID{seed.PythonHash}, source: "words = set(WORDS)\nt0 = time.time()\nprint(uuid4(), time.time() - t0)", events: func(v valueOf) []probe.Event {
				return []probe.Event{reads(probe.KindClock, seed.WallClock, 2, v("now")), reads(probe.KindEntropy, seed.OSEntropy, 3, v("uuid")), reads(probe.KindClock, seed.WallClock, 3, v("now"))}
			}, zoomed: func(v valueOf) []probe.Event {
				return []probe.Event{executes(1, "words", v(seed.PythonHash)), executes(2, "t0", v(seed.WallClock)), executes(3, "loss", v(seed.PythonHash))}
			}},
			verdict: record.Diverged, causes: "python-hash proven train.py:1", most: 6,
		}, {
			name: "a list that is sorted by addresses, and shows it where it is walked",
			world: world{reaches: []seed.ID{seed.ObjectIdentity}, source: "order = sorted(layers, key=id)\nfor layer in order: init(layer)", zoomed: func(v valueOf) []probe.Event {
				return []probe.Event{executes(1, "order", "a list"), executes(2, "layer", v(seed.ObjectIdentity))}
			}},
			verdict: record.Diverged, causes: "object-identity proven train.py:1", most: 7,
		}, {
			name: "the time since the last step",
			world: world{reaches: []seed.ID{seed.WallClock}, source: "self._last = time.perf_counter()\nnow = time.perf_counter()\ndecay = exp(self._last - now)", events: func(v valueOf) []probe.Event {
				return []probe.Event{reads(probe.KindClock, seed.WallClock, 1, v(seed.WallClock)), reads(probe.KindClock, seed.WallClock, 2, v(seed.WallClock))}
			}},
			verdict: record.Diverged, causes: "wall-clock proven train.py:2", most: 7,
		}, {
			name: "a generator that is seeded with a hash, and shows it where it is drawn from",
			world: world{reaches: []seed.ID{seed.PythonHash}, source: "g = torch.Generator().manual_seed(hash(task))\nlayer = Linear(3)\nlayer.weight.normal_(generator=g)", zoomed: func(v valueOf) []probe.Event {
				return []probe.Event{executes(1, "g", "a generator"), executes(2, "layer", "new"), executes(3, "layer", v(seed.PythonHash))}
			}},
			verdict: record.Diverged, causes: "python-hash proven train.py:1", most: 6,
		}, {
			name: "a clock that decides, beside a set whose order reaches nothing",
			world: world{reaches: []seed.ID{seed.WallClock}, source: "words = set(WORDS)\nt0 = time.time()\nwhile time.time() - t0 < 1: step()", events: func(v valueOf) []probe.Event {
				return []probe.Event{reads(probe.KindClock, seed.WallClock, 2, v(seed.WallClock)), reads(probe.KindClock, seed.WallClock, 3, v(seed.WallClock))}
			}},
			verdict: record.Diverged, causes: "wall-clock proven train.py:3", most: 7,
		}, {
			name:    "an unseeded stream that reaches one of very many files",
			world:   world{writes: 3 * maxHeld, reaches: []seed.ID{seed.NumpyLegacy}, events: unseededNumPy},
			verdict: record.Diverged, causes: "numpy-legacy proven train.py:7", most: 5,
		}, {
			name:    "very many files, all the same",
			world:   world{writes: 3 * maxHeld},
			verdict: record.Reproducible, most: 3,
		}, {
			name:    "an unseeded stream that reaches nothing",
			world:   world{events: unseededNumPy},
			verdict: record.Reproducible, most: 5, // two more, in case three agreed by luck
		}, {
			name:    "an unseeded generator that nobody draws from",
			world:   world{events: untouched},
			verdict: record.Reproducible, most: 3,
		}, {
			name:    "an unseeded generator that only a worker draws from, in its own copy",
			world:   world{reaches: []seed.ID{seed.NumpyGenerator}, events: untouched, children: []string{"main/worker-0"}},
			verdict: record.Diverged, causes: "numpy-generator proven train.py:3", most: 5,
		}, {
			name:    "an unseeded generator of which a copy is drawn from",
			world:   world{reaches: []seed.ID{seed.NumpyGenerator}, events: untouched},
			verdict: record.Diverged, causes: "numpy-generator proven train.py:3", most: 6,
		}, {
			name: "bait that differs in every run beside the cause",
			world: world{reaches: []seed.ID{seed.PythonHash}, events: func(v valueOf) []probe.Event {
				bait := uuidBait
				bait.Value = v(seed.OSEntropy)
				return []probe.Event{bait}
			}, zoomed: func(v valueOf) []probe.Event {
				return []probe.Event{executes(3, "name", v(seed.OSEntropy)), executes(9, "vocabulary", v(seed.PythonHash)), executes(10, "loss", v(seed.PythonHash))}
			}},
			verdict: record.Diverged, causes: "python-hash proven train.py:9", most: 8,
		}, {
			name: "an unseeded stream as bait beside the hash seed",
			world: world{reaches: []seed.ID{seed.PythonHash}, events: unseededNumPy, zoomed: func(v valueOf) []probe.Event {
				return []probe.Event{executes(7, "jitter", v(seed.NumpyLegacy)), executes(9, "vocabulary", v(seed.PythonHash))}
			}},
			verdict: record.Diverged, causes: "python-hash proven train.py:9", most: 10,
		}, {
			name:    "convolutions, beside an operator that deterministic algorithms cover as well",
			world:   world{reaches: []seed.ID{seed.CudnnDeterministic}, events: kernels(seed.CudnnDeterministic)},
			verdict: record.Diverged, causes: "cudnn-deterministic proven train.py:5", most: 6,
		}, {
			name:    "an operator, beside convolutions",
			world:   world{reaches: []seed.ID{seed.TorchNondeterministicOps}, events: kernels(seed.TorchNondeterministicOps)},
			verdict: record.Diverged, causes: "torch-nondeterministic-ops proven train.py:4", most: 7,
		}, {
			name: "an operator that adds up on a GPU in the loss itself",
			world: world{reaches: []seed.ID{seed.TorchNondeterministicOps}, events: func(v valueOf) []probe.Event {
				adds := reads(probe.KindOp, seed.TorchNondeterministicOps, 4, "")
				adds.Detail = json.RawMessage(`{"op":"index_add","forward":true}`)
				return append([]probe.Event{reads(probe.KindOp, seed.TorchNondeterministicOps, 3, ""), adds, reads(probe.KindLoss, "", 7, v(seed.TorchNondeterministicOps))},
					kernels()(v)...)
			}},
			verdict: record.Diverged, causes: "torch-nondeterministic-ops proven train.py:4", most: 6,
		}, {
			name: "a generator on a GPU, seeded from the system's entropy",
			world: world{reaches: []seed.ID{seed.TorchCUDA}, source: "noise = torch.Generator(device=device)\nnoise.seed()",
				events: ownGenerator(seed.TorchCUDA)},
			verdict: record.Diverged, causes: "torch-cuda proven :0", most: 5,
		}, {
			name: "a generator on the CPU, seeded from the system's entropy, while a GPU is in use",
			world: world{reaches: []seed.ID{seed.TorchCPU}, source: "order = torch.Generator()\norder.seed()",
				events: ownGenerator(seed.TorchCPU)},
			verdict: record.Diverged, causes: "torch-cpu proven :0", most: 5,
		}, {
			name: "two streams",
			world: world{reaches: []seed.ID{seed.NumpyLegacy, seed.PythonRandom}, events: func(v valueOf) []probe.Event {
				return []probe.Event{draws(seed.PythonRandom, 4, v(seed.PythonRandom)), draws(seed.NumpyLegacy, 7, v(seed.NumpyLegacy))}
			}},
			verdict: record.Diverged, causes: "python-random proven train.py:4, numpy-legacy proven train.py:7", most: 7,
		}, {
			name: "weights, and after the runs have parted over them, a shuffle",
			world: world{reaches: []seed.ID{seed.TorchCPU, seed.PythonRandom}, events: func(v valueOf) []probe.Event {
				return []probe.Event{draws(seed.TorchCPU, 4, v(seed.TorchCPU)), reads(probe.KindInit, "", 5, v(seed.TorchCPU)), draws(seed.PythonRandom, 9, v(seed.PythonRandom))}
			}},
			verdict: record.Diverged, causes: "torch-cpu proven train.py:4, python-random proven train.py:9", most: 7,
		}, {
			name: "weights, and a shuffle that follows from them",
			world: world{reaches: []seed.ID{seed.TorchCPU}, events: func(v valueOf) []probe.Event {
				return []probe.Event{draws(seed.TorchCPU, 4, v(seed.TorchCPU)), reads(probe.KindInit, "", 5, v(seed.TorchCPU)), draws(seed.PythonRandom, 9, v(seed.TorchCPU))}
			}},
			verdict: record.Diverged, causes: "torch-cpu proven train.py:4", most: 5,
		}, {
			name: "a hash seed beside a seed from the clock",
			world: world{reaches: []seed.ID{seed.PythonHash, seed.WallClock}, source: "words = set(WORDS)", events: func(v valueOf) []probe.Event {
				now := v(seed.WallClock)
				return []probe.Event{reads(probe.KindClock, seed.WallClock, 5, now), seeds(seed.PythonRandom, 5, now, "clock"), draws(seed.PythonRandom, 8, now)}
			}, zoomed: func(v valueOf) []probe.Event { return []probe.Event{executes(1, "words", v(seed.PythonHash))} }},
			verdict: record.Diverged, causes: "wall-clock proven train.py:5, python-hash proven train.py:1", most: 10,
		}, {
			name: "threads that nothing puts in order, beside a clock that is only read",
			world: world{reaches: []seed.ID{"scheduler"}, events: func(v valueOf) []probe.Event {
				return []probe.Event{reads(probe.KindClock, seed.WallClock, 3, v(seed.WallClock)), startsThread(12)}
			}},
			verdict: record.Diverged, causes: "concurrency observed train.py:12", most: 6,
		}, {
			name: "a clock beside threads that do nothing to the result",
			world: world{reaches: []seed.ID{seed.WallClock}, events: func(v valueOf) []probe.Event {
				return []probe.Event{reads(probe.KindClock, seed.WallClock, 3, v(seed.WallClock)), startsThread(12)}
			}},
			verdict: record.Diverged, causes: "wall-clock proven train.py:3", most: 9,
		}, {
			name: "a seed from the clock",
			world: world{reaches: []seed.ID{seed.WallClock}, events: func(v valueOf) []probe.Event {
				now := v(seed.WallClock)
				return []probe.Event{reads(probe.KindClock, seed.WallClock, 5, now), seeds(seed.PythonRandom, 5, now, "clock"), draws(seed.PythonRandom, 8, now)}
			}},
			verdict: record.Diverged, causes: "wall-clock proven train.py:5", most: 5,
		}, {
			name: "a seed from the clock that another line has read, after bait",
			world: world{reaches: []seed.ID{seed.WallClock}, events: func(v valueOf) []probe.Event {
				now := v(seed.WallClock)
				seeding := seeds(seed.PythonRandom, 5, now, "clock")
				seeding.Detail = json.RawMessage(`{"api":"seed","origin":"clock","origin_file":"train.py","origin_line":3}`)
				return []probe.Event{reads(probe.KindClock, seed.WallClock, 2, now), reads(probe.KindClock, seed.WallClock, 3, now), seeding, draws(seed.PythonRandom, 8, now)}
			}},
			verdict: record.Diverged, causes: "wall-clock proven train.py:3", most: 5,
		}, {
			name: "a stream that is seeded, drawn from, and seeded anew from nothing",
			world: world{reaches: []seed.ID{seed.PythonRandom}, events: func(v valueOf) []probe.Event {
				return []probe.Event{seeds(seed.PythonRandom, 2, "0", ""), draws(seed.PythonRandom, 8, "as seeded"),
					seeds(seed.PythonRandom, 5, "None", ""), draws(seed.PythonRandom, 8, v(seed.PythonRandom))}
			}},
			verdict: record.Diverged, causes: "python-random proven train.py:5", most: 5,
		}, {
			name: "a stream that is seeded from nothing first and with a value before it is drawn from",
			world: world{reaches: []seed.ID{seed.PythonHash}, events: func(v valueOf) []probe.Event {
				return []probe.Event{seeds(seed.PythonRandom, 5, "None", ""), seeds(seed.PythonRandom, 2, "0", ""), draws(seed.PythonRandom, 8, v(seed.PythonHash))}
			}, zoomed: func(v valueOf) []probe.Event { return []probe.Event{executes(6, "order", v(seed.PythonHash))} }},
			verdict: record.Diverged, causes: "python-hash proven train.py:6", most: 6,
		}, {
			name: "a draw that follows from equal seeds and another path is no cause",
			world: world{reaches: []seed.ID{seed.PythonHash}, events: func(v valueOf) []probe.Event {
				return []probe.Event{seeds(seed.PythonRandom, 2, "0", ""), draws(seed.PythonRandom, 8, v(seed.PythonHash))}
			}, zoomed: func(v valueOf) []probe.Event { return []probe.Event{executes(6, "order", v(seed.PythonHash))} }},
			verdict: record.Diverged, causes: "python-hash proven train.py:6", most: 6,
		}, {
			name: "addresses, which need the hash seed pinned beside them",
			world: world{reaches: []seed.ID{seed.ObjectIdentity}, zoomed: func(v valueOf) []probe.Event {
				return []probe.Event{executes(11, "node", v(seed.ObjectIdentity))}
			}},
			verdict: record.Diverged, causes: "object-identity proven train.py:11", most: 8,
		}, {
			name: "addresses at a line that shows them",
			world: world{reaches: []seed.ID{seed.ObjectIdentity}, source: "nodes = {Node(n) for n in range(9)}\nfor node in nodes: loss += node.n", zoomed: func(v valueOf) []probe.Event {
				return []probe.Event{executes(1, "nodes", "set{...}"), executes(2, "node", "<Node{"+v(seed.ObjectIdentity)+"}>")}
			}},
			verdict: record.Diverged, causes: "object-identity proven train.py:2", most: 6,
		}, {
			name: "addresses that the hash seed decides, and that tracing brings into one order",
			world: world{reaches: []seed.ID{seed.PythonHash}, hides: true, source: "kinds = set(KINDS)\nfor kind in kinds: loss += kind.n", zoomed: func(valueOf) []probe.Event {
				return []probe.Event{executes(1, "kinds", "set{...}"), executes(2, "kind", "<type Relu>")}
			}},
			verdict: record.Diverged, causes: "object-identity proven train.py:2", most: 9,
		}, {
			name: "addresses, and beside them the hash seed at another line",
			world: world{reaches: []seed.ID{seed.ObjectIdentity, seed.PythonHash}, source: "for node in nodes: loss += node.n\nfor word in words: loss += len(word)", zoomed: func(v valueOf) []probe.Event {
				return []probe.Event{executes(1, "node", "<Node{"+v(seed.ObjectIdentity)+"}>"), executes(2, "word", v(seed.PythonHash))}
			}},
			verdict: record.Diverged, causes: "object-identity proven train.py:1, python-hash proven train.py:2", most: 9,
		}, {
			name: "addresses, which the hash seed moves, at a line that shows no value of them",
			world: world{reaches: []seed.ID{seed.ObjectIdentity, seed.PythonHash}, source: "layers = {Linear() for _ in range(5)}\nnet = Sequential(*layers)", zoomed: func(valueOf) []probe.Event {
				return []probe.Event{executes(1, "layers", "set{...}"), executes(2, "net", "Sequential")}
			}},
			verdict: record.Diverged, causes: "object-identity proven train.py:1", most: 10,
		}, {
			name: "a hash seed beside a date, which is the same in all runs and not in pinned ones",
			world: world{reaches: []seed.ID{seed.PythonHash, seed.WallClock}, steady: []seed.ID{seed.WallClock}, events: func(v valueOf) []probe.Event {
				return []probe.Event{reads(probe.KindClock, seed.WallClock, 2, v("now"))}
			}, zoomed: func(v valueOf) []probe.Event { return []probe.Event{executes(6, "order", v(seed.PythonHash))} }},
			verdict: record.Diverged, causes: "python-hash proven train.py:6", most: 10,
		}, {
			name: "a clock that something else has read",
			world: world{reaches: []seed.ID{"date"}, events: func(v valueOf) []probe.Event {
				return []probe.Event{seeds(seed.PythonRandom, 3, v("date"), "clock")}
			}},
			verdict: record.Diverged, causes: "wall-clock observed train.py:3", most: 10,
		}, {
			name: "entropy of what starts Python",
			world: world{reaches: []seed.ID{seed.OSEntropy}, events: func(v valueOf) []probe.Event {
				return []probe.Event{
					{Kind: probe.KindProcess, Detail: json.RawMessage(fmt.Sprintf(`{"hash_seed":"random","argv":["python3","train.py",%q]}`, v(seed.OSEntropy)))},
					seeds(seed.PythonRandom, 3, v(seed.OSEntropy), ""),
				}
			}},
			verdict: record.Diverged, causes: "os-entropy proven train.py:3", most: 7,
		}, {
			name: "a hash seed at a line that may hash an address",
			world: world{reaches: []seed.ID{seed.PythonHash}, source: "random.seed(hash(name))", events: func(v valueOf) []probe.Event {
				return []probe.Event{seeds(seed.PythonRandom, 1, v(seed.PythonHash), "")}
			}},
			verdict: record.Diverged, causes: "python-hash proven train.py:1", most: 5,
		}, {
			name: "an address at a line that may hash a text",
			world: world{reaches: []seed.ID{seed.ObjectIdentity}, source: "key = hash(model)\nrandom.seed(key)", events: func(v valueOf) []probe.Event {
				return []probe.Event{seeds(seed.PythonRandom, 2, v(seed.ObjectIdentity), "")}
			}, zoomed: func(v valueOf) []probe.Event { return []probe.Event{executes(1, "key", v(seed.ObjectIdentity))} }},
			verdict: record.Diverged, causes: "object-identity proven train.py:1", most: 6,
		}, {
			name: "addresses that the hash seed moves as well",
			world: world{reaches: []seed.ID{seed.ObjectIdentity, seed.PythonHash}, zoomed: func(v valueOf) []probe.Event {
				return []probe.Event{executes(11, "tensor", v(seed.ObjectIdentity)+v(seed.PythonHash))}
			}},
			verdict: record.Diverged, causes: "object-identity proven train.py:11", most: 8,
		}, {
			name: "addresses, and the hash seed at another line",
			world: world{reaches: []seed.ID{seed.ObjectIdentity, seed.PythonHash}, zoomed: func(v valueOf) []probe.Event {
				return []probe.Event{executes(9, "vocabulary", v(seed.PythonHash)), executes(11, "tensor", v(seed.ObjectIdentity)+v(seed.PythonHash))}
			}},
			verdict: record.Diverged, causes: "python-hash proven train.py:9, object-identity proven train.py:11", most: 10,
		}, {
			name: "memory of a tensor's constructor, which the hash seed and addresses fill",
			world: world{reaches: []seed.ID{seed.UninitialisedMemory}, source: "hidden = torch.Tensor(16, 16)", events: func(valueOf) []probe.Event {
				return []probe.Event{draws(seed.TorchCPU, 1, "the same")}
			}, zoomed: func(v valueOf) []probe.Event {
				return []probe.Event{executes(1, "hidden", v(seed.UninitialisedMemory))}
			}},
			verdict: record.Diverged, causes: "uninitialised-memory proven train.py:1", most: 6,
		}, {
			name: "a seed made of the one that torch began with",
			world: world{reaches: []seed.ID{seed.TorchCPU}, events: func(v valueOf) []probe.Event {
				return []probe.Event{seeds(seed.NumpyLegacy, 5, v(seed.TorchCPU), "torch-cpu"), draws(seed.NumpyLegacy, 6, v(seed.TorchCPU)), draws(seed.TorchCPU, 8, v(seed.TorchCPU))}
			}},
			verdict: record.Diverged, causes: "torch-cpu proven train.py:5", most: 5,
		}, {
			name: "drawn weights that are overwritten, and compiled code that draws on",
			world: world{reaches: []seed.ID{seed.TorchCPU}, events: func(v valueOf) []probe.Event {
				state := func(step int64, at string) probe.Event {
					return probe.Event{Kind: probe.KindStream, Stream: seed.TorchCPU, Step: step, Value: at + v(seed.TorchCPU), Detail: json.RawMessage(`{"at":"step","used":true}`)}
				}
				return []probe.Event{draws(seed.TorchCPU, 4, v(seed.TorchCPU)), reads(probe.KindInit, "", 8, "constant"), reads(probe.KindLoss, "", 10, v(seed.TorchCPU)), state(1, "one"), state(2, "two")}
			}, zoomed: func(v valueOf) []probe.Event { return []probe.Event{executes(9, "hidden", v(seed.TorchCPU))} }},
			verdict: record.Diverged, causes: "torch-cpu proven train.py:9", most: 5,
		}, {
			name: "data that are split at random, beside weights that are overwritten and a loader that draws a seed at each epoch",
			world: world{reaches: []seed.ID{seed.TorchCPU}, events: func(v valueOf) []probe.Event {
				state := func(step int64, at string) probe.Event {
					return probe.Event{Kind: probe.KindStream, Stream: seed.TorchCPU, Step: step, Value: at + v(seed.TorchCPU), Detail: json.RawMessage(`{"at":"step","used":true}`)}
				}
				loader := draws(seed.TorchCPU, 9, v(seed.TorchCPU))
				loader.Detail = json.RawMessage(`{"api":"DataLoader","purpose":"unused-base-seed"}`)
				return []probe.Event{draws(seed.TorchCPU, 4, v(seed.TorchCPU)), reads(probe.KindInit, "", 8, "constant"), loader, reads(probe.KindLoss, "", 10, v(seed.TorchCPU)), state(1, "one"), state(2, "two")}
			}, zoomed: func(v valueOf) []probe.Event { return []probe.Event{executes(9, "x", v(seed.TorchCPU))} }},
			verdict: record.Diverged, causes: "torch-cpu proven train.py:4", most: 5,
		}, {
			name: "a line that draws at each step, of which the first changed nothing",
			world: world{reaches: []seed.ID{seed.PythonRandom}, events: func(v valueOf) []probe.Event {
				at := func(step int64, e probe.Event) probe.Event {
					e.Step = step
					return e
				}
				state := func(step int64) probe.Event {
					return probe.Event{Kind: probe.KindStream, Stream: seed.PythonRandom, Step: step, Value: fmt.Sprint(step, v(seed.PythonRandom)), Detail: json.RawMessage(`{"at":"step","used":true}`)}
				}
				draw := draws(seed.PythonRandom, 4, v(seed.PythonRandom))
				return []probe.Event{draw, reads(probe.KindLoss, "", 10, "the same"), state(1), at(1, draw), at(1, reads(probe.KindLoss, "", 10, v(seed.PythonRandom))), state(2)}
			}, zoomed: func(v valueOf) []probe.Event { return []probe.Event{executes(9, "x", v(seed.PythonRandom))} }},
			verdict: record.Diverged, causes: "python-random proven train.py:4", most: 5,
		}, {
			name: "an answer of another program, which nothing pins",
			world: world{reaches: []seed.ID{"outside"}, events: func(valueOf) []probe.Event {
				return []probe.Event{draws(seed.TorchCPU, 4, "same in every run"), connects(6)}
			}},
			verdict: record.Diverged, causes: "external-state observed train.py:6", most: 5,
		}, {
			name: "a connection beside a stream that nothing has seeded",
			world: world{reaches: []seed.ID{seed.NumpyLegacy}, events: func(v valueOf) []probe.Event {
				return []probe.Event{connects(3), draws(seed.NumpyLegacy, 7, v(seed.NumpyLegacy))}
			}},
			verdict: record.Diverged, causes: "numpy-legacy proven train.py:7", most: 5,
		}, {
			name: "a connection beside threads that nothing puts in order",
			world: world{reaches: []seed.ID{"scheduler"}, events: func(valueOf) []probe.Event {
				return []probe.Event{connects(3), startsThread(12)}
			}},
			verdict: record.Diverged, causes: "concurrency observed train.py:12", most: 5,
		}, {
			name: "a race that nothing pins",
			world: world{reaches: []seed.ID{"scheduler"}, events: func(valueOf) []probe.Event {
				return []probe.Event{reads(probe.KindTask, seed.Concurrency, 12, "")}
			}},
			verdict: record.Diverged, causes: "concurrency observed train.py:12", most: 7,
		}, {
			name: "a clock that one line shows and the next one asks",
			world: world{reaches: []seed.ID{seed.WallClock}, source: "start = time.time()\nprint('took', time.time() - start)\nif time.time() - start > 1:\n    stop()\n",
				events: func(v valueOf) []probe.Event {
					now := v(seed.WallClock)
					return []probe.Event{reads(probe.KindClock, seed.WallClock, 1, now), reads(probe.KindClock, seed.WallClock, 2, now), reads(probe.KindClock, seed.WallClock, 3, now)}
				}},
			verdict: record.Diverged, causes: "wall-clock proven train.py:3", most: 6,
		}, {
			name: "a difference of unknown origin is nobody's fault",
			world: world{reaches: []seed.ID{"outside"}, events: func(v valueOf) []probe.Event {
				return []probe.Event{draws(seed.TorchCPU, 4, "same in every run")}
			}},
			verdict: record.Diverged, causes: "", most: 8,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := test.world
			w.t = t
			audit := w.investigate(record.Settings{})
			if audit.Verdict != test.verdict {
				t.Errorf("verdict %s, want %s (%s)", audit.Verdict, test.verdict, audit.Reason)
			}
			if got := convicted(audit); got != test.causes {
				t.Errorf("causes %q, want %q\nexperiments: %v", got, test.causes, w.asked)
			}
			if w.run > test.most {
				t.Errorf("%d launches, want at most %d: %v", w.run, test.most, w.asked)
			}
		})
	}
}

// Threads that most often take turns in one order make runs agree whatever is pinned, with each other and with most as shipped.
func TestTheUsualOrderConvictsNobody(t *testing.T) {
	for _, luck := range [][]int{{0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1}, {0, 1, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1}, {3, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1}} {
		w := world{t: t, luck: luck, reaches: []seed.ID{"scheduler"}, events: func(valueOf) []probe.Event {
			return []probe.Event{startsThread(4), startsThread(4)}
		}}
		if got := convicted(w.investigate(record.Settings{})); got != "concurrency observed train.py:4" {
			t.Errorf("luck %v: causes %q after %v, want concurrency as observed", luck, got, w.asked)
		}
	}
}

// A program that a library asks for the machine's name is no work that goes on beside the training; one that a user's line starts may be.
func TestAskingAProgramIsNoRace(t *testing.T) {
	for lib, want := range map[string]string{"platform": "", "": "concurrency observed train.py:4"} {
		w := world{t: t, reaches: []seed.ID{"unknown"}, events: func(valueOf) []probe.Event {
			return []probe.Event{{Kind: probe.KindTask, Stream: seed.Concurrency, File: "train.py", Line: 4, Lib: lib, Detail: json.RawMessage(`{"api":"subprocess.Popen"}`)}}
		}}
		if got := convicted(w.investigate(record.Settings{})); got != want {
			t.Errorf("started by %q: causes %q, want %q", lib, got, want)
		}
	}
}

// A run without several sources that has only shifted, as with another number of threads, shows none of the others at work.
func TestAShiftedGroupConvictsNobody(t *testing.T) {
	for _, shifting := range []seed.ID{seed.Threads, seed.FileOrder, seed.Host} {
		w := world{t: t, steady: []seed.ID{shifting}, reaches: []seed.ID{seed.NumpyGenerator, seed.NumpyLegacy, seed.TorchCPU, shifting},
			source: "order = list(set(names))", events: func(v valueOf) []probe.Event {
				return []probe.Event{{Kind: probe.KindFact, Value: "2.15.0", Detail: json.RawMessage(`{"name":"torch"}`)}, {Kind: probe.KindFact, Value: "2.4.6", Detail: json.RawMessage(`{"name":"numpy"}`)},
					draws(seed.TorchCPU, 4, v(seed.TorchCPU)), reads(probe.KindLoss, "", 7, v(seed.TorchCPU)+v(seed.NumpyGenerator)+v(seed.NumpyLegacy))}
			}}
		want := "torch-cpu proven train.py:4, numpy-generator proven :0, numpy-legacy proven :0"
		if got := convicted(w.investigate(record.Settings{})); got != want {
			t.Errorf("beside %s: causes %q after %v, want %q", shifting, got, w.asked, want)
		}
	}
}

// A search that comes to no end proves nothing.
func TestUnfinishedSearchesProveNothing(t *testing.T) {
	w := world{t: t, budget: 8, reaches: []seed.ID{seed.NumpyLegacy, seed.PythonRandom, seed.TorchCPU}, events: func(v valueOf) []probe.Event {
		return []probe.Event{draws(seed.PythonRandom, 4, v(seed.PythonRandom)), draws(seed.NumpyLegacy, 7, v(seed.NumpyLegacy)), draws(seed.TorchCPU, 9, v(seed.TorchCPU))}
	}}
	if got := convicted(w.investigate(record.Settings{})); strings.Contains(got, "proven") || strings.Count(got, "suspected") != 3 {
		t.Errorf("causes %q after %v, want three suspected", got, w.asked)
	}
}

// Runs whose streams differ can agree by luck, where a training shows no more than a few digits.
func TestMoreRunsWhereRandomnessEntered(t *testing.T) {
	run := 0
	w := world{t: t, reaches: []seed.ID{"coin"}, luck: []int{0, 0, 0, 1, 2, 3, 4, 5}, events: func(valueOf) []probe.Event {
		run++
		return []probe.Event{draws(seed.NumpyLegacy, 7, fmt.Sprint(run))}
	}}
	if audit := w.investigate(record.Settings{}); audit.Verdict != record.Diverged || !slices.Equal(w.asked[3:5], []string{"as-shipped", "as-shipped"}) {
		t.Errorf("%s after %v, want diverged by the fourth run", audit.Verdict, w.asked)
	}
}

// A timer goes off after a time, and no order of tasks has to do with it.
func TestATimerIsToldAsOne(t *testing.T) {
	w := world{t: t, reaches: []seed.ID{"unknown"}, events: func(valueOf) []probe.Event {
		return []probe.Event{{Kind: probe.KindTask, Stream: seed.Concurrency, File: "train.py", Line: 4, Detail: json.RawMessage(`{"api":"threading.Thread.start","timer":true}`)}}
	}}
	audit := w.investigate(record.Settings{})
	if got := convicted(audit); got != "concurrency observed train.py:4" {
		t.Fatalf("causes %q", got)
	}
	if c := audit.Causes[0]; !strings.Contains(c.Story, "starts a timer") || !strings.Contains(c.Fix, "number of steps") {
		t.Errorf("told as %q, mended by %q", c.Story, c.Fix)
	}
}

// A file with a temporary name is of one run alone: no other finds it.
func TestTemporaryFilesCarryNothing(t *testing.T) {
	for path, want := range map[string]string{"/tmp/data_%d/a.npy": "", "/srv/cache.npy": "external-state observed train.py:9"} {
		w := world{t: t, reaches: []seed.ID{"unknown"}}
		w.events = func(valueOf) []probe.Event {
			path := path
			if strings.Contains(path, "%d") {
				path = fmt.Sprintf(path, w.run)
			}
			return []probe.Event{{Kind: probe.KindOpen, Stream: seed.ExternalState, File: "train.py", Line: 9, Value: "w",
				Detail: json.RawMessage(fmt.Sprintf(`{"path":%q}`, path))}}
		}
		if got := convicted(w.investigate(record.Settings{})); got != want {
			t.Errorf("%s: causes %q, want %q", path, got, want)
		}
	}
}

// Of hash() and id() often only a remainder is used, which comes to the same in some runs, as the order of a set of two does.
func TestMoreRunsWhereHashesAreAskedFor(t *testing.T) {
	for source, want := range map[string]record.Verdict{
		"labels = list(set(names))":                                     record.Diverged,
		"labels = {n: i for i, n in enumerate({d[-1] for d in docs})}":  record.Diverged,
		"for name in set(names):":                                       record.Diverged,
		"names = {d.name for d in docs}\nfor i, n in enumerate(names):": record.Diverged,
		"seen = set()\nif name in seen: pass":                           record.Reproducible,
		"labels = sorted(set(names))\nfor name in labels:":              record.Reproducible,
		"size = len({d.name for d in docs})":                            record.Reproducible,
		"bucket = hash(name) % 3":                                       record.Diverged, "key = id(model) >> 4 & 1": record.Diverged, "bucket = crc32(name) % 3": record.Reproducible,
	} {
		w := world{t: t, reaches: []seed.ID{seed.PythonHash}, luck: []int{0, 0, 0, 1, 2, 3, 4, 5}, source: source, events: func(valueOf) []probe.Event {
			return []probe.Event{draws(seed.NumpyLegacy, 7, "the same")}
		}}
		if audit := w.investigate(record.Settings{}); audit.Verdict != want {
			t.Errorf("%s: %s after %v, want %s", source, audit.Verdict, w.asked, want)
		}
	}
}

// A shell hides that its training failed: what was written before that is no evidence. A process beside the training is worth a warning.
func TestHiddenFailure(t *testing.T) {
	trains := probe.Event{Kind: probe.KindFact, Value: "2", Detail: json.RawMessage(`{"name":"torch.num_threads"}`)}
	ends := func(state ...probe.Event) func(valueOf) []probe.Event {
		return func(valueOf) []probe.Event {
			return append(state, probe.Event{Kind: probe.KindExit, Detail: json.RawMessage(`{"error":"ImportError"}`)})
		}
	}
	for _, test := range []struct {
		name    string
		world   world
		verdict record.Verdict
		warns   int
	}{
		{"nothing but a log", world{noMetrics: true, events: ends()}, record.Inconclusive, 1},
		{"a traceback that looks like a metric", world{events: ends()}, record.Inconclusive, 1},
		{"after steps of its own", world{events: ends(trains, reads(probe.KindLoss, "", 3, "0.5"))}, record.Inconclusive, 1},
		{"beside the training", world{events: ends(reads(probe.KindLoss, "", 3, "0.5"))}, record.Reproducible, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := test.world
			w.t = t
			audit := w.investigate(record.Settings{})
			warns := 0
			for _, w := range audit.Warnings {
				if w.ID == "uncaught-exception" && strings.Contains(w.Text, "ImportError") {
					warns++
				}
			}
			if audit.Verdict != test.verdict || warns != test.warns || strings.Contains(audit.Reason, "ImportError") != (test.verdict == record.Inconclusive) {
				t.Errorf("%s (%s) with %d warnings, want %s with %d", audit.Verdict, audit.Reason, warns, test.verdict, test.warns)
			}
		})
	}
}

func TestConstructsTensor(t *testing.T) {
	for line, want := range map[string]bool{
		"h = torch.Tensor(16, 16)": true, "h = torch.FloatTensor(n, m)": true, "w = Parameter(torch.Tensor(x.size(0), 3))": true,
		"h = torch.Tensor(*shape)": true, "h = torch.Tensor(7)": true, "a = np.ndarray((3, 3))": true,
		"h = torch.Tensor(rows)": false, "h = torch.Tensor([1, 2])": false, "h = torch.LongTensor([[0, 1]])": false, "isinstance(h, torch.Tensor)": false,
		"def f(h: torch.Tensor, n)": false, "isinstance(a, np.ndarray)": false,
	} {
		if got := constructsTensor().MatchString(line); got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
}

func TestAfterShared(t *testing.T) {
	run := func(value string) trace.Source {
		return memory{[]probe.Event{executes(4, "weight", value), reads(probe.KindInit, "", 8, "constant"),
			executes(9, "hidden", value), reads(probe.KindLoss, "", 10, value)}}
	}
	differences, err := trace.Zoom(run("a"), run("b"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	after, err := afterShared(run("a"), run("b"), slices.Clone(differences))
	for _, d := range after {
		lines = append(lines, d.Line)
	}
	if err != nil || len(differences) != 2 || !slices.Equal(lines, []int{9}) {
		t.Errorf("of %d differences those at lines %v are left, want 9 of 2 (%v)", len(differences), lines, err)
	}
}

// Work that goes on at the same time ends in the same order on a quiet machine: one run with delays tells whether that matters.
func TestDelays(t *testing.T) {
	threads := func(n int, then string) func(valueOf) []probe.Event {
		return func(valueOf) []probe.Event {
			return slices.Repeat([]probe.Event{{Kind: probe.KindTask, Stream: seed.Concurrency, File: "train.py", Line: 4, Detail: json.RawMessage(then)}}, n)
		}
	}
	computing := func(n int, then string) func(valueOf) []probe.Event {
		return func(v valueOf) []probe.Event {
			return append(threads(n, then)(v), probe.Event{Kind: probe.KindFact, Value: "2.4.6", Detail: json.RawMessage(`{"name":"numpy"}`)})
		}
	}
	const thread, pool = `{"api":"threading.Thread.start"}`, `{"api":"multiprocessing.pool.Pool","workers":%d}`
	tests := []struct {
		name     string
		world    world
		settings record.Settings
		verdict  record.Verdict
		causes   string
		launches int
	}{
		{"order matters", world{together: []seed.ID{seed.Concurrency}, events: threads(2, thread)}, record.Settings{}, record.Diverged, "concurrency proven train.py:4", 7},
		{"order does not matter", world{events: threads(2, thread)}, record.Settings{}, record.Reproducible, "", 4},
		{"one thread alone", world{together: []seed.ID{seed.Concurrency}, events: threads(1, thread)}, record.Settings{}, record.Reproducible, "", 3},
		{"a pool of several", world{together: []seed.ID{seed.Concurrency}, events: threads(1, fmt.Sprintf(pool, 3))}, record.Settings{}, record.Diverged, "concurrency proven train.py:4", 7},
		{"a run that differs for another reason", world{reaches: []seed.ID{seed.Host}, luck: []int{0, 0, 0, 1, 0}, events: threads(2, thread)}, record.Settings{}, record.Inconclusive, "", 5},
		{"the number of threads matters", world{reaches: []seed.ID{seed.Threads}, steady: []seed.ID{seed.Threads}, events: computing(2, thread)},
			record.Settings{}, record.Reproducible, "", 5},
		{"order and the number of threads matter", world{reaches: []seed.ID{seed.Threads}, steady: []seed.ID{seed.Threads}, together: []seed.ID{seed.Concurrency},
			events: computing(2, thread)}, record.Settings{}, record.Diverged, "concurrency proven train.py:4", 8},
		{"a pool of one", world{together: []seed.ID{seed.Concurrency}, events: threads(1, fmt.Sprintf(pool, 1))}, record.Settings{}, record.Reproducible, "", 3},
		{"pinned by the user", world{together: []seed.ID{seed.Concurrency}, events: threads(2, thread)}, record.Settings{Pin: []seed.ID{seed.Concurrency}}, record.Reproducible, "", 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := test.world
			w.t = t
			audit := w.investigate(test.settings)
			if got := convicted(audit); audit.Verdict != test.verdict || got != test.causes || w.run != test.launches {
				t.Errorf("%s, causes %q, %d launches: %v; want %s, %q, %d", audit.Verdict, got, w.run, w.asked, test.verdict, test.causes, test.launches)
			}
		})
	}
}

// Without Python no trace shows anything: what such a command can draw from is pinned together, and nothing of Python's with it.
func TestCommandsWithoutPython(t *testing.T) {
	w := world{t: t, reaches: []seed.ID{seed.OSEntropy}, noPython: true}
	audit := w.investigate(record.Settings{})
	if got := convicted(audit); got != "os-entropy proven :0" || w.run > 6 {
		t.Errorf("causes %q after %v, want os-entropy in 6", got, w.asked)
	}
	w = world{t: t, reaches: []seed.ID{seed.WallClock}, noPython: true}
	audit = w.investigate(record.Settings{})
	if got := convicted(audit); got != "wall-clock proven :0" || w.run > 8 {
		t.Errorf("causes %q after %v, want wall-clock in 8", got, w.asked)
	}
	w = world{t: t, reaches: []seed.ID{seed.ObjectIdentity}, noPython: true}
	audit = w.investigate(record.Settings{})
	if got := convicted(audit); got != "object-identity proven :0" {
		t.Errorf("causes %q after %v, want object-identity", got, w.asked)
	}
	w = world{t: t, reaches: []seed.ID{"outside"}, noPython: true}
	audit = w.investigate(record.Settings{})
	if got := convicted(audit); got != "" {
		t.Errorf("causes %q, want none", got)
	}
	for _, e := range audit.Experiments {
		for id, level := range e.Levels {
			if level == seed.Pin && !slices.Contains(anyLanguage, id) {
				t.Errorf("%s pins %s", e.Name, id)
			}
		}
	}
}

// A source that takes one of two values agrees with itself half of the time: neither may that clear the cause, nor may
// pinned runs that agree by luck convict the bait.
func TestLuckConvictsNobody(t *testing.T) {
	for _, luck := range [][]int{{0, 1, 1, 0, 0, 1, 0, 1, 1, 1, 0}, {0, 0, 1, 0, 1, 0, 0, 0, 1, 1}, {1, 0, 1, 1, 1, 0, 1, 0, 0, 1, 0, 0}} {
		w := world{t: t, luck: luck, reaches: []seed.ID{"coin"}, events: func(v valueOf) []probe.Event {
			return []probe.Event{draws(seed.NumpyLegacy, 7, v(seed.NumpyLegacy))}
		}}
		for _, c := range w.investigate(record.Settings{}).Causes {
			if c.Proof == record.Proven {
				t.Errorf("luck %v: %s is said to be proven: %v", luck, c.Source, w.asked)
			}
		}
	}
}

// Some runs as shipped agree, as where a time limit strikes at one of few steps. Pinned runs that agree on what none of them
// came to need not be as many as those that agree on a usual result.
func TestAFreshResultTakesFewerRuns(t *testing.T) {
	w := world{t: t, luck: []int{0, 0, 1, 0, 1, 1, 0, 0}, reaches: []seed.ID{seed.WallClock}, events: func(v valueOf) []probe.Event {
		return []probe.Event{reads(probe.KindClock, seed.WallClock, 5, v(seed.WallClock))}
	}}
	if got := convicted(w.investigate(record.Settings{})); got != "wall-clock proven train.py:5" || w.run > 9 {
		t.Errorf("causes %q after %v, want wall-clock in 9", got, w.asked)
	}
}

// A race that agrees while everything is pinned, by luck, and then differs again must not convict what was pinned.
func TestARaceThatAgreesByLuckConvictsNobody(t *testing.T) {
	for agree := 3; agree < 12; agree++ {
		outcomes := make([]int, 400)
		for i := range outcomes {
			outcomes[i] = i
			if i >= agree && i < agree+3 {
				outcomes[i] = 1000
			}
		}
		w := world{t: t, luck: outcomes, reaches: []seed.ID{"scheduler"}}
		if got := convicted(w.investigate(record.Settings{})); strings.Contains(got, "proven") {
			t.Errorf("runs %d to %d agree by luck: %s (%v)", agree+1, agree+3, got, w.asked)
		}
	}
}

func TestBudgetEndsTheSearchWithoutACause(t *testing.T) {
	w := world{t: t, budget: 4, reaches: []seed.ID{seed.NumpyLegacy}, events: func(v valueOf) []probe.Event {
		return []probe.Event{draws(seed.NumpyLegacy, 7, v(seed.NumpyLegacy))}
	}}
	audit := w.investigate(record.Settings{})
	if got, want := convicted(audit), "numpy-legacy suspected train.py:7"; got != want {
		t.Errorf("causes %q, want %q", got, want)
	}
	if !slices.ContainsFunc(audit.Limits, func(l string) bool { return strings.Contains(l, "--max-runs") }) {
		t.Errorf("no limit names --max-runs: %q", audit.Limits)
	}
}

// TestWhatWasSeenComesFirst has the limit that was met stand before those that only might have been.
func TestWhatWasSeenComesFirst(t *testing.T) {
	w := world{t: t, outside: true}
	if limits := w.investigate(record.Settings{}).Limits; len(limits) < 2 || !strings.HasPrefix(limits[0], "Files outside the workspace were written") {
		t.Errorf("%q", limits)
	}
}

func TestPinnedByTheUser(t *testing.T) {
	w := world{t: t, reaches: []seed.ID{seed.NumpyLegacy}, events: func(v valueOf) []probe.Event {
		return []probe.Event{draws(seed.NumpyLegacy, 7, v(seed.NumpyLegacy))}
	}}
	audit := w.investigate(record.Settings{Pin: []seed.ID{seed.NumpyLegacy}})
	if audit.Verdict != record.Reproducible || len(audit.Causes) > 0 {
		t.Errorf("verdict %s with causes %q, want reproducible", audit.Verdict, convicted(audit))
	}
}

func TestVary(t *testing.T) {
	listing := func(v valueOf) []probe.Event {
		return []probe.Event{reads(probe.KindList, seed.FileOrder, 5, v(seed.FileOrder))}
	}
	for _, test := range []struct {
		name    string
		reaches []seed.ID
		verdict record.Verdict
		causes  string
	}{
		{"the order of files reaches the loss", []seed.ID{seed.FileOrder}, record.Diverged, "file-order proven train.py:5"},
		{"the order of files reaches nothing", nil, record.Reproducible, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := world{t: t, reaches: test.reaches, steady: []seed.ID{seed.FileOrder}, events: listing}
			audit := w.investigate(record.Settings{Vary: []seed.ID{seed.FileOrder}})
			if audit.Verdict != test.verdict || convicted(audit) != test.causes {
				t.Errorf("%s %q, want %s %q (%v)", audit.Verdict, convicted(audit), test.verdict, test.causes, w.asked)
			}
			if len(audit.Sensitivities) != 1 || audit.Sensitivities[0].Changed != (test.verdict == record.Diverged) {
				t.Errorf("sensitivities %+v", audit.Sensitivities)
			}
		})
	}
}

// TestVaryPlacesNoOtherDivergence varies a source whose line comes first where runs as shipped differ by another.
func TestVaryPlacesNoOtherDivergence(t *testing.T) {
	w := world{t: t, reaches: []seed.ID{seed.FileOrder, seed.NumpyLegacy}, steady: []seed.ID{seed.FileOrder}, events: func(v valueOf) []probe.Event {
		return []probe.Event{reads(probe.KindList, seed.FileOrder, 5, v(seed.FileOrder)), draws(seed.NumpyLegacy, 7, v(seed.NumpyLegacy))}
	}}
	audit := w.investigate(record.Settings{Vary: []seed.ID{seed.FileOrder}})
	if want := "file-order proven train.py:5, numpy-legacy proven train.py:7"; convicted(audit) != want {
		t.Fatalf("causes %q, want %q", convicted(audit), want)
	}
	if d := audit.FirstDivergence; d.Runs[0] != "as-shipped-1" || d.Line != 7 {
		t.Errorf("%+v, want line 7", d)
	}
}

func TestVaryTogether(t *testing.T) {
	all := []seed.ID{seed.PythonHash, seed.Threads, seed.FileOrder, seed.UninitialisedMemory}
	listing := func(v valueOf) []probe.Event {
		return []probe.Event{reads(probe.KindList, seed.FileOrder, 5, v(seed.FileOrder))}
	}
	for _, test := range []struct {
		name    string
		reaches []seed.ID
		reason  string
		causes  string
		most    int
	}{
		{name: "none matters", most: 3 + 3},
		{name: "one of them matters", reaches: []seed.ID{seed.FileOrder}, causes: "file-order proven train.py:5",
			reason: "change with file-order", most: 3 + 2 + 2 + 2 + 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := world{t: t, reaches: test.reaches, steady: all, events: listing}
			audit := w.investigate(record.Settings{Vary: all})
			if convicted(audit) != test.causes || !strings.Contains(audit.Reason, test.reason) {
				t.Errorf("%q with causes %q, want %q (%v)", audit.Reason, convicted(audit), test.causes, w.asked)
			}
			if len(w.asked) > test.most {
				t.Errorf("%d launches, want at most %d: %v", len(w.asked), test.most, w.asked)
			}
			for _, s := range audit.Sensitivities {
				changes := slices.Contains(test.reaches, s.Source)
				if s.Changed != changes || !changes && len(s.Values) != variedRuns {
					t.Errorf("%+v", s)
				}
			}
			if len(audit.Sensitivities) != len(all) {
				t.Errorf("%d sensitivities, want one for each of %v", len(audit.Sensitivities), all)
			}
		})
	}
}

func TestVaryTwoThatMatterTogetherOnly(t *testing.T) {
	all := []seed.ID{seed.PythonHash, seed.Threads}
	w := world{t: t, steady: all, together: all}
	audit := w.investigate(record.Settings{Vary: all})
	if audit.Verdict != record.Diverged || convicted(audit) != "" || !strings.Contains(audit.Reason, "none of them alone") {
		t.Errorf("%s %q with causes %q", audit.Verdict, audit.Reason, convicted(audit))
	}
}

// TestEndedEarly has a run end where its training parts: that is all that is asked of a suspect's release.
func TestEndedEarly(t *testing.T) {
	training := func(v valueOf) []probe.Event {
		return []probe.Event{draws(seed.PythonRandom, 3, v(seed.PythonRandom)), draws(seed.NumpyLegacy, 7, v(seed.NumpyLegacy)),
			{Kind: probe.KindLoss, Value: v(seed.NumpyLegacy)}, {Kind: probe.KindLoss, Step: 1, Value: v(seed.NumpyLegacy)}}
	}
	for _, outside := range []bool{false, true} {
		w := world{t: t, reaches: []seed.ID{seed.NumpyLegacy}, events: training, outside: outside}
		audit := w.investigate(record.Settings{})
		if got, want := convicted(audit), "numpy-legacy proven train.py:7"; got != want {
			t.Errorf("causes %q, want %q (%v)", got, want, w.asked)
		}
		if got := w.ended; outside == slices.Contains(got, "release:numpy-legacy") || slices.Contains(got, "release:python-random") {
			t.Errorf("ended early: %v (writes outside: %v)", got, outside)
		}
	}
}

// TestStepsNotLookedAt says of a long training that the runs may have parted before the step at which that was seen.
func TestStepsNotLookedAt(t *testing.T) {
	for _, test := range []struct {
		steps []int64
		says  string
	}{
		{[]int64{0, 1, 2}, ""},
		{[]int64{0, 640, 768}, "still equal at step 640; the 127 steps between were not looked at"},
	} {
		w := world{t: t, reaches: []seed.ID{seed.NumpyLegacy}, events: func(v valueOf) []probe.Event {
			var events []probe.Event
			for i, step := range test.steps {
				value := "same"
				if i == len(test.steps)-1 {
					value = v(seed.NumpyLegacy)
				}
				events = append(events, probe.Event{Kind: probe.KindLoss, Step: step, Value: value})
			}
			return append([]probe.Event{draws(seed.NumpyLegacy, 7, v(seed.NumpyLegacy))}, events...)
		}}
		detail := w.investigate(record.Settings{}).FirstDivergence.Detail
		if said := strings.Contains(detail, "not looked at"); said != (test.says != "") || !strings.Contains(detail, test.says) {
			t.Errorf("steps %v: %q, want %q", test.steps, detail, test.says)
		}
	}
}

// TestLeftovers makes a run that finds what another left outside the project: only where every run leaves it, and a library's
// cache only where the user's own line opened it.
func TestLeftovers(t *testing.T) {
	writes := func(path string) func(valueOf) []probe.Event {
		return func(valueOf) []probe.Event {
			return []probe.Event{{Kind: probe.KindOpen, Stream: seed.ExternalState, File: "train.py", Line: 9, Value: "w",
				Detail: json.RawMessage(fmt.Sprintf(`{"path":%q}`, path))}}
		}
	}
	const warning = "depends-on-leftovers train.py:9"
	home, kept := []record.Leftover{{Path: "/home/u/.state/n"}}, []record.Leftover{{Path: "/tmp/runs/n", Kept: true}}
	for _, test := range []struct {
		name     string
		world    world
		launches int
		verdict  record.Verdict
		says     string
	}{
		{"kept files change the result", world{leaves: kept, leftMatters: true, events: writes("/tmp/runs/n")},
			4, record.Diverged, "external-state proven train.py:9"},
		{"files in HOME change the result", world{leaves: home, leftMatters: true, events: writes("/home/u/.state/n")}, 4, record.Reproducible, warning},
		{"they change nothing", world{leaves: kept, events: writes("/tmp/runs/n")}, 4, record.Reproducible, ""},
		{"no line is known", world{leaves: kept, leftMatters: true}, 4, record.Diverged, "external-state proven :0"},
		{"a library's cache", world{leaves: []record.Leftover{{Path: "/home/u/.cache/fonts.json"}}, leftMatters: true}, 3, record.Reproducible, ""},
		{"nothing is left", world{leftMatters: true, events: writes("/home/u/.state/n")}, 3, record.Reproducible, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := test.world
			w.t = t
			audit := w.investigate(record.Settings{})
			says := convicted(audit)
			for _, w := range audit.Warnings {
				says += fmt.Sprintf("%s %s:%d", w.ID, w.File, w.Line)
			}
			sensitive := slices.ContainsFunc(audit.Sensitivities, func(s record.Sensitivity) bool {
				return s.Source == seed.ExternalState && s.Changed && (s.Line == 9 || test.name == "no line is known")
			})
			if sensitive != (test.says != "") {
				t.Errorf("sensitivities %v, and says %q", audit.Sensitivities, says)
			}
			if audit.Verdict != test.verdict || says != test.says || w.run != test.launches {
				t.Errorf("%s %q after %d launches, want %s %q after %d", audit.Verdict, says, w.run, test.verdict, test.says, test.launches)
			}
		})
	}
}

func TestNoVerdictWithoutEvidence(t *testing.T) {
	w := world{t: t}
	audit := w.investigate(record.Settings{Runs: 1})
	if audit.Verdict != record.Inconclusive {
		t.Errorf("one run: %s, want inconclusive", audit.Verdict)
	}
}

func TestBlindness(t *testing.T) {
	fact := func(name string) func(valueOf) []probe.Event {
		return func(valueOf) []probe.Event {
			return []probe.Event{{Kind: probe.KindFact, Value: "AttributeError: random", Detail: json.RawMessage(fmt.Sprintf(`{"name":%q}`, name))}}
		}
	}
	for name, says := range map[string]bool{probe.FaultFact + "hooks_numpy": true, "numpy": false} {
		w := world{t: t, events: fact(name)}
		audit := w.investigate(record.Settings{})
		said := slices.ContainsFunc(audit.Warnings, func(w record.Warning) bool {
			return w.ID == "probe-fault" && strings.Contains(w.Text, `"numpy" (AttributeError: random)`)
		})
		if said != says || audit.Verdict != record.Reproducible {
			t.Errorf("%s: %s with warnings %v", name, audit.Verdict, audit.Warnings)
		}
	}
}
