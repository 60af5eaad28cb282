// Package local executes steps on this machine: it prepares a workspace, launches the command under the step's levels
// with the probe beside it, and collects everything that the run left into its record.
package local
