// Package runner carries out experiments: it plans their runs, has an executor launch them, keeps their
// records in a store, and tells an observer how far it is. It compares nothing and renders nothing.
package runner
