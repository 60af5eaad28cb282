// Package report turns the record of an audit into one versioned document and writes that document
// for people and for programs. It runs nothing, compares nothing and reads no files: a report can be
// made again at any time from the records, or from the JSON form alone.
package report
