package probe_test

import (
	"slices"
	"testing"

	"github.com/reprocheck/reprocheck/seed/probe"
)

// Seeded trainings that print a digest of all they computed, and the next draw of each stream.
var trainings = []struct {
	name   string
	needs  string
	script string
	args   []string
}{
	{"standard library", "", `
import hashlib, random
random.seed(1)
xs = [[random.gauss(0, 1) for _ in range(4)] for _ in range(64)]
ys = [sum(x) + random.uniform(-.1, .1) for x in xs]
weights = [random.random() for _ in range(4)]
for epoch in range(5):
    order = list(range(64)); random.shuffle(order)
    for i in order:
        error = sum(w * x for w, x in zip(weights, xs[i])) - ys[i]
        weights = [w - .01 * error * x for w, x in zip(weights, xs[i])]
own = random.Random("text"); other = random.Random(); other.setstate(own.getstate())
print(hashlib.sha256(repr((weights, random.getstate(), own.random(), other.random())).encode()).hexdigest())
`, nil},
	{"numpy", "numpy", `
import hashlib
import numpy as np
np.random.seed(1)
rng = np.random.default_rng(2)
old = np.random.RandomState(3)
x = np.random.randn(64, 4); y = x @ np.random.rand(4) + rng.normal(size=64)
w = old.rand(4)
for epoch in range(5):
    for i in np.random.permutation(64):
        w -= .01 * (x[i] @ w - y[i]) * x[i]
print(hashlib.sha256(w.tobytes() + np.random.rand(3).tobytes() + rng.random(3).tobytes() + old.rand(3).tobytes()).hexdigest())
`, nil},
	{"tensorflow", "tensorflow", `
import os
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # TensorFlow logs its process's number
import numpy as np, pickle, tensorflow as tf
from tensorflow.python.framework import random_seed
tf.random.set_seed(1)
w = tf.Variable(tf.random.normal((4, 1)))
own = tf.random.Generator.from_seed(2)
data = tf.data.Dataset.from_tensor_slices(np.arange(32, dtype="float32").reshape(8, 4)).shuffle(8).batch(2)
for x in data:
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((x @ w + own.normal((2, 1)) - tf.random.uniform((2, 1), seed=3)) ** 2)
    w.assign_sub(.001 * tape.gradient(loss, w))
print(w.numpy().tobytes().hex(), tf.random.normal((2,)).numpy().tobytes().hex(), random_seed.get_seed(5))
print([pickle.loads(pickle.dumps(f)).__name__ for f in (random_seed.get_seed, tf.random.set_seed)])
`, nil},
	{"functions in the tables of libraries", "", `
import asyncio, builtins, copy, io, os, pickle, random, shutil, sqlite3, time, uuid
random.seed(1); random.random(); time.time(); os.stat(".")
print(os.stat in os.supports_dir_fd, os.open in os.supports_dir_fd, os.listdir in os.supports_fd, shutil._use_fd_functions)
print(open is io.open, open.__name__, len({os.stat, os.lstat, os.stat}), {time.time: 1}[time.time])
for f in (open, os.stat, os.listdir, os.getpid, os.urandom, os.path.getmtime, time.time, uuid.uuid4, sqlite3.connect, asyncio.gather, random.Random(1).gauss):
    print(f.__name__, f == pickle.loads(pickle.dumps(f)) or f.__name__ == "gauss", f == copy.deepcopy(f) or f.__name__ == "gauss")
pickle.loads(pickle.dumps(random.setstate)); pickle.loads(pickle.dumps(random.seed))
with open(os.path.join(os.curdir, "lines"), mode="w") as f: f.write("a\n")
with os.fdopen(os.open("lines", flags=os.O_RDONLY)) as f, open(file=f.fileno(), closefd=False) as g: print(g.read(), f.mode)
for wrong in ((), (None,), ("lines", "q"), ("lines", 1)):
    try: open(*wrong)
    except (TypeError, ValueError) as error: print(type(error).__name__, error)
`, nil},
	{"functions in the tables of PyTorch", "torch", `
import numpy as np, pickle, torch
from torch.nn import functional as F
def all_of(name): return [f for module in (torch, torch.nn.functional) for f in [getattr(module, name, None)] if f is not None]
class Tagged(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return known[func]()
known = {torch.bernoulli: lambda: "bernoulli", torch.nn.functional.dropout: lambda: "dropout", torch.cumsum: lambda: "cumsum",
         torch.Tensor.cumsum: lambda: "cumsum of", torch.Tensor.normal_: lambda: "normal_"}
x = torch.ones(2).as_subclass(Tagged)
print(torch.bernoulli(x), torch.nn.functional.dropout(x), torch.cumsum(x, 0), x.cumsum(0), x.normal_(), torch.Tensor.normal_(x), len(all_of("dropout")))
for f in (F.dropout, F.interpolate, F.avg_pool3d, torch.rand, torch.Tensor.backward, torch.Tensor.normal_, torch.manual_seed,
          torch.autograd.backward, np.random.seed, np.random.default_rng):
    print(f.__name__, pickle.loads(pickle.dumps(f)) == f)
pickle.loads(pickle.dumps((np.random.set_state, np.random.rand)))
torch.manual_seed(1); torch.nn.functional.dropout(torch.ones(2)).sum()
`, nil},
	{"graphs of Dynamo", "torch", `
import logging, sys
import torch
from torch import nn
from torch.nn import functional as F
torch.manual_seed(1); torch.rand(1).item()
if not hasattr(torch, "compile"): sys.exit()
import torch._dynamo
from torch._dynamo.utils import counters
# Its warnings number the frames and name the time.
logging.disable()
model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(.5), nn.Linear(4, 4))
optimizer = torch.optim.SGD(model.parameters(), .001)
def loss_of(x):
    y = F.dropout(model(x), .5) + torch.bernoulli(torch.full((4,), .5)) + torch.empty(4).normal_() + torch.randn(4)
    y = y.index_add(0, torch.tensor([0, 1]), torch.ones(2, 4))
    return (y.cumsum(0)[1:] * torch.cumsum(y, 0)[torch.tensor([0, 1, 2])]).square().mean()
print(torch._dynamo.explain(loss_of)(torch.ones(4, 4)).graph_count)
torch._dynamo.reset()
whole = torch.compile(loss_of, backend="eager", fullgraph=True)
def step(x):
    optimizer.zero_grad()
    loss = loss_of(x)
    loss.backward()
    optimizer.step()
    return loss
in_parts = torch.compile(step, backend="eager")
for _ in range(3): print(whole(torch.ones(4, 4)).item(), in_parts(torch.ones(4, 4)).item())
print(counters["stats"]["unique_graphs"], counters["stats"]["calls_captured"])
`, nil},
	{"torch", "torch", torchTraining, []string{"0"}},
	{"torch with forked workers", "torch", torchTraining, []string{"2", "fork"}},
	{"torch with spawned workers", "torch", torchTraining, []string{"2", "spawn"}},
}

const torchTraining = `
import copy, hashlib, random, sys
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

class Noisy(Dataset):
    def __init__(self):
        self.x = torch.randn(48, 8)
    def __len__(self):
        return 48
    def __getitem__(self, i):
        return self.x[i] + random.random() + torch.rand(1), int(self.x[i].sum() > 0)

def main():
    random.seed(1); torch.manual_seed(1)
    workers = int(sys.argv[1])
    loader = DataLoader(Noisy(), batch_size=8, shuffle=True, num_workers=workers,
                        multiprocessing_context=sys.argv[2] if workers else None)
    model = nn.Sequential(nn.Embedding(4, 8), nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Dropout(.2), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 5)
    for epoch in range(2):
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model((x.abs() * 2).long() % 4), y)
            loss.backward()
            optimizer.step()
            scheduler.step()
    digest = hashlib.sha256()
    for tensor in [*model.state_dict().values(), torch.rand(3), loss.detach()]:
        digest.update(bytes(tensor.numpy().tobytes()))
    for state in optimizer.state_dict()["state"].values():
        for key in sorted(state):
            digest.update(repr(state[key]).encode())
    digest.update(repr((random.random(), scheduler.get_last_lr(), copy.deepcopy(optimizer).param_groups)).encode())
    print(digest.hexdigest())

if __name__ == "__main__":
    main()
`

// What an alarm's handler raises reaches the user's code wherever it strikes, and the handler is found where it was set.
func TestHandlersOfSignalsAreHeard(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import random, signal, time
class Late(Exception): pass
def stop(*_): raise Late
assert signal.signal(signal.SIGALRM, stop) is signal.SIG_DFL and signal.getsignal(signal.SIGALRM) is stop
lost = 0
for k in range(100):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005 + 0.00001 * k)
        end = time.monotonic() + 1
        while time.monotonic() < end:
            random.seed(k); random.Random(k).random()
        lost += 1
    except Late: pass
assert signal.signal(signal.SIGALRM, signal.SIG_DFL) is stop
print("lost", lost)
`})
	if out := s.watched(probe.Config{}, "run.py").ok(t).stdout; out != "lost 0\n" {
		t.Errorf("printed %q", out)
	}
}

// The probe may watch as closely as it likes: the same seeds give the same bits as without it.
func TestInvisible(t *testing.T) {
	for _, training := range trainings {
		t.Run(training.name, func(t *testing.T) {
			s := newSession(t, map[string]string{"train.py": training.script})
			if training.needs != "" {
				s.needs(training.needs)
			}
			args := append([]string{"train.py"}, training.args...)
			bare := s.bare(args...).ok(t)
			watched := s.watched(probe.Config{}, args...).ok(t)
			if watched.stdout != bare.stdout || watched.stderr != bare.stderr {
				t.Errorf("watched: got %q %q, want %q %q", watched.stdout, watched.stderr, bare.stdout, bare.stderr)
			}
			close := s.watched(probe.Config{Zoom: &probe.Zoom{UntilStep: 3, Events: 5000}}, args...).ok(t)
			if close.stdout != bare.stdout {
				t.Errorf("zoomed: got %q, want %q", close.stdout, bare.stdout)
			}
			for _, config := range []result{watched, close} {
				if len(config.events["main"]) < 3 {
					t.Errorf("only %d events: nothing was watched", len(config.events["main"]))
				}
			}
			if len(close.of(probe.KindLine)) == 0 {
				t.Error("zoomed: no lines")
			}
			if training.script == torchTraining && len(watched.of(probe.KindParams)) != 12 {
				t.Errorf("got %d params events, want one for each of the 12 steps", len(watched.of(probe.KindParams)))
			}
		})
	}
}

// The state events of two runs of a seeded training agree one by one.
func TestStateIsTheSameInTwoRuns(t *testing.T) {
	s := newSession(t, map[string]string{"train.py": torchTraining})
	s.needs("torch")
	var runs [2][]string
	for i := range runs {
		for _, event := range s.watched(probe.Config{}, "train.py", "0").ok(t).events["main"] {
			if event.Kind.State() {
				runs[i] = append(runs[i], string(event.Kind)+" "+event.Value)
			}
		}
	}
	if len(runs[0]) < 12*4 || !slices.Equal(runs[0], runs[1]) {
		t.Errorf("state of two equal runs:\n%q\n%q", runs[0], runs[1])
	}
}
