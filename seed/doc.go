// Package seed is the registry of the sources of nondeterminism: what each is, how a run shows it,
// and what pinning or varying it means for the environment, the launcher and the probe.
// [All] lists them, [Parse] reads their ids, and [Resolve] turns the levels of one run into settings.
// It is data with documentation, one file per family, and imports nothing else of reprocheck.
package seed
