package probe_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// TestObserves plants one use of a source in each script, on the line marked with #!, and looks for the event there.
// The twin is the same script done right: it must say nothing of the kind.
func TestObserves(t *testing.T) {
	tests := []struct {
		name   string
		needs  string
		script string
		kind   probe.Kind
		stream seed.ID
		// value is compared when it is not empty; detail lists "key=value".
		value  string
		lib    string
		detail string
		twin   string
	}{
		{
			name: "random drawn", kind: probe.KindDraw, stream: seed.PythonRandom, detail: "api=random",
			script: "import random\nx = random.random() #!\n",
			twin:   "import random\nx = random.Random(1).random()\n",
		},
		{
			name: "random drawn by a captured name", kind: probe.KindDraw, stream: seed.PythonRandom, detail: "api=shuffle",
			script: "from random import shuffle\nshuffle([1, 2, 3]) #!\n",
			twin:   "from random import shuffle\nshuffle([])\n",
		},
		{
			name: "random seeded with a value", kind: probe.KindSeed, stream: seed.PythonRandom, value: "5", detail: "api=random.seed",
			script: "import random\nrandom.seed(5) #!\n",
			twin:   "import random\n",
		},
		{
			name: "random seeded with nothing", kind: probe.KindSeed, stream: seed.PythonRandom, value: "None",
			script: "import random\nrandom.seed() #!\n",
			twin:   "import random\nrandom.getstate()\n",
		},
		{
			name: "generator without a seed", kind: probe.KindNew, stream: seed.PythonRandom, value: "unseeded", detail: "api=random.Random",
			script: "import random\nx = random.Random().random() #!\n",
			twin:   "import random, tempfile\ntempfile.mktemp()\n",
		},
		{
			name: "generator seeded from the clock", kind: probe.KindNew, stream: seed.PythonRandom, detail: "origin=clock",
			script: "import random, time\nx = random.Random(time.time_ns()).random() #!\n",
			twin:   "import random, time\nt = time.time()\n",
		},
		{
			name: "seed from the clock", kind: probe.KindSeed, stream: seed.PythonRandom, detail: "origin=clock",
			script: "import random, time\nrandom.seed(int(time.time() * 1000) % 2**32) #!\n",
			twin:   "import random\n",
		},
		{
			name: "seed from a clock nobody saw read", kind: probe.KindSeed, stream: seed.PythonRandom, detail: "origin=clock",
			script: "import random\nfrom datetime import datetime\nrandom.seed(datetime.now().timestamp()) #!\n",
			twin:   "from datetime import datetime\ndatetime.now()\n",
		},
		{
			name: "seed from the system's entropy", kind: probe.KindSeed, stream: seed.PythonRandom, detail: "origin=entropy",
			script: "import os, random\nrandom.seed(int.from_bytes(os.urandom(4), 'little')) #!\n",
			twin:   "import os\nos.urandom(4)\n",
		},
		{
			name: "seed from a uuid", kind: probe.KindSeed, stream: seed.PythonRandom, detail: "origin=uuid",
			script: "import random, uuid\nrandom.seed(uuid.uuid4().int % 2**32) #!\n",
			twin:   "import uuid\nuuid.uuid4()\n",
		},
		{
			name: "seed from a pid", kind: probe.KindSeed, stream: seed.PythonRandom, detail: "origin=pid",
			script: "import os, random\nrandom.seed(os.getpid() * 10007) #!\n",
			twin:   "import os\nos.getpid()\n",
		},
		{
			name: "os.urandom", kind: probe.KindEntropy, stream: seed.OSEntropy, detail: "api=os.urandom",
			script: "import os\nos.urandom(8) #!\n",
			twin:   "import tempfile\ntempfile.TemporaryFile().close()\n",
		},
		{
			name: "secrets", kind: probe.KindEntropy, stream: seed.OSEntropy,
			script: "import secrets\nsecrets.token_bytes(8) #!\n",
			twin:   "import secrets\n",
		},
		{
			name: "uuid4", kind: probe.KindEntropy, stream: seed.OSEntropy, detail: "api=uuid.uuid4",
			script: "import uuid\nuuid.uuid4() #!\n",
			twin:   "import uuid\nuuid.uuid5(uuid.NAMESPACE_DNS, 'x')\n",
		},
		{
			name: "clock", kind: probe.KindClock, stream: seed.WallClock, detail: "api=time.time",
			script: "import time\nt = time.time() #!\n",
			twin:   "import logging\nlogging.getLogger().error('x')\n",
		},
		{
			name: "clock in a name", kind: probe.KindClock, stream: seed.WallClock, detail: "api=time.strftime",
			script: "import time\nt = time.strftime('%H') #!\n",
			twin:   "import time\nt = time.strftime('%H', time.gmtime(0))\n",
		},
		{
			name: "host name", kind: probe.KindHost, stream: seed.Host, detail: "api=socket.gethostname",
			script: "import socket\nn = socket.gethostname() #!\n",
			twin:   "import socket\n",
		},
		{
			name: "listdir", kind: probe.KindList, stream: seed.FileOrder, detail: "api=os.listdir path=. n=1 in_order=true",
			script: "import os\nos.listdir('.') #!\n",
			twin:   "import json, os\nos.path.exists('.')\n",
		},
		{
			name: "glob", kind: probe.KindList, stream: seed.FileOrder, detail: "api=glob.glob",
			script: "import glob\nglob.glob('*.py') #!\n",
			twin:   "import glob\nglob.glob('run.py')\n",
		},
		{
			name: "iterdir", kind: probe.KindList, stream: seed.FileOrder,
			script: "import pathlib\nx = list(pathlib.Path('.').iterdir()) #!\n",
			twin:   "import pathlib\npathlib.Path('.').exists()\n",
		},
		{
			name: "walk", kind: probe.KindList, stream: seed.FileOrder, detail: "api=os.walk",
			script: "import os\nfor x in os.walk('.'): pass #!\n",
			twin:   "import os, shutil\nos.mkdir('d')\nshutil.rmtree('d')\n",
		},
		{
			name: "file outside the workspace", kind: probe.KindOpen, stream: seed.ExternalState, value: "r",
			script: "import tempfile, os\nopen(os.path.dirname(os.getcwd()) + '/../../x-absent') if 0 else None\ntry: open('/var/empty-reprocheck') #!\nexcept OSError: pass\n",
			twin:   "open('run.py').close()\nopen('/dev/null').close()\n",
		},
		{
			name: "results in order of completion", kind: probe.KindTask, stream: seed.Concurrency, detail: "api=concurrent.futures.as_completed",
			script: "from concurrent.futures import ThreadPoolExecutor, as_completed\npool = ThreadPoolExecutor(2)\nfutures = [pool.submit(pow, 2, 3)]\nfor f in as_completed(futures): pass #!\n",
			twin:   "x = list(map(abs, [1]))\n",
		},
		{
			name: "threads", kind: probe.KindTask, stream: seed.Concurrency, detail: "api=threading.Thread.start",
			script: "import threading\nthreading.Thread(target=int).start() #!\n",
			twin:   "import threading\nthreading.Lock()\n",
		},
		{
			name: "numpy drawn", needs: "numpy", kind: probe.KindDraw, stream: seed.NumpyLegacy, detail: "api=rand",
			script: "import numpy as np\nx = np.random.rand(3) #!\n",
			twin:   "import numpy as np\nx = np.random.default_rng(1).random()\n",
		},
		{
			name: "numpy seeded with nothing", needs: "numpy", kind: probe.KindSeed, stream: seed.NumpyLegacy, value: "None",
			script: "import numpy as np\nnp.random.seed() #!\n",
			twin:   "import numpy as np\nnp.random.get_state()\n",
		},
		{
			name: "RandomState without a seed", needs: "numpy", kind: probe.KindNew, stream: seed.NumpyLegacy, value: "unseeded",
			script: "import numpy as np\nx = np.random.RandomState().rand() #!\n",
			twin:   "import numpy as np\nx = np.random.RandomState(3).rand()\n",
		},
		{
			name: "default_rng without a seed", needs: "numpy", kind: probe.KindNew, stream: seed.NumpyGenerator, value: "unseeded",
			detail: "api=numpy.random.default_rng",
			script: "import numpy as np\nx = np.random.default_rng().random() #!\n",
			twin:   "import numpy as np\n",
		},
		{
			name: "bit generator without a seed", needs: "numpy", kind: probe.KindNew, stream: seed.NumpyGenerator, value: "unseeded",
			script: "import numpy as np\nx = np.random.Generator(np.random.PCG64()).random() #!\n",
			twin:   "import numpy as np\nx = np.random.Generator(np.random.PCG64(1)).random()\n",
		},
		{
			name: "numpy memory", needs: "numpy", kind: probe.KindEmpty, stream: seed.UninitialisedMemory, detail: "api=numpy.empty",
			script: "import numpy as np\nx = np.empty(3) #!\n",
			twin:   "import numpy as np\nx = np.zeros(3)\n",
		},
		{
			name: "scikit-learn without a random state", needs: "sklearn", kind: probe.KindDraw, stream: seed.NumpyLegacy,
			lib:    "sklearn.model_selection",
			script: "from sklearn.model_selection import train_test_split\ntrain_test_split(list(range(10))) #!\n",
			twin:   "from sklearn.model_selection import train_test_split\ntrain_test_split(list(range(10)), random_state=1)\n",
		},
		{
			name: "torch drawn", needs: "torch", kind: probe.KindDraw, stream: seed.TorchCPU, detail: "api=randn",
			script: "import torch\nx = torch.randn(3) #!\n",
			twin:   "import torch\ng = torch.Generator()\nx = torch.randn(3, generator=g)\nx.uniform_(generator=g)\ntorch.nn.functional.dropout(x, training=False)\n",
		},
		{
			name: "torch initialisation", needs: "torch", kind: probe.KindDraw, stream: seed.TorchCPU, lib: "torch.nn.modules.linear",
			script: "import torch\nm = torch.nn.Linear(2, 2) #!\n",
			twin:   "import torch\nm = torch.nn.ReLU()\n",
		},
		{
			name: "torch seeded", needs: "torch", kind: probe.KindSeed, stream: seed.TorchCPU, value: "3",
			script: "import torch\ntorch.manual_seed(3) #!\n",
			twin:   "import torch\ntorch.Generator().manual_seed(3)\n",
		},
		{
			name: "shuffling loader", needs: "torch", kind: probe.KindDraw, stream: seed.TorchCPU, detail: "purpose=shuffle",
			script: "import torch\nfor x in torch.utils.data.DataLoader([1, 2], shuffle=True): pass #!\n",
			twin:   "import torch\ng = torch.Generator()\nfor x in torch.utils.data.DataLoader([1, 2], shuffle=True, generator=g): pass\n",
		},
		{
			name: "loader that draws for no use", needs: "torch", kind: probe.KindDraw, stream: seed.TorchCPU, detail: "purpose=unused-base-seed",
			script: "import torch\nfor x in torch.utils.data.DataLoader([1, 2]): pass #!\n",
			twin:   "import torch\nfor x in [1, 2]: pass\n",
		},
		{
			name: "gradient of an index", needs: "torch", kind: probe.KindOp, stream: seed.TorchNondeterministicOps, detail: "op=__getitem__",
			script: "import torch\nw = torch.zeros(4, requires_grad=True)\ny = w[torch.tensor([0, 0])] #!\n",
			twin:   "import torch\nw = torch.zeros(4, requires_grad=True)\ny = w[1:2]\nz = torch.zeros(4)[torch.tensor([0])]\n",
		},
		{
			name: "torch memory", needs: "torch", kind: probe.KindEmpty, stream: seed.UninitialisedMemory, detail: "api=torch.empty",
			script: "import torch\nx = torch.empty(3) #!\n",
			twin:   "import torch\nm = torch.nn.Linear(2, 2)\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSession(t, map[string]string{"run.py": test.script})
			if test.needs != "" {
				s.needs(test.needs)
			}
			line := int64(1)
			for text := range strings.Lines(test.script) {
				if strings.Contains(text, "#!") {
					break
				}
				line++
			}
			all := s.watched(probe.Config{}, "run.py").ok(t)
			if !seen(all.of(test.kind), func(e probe.Event) bool {
				return e.Stream == test.stream && e.File == "run.py" && e.Line == line && e.Lib == test.lib &&
					(test.value == "" || e.Value == test.value) && hasDetails(e, test.detail)
			}) {
				t.Errorf("no such event; the trace says:\n%s", show(all.events["main"]))
			}
			twin := newSession(t, map[string]string{"run.py": test.twin})
			clean := twin.watched(probe.Config{}, "run.py").ok(t)
			if seen(clean.of(test.kind), func(e probe.Event) bool { return e.Stream == test.stream }) {
				t.Errorf("the clean twin is accused; the trace says:\n%s", show(clean.events["main"]))
			}
		})
	}
}

func seen(events []probe.Event, is func(probe.Event) bool) bool {
	for _, event := range events {
		if is(event) {
			return true
		}
	}
	return false
}

func hasDetails(e probe.Event, want string) bool {
	for _, pair := range strings.Fields(want) {
		key, value, _ := strings.Cut(pair, "=")
		if e.DetailString(key) != value && fmt.Sprint(e.DetailInt(key)) != value && fmt.Sprint(e.DetailBool(key)) != value {
			return false
		}
	}
	return true
}

func show(events []probe.Event) string {
	var text strings.Builder
	for _, e := range events {
		fmt.Fprintf(&text, "%s %s %s:%d lib=%q v=%q %s\n", e.Kind, e.Stream, e.File, e.Line, e.Lib, e.Value, e.Detail)
	}
	return text.String()
}

// An unseeded generator that nobody draws from is made, and has not moved at the end.
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
