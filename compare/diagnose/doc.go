// Package diagnose answers an audit's question. It compares the runs of an experiment, reads from their traces which
// sources could have made them differ, and asks for the experiments that convict a source or clear it.
//
// It follows three rules. A verdict needs evidence. The earliest difference counts, for what follows it is chaos.
// And a trace only names a suspect: a cause is proven when pinning it makes runs agree that differ without.
//
// What is known about one source stands in one file, rule_<source>.go.
package diagnose
