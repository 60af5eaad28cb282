// Package live shows how an audit proceeds while it runs: one status line on a terminal, rewritten in place and
// gone at the end; nothing anywhere else. It satisfies runner.Observer.
package live
