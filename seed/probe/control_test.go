package probe_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// TestPins holds that each script, which prints what a source gave it, prints the same in two pinned runs, and
// something else when the source is as it comes (or pinned to another seed).
func TestPins(t *testing.T) {
	pin := func(ids ...seed.ID) map[seed.ID]seed.ProbeLevel {
		levels := make(map[seed.ID]seed.ProbeLevel)
		for _, id := range ids {
			levels[id] = seed.ProbeLevel{Level: seed.Pin, Seed: 7}
		}
		return levels
	}
	tests := []struct {
		name   string
		needs  string
		levels map[seed.ID]seed.ProbeLevel
		script string
	}{
		{"random", "", pin(seed.PythonRandom), `
import os, random
print(random.random(), random.Random().random(), random.Random().random())
random.seed()
print(random.random())
if os.fork() == 0:
    print("child", random.random(), flush=True)
    os._exit(0)
os.wait()
`},
		{"numpy legacy", "numpy", pin(seed.NumpyLegacy), `
import numpy as np
print(np.random.rand(), np.random.RandomState().rand())
np.random.seed()
print(np.random.rand())
`},
		{"numpy generators", "numpy", pin(seed.NumpyGenerator), `
import numpy as np
print(np.random.default_rng().random(), np.random.Generator(np.random.PCG64()).random())
`},
		{"torch", "torch", pin(seed.TorchCPU), `
import torch
print(torch.rand(2))
torch.seed()
own = torch.Generator()
own.seed()
print(torch.rand(2), torch.rand(2, generator=own), isinstance(torch.default_generator, torch.Generator))
`},
		{"tensorflow", "tensorflow", pin(seed.TensorflowSeed), `
import tensorflow as tf
first, second = tf.random.normal((2,)), tf.random.normal((2,))
assert (first != second).numpy().all()
print(first, second, list(tf.data.Dataset.range(40).shuffle(40)), tf.function(lambda: tf.random.uniform((2,)))())
print(tf.random.Generator.from_non_deterministic_state().normal((2,)), tf.random.get_global_generator().normal((1,)))
with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    print(session.run(tf.random.normal((2,))))
`},
		{"loader workers", "torch", pin(seed.DataloaderWorkers), `
import random, torch
from torch.utils.data import DataLoader
class Data:
    def __len__(self): return 4
    def __getitem__(self, i): return random.random(), torch.rand(1)
if __name__ == "__main__":
    for epoch in range(2):
        print(list(DataLoader(Data(), num_workers=2)))
`},
		{"entropy", "", pin(seed.OSEntropy), `
import os, random, secrets, uuid
print(os.urandom(20), uuid.uuid4(), secrets.token_hex(), secrets.randbelow(10**9), random.SystemRandom().random())
`},
		{"clock", "", pin(seed.WallClock), `
import time
from datetime import datetime
import datetime as module
print(time.time(), time.time_ns(), datetime.now(), module.datetime.utcnow(), time.strftime("%H:%M:%S"), time.localtime())
print(isinstance(datetime.now(), datetime), isinstance(datetime(2000, 1, 1), datetime), datetime.max, time.perf_counter())
import pickle
assert pickle.loads(pickle.dumps(datetime.now())) < datetime.max
start = time.time()
while time.time() - start < 1: pass
`},
		{"times of files that the run writes", "", pin(seed.WallClock), `
import os, pathlib
os.utime("run.py", (10**9, 10**9))
old = os.stat("run.py").st_mtime
open("new", "w").close()
path = pathlib.Path("new")
print(os.path.getmtime("new"), os.stat("new").st_mtime_ns, path.stat().st_ctime, sum(p.stat().st_mtime for p in [path]))
assert os.stat("run.py").st_mtime == old and isinstance(path.stat(), os.stat_result) and path.stat().st_size == 0
`},
		{"processor time", "", pin(seed.WallClock), "import time\nprint(time.process_time(), time.thread_time_ns())\n"},
		{"tasks of a pool, whoever takes them", "", pin(seed.PythonRandom, seed.OSEntropy), `
import multiprocessing, os, random, time
from concurrent.futures import ProcessPoolExecutor
def work(n):
    time.sleep(int.from_bytes(os.urandom(1), "big") % 3 / 1000)
    return random.random(), random.Random().random(), os.urandom(4)
def slow(n):
    # The kernel's own entropy decides which process takes what.
    with open("/dev/urandom", "rb") as file:
        time.sleep(file.read(1)[0] % 20 / 1000)
    return work(n)
if __name__ == "__main__":
    for method in "fork", "spawn":
        context = multiprocessing.get_context(method)
        with context.Pool(3) as pool:
            print(pool.map(slow, range(8), chunksize=1))
        with ProcessPoolExecutor(3, mp_context=context) as pool:
            print(list(pool.map(slow, range(8))))
`},
		{"generators that a pool's processes make for all their tasks, whoever takes them", "numpy", pin(seed.PythonRandom, seed.NumpyLegacy, seed.NumpyGenerator), `
import multiprocessing, random, time
import numpy as np
def begin():
    global made
    made = np.random.default_rng(), np.random.RandomState(), random.Random()
def slow(n):
    with open("/dev/urandom", "rb") as file:
        time.sleep(file.read(1)[0] % 20 / 1000)
    return made[0].random(), made[1].rand(), made[2].random()
if __name__ == "__main__":
    for method in "fork", "spawn":
        with multiprocessing.get_context(method).Pool(3, initializer=begin) as pool:
            print(pool.map(slow, range(8), chunksize=1))
`},
		{"tasks of threads, whichever comes first", "numpy", pin(seed.PythonRandom, seed.NumpyLegacy, seed.NumpyGenerator, seed.OSEntropy), `
import os, random, threading, time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
import numpy as np
def slow(n):
    with open("/dev/urandom", "rb") as file:
        time.sleep(file.read(1)[0] % 20 / 1000)
    return random.Random().random(), np.random.RandomState().rand(), np.random.default_rng().random(), os.urandom(4)
def keep(n):
    kept[n] = slow(n), slow(n)
with ThreadPoolExecutor(3) as pool:
    print(list(pool.map(slow, range(8))))
with ThreadPool(3) as pool:
    print(pool.map(slow, range(8), chunksize=1))
kept = [None] * 4
threads = [threading.Thread(target=keep, args=(n,)) for n in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(kept, slow(0))
assert len({str(of) for task in kept for of in task}) == 8
`},
		{"tasks of joblib, whichever process takes them", "joblib", pin(seed.PythonRandom, seed.NumpyLegacy, seed.NumpyGenerator), `
import random, time
import numpy as np
from joblib import Parallel, delayed
def slow(n):
    with open("/dev/urandom", "rb") as file:
        time.sleep(file.read(1)[0] % 20 / 1000)
    return random.Random().random(), np.random.RandomState().rand(), np.random.default_rng().random()
def shared(n):
    return slow(n), random.random(), np.random.rand()
if __name__ == "__main__":
    print(Parallel(n_jobs=3, backend="threading")(delayed(slow)(n) for n in range(12)))
    for backend in "loky", "multiprocessing":
        print(Parallel(n_jobs=3, backend=backend)(delayed(shared)(n) for n in range(12)))
`},
		{"host", "", pin(seed.Host), "import os\nprint(os.getpid(), os.getloadavg())\n"},
		{"the kernel's clock", "", pin(seed.WallClock), `
import time
def up():
    with open("/proc/uptime") as file: return float(file.read().split()[0])
start = up()
print(start, time.clock_gettime(time.CLOCK_MONOTONIC))
while up() - start < 0.1: pass
`},
		{"the kernel's entropy", "", pin(seed.OSEntropy), `
import os, pathlib, uuid
path = "/proc/sys/kernel/random/uuid"
drawn = [pathlib.Path(path).read_text(), open(path, "rb").readline(), os.read(os.open(path, os.O_RDONLY), 99)]
print(drawn, uuid.UUID(drawn[0].strip()).version)
assert len({str(uuid.UUID(d.strip() if isinstance(d, str) else d.decode().strip())) for d in drawn}) == 3
`},
		{"what the machine and the process are at", "", pin(seed.Host), `
fields = open("/proc/self/stat").read().split()
print(fields[0], fields[21], open("/proc/loadavg").read(), [line for line in open("/proc/meminfo") if line.startswith("MemFree")])
assert len(fields) > 40
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSession(t, map[string]string{"run.py": test.script})
			if test.needs != "" {
				s.needs(test.needs)
			}
			first := s.watched(probe.Config{Levels: test.levels}, "run.py").ok(t)
			second := s.watched(probe.Config{Levels: test.levels}, "run.py").ok(t)
			if first.stdout != second.stdout {
				t.Errorf("two pinned runs:\n%s\n%s", first.stdout, second.stdout)
			}
			if free := s.watched(probe.Config{}, "run.py").ok(t); free.stdout == first.stdout {
				t.Errorf("pinned or not, the run prints %s: the script shows nothing", free.stdout)
			}
		})
	}
}

// TestDatetimeStaysItself has the classes of datetime, whose clock is watched, be what they are without the probe.
func TestDatetimeStaysItself(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import copy, datetime, pickle
from datetime import date, datetime as dt
class Mine(dt): pass
assert type(dt.now()) is dt and type(Mine.now()) is Mine and type(Mine.utcnow()) is Mine and type(date.today()) is date
assert isinstance(Mine.today(), Mine) and dt(2000, 1, 1).now().year > 2000
assert dt.now == dt.now and dt.now.__name__ == "now" and dt.now.__self__ is dt and dt.now.__doc__
assert type(pickle.loads(pickle.dumps(dt.now))()) is dt and type(pickle.loads(pickle.dumps(Mine.now()))) is Mine
assert copy.deepcopy(dt.now()) <= dt.now()
assert abs(dt.now(datetime.timezone.utc) - dt.now().astimezone()) < datetime.timedelta(seconds=60)
assert b"reprocheck" not in pickle.dumps((dt.now(), dt.now, date.today()))
print("fine")
`})
	for _, levels := range []map[seed.ID]seed.ProbeLevel{nil, {seed.WallClock: {Level: seed.Pin, Seed: 7}}} {
		if got := s.watched(probe.Config{Levels: levels}, "run.py").ok(t).stdout; strings.TrimSpace(got) != "fine" {
			t.Errorf("levels %v: %q", levels, got)
		}
	}
}

// What the user seeds stays as the user seeded it.
func TestTheUsersSeedWins(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import random
random.seed(3)
print(random.random(), random.Random(4).random())
try:
    import numpy as np
    np.random.seed(3)
    print(np.random.rand(), np.random.default_rng(4).random(), np.random.RandomState(5).rand())
except ImportError:
    pass
`})
	levels := make(map[seed.ID]seed.ProbeLevel)
	for _, id := range []seed.ID{seed.PythonRandom, seed.NumpyLegacy, seed.NumpyGenerator, seed.OSEntropy} {
		levels[id] = seed.ProbeLevel{Level: seed.Pin, Seed: 7}
	}
	bare, pinned := s.bare("run.py").ok(t), s.watched(probe.Config{Levels: levels}, "run.py").ok(t)
	if bare.stdout != pinned.stdout {
		t.Errorf("got %q, want what the seeds give without the probe: %q", pinned.stdout, bare.stdout)
	}
}

// A flag of torch that is pinned stays so, by whichever name the program sets it.
func TestPinnedFlagsStay(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import torch
from torch.backends import cudnn
def flags(): return cudnn.benchmark, cudnn.deterministic, torch.are_deterministic_algorithms_enabled()
cudnn.benchmark, cudnn.deterministic = True, False
torch.use_deterministic_algorithms(False)
print(*flags())
with cudnn.flags(enabled=True, benchmark=True, deterministic=False):
    print(*flags()[:2])
torch.use_deterministic_algorithms(True)
print(torch.is_deterministic_algorithms_warn_only_enabled())
`})
	s.needs("torch")
	pin := seed.ProbeLevel{Level: seed.Pin}
	for _, test := range []struct {
		levels map[seed.ID]seed.ProbeLevel
		want   string
	}{
		{nil, "True False False\nTrue False\nFalse\n"},
		{map[seed.ID]seed.ProbeLevel{seed.CudnnBenchmark: pin}, "False False False\nFalse False\nFalse\n"},
		{map[seed.ID]seed.ProbeLevel{seed.CudnnDeterministic: pin}, "True True False\nTrue True\nFalse\n"},
		{map[seed.ID]seed.ProbeLevel{seed.TorchNondeterministicOps: pin}, "True False True\nTrue False\nFalse\n"},
	} {
		if got := s.watched(probe.Config{Levels: test.levels}, "run.py").ok(t).stdout; got != test.want {
			t.Errorf("levels %v: %q, want %q", test.levels, got, test.want)
		}
	}
}

// A program may set the precision of products by torch's older names and its newer ones; torch then refuses to tell it, and
// the other facts are told all the same.
func TestFactsThatTorchRefuses(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import torch
if hasattr(torch.backends, "fp32_precision"):
    torch.backends.fp32_precision = "tf32"
    torch.backends.cuda.matmul.fp32_precision = "ieee"
w = torch.ones(1, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
w.sum().backward()
optimizer.step()
`})
	s.needs("torch")
	found := s.watched(probe.Config{}, "run.py").ok(t)
	for _, event := range found.events["main"] {
		if event.Kind == probe.KindFact && event.DetailString("name") == "torch.num_threads" && event.Value != "" {
			return
		}
	}
	t.Error("the number of threads was not written")
}

func TestListingsInTheOrderAskedFor(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import glob, os, pathlib
print([sorted(n for n in names if n.startswith("x")) == [n for n in names if n.startswith("x")] for names in (
    os.listdir("."), glob.glob("*"), [p.name for p in pathlib.Path(".").iterdir()],
    [e.name for e in os.scandir(".")], next(os.walk("."))[2])], [n for n in os.listdir(".") if n.startswith("x")])
`, "x1": "", "x2": "", "x3": "", "x4": "", "x5": ""})
	for value, want := range map[string]string{
		"sorted":   "[True, True, True, True, True] ['x1', 'x2', 'x3', 'x4', 'x5']\n",
		"reversed": "[False, False, False, False, False] ['x5', 'x4', 'x3', 'x2', 'x1']\n",
	} {
		levels := map[seed.ID]seed.ProbeLevel{seed.FileOrder: {Level: seed.Vary, Value: value}}
		if got := s.watched(probe.Config{Levels: levels}, "run.py").ok(t); got.stdout != want {
			t.Errorf("%s: got %q, want %q", value, got.stdout, want)
		}
	}
	shuffled := map[string]bool{}
	for n := range uint64(4) {
		levels := map[seed.ID]seed.ProbeLevel{seed.FileOrder: {Level: seed.Vary, Value: "shuffled", Seed: n}}
		shuffled[s.watched(probe.Config{Levels: levels}, "run.py").ok(t).stdout] = true
	}
	// 5 names have 120 orders: four equal ones would be no shuffle.
	if len(shuffled) < 2 {
		t.Errorf("four seeds shuffle alike: %v", shuffled)
	}
}

// Memory that NumPy, or the C library, hands out once more is filled as what malloc fills is, and only then.
func TestSmallArraysAreFilled(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import os, pickle
import numpy as np
os.environ["MALLOC_PERTURB_"] = "85"
for n in range(2000):
    np.full(9, 3.0)
    a = np.empty(9)
b, c = np.empty_like(np.ones((3, 4), "f4").T), np.empty((), "datetime64[s]")
strings = np.empty(2, np.dtypes.StringDType()).tolist() if hasattr(getattr(np, "dtypes", None), "StringDType") else ["", ""]
objects = np.empty(2, object).tolist()
print(set(a.tobytes() + b.tobytes() + c.tobytes()) == {170}, b.shape, objects, strings, np.empty(0).size, pickle.loads(pickle.dumps(np.empty)) is np.empty)
`})
	s.needs("numpy")
	levels := map[seed.ID]seed.ProbeLevel{seed.UninitialisedMemory: {Level: seed.Vary}}
	rest := " (4, 3) [None, None] ['', ''] 0 True\n"
	if got := s.watched(probe.Config{Levels: levels}, "run.py").ok(t).stdout; got != "True"+rest {
		t.Errorf("varied: got %q", got)
	}
	if got := s.watched(probe.Config{}, "run.py").ok(t).stdout; got != "False"+rest {
		t.Errorf("as shipped: got %q", got)
	}
}

func TestConcurrencyOneAfterTheOther(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
done = []
def work(n):
    time.sleep(.2 - n / 20)
    done.append(n)
    return n
with ThreadPoolExecutor(4) as pool:
    results = [f.result() for f in as_completed([pool.submit(work, n) for n in range(4)])]
print(done, results)
`})
	levels := map[seed.ID]seed.ProbeLevel{seed.Concurrency: {Level: seed.Pin}}
	if got := s.watched(probe.Config{Levels: levels}, "run.py").ok(t).stdout; got != "[0, 1, 2, 3] [0, 1, 2, 3]\n" {
		t.Errorf("pinned: got %q, want the order of submission", got)
	}
}

func TestProcessorsAreAsManyAsThreads(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import multiprocessing, os
print(os.cpu_count(), multiprocessing.cpu_count(), len(os.sched_getaffinity(0)))
`})
	levels := map[seed.ID]seed.ProbeLevel{seed.Threads: {Level: seed.Vary, Value: "3"}}
	varied := s.watched(probe.Config{Levels: levels}, "run.py").ok(t)
	if varied.stdout != "3 3 3\n" {
		t.Errorf("varied to 3: %q", varied.stdout)
	}
	if got, want := s.watched(probe.Config{}, "run.py").ok(t).stdout, s.bare("run.py").ok(t).stdout; got != want {
		t.Errorf("as shipped: got %q, want %q", got, want)
	}
	for _, e := range varied.of(probe.KindHost) {
		if e.Stream != seed.Threads || e.Line != 3 {
			t.Errorf("seen: %s", show(e))
		}
	}
}

// Work that is varied is done in another order, and what takes it as it is completed says in which; what keeps the order of
// submission keeps it.
func TestConcurrencyInAnotherOrder(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import multiprocessing, threading
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, ThreadPoolExecutor, as_completed, wait
def work(n):
    return n
if __name__ == "__main__":
    done, started = [], []
    threads = [threading.Thread(target=done.append, args=(n,)) for n in range(3)]
    for t in threads: t.start()
    for t in threads: t.join()
    with ThreadPoolExecutor(3) as pool:
        started += [f.result() for f in as_completed({pool.submit(work, n) for n in range(3)})]
    with ProcessPoolExecutor(3) as pool:
        left = {pool.submit(work, n) for n in range(3)}
        while left:
            now, left = wait(left, return_when=FIRST_COMPLETED)
            started += [f.result() for f in now]
    with multiprocessing.Pool(3) as pool:
        started += pool.imap_unordered(work, range(3))
        assert pool.map(work, range(3), chunksize=1) == [0, 1, 2]
    print(done, started)
`})
	levels := func(level seed.Level, value string) probe.Config {
		return probe.Config{Levels: map[seed.ID]seed.ProbeLevel{seed.Concurrency: {Level: level, Value: value}}}
	}
	pinned := s.watched(levels(seed.Pin, ""), "run.py").ok(t)
	if want := "[0, 1, 2, 0, 1, 2, 0, 1, 2]\n"; !strings.HasSuffix(pinned.stdout, want) {
		t.Errorf("pinned: got %q, want the order of submission", pinned.stdout)
	}
	orders := map[string]bool{}
	for _, value := range []string{"0", "1", "2"} {
		orders[s.watched(levels(seed.Vary, value), "run.py").ok(t).stdout] = true
	}
	if orders[pinned.stdout] || len(orders) < 2 {
		t.Errorf("varied: got %v, want other orders than %q", orders, pinned.stdout)
	}
	completed := 0
	for _, e := range s.watched(probe.Config{}, "run.py").ok(t).of(probe.KindTask) {
		if e.DetailBool("unordered") && e.Value != "" {
			completed++
		}
	}
	// One for each result, but those that wait finds completed together.
	if completed < 7 || completed > 9 {
		t.Errorf("%d completions were written, want one for each result", completed)
	}
}

func TestZoomShowsTheLineAndTheValue(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import random
def pick(words):
    first = list(words)[0]
    return first
class Box: pass
box = Box()
words = {"a", "b", "c"}
random.seed(1)
random.random()
kept = [box]
same = set(words)
walked = [word for word in words].sort()
for n in range(100):
    total = n + 1
print(pick(words), total)
`})
	zoom := func(hash string) map[string]map[string]string {
		s.env = []string{"PYTHONHASHSEED=" + hash}
		found := s.watched(probe.Config{Zoom: &probe.Zoom{UntilStep: 1, Events: 1000}}, "run.py").ok(t)
		values := make(map[string]map[string]string)
		for _, kind := range []probe.Kind{probe.KindLine, probe.KindCall} {
			for _, event := range found.of(kind) {
				for _, v := range event.Variables() {
					if values[v.Name] == nil {
						values[v.Name] = make(map[string]string)
					}
					values[v.Name][v.Text] = v.Digest
				}
			}
		}
		return values
	}
	// Some hash seed has the set begin with another word than hash seed 0 does.
	one := zoom("0")
	var other map[string]map[string]string
	for _, hash := range []string{"1", "2", "3", "4", "5", "6"} {
		if other = zoom(hash); !equal(one["first"], other["first"]) {
			break
		}
	}
	if equal(one["first"], other["first"]) {
		t.Errorf("first: %v under every hash seed", one["first"])
	}
	if equal(one["order of words"], other["order of words"]) {
		t.Errorf("the order in which words are walked: %v under every hash seed", one["order of words"])
	}
	for _, name := range []string{"words", "same", "box", "kept", "total", "n"} {
		if len(one[name]) == 0 || !equal(one[name], other[name]) {
			t.Errorf("%s: %v and %v, want equal values", name, one[name], other[name])
		}
	}
	// 32 times, then at 64.
	if len(one["total"]) != 33 {
		t.Errorf("total was written %d times, want 33", len(one["total"]))
	}
}

// Each form of walking a set is compiled in its own way, and from Python 3.15 on in another.
func TestZoomSeesWhatIsWalked(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
words = {"a", "b", "c"}
for word in words: pass
[word for word in words]
{word: 1 for word in words}
sum(1 for word in words)
sorted(words, key=lambda word: word)
def walk(words):
    for word in words: pass
    [word for word in words]
    any(word is None for word in words)
    return max(words)
walk(words)
`})
	found := s.watched(probe.Config{Zoom: &probe.Zoom{UntilStep: 1, Events: 1000}}, "run.py").ok(t)
	walked := make(map[int64]bool)
	for _, event := range found.of(probe.KindLine) {
		for _, v := range event.Variables() {
			if v.Name == "order of words" {
				walked[event.Line] = true
			}
		}
	}
	want := map[int64]bool{3: true, 4: true, 5: true, 6: true, 9: true, 10: true, 11: true}
	if diff := cmp.Diff(want, walked); diff != "" {
		t.Errorf("lines that walk words (-want +got):\n%s", diff)
	}
}

// TestZoomSeesWhatIsHandedOn tells lines that hand on the order of a set without giving it a name from those that do not.
func TestZoomSeesWhatIsHandedOn(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
words = {"a", "b", "c"}
print([*words])
print(",".join(words))
print({"x": tuple(words)})
print(sorted(list(words)))
print("a" in words, len(words))
print(list(reversed("ab")))
`})
	found := s.watched(probe.Config{Zoom: &probe.Zoom{UntilStep: 1, Events: 1000}}, "run.py").ok(t)
	var lines []int64
	last := int64(0)
	for _, event := range found.of(probe.KindLine) {
		for _, v := range event.Variables() {
			if v.Name == "order of words" {
				lines = append(lines, event.Line)
			}
		}
		if clock := event.DetailInt("clock"); clock <= last {
			t.Errorf("line %d was written at %d, the one before at %d", event.Line, clock, last)
		} else {
			last = clock
		}
	}
	if diff := cmp.Diff([]int64{3, 4, 5}, lines); diff != "" {
		t.Errorf("lines that hand on the order of words (-want +got):\n%s", diff)
	}
}

// TestZoomTellsWhatAProcessIsGiven from what its own lines call with.
func TestZoomTellsWhatAProcessIsGiven(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import multiprocessing
def twice(x): return 2 * x
def work(x): return twice(x) + 1
if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=work, args=(3,))
    process.start()
    process.join()
`})
	found := s.watched(probe.Config{Zoom: &probe.Zoom{UntilStep: 1, Events: 1000}}, "run.py").ok(t)
	given := map[string]bool{}
	for _, event := range found.events["main/mp-1"] {
		if event.Kind == probe.KindCall {
			given[event.Func] = event.DetailBool("given")
		}
	}
	if diff := cmp.Diff(map[string]bool{"work": true, "twice": false}, given); diff != "" {
		t.Errorf("calls by no line of the user's (-want +got):\n%s", diff)
	}
}

// What a sort asks of a key function is the same in any order; what the function makes of it may not be.
func TestZoomOfKeyFunctions(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
count = {"a": 1, "b": 2, "c": 1, "d": 2, "e": 1}
words = set(count)
def by_count(word):
    return (count[word], word)
def score(word):
    many = count[word]
    return many
def by_hash(word):
    return hash(word)
class Order:
    def __init__(self, key):
        self.order = sorted(range(5), key=key)
plain = sorted(words, key=by_count)
plain.sort(key=lambda word: (score(word), word),
           reverse=True)
least = min(
    words, key=by_hash)
Order(key=lambda i: hash(plain[i]))
plain = sorted([score(word) for word in plain], key=lambda n: n)
`})
	returned := func(hash string) map[int64]string {
		s.env = []string{"PYTHONHASHSEED=" + hash}
		lines := map[int64]string{}
		for _, event := range s.watched(probe.Config{Zoom: &probe.Zoom{UntilStep: 1, Events: 1000}}, "run.py").ok(t).of(probe.KindLine) {
			for _, v := range event.Variables() {
				if v.Name == "return" {
					lines[event.Line] += v.Digest + " "
				}
			}
		}
		return lines
	}
	one, other := returned("1"), returned("2")
	for line, same := range map[int64]bool{5: true, 8: true, 10: false, 15: true, 19: false, 20: true} {
		if one[line] == "" || (one[line] == other[line]) != same {
			t.Errorf("line %d returned %q and %q, want the same: %v", line, one[line], other[line], same)
		}
	}
}

func TestZoomLooksIntoObjects(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import os
from collections import deque
from pathlib import Path
class Slotted:
    __slots__ = "inside"
for content in ("a", "b"):
    open(content, "w").close()
    path = Path(content)
    queue = deque([content])
    slotted = Slotted()
    slotted.inside = content
    slotted
    entry = [e for e in os.scandir() if e.name == content][0]
`})
	texts := make(map[string]map[string]bool)
	for _, event := range s.watched(probe.Config{Zoom: &probe.Zoom{UntilStep: 1, Events: 1000}}, "run.py").ok(t).of(probe.KindLine) {
		for _, v := range event.Variables() {
			if texts[v.Name] == nil {
				texts[v.Name] = make(map[string]bool)
			}
			texts[v.Name][v.Digest] = true
		}
	}
	// A slotted object is seen empty as well.
	for name, want := range map[string]int{"path": 2, "queue": 2, "slotted": 3, "entry": 2} {
		if len(texts[name]) != want {
			t.Errorf("%s: %d different values, want %d", name, len(texts[name]), want)
		}
	}
}

func TestPinnedLoaderTakesBatchesInOrder(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import inspect, sys, time
from torch.utils.data import DataLoader
class Uneven:
    def __len__(self): return 4
    def __getitem__(self, i):
        time.sleep(1.0 if i == 0 else 0)
        return i
if __name__ == "__main__":
    if "in_order" not in inspect.signature(DataLoader).parameters: sys.exit()
    print([int(batch) for batch in DataLoader(Uneven(), batch_size=1, num_workers=2, in_order=False)])
`})
	s.needs("torch")
	levels := map[seed.ID]seed.ProbeLevel{seed.Concurrency: {Level: seed.Pin}}
	found := s.watched(probe.Config{Levels: levels}, "run.py").ok(t)
	if found.stdout == "" {
		t.Skip("this torch always takes batches in order")
	}
	if want := "[0, 1, 2, 3]\n"; found.stdout != want {
		t.Errorf("pinned: got %q, want %q", found.stdout, want)
	}
	unordered := slices.ContainsFunc(found.of(probe.KindTask), func(e probe.Event) bool { return e.DetailBool("unordered") && e.Line == 11 })
	if !unordered {
		t.Error("nothing says that batches are taken as they become ready")
	}
}

func equal(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for key, value := range a {
		if b[key] != value {
			return false
		}
	}
	return true
}
