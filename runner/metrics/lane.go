package metrics

import (
	"bytes"
	"strings"
)

// lane is which of several processes printed a line, "rank 1" or "worker-3", nil where the line does not say. Their lines come in
// any order, so each of them has series of its own.
//
// A lane is named by a number on the line, which is then removed from fields, or by a prefix: "[rank1]: loss=0.5" as torchrun prints,
// "[default0]:loss=0.5", "[1,0]<stdout>:loss=0.5" as mpirun does.
func lane(line []byte, fields []field) ([]byte, []field) {
	for i := range fields {
		f := &fields[i]
		if f.role != measured || f.why != "" {
			continue
		}
		if laneWord(f.label) && isInteger(f) && hasMeasured(fields[i+1:]) {
			name := append(append(bytes.Clone(f.label), ' '), f.text...)
			return name, append(fields[:i], fields[i+1:]...)
		}
		break
	}
	end := bytes.IndexByte(line, ']')
	if end < 2 || end > 24 || line[0] != '[' || end+1 == len(line) {
		return nil, fields
	}
	tag := line[1:end]
	digits := len(tag)
	for digits > 0 && isDigit(tag[digits-1]) {
		digits--
	}
	word := bytes.TrimRight(tag[:digits], " -_:#")
	if digits < len(tag) && laneWord(word) || bytes.HasPrefix(line[end+1:], []byte("<std")) {
		return tag, fields
	}
	return nil, fields
}

func hasMeasured(fields []field) bool {
	for i := range fields {
		if fields[i].role == measured {
			return true
		}
	}
	return false
}

func laneWord(label []byte) bool {
	if len(label) > 16 {
		return false
	}
	switch strings.ToLower(string(label)) {
	case "rank", "local_rank", "local rank", "global_rank", "global rank", "worker", "worker_id", "replica", "actor", "process", "proc", "shard", "node",
		"thread", "default", "gpu":
		return true
	}
	return false
}
