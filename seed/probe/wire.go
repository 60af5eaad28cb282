package probe

import (
	"bytes"
	"encoding/json"

	"github.com/reprocheck/reprocheck/seed"
)

// Kind is a kind of event.
type Kind string

// The kinds of event; docs/probe-protocol.md says what each carries. A reader passes over kinds it does not know.
const (
	KindProcess  Kind = "process"
	KindIdentity Kind = "identity"
	KindChild    Kind = "child"
	KindKilled   Kind = "killed"
	KindFact     Kind = "fact"
	KindExit     Kind = "exit"

	KindSeed    Kind = "seed"
	KindNew     Kind = "new"
	KindDraw    Kind = "draw"
	KindStream  Kind = "stream"
	KindEntropy Kind = "entropy"
	KindClock   Kind = "clock"
	KindHost    Kind = "host"
	KindList    Kind = "list"
	KindOpen    Kind = "open"
	KindConnect Kind = "connect"
	KindName    Kind = "name"
	KindTask    Kind = "task"
	KindEmpty   Kind = "empty"
	KindOp      Kind = "op"
	KindWorker  Kind = "worker"

	KindInit   Kind = "init"
	KindBatch  Kind = "batch"
	KindLoss   Kind = "loss"
	KindGrad   Kind = "grad"
	KindParams Kind = "params"
	KindLR     Kind = "lr"
	KindFinal  Kind = "final"

	KindLine Kind = "line"
	KindCall Kind = "call"
)

// FaultFact begins the name of a fact that tells of a family of hooks which could not be placed; its value is the exception.
const FaultFact = "fault."

// State reports whether the kind shows the state of the training, which two runs are compared by.
func (k Kind) State() bool {
	switch k {
	case KindInit, KindBatch, KindLoss, KindGrad, KindParams, KindLR, KindFinal:
		return true
	}
	return false
}

// Event is one line of a trace.
type Event struct {
	Kind Kind `json:"k"`
	// Step is the number of optimizer steps that the process had completed.
	Step   int64   `json:"s"`
	Stream seed.ID `json:"r,omitempty"`
	// File is relative to the workspace when it lies below it; Line counts from 1.
	File string `json:"f,omitempty"`
	Line int64  `json:"l,omitempty"`
	Func string `json:"fn,omitempty"`
	// Lib is the library whose code stood between the user's line and the event, empty when there was none.
	Lib string `json:"lib,omitempty"`
	// Thread is empty for the main thread.
	Thread string `json:"th,omitempty"`
	// Value is what is compared between runs.
	Value string `json:"v,omitempty"`
	// Detail is a JSON object, shown and never compared.
	Detail json.RawMessage `json:"d,omitempty"`
}

// DetailString returns a text among the details, "" when there is none of that name.
func (e *Event) DetailString(key string) string { return detail[string](e, key) }

// DetailInt returns a whole number among the details, 0 when there is none of that name.
func (e *Event) DetailInt(key string) int64 { return detail[int64](e, key) }

// DetailBool returns a truth value among the details, false when there is none of that name.
func (e *Event) DetailBool(key string) bool { return detail[bool](e, key) }

// DetailStrings returns a list of texts among the details, nil when there is none of that name.
func (e *Event) DetailStrings(key string) []string { return detail[[]string](e, key) }

// Variable is one local value of a line event.
type Variable struct {
	Name   string
	Digest string
	// Text is the value in short, addresses masked.
	Text string
}

// Variables returns the values of a line or call event; entries that are not triples of text are left out.
func (e *Event) Variables() []Variable {
	var variables []Variable
	for _, entry := range detail[[]json.RawMessage](e, "vars") {
		var triple []string
		if json.Unmarshal(entry, &triple) == nil && len(triple) == 3 {
			variables = append(variables, Variable{Name: triple[0], Digest: triple[1], Text: triple[2]})
		}
	}
	return variables
}

func detail[T any](e *Event, key string) T {
	var fields map[string]json.RawMessage
	var value, none T
	// Most events lack most keys, and decoding costs as much as reading the rest of the event.
	if !bytes.Contains(e.Detail, []byte(key)) {
		return none
	}
	if json.Unmarshal(e.Detail, &fields) != nil {
		return none
	}
	if json.Unmarshal(fields[key], &value) != nil {
		return none
	}
	return value
}
