package probe_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// sourceKinds are the kinds that show a source of randomness at a line.
var sourceKinds = []probe.Kind{probe.KindSeed, probe.KindNew, probe.KindDraw, probe.KindEntropy, probe.KindClock,
	probe.KindHost, probe.KindList, probe.KindOpen, probe.KindConnect, probe.KindName, probe.KindTask, probe.KindEmpty, probe.KindOp}

// TestObserves runs the scripts of testdata/observe, whose lines say what is to be seen of them (kind, stream or "-", details), and holds that
// everything they say is seen and that nothing else is.
func TestObserves(t *testing.T) {
	for _, name := range []string{"stdlib", "numpy", "sklearn", "torch", "jax", "tensorflow"} {
		t.Run(name, func(t *testing.T) {
			script, err := os.ReadFile(filepath.Join("testdata", "observe", name+".py"))
			if err != nil {
				t.Fatal(err)
			}
			s := newSession(t, map[string]string{"run.py": string(script)})
			if name != "stdlib" {
				s.needs(name)
			}
			found := s.watched(probe.Config{}, "run.py").ok(t)
			var got []probe.Event
			for _, event := range found.events["main"] {
				if slices.Contains(sourceKinds, event.Kind) && event.File != "" && !event.DetailBool("importing") {
					got = append(got, event)
				}
			}
			line, marks := int64(0), 0
			for text := range strings.Lines(string(script)) {
				line++
				_, mark, marked := strings.Cut(text, "  #! ")
				for want := range strings.SplitSeq(mark, ";") {
					if !marked {
						break
					}
					marks++
					if !slices.ContainsFunc(got, func(e probe.Event) bool { return e.Line == line && matches(e, want) }) {
						t.Errorf("line %d: not seen: %s", line, want)
					}
				}
				for _, event := range got {
					if event.Line == line && !marked {
						t.Errorf("line %d: seen for nothing: %s", line, show(event))
					}
				}
			}
			if marks == 0 {
				t.Fatal("the script has no marks")
			}
			if t.Failed() {
				for _, event := range got {
					t.Log(show(event))
				}
			}
		})
	}
}

// matches compares an event with a mark: kind, stream, then key=value, with v for the value and lib for the library.
func matches(e probe.Event, mark string) bool {
	fields := strings.Fields(mark)
	if len(fields) < 2 || string(e.Kind) != fields[0] || string(e.Stream) != strings.TrimPrefix(fields[1], "-") {
		return false
	}
	for _, pair := range fields[2:] {
		key, want, _ := strings.Cut(pair, "=")
		var got []string
		switch key {
		case "v":
			got = []string{e.Value}
		case "lib":
			got = []string{e.Lib}
		default:
			got = []string{e.DetailString(key), fmt.Sprint(e.DetailInt(key)), fmt.Sprint(e.DetailBool(key))}
		}
		if !slices.Contains(got, want) {
			return false
		}
	}
	return true
}

func show(e probe.Event) string {
	return fmt.Sprintf("%s %s %s:%d lib=%q v=%q %s", e.Kind, e.Stream, e.File, e.Line, e.Lib, e.Value, e.Detail)
}

// An unseeded generator that nobody draws from is made, and has not moved at the end.
// TestOverwrittenWeights holds that a line whose weights another line has drawn again, or filled, is told, and none of which a
// number is left, or that drew anything else.
func TestOverwrittenWeights(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import torch
from torch import nn
again = nn.Linear(3, 2)  #!
nn.init.xavier_uniform_(again.weight)
nn.init.zeros_(again.bias)
old_style = nn.Linear(3, 2, bias=False)  #!
old_style.weight.data.normal_(0, 0.02)
truncated = nn.Linear(3, 2, bias=False)  #!
nn.init.trunc_normal_(truncated.weight)
half = nn.Linear(3, 2)
nn.init.xavier_uniform_(half.weight)
kept = nn.Linear(3, 2)
part = nn.Linear(3, 2, bias=False)
part.weight.data[0].normal_()
frozen = nn.Linear(3, 2, bias=False)
nn.init.xavier_uniform_(frozen.weight)
data, weight = torch.randn(4, 3), nn.Parameter(torch.empty(2).uniform_())
weight.data.fill_(0)
net = nn.ModuleList([again, old_style, truncated, half, kept, part])
torch.optim.SGD(list(net.parameters()) + [weight], 0.1)
`})
	s.needs("torch")
	var got []string
	for _, e := range s.watched(probe.Config{}, "run.py").ok(t).of(probe.KindInit) {
		got = append(got, e.DetailStrings("overwritten")...)
	}
	if diff := cmp.Diff([]string{"run.py:4", "run.py:7", "run.py:9"}, got); diff != "" {
		t.Errorf("overwritten (-want +got):\n%s", diff)
	}
}

// TestConnectionsLeadOutOfTheRun holds that what a line reads from another program is seen, and not what the run's own threads and
// processes serve, what a library reports, or a datagram socket that only learns an address.
func TestConnectionsLeadOutOfTheRun(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	port := server.Listener.Addr().(*net.TCPAddr).Port
	s := newSession(t, map[string]string{
		"server.py":                           "import socket\ns = socket.create_server(('127.0.0.1', 0))\nprint(s.getsockname()[1], flush=True)\ns.accept()[0].recv(1)\n",
		"lib/site-packages/wandb/__init__.py": "import socket\ndef init(port): socket.create_connection(('127.0.0.1', port)).close()\n",
		"run.py": `
import asyncio, http.client, multiprocessing.managers, socket, subprocess, sys, urllib.request, urllib.error
sys.path.append("lib/site-packages")
import wandb
port = int(sys.argv[1])
try:
    urllib.request.urlopen("http://127.0.0.1:%d/" % port)  #!
except urllib.error.HTTPError:
    pass
http.client.HTTPConnection("localhost", port).request("GET", "/")  #!
async def fetch():
    reader, writer = await asyncio.open_connection("127.0.0.1", port)  #!
    writer.close()
asyncio.run(fetch())
wandb.init(port)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.connect(("127.0.0.1", port))
own = socket.create_server(("127.0.0.1", 0))
socket.create_connection(own.getsockname()).close()
child = subprocess.Popen([sys.executable, "server.py"], stdout=subprocess.PIPE)
socket.create_connection(("127.0.0.1", int(child.stdout.readline()))).close()
child.wait()
if __name__ == "__main__":
    manager = multiprocessing.managers.SyncManager(("127.0.0.1", 0), b"x")
    manager.start()
    manager.list([1])
    manager.shutdown()
left, right = socket.socketpair()
try:
    socket.create_connection(("127.0.0.1", 1))
except OSError:
    pass
`})
	found := s.watched(probe.Config{}, "run.py", strconv.Itoa(port)).ok(t)
	var got []string
	for _, e := range found.of(probe.KindConnect) {
		got = append(got, fmt.Sprintf("%s:%d", e.File, e.Line))
	}
	if diff := cmp.Diff([]string{"run.py:7", "run.py:10", "run.py:12"}, got); diff != "" {
		t.Errorf("lines that connect (-want +got):\n%s", diff)
	}
}

func TestUnusedGeneratorsAreToldFromUsedOnes(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import random
used = random.Random()
unused = random.Random()
used.random()
`})
	var got []string
	for _, e := range s.watched(probe.Config{}, "run.py").ok(t).of(probe.KindStream) {
		if e.Stream == seed.PythonRandom {
			got = append(got, fmt.Sprintf("line %d: used %v", e.Line, e.DetailBool("used")))
		}
	}
	// Line 0 is the module's own stream, which this script leaves alone.
	want := []string{"line 3: used true", "line 4: used false", "line 0: used false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("streams at the end (-want +got):\n%s", diff)
	}
}

// What a library draws for itself while it is imported is none of the program's.
func TestDrawsOfAnImportLeaveAStreamUnused(t *testing.T) {
	for body, used := range map[string]bool{
		"import sys; sys.path.append(sys.argv[1]); import library":                          false,
		"import sys; sys.path.append(sys.argv[1]); import library; library.draw()":          true,
		"import random, sys; random.random(); sys.path.append(sys.argv[1]); import library": true,
	} {
		library := t.TempDir()
		if err := os.WriteFile(filepath.Join(library, "library.py"), []byte("import random\nname = random.getrandbits(32)\ndef draw(): return random.random()\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		found := newSession(t, map[string]string{"run.py": body}).watched(probe.Config{}, "run.py", library).ok(t)
		streams := found.of(probe.KindStream)
		if len(streams) != 1 || streams[0].DetailBool("used") != used {
			t.Errorf("%s: %v, want used to be %t", body, streams, used)
		}
	}
}

// A process of a pool is killed when there is no more work, perhaps with something still in doubt.
func TestGeneratorsOfPoolsAreToldInTime(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
import numpy as np
def work(n):
    return np.random.RandomState().rand()
if __name__ == "__main__":
    with multiprocessing.Pool(1) as pool:
        pool.map(work, range(1))
    with ProcessPoolExecutor(1) as pool:
        list(pool.map(work, range(1)))
`})
	s.needs("numpy")
	found := s.watched(probe.Config{}, "run.py").ok(t)
	told := make(map[string]bool)
	for process, events := range found.events {
		if slices.ContainsFunc(events, func(e probe.Event) bool { return e.Kind == probe.KindNew && e.Value == "unseeded" }) {
			told[path.Base(process)] = true // from Python 3.14 on they are children of multiprocessing's fork server
		}
	}
	if diff := cmp.Diff(map[string]bool{"mp-1": true, "mp-2": true}, told); diff != "" {
		t.Errorf("processes that tell of an unseeded generator (-want +got):\n%s", diff)
	}
}

// A cell is named by the notebook and its place in it, and its lines are its own.
func TestCellsOfANotebook(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import subprocess, sys, nbformat
code = nbformat.v4.new_code_cell
cells = [nbformat.v4.new_markdown_cell("# Training"), code("import random"), code(""),
         code("\n\ndef draw():\n    return random.Random().random()"), code("%time draw()")]
nbformat.write(nbformat.v4.new_notebook(cells=cells), "train.ipynb")
subprocess.run([sys.executable, "-m", "jupyter", "execute", "train.ipynb"], check=True)
`})
	s.needs("ipykernel")
	s.needs("nbclient")
	found := s.watched(probe.Config{}, "run.py").ok(t)
	places := make(map[string]bool)
	for _, events := range found.events {
		for _, e := range events {
			if e.Kind == probe.KindNew {
				places[fmt.Sprintf("%s:%d", e.File, e.Line)] = true
			}
		}
	}
	if diff := cmp.Diff(map[string]bool{"train.ipynb:In[2]:2": true}, places); diff != "" {
		t.Errorf("lines that made a generator (-want +got):\n%s", diff)
	}
}

// The first draws of each line are written, however many there are of another.
func TestDrawsAreBounded(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import random
for seed in range(3):
    random.seed(seed)
    for _ in range(1000):
        random.random()
    random.random()
`})
	lines := map[int64]int{}
	for _, e := range s.watched(probe.Config{}, "run.py").ok(t).of(probe.KindDraw) {
		lines[e.Line]++
	}
	if diff := cmp.Diff(map[int64]int{6: 24, 7: 3}, lines); diff != "" {
		t.Errorf("draws by line (-want +got):\n%s", diff)
	}
}

// A library's function that has been called for the same line all along is still looked at when it draws for another at a
// sampled step, 40; what the user's own line calls is at every step.
func TestDrawsOfLaterLines(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import torch
model, drop = torch.nn.Linear(4, 1), torch.nn.Dropout()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(48):
    x = drop(torch.ones(2, 4))
    if step == 40:
        drop(x)
    if step == 41:
        torch.rand(1)
    model(x).sum().backward()
    optimizer.step()
`})
	s.needs("torch")
	lines := map[int64]int{}
	for _, e := range s.watched(probe.Config{}, "run.py").ok(t).of(probe.KindDraw) {
		lines[e.Line]++
	}
	delete(lines, 3) // the weights
	if diff := cmp.Diff(map[int64]int{6: 8, 8: 1, 10: 1}, lines); diff != "" {
		t.Errorf("draws by line (-want +got):\n%s", diff)
	}
}

// TestObservesWhatWasImportedBefore has a path file of the site import a module before the probe is there.
func TestObservesWhatWasImportedBefore(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": "import random, secrets\nrandom.SystemRandom().random()\nsecrets.token_hex()\nrandom.random()\n"})
	made := s.bare("-m", "venv", "--without-pip", "--symlinks", "env").ok(t)
	sites, err := filepath.Glob(filepath.Join(s.root, "env", "lib", "python3*", "site-packages"))
	if err != nil || len(sites) != 1 {
		t.Fatalf("venv has site-packages %v (%v): %s", sites, err, made.stderr)
	}
	if err := os.WriteFile(filepath.Join(sites[0], "early.pth"), []byte("import random\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.python = filepath.Join(s.root, "env", "bin", "python")
	found := s.watched(probe.Config{}, "run.py").ok(t)
	for line, want := range map[int64]string{2: "entropy os-entropy", 3: "entropy os-entropy", 4: "draw python-random"} {
		if !slices.ContainsFunc(found.events["main"], func(e probe.Event) bool { return e.Line == line && matches(e, want) }) {
			t.Errorf("line %d: not seen: %s", line, want)
		}
	}
}

// A library that the probe does not know how to watch is told of, and the program goes on.
func TestUnknownLibraries(t *testing.T) {
	s := newSession(t, map[string]string{"torch.py": "__version__ = '9.0'\n", "train.py": "import random, torch\nprint(torch.__version__)\n"})
	s.faulty = true
	r := s.watched(probe.Config{}, "train.py").ok(t)
	facts := r.processes[0].Facts
	if !strings.HasPrefix(facts[probe.FaultFact+"hooks_torch"], "AttributeError: ") || facts[probe.FaultFact+"hooks_random"] != "" || r.stdout != "9.0\n" {
		t.Errorf("facts %q and output %q", facts, r.stdout)
	}
}

// TestImportedGenerators: a generator that a library makes for itself while it is imported is marked as such when it is made and when
// the process ends, as its values are nobody's.
func TestImportedGenerators(t *testing.T) {
	s := newSession(t, map[string]string{
		"site-packages/thing.py": "import random\nown = random.Random()\nown.random()\n",
		"run.py":                 "import sys; sys.path.append('site-packages')\nimport thing\n",
	})
	found := s.watched(probe.Config{}, "run.py").ok(t)
	var marked []string
	for _, event := range found.events["main"] {
		if event.Stream == seed.PythonRandom && event.File != "" && event.DetailBool("importing") {
			marked = append(marked, string(event.Kind))
		}
	}
	if diff := cmp.Diff([]string{"new", "stream"}, marked); diff != "" {
		t.Error(diff)
	}
}
