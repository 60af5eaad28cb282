package trace

import (
	"io"

	"github.com/reprocheck/reprocheck/seed/probe"
)

// Source gives the events of one run, process by process.
type Source interface {
	// Processes lists the names of the run's Python processes, "main" first.
	Processes() []string
	// Open streams the events of one process in the order in which they were written: none for a process that the run
	// did not have.
	Open(process string) (Events, error)
}

// Events is a stream of events; Next returns io.EOF after the last.
type Events interface {
	Next() (probe.Event, error)
	io.Closer
}

// each calls visit with every event of a process and its place in the process's trace.
func each(s Source, process string, visit func(order int64, e probe.Event)) error {
	events, err := s.Open(process)
	if err != nil {
		return err
	}
	defer events.Close()
	for order := int64(0); ; order++ {
		e, err := events.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		visit(order, e)
	}
}

// lane streams those events of a process's main thread that keep holds for.
type lane struct {
	events Events
	order  int64
	keep   func(probe.Kind) bool
}

func openLane(s Source, process string, keep func(probe.Kind) bool) (*lane, error) {
	events, err := s.Open(process)
	if err != nil {
		return nil, err
	}
	return &lane{events: events, order: -1, keep: keep}, nil
}

// next returns the lane's next event; io.EOF ends it.
func (l *lane) next() (probe.Event, error) {
	for {
		e, err := l.events.Next()
		if err != nil {
			return e, err
		}
		l.order++
		if e.Thread == "" && l.keep(e.Kind) {
			return e, nil
		}
	}
}

func (l *lane) close() { l.events.Close() }
