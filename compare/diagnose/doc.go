// Package diagnose answers an audit's question. It compares the runs of an experiment, reads from their traces which
// sources could have made them differ, and asks for the experiments that convict a source or clear it.
//
// It follows three rules. A verdict needs evidence. The earliest difference counts, for what follows it is chaos.
// And a trace only names a suspect: a cause is proven when pinning it makes runs agree that differ without.
//
// An audit goes through the files in this order:
//
//	inquiry.go      the audit as a whole
//	ship.go         the runs as shipped; conclude.go and missing.go give their verdict
//	suspect.go      what the traces of two runs say about each source: evidence.go, and one rule_<source>.go for each
//	search.go       from a difference to its causes:
//	  agree.go        pins suspects, in the rounds of rounds.go, until runs agree: fewest.go, guess.go, enough.go
//	  release.go      releases them one by one; convict.go records whose release makes runs differ
//	  locate.go       finds the line of each
//	  stands.go       asks whether the agreement was luck
//	unexplained.go  what is told where nothing makes runs agree
//	vary.go         the varied runs; delays.go, leftovers.go and doubt.go shake runs that agree
//	finish.go       writes what was found into the audit
package diagnose
