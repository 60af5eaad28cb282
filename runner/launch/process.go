package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// drainTime is how long a pipe may stay silent after the tree has ended before it is given up:
// a process outside the tree that was handed its write end must not hold up the run.
const drainTime = 2 * time.Second

// lastWait is how long a tree may take to be gone once it has been killed. A large process takes a while to be taken down.
const lastWait = 30 * time.Second

// Process is a started command with its process tree.
type Process struct {
	tree    *tree
	grace   time.Duration
	began   time.Time
	streams []*stream

	end      chan struct{} // closed by the first Kill
	endNow   chan struct{} // closed by the second
	kills    int
	timedOut bool
	mu       sync.Mutex

	done    chan struct{} // closed when outcome and err are set
	outcome Outcome
	err     error
}

// Start starts the command. It returns when the command's program has been executed, or with the reason why it could not be.
// When ctx ends, the tree is ended as by Kill.
func Start(ctx context.Context, c Command) (*Process, error) {
	if len(c.Argv) == 0 || c.Argv[0] == "" {
		return nil, errors.New("no command to start")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := &Process{
		grace:  c.Grace,
		end:    make(chan struct{}),
		endNow: make(chan struct{}),
		done:   make(chan struct{}),
	}
	if p.grace <= 0 {
		p.grace = DefaultGrace
	}
	if err := p.start(c); err != nil {
		for _, s := range p.streams {
			s.read.Close()
		}
		return nil, err
	}
	for _, s := range p.streams {
		go s.copy()
	}
	over := make(chan struct{})
	go p.escalate(ctx, c.Timeout, over)
	go p.collect(over)
	return p, nil
}

// start makes the tree and the streams that carry the command's output.
func (p *Process) start(c Command) (err error) {
	p.began = time.Now()
	if g := c.Ground; g.claim(c) {
		for i, w := range []io.Writer{c.Stdout, c.Stderr} {
			if w == nil {
				w = io.Discard
			}
			p.streams = append(p.streams, &stream{read: g.out[i], to: w, done: make(chan struct{})})
		}
		p.tree, err = g.start(c)
		return err
	}
	if err := c.Ground.Discard(); err != nil {
		return err
	}
	files, err := p.open(c)
	if err != nil {
		return err
	}
	p.tree, err = startTree(c, files)
	for _, f := range files {
		if f != c.Stdin {
			f.Close()
		}
	}
	return err
}

// open makes the command's three standard files and the streams that carry its output.
func (p *Process) open(c Command) (files [3]*os.File, err error) {
	defer func() {
		if err == nil {
			return
		}
		for _, f := range files {
			if f != nil && f != c.Stdin {
				f.Close()
			}
		}
		for _, s := range p.streams {
			s.read.Close()
		}
	}()
	files[0] = c.Stdin
	if files[0] == nil {
		if files[0], err = os.Open(os.DevNull); err != nil {
			return files, fmt.Errorf("opening standard input: %w", err)
		}
	}
	for i, w := range []io.Writer{c.Stdout, c.Stderr} {
		if w == nil {
			files[1+i], err = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		} else {
			var r *os.File
			if r, files[1+i], err = os.Pipe(); err == nil {
				p.streams = append(p.streams, &stream{read: r, to: w, done: make(chan struct{})})
			}
		}
		if err != nil {
			return files, fmt.Errorf("opening the command's output: %w", err)
		}
	}
	return files, nil
}

// Kill ends the whole tree: SIGINT, after the grace SIGTERM, after the grace SIGKILL. It returns at once; Wait says when
// the tree is gone. A second call kills at once.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kills++
	switch p.kills {
	case 1:
		close(p.end)
	case 2:
		close(p.endNow)
	}
}

// escalate waits for a reason to end the tree and then ends it, ever more firmly, until it is over.
func (p *Process) escalate(ctx context.Context, timeout time.Duration, over <-chan struct{}) {
	var expired <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-over:
		return
	case <-p.end:
	case <-ctx.Done():
	case <-expired:
		p.mu.Lock()
		p.timedOut = true
		p.mu.Unlock()
	}
	for _, step := range []func(){p.tree.interrupt, p.tree.terminate} {
		step()
		select {
		case <-over:
			return
		case <-p.endNow:
		case <-time.After(p.grace):
		}
	}
	p.tree.kill()
	select {
	case <-over:
	case <-time.After(lastWait):
		p.tree.abandon()
	}
}

// collect waits for the tree and its output and publishes the outcome.
func (p *Process) collect(over chan<- struct{}) {
	p.outcome, p.err = p.tree.wait()
	p.outcome.Seconds = time.Since(p.began).Seconds()
	close(over)
	for _, s := range p.streams {
		if err := s.finish(); err != nil && p.err == nil {
			p.err = err
		}
	}
	p.mu.Lock()
	p.outcome.TimedOut = p.timedOut
	p.mu.Unlock()
	close(p.done)
}

// Wait waits until the first process has ended, the rest of the tree is gone and all output is written.
// The outcome tells how the command ended; the error tells what went wrong on our side, such as output that could not be
// stored, and the outcome is valid as far as it is known.
func (p *Process) Wait() (Outcome, error) {
	<-p.done
	return p.outcome, p.err
}

// stream copies one output of the command.
type stream struct {
	read *os.File
	to   io.Writer
	// moves counts reads begun and writes begun; it is odd while a write is in progress.
	moves atomic.Int64
	done  chan struct{}
	err   error
}

// copy hands on what the command writes. When the writer fails the rest is read and dropped, so that a full disk
// on our side never stops or kills the command.
func (s *stream) copy() {
	defer close(s.done)
	buf := make([]byte, 64<<10)
	for {
		n, err := s.read.Read(buf)
		if n > 0 && s.err == nil {
			s.moves.Add(1)
			if _, werr := s.to.Write(buf[:n]); werr != nil {
				s.err = fmt.Errorf("storing the command's output: %w", werr)
			}
			s.moves.Add(1)
		}
		if err != nil {
			return
		}
	}
}

// finish waits for the end of the stream. The tree has ended, so what is left is in the pipe already, and a pipe
// that stays both open and silent is held by somebody else.
func (s *stream) finish() error {
	ticks := time.NewTicker(drainTime)
	defer ticks.Stop()
	for last := int64(-1); ; {
		select {
		case <-s.done:
			s.read.Close()
			return s.err
		case <-ticks.C:
		}
		now := s.moves.Load()
		if now == last && now%2 == 0 {
			s.read.SetReadDeadline(time.Now())
		}
		last = now
	}
}
