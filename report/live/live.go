package live

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/fatih/color"

	"github.com/reprocheck/reprocheck/report/terminal"
	"github.com/reprocheck/reprocheck/runner/record"
)

const (
	// clearLine goes to the first column and erases to the end of the line (ECMA-48 CR and EL).
	clearLine = "\r\x1b[K"
	// redrawEvery spares the terminal where steps take microseconds.
	redrawEvery  = 100 * time.Millisecond
	defaultWidth = 80
)

// Display shows the progress of one audit. Its methods may be called from several goroutines.
type Display struct {
	mu       sync.Mutex
	out      io.Writer
	terminal terminal.Terminal
	now      func() time.Time
	faint    *color.Color

	progress progress
	line     string // what stands in the status line, empty for nothing
	drawn    time.Time
	midLine  bool // other output stopped within a line, which the status line may not follow
	closed   bool
}

// New returns a display that writes to out. The display is silent where the terminal cannot rewrite a line.
// Close has to be called before anything else is written to the same terminal.
func New(out io.Writer, term terminal.Terminal) *Display {
	faint := color.New(color.Faint)
	if term.Color {
		faint.EnableColor()
	} else {
		faint.DisableColor()
	}
	return &Display{out: out, terminal: term, now: time.Now, faint: faint, progress: progress{running: map[string]*running{}}}
}

// AuditStarted takes the number of runs planned at first.
func (d *Display) AuditStarted(runs int) {
	d.update(true, func(p *progress) { p.planned = runs })
}

// RunStarted shows a run that begins.
func (d *Display) RunStarted(run, experiment string) {
	d.update(true, func(p *progress) { p.start(run, experiment) })
}

// RunProgress shows the step that a run has reached.
func (d *Display) RunProgress(run string, step int64, elapsed time.Duration) {
	d.update(false, func(p *progress) { p.advance(run, step, elapsed) })
}

// RunFinished counts a run that has ended, and learns from its time how long the others will take.
func (d *Display) RunFinished(run string, _ record.Exit, elapsed time.Duration) {
	d.update(true, func(p *progress) { p.finish(run, elapsed) })
}

// Note leaves a sentence above the status line.
func (d *Display) Note(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.shows() {
		return
	}
	d.erase()
	if d.midLine {
		d.print("\n")
		d.midLine = false
	}
	d.print(d.faint.Sprint(terminal.Printable(text)) + "\n")
	d.draw()
}

// Write passes other output on to the terminal, above the status line: the streamed output of runs, or a log, without what
// would disturb the lines around it (terminal.Pass). Unlike progress it is written wherever the display writes, terminal or not.
func (d *Display) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.erase()
	if _, err := d.out.Write(terminal.Pass(p, d.terminal.Color)); err != nil {
		return 0, err
	}
	if n := len(p); n > 0 {
		d.midLine = p[n-1] != '\n'
	}
	d.draw()
	return len(p), nil
}

// Close erases the status line. What is reported afterwards is not shown.
func (d *Display) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.erase()
	d.closed = true
}

func (d *Display) update(now bool, change func(*progress)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.progress)
	if !d.shows() || !now && d.now().Sub(d.drawn) < redrawEvery {
		return
	}
	d.draw()
}

func (d *Display) shows() bool { return d.terminal.Rewrites && !d.closed }

// draw writes the status line, unless it stands there already. The last column stays free: a terminal that is
// written full to the edge may wrap.
func (d *Display) draw() {
	if !d.shows() || d.midLine {
		return
	}
	line := terminal.Fit(d.progress.String(), d.width()-1)
	switch line {
	case d.line:
		return
	case "":
		d.erase()
	default:
		d.print(clearLine + d.faint.Sprint(line))
	}
	d.line, d.drawn = line, d.now()
}

func (d *Display) erase() {
	if d.line != "" {
		d.print(clearLine)
		d.line = ""
	}
}

// print leaves a failed write alone: progress that cannot be shown is no reason to end an audit.
func (d *Display) print(s string) { _, _ = io.WriteString(d.out, s) }

func (d *Display) width() int {
	if d.terminal.Width != nil {
		if width := d.terminal.Width(); width > 0 {
			return width
		}
	}
	return defaultWidth
}

// clock writes a duration as minutes and seconds.
func clock(d time.Duration) string {
	seconds := int64(d.Round(time.Second) / time.Second)
	if seconds < 3600 {
		return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
}
