// Package trace compares what the probe wrote in two runs. It streams: two traces of any length are compared in
// memory that depends on the number of distinct places in the user's code, not on the number of events.
package trace
