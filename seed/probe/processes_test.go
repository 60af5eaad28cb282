package probe_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/seed/probe"
)

func writeTraces(t *testing.T, traces map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range traces {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestProcesses(t *testing.T) {
	dir := writeTraces(t, map[string]string{
		"10-100.jsonl": `{"k":"process","s":0,"d":{"protocol":1,"pid":10,"parent":0,"via":0,"argv":["python","a.py"],"python":"3.11.2","hash_seed":"random"}}
{"k":"fact","s":0,"v":"2.15.0","d":{"name":"torch"}}
{"k":"host","s":0,"r":"host","v":"4194305","d":{"api":"os.getpid"}}
{"k":"host","s":0,"r":"host","v":"8","d":{"api":"os.cpu_count"}}
{"k":"child","s":0,"d":{"pid":30,"n":1}}
{"k":"child","s":0,"d":{"pid":20,"n":2}}
{"k":"params","s":7,"v":"00"}
{"k":"exit","s":9,"d":{"events":6}}
`,
		// Started by exec, the second by the parent's count although it was the first to begin; through a shell, pid 30.
		"20-200.jsonl": `{"k":"process","s":0,"d":{"protocol":1,"pid":20,"parent":10,"via":20}}` + "\n",
		"31-300.jsonl": `{"k":"process","s":0,"d":{"protocol":1,"pid":31,"parent":10,"via":30}}` + "\n",
		// Two workers of the same number, of two epochs, the second cut short by a kill.
		"40-400.jsonl": `{"k":"process","s":0,"d":{"protocol":1,"pid":40,"parent":10,"via":40}}
{"k":"identity","s":0,"v":"mp-1"}
{"k":"identity","s":0,"v":"worker-0"}
{"k":"exit","s":0}
`,
		"41-500.jsonl": `{"k":"process","s":0,"d":{"protocol":1,"pid":41,"parent":10,"via":41}}
{"k":"identity","s":0,"v":"worker-0"}
{"k":"dra`,
		// A grandchild, of a process that reuses the pid of another that had ended.
		"20-600.jsonl": `{"k":"process","s":0,"d":{"protocol":1,"pid":20,"parent":31,"via":20}}
{"k":"identity","s":0,"v":"mp-1"}
`,
		"notes.txt":      "no trace",
		"99-900.jsonl":   "no heartbeat\n",
		"98-900.jsonl":   "",
		"x-900.jsonl":    "{}",
		"1-2-3.jsonl":    "{}",
		"97-950.jsonl.1": "{}",
	})
	got, err := probe.Processes(dir)
	if err != nil {
		t.Fatal(err)
	}
	facts := map[string]string{"python": "", "executable": "", "hash_seed": ""}
	want := []probe.Process{
		{Name: "main", Trace: "10-100.jsonl", PID: 10, PIDs: []int64{10, 4194305}, Args: []string{"python", "a.py"}, Events: 8, Steps: 9, Exited: true,
			Facts: map[string]string{"python": "3.11.2", "executable": "", "hash_seed": "random", "torch": "2.15.0"}},
		{Name: "main/exec-2", Parent: "main", Trace: "20-200.jsonl", PID: 20, PIDs: []int64{20}, Events: 1, Facts: facts},
		{Name: "main/exec-1", Parent: "main", Trace: "31-300.jsonl", PID: 31, PIDs: []int64{31}, Events: 1, Facts: facts},
		{Name: "main/worker-0", Parent: "main", Trace: "40-400.jsonl", PID: 40, PIDs: []int64{40}, Events: 4, Exited: true, Facts: facts},
		{Name: "main/worker-0#2", Parent: "main", Trace: "41-500.jsonl", PID: 41, PIDs: []int64{41}, Events: 2, Damaged: 1, Facts: facts},
		{Name: "main/exec-1/mp-1", Parent: "main/exec-1", Trace: "20-600.jsonl", PID: 20, PIDs: []int64{20}, Events: 2, Facts: facts},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("processes (-want +got):\n%s", diff)
	}
}

func TestProcessesRefusesANewerProtocol(t *testing.T) {
	dir := writeTraces(t, map[string]string{
		"1-1.jsonl": `{"k":"process","s":0,"d":{"protocol":2,"pid":1}}` + "\n",
	})
	_, err := probe.Processes(dir)
	var newer *probe.NewerProtocolError
	if !errors.As(err, &newer) || newer.Protocol != 2 || !strings.Contains(err.Error(), "1-1.jsonl") {
		t.Errorf("got %v, want a NewerProtocolError that names the trace", err)
	}
}

func TestProcessesOfNoDirectory(t *testing.T) {
	if _, err := probe.Processes(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want an error that is os.ErrNotExist", err)
	}
}
