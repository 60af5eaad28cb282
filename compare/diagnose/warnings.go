package diagnose

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// warnings are what a user should know of runs that is no cause of a difference.
func warnings(shipped []*observation) []record.Warning {
	if len(shipped) == 0 {
		return nil
	}
	first := shipped[0]
	return slices.Concat(equalWorkers(first), lateHashSeed(first), hiddenFailure(first), datedSeed(first), blindness(first))
}

// hiddenFailure warns of a Python process that an exception ended although the command succeeded, as in a pipe of a shell.
func hiddenFailure(o *observation) []record.Warning {
	for _, process := range o.trace.Processes() {
		if class := o.summary.Failed[process]; class != "" {
			return []record.Warning{{ID: "uncaught-exception", Text: failureText(o, process)}}
		}
	}
	return nil
}

func failureText(o *observation, process string) string {
	return fmt.Sprintf("an uncaught %s ended the Python process %s of run %s, although the command reports success", o.summary.Failed[process], process, o.run.ID)
}

// blindness warns of what the probe could not watch.
func blindness(o *observation) []record.Warning {
	faults := map[string]string{}
	for _, facts := range o.summary.Facts {
		for name, exception := range facts {
			if hooks, ok := strings.CutPrefix(name, probe.FaultFact); ok {
				faults[strings.TrimPrefix(hooks, "hooks_")] = exception
			}
		}
	}
	var out []record.Warning
	for _, hooks := range slices.Sorted(maps.Keys(faults)) {
		out = append(out, record.Warning{ID: "probe-fault", Text: fmt.Sprintf(
			"The probe could not watch everything it knows of as %q (%s), perhaps a version of a library that it does not know: what is drawn there goes unseen.", hooks, faults[hooks])})
	}
	return out
}

// equalWorkers warns of DataLoader workers that draw the same numbers, the old NumPy fork fault and its kin.
func equalWorkers(o *observation) []record.Warning {
	type start struct {
		stream seed.ID
		state  string
	}
	where := map[start]string{}
	for _, s := range o.summary.Sites {
		if s.Kind != probe.KindDraw || !inWorker(s) {
			continue
		}
		key := start{s.Stream, s.Values[0]}
		if other, known := where[key]; known && other != s.Process {
			return []record.Warning{{ID: "worker-streams-equal", File: s.File, Line: s.Line,
				Text: fmt.Sprintf("DataLoader workers %s and %s draw the same numbers from %s: their samples are augmented alike.", other, s.Process, s.Stream)}}
		}
		where[key] = s.Process
	}
	return nil
}

// lateHashSeed warns of a program that sets PYTHONHASHSEED for itself, which Python reads only when it starts.
func lateHashSeed(o *observation) []record.Warning {
	for _, s := range o.summary.Sites {
		if s.Kind == probe.KindSeed && s.Stream == seed.PythonHash {
			return []record.Warning{{ID: "pythonhashseed-too-late", File: s.File, Line: s.Line,
				Text: fmt.Sprintf("%s sets PYTHONHASHSEED inside the program, where it has no effect: Python reads it when it starts.", at(s))}}
		}
	}
	return nil
}
