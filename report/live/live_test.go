package live

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/reprocheck/reprocheck/report/terminal"
	"github.com/reprocheck/reprocheck/runner"
	"github.com/reprocheck/reprocheck/runner/record"
)

var _ runner.Observer = (*Display)(nil)

// screen is a terminal just large enough for the tests: it understands a carriage return, erasing to the end of the
// line and newlines, and holds the lines that a person would see.
type screen struct {
	lines  []string
	column int
}

func newScreen() *screen { return &screen{lines: []string{""}} }

func (s *screen) Write(p []byte) (int, error) {
	text := string(p)
	for text != "" {
		last := len(s.lines) - 1
		switch {
		case strings.HasPrefix(text, "\x1b[K"):
			s.lines[last], text = s.lines[last][:s.column], text[3:]
		case text[0] == '\r':
			s.column, text = 0, text[1:]
		case text[0] == '\n':
			s.lines, s.column, text = append(s.lines, ""), 0, text[1:]
		case text[0] < ' ':
			return 0, fmt.Errorf("unexpected control sequence %q", text)
		default:
			line := s.lines[last]
			s.lines[last] = line[:s.column] + text[:1] + line[min(len(line), s.column+1):]
			s.column, text = s.column+1, text[1:]
		}
	}
	return len(p), nil
}

func (s *screen) String() string { return strings.Join(s.lines, "\n") }

// display is a Display on a screen, with a clock that the test turns.
func display(width int) (*Display, *screen, *time.Time) {
	s := newScreen()
	d := New(s, terminal.Terminal{Rewrites: true, Width: func() int { return width }})
	now := time.Unix(0, 0)
	d.now = func() time.Time { return now }
	return d, s, &now
}

func expect(t *testing.T, s *screen, want string) {
	t.Helper()
	if got := s.String(); got != want {
		t.Errorf("the screen shows %q, want %q", got, want)
	}
}

func TestStatusLine(t *testing.T) {
	d, s, now := display(80)
	d.AuditStarted(3)
	expect(t, s, "")
	d.RunStarted("as-shipped-0", "as-shipped")
	expect(t, s, "run 1 of 3  as-shipped  0:00")
	*now = now.Add(time.Second)
	d.RunProgress("as-shipped-0", 1200, 61*time.Second)
	expect(t, s, "run 1 of 3  as-shipped  step 1200  1:01")
	d.RunFinished("as-shipped-0", record.Exit{}, 100*time.Second)
	expect(t, s, "")
	d.RunStarted("as-shipped-1", "as-shipped")
	expect(t, s, "run 2 of 3  as-shipped  0:00  about 3:20 left")
	*now = now.Add(time.Second)
	d.RunProgress("as-shipped-1", 5, 40*time.Second)
	expect(t, s, "run 2 of 3  as-shipped  step 5  0:40  about 2:40 left")
	d.RunProgress("as-shipped-1", 6, 150*time.Second) // too soon after the last to be drawn
	expect(t, s, "run 2 of 3  as-shipped  step 5  0:40  about 2:40 left")
	*now = now.Add(time.Second)
	d.RunProgress("as-shipped-1", 7, 150*time.Second) // longer than the first took: its own part is over
	expect(t, s, "run 2 of 3  as-shipped  step 7  2:30  about 1:40 left")
	d.Close()
	expect(t, s, "")
}

func TestDiagnosisAddsRuns(t *testing.T) {
	d, s, _ := display(80)
	d.AuditStarted(1)
	d.RunStarted("as-shipped-0", "as-shipped")
	d.RunFinished("as-shipped-0", record.Exit{}, 2*time.Hour)
	d.RunStarted("pinned-0", "pinned")
	expect(t, s, "run 2 of 2  pinned  0:00  about 2:00:00 left")
}

func TestSideBySide(t *testing.T) {
	d, s, now := display(80)
	d.AuditStarted(4)
	d.RunStarted("a-0", "a")
	d.RunStarted("a-1", "a")
	expect(t, s, "run 1 of 4  a  0:00  1 more side by side")
	*now = now.Add(time.Second)
	d.RunProgress("a-1", 7, 2*time.Second)
	expect(t, s, "run 1 of 4  a  0:00  1 more side by side")
	d.RunFinished("a-1", record.Exit{}, 10*time.Second)
	expect(t, s, "run 1 of 4  a  0:00  about 0:30 left")
	d.RunStarted("a-2", "a")
	*now = now.Add(time.Second)
	d.RunProgress("a-0", 0, 4*time.Second) // 6 s of this one, 10 s each of the two others, on two places
	expect(t, s, "run 1 of 4  a  0:04  about 0:13 left  1 more side by side")
}

func TestNoteStandsAboveTheStatusLine(t *testing.T) {
	d, s, _ := display(80)
	d.RunStarted("a-0", "a")
	d.Note("the runs differ;\x1b[2J\n looking for the cause")
	expect(t, s, "the runs differ;\\x1b[2J\\n looking for the cause\nrun 1 of 1  a  0:00")
	d.Close()
	d.Note("too late")
	d.RunStarted("a-1", "a")
	expect(t, s, "the runs differ;\\x1b[2J\\n looking for the cause\n")
}

func TestOtherOutputIsNotGarbled(t *testing.T) {
	d, s, now := display(80)
	d.RunStarted("a-0", "a")
	fmt.Fprint(d, "epoch 1\nepoch")
	expect(t, s, "epoch 1\nepoch") // the status line waits for the end of the line
	*now = now.Add(time.Second)
	d.RunProgress("a-0", 3, time.Second)
	expect(t, s, "epoch 1\nepoch")
	fmt.Fprint(d, " 2\n")
	expect(t, s, "epoch 1\nepoch 2\nrun 1 of 1  a  step 3  0:01")
	fmt.Fprint(d, "epoch 3")
	d.Note("a note")
	expect(t, s, "epoch 1\nepoch 2\nepoch 3\na note\nrun 1 of 1  a  step 3  0:01")
	d.Close()
	expect(t, s, "epoch 1\nepoch 2\nepoch 3\na note\n")
}

func TestFitsTheTerminal(t *testing.T) {
	for _, width := range []int{1, 2, 3, 4, 5, 10, 30, 31} {
		d, s, _ := display(width)
		d.RunStarted("a-0", "訓練訓練訓練訓練訓練訓練")
		if got := runewidth.StringWidth(s.String()); got > width-1 {
			t.Errorf("%d cells on a terminal of %d: %q", got, width, s)
		}
	}
	d, s, _ := display(0) // unknown
	d.RunStarted("a-0", strings.Repeat("x", 100))
	if got := len(s.String()); got != 79 {
		t.Errorf("%d cells where the width is unknown, want 79: %q", got, s)
	}
}

func TestColor(t *testing.T) {
	var b strings.Builder
	d := New(&b, terminal.Terminal{Rewrites: true, Color: true})
	d.RunStarted("a-0", "a")
	if want := "\r\x1b[K\x1b[2mrun 1 of 1  a  0:00\x1b[22m"; b.String() != want {
		t.Errorf("wrote %q, want %q", b.String(), want)
	}
}

func TestQuietWithoutATerminal(t *testing.T) {
	var b strings.Builder
	d := New(&b, terminal.Terminal{})
	d.AuditStarted(3)
	d.RunStarted("a-0", "a")
	d.RunProgress("a-0", 1, time.Hour)
	d.Note("nobody reads this")
	d.RunFinished("a-0", record.Exit{}, time.Hour)
	fmt.Fprint(d, "but output passes through\n")
	d.Close()
	if b.String() != "but output passes through\n" {
		t.Errorf("wrote %q", b.String())
	}
}

// Events that make no sense, and a terminal that has gone away, do no harm.
func TestSurvivesDisorder(t *testing.T) {
	d := New(broken{}, terminal.Terminal{Rewrites: true})
	d.RunProgress("never-started", 1, time.Second)
	d.RunFinished("never-started", record.Exit{}, time.Second)
	d.RunStarted("a-0", "a")
	d.RunFinished("a-0", record.Exit{}, 0)
	d.RunFinished("a-0", record.Exit{}, 0)
	if d.progress.finished != 1 {
		t.Errorf("%d runs counted as finished, want 1", d.progress.finished)
	}
	if _, err := d.Write([]byte("x")); !errors.Is(err, errGone) {
		t.Errorf("error %v, want %v", err, errGone)
	}
	d.Close()
}

var errGone = errors.New("input/output error")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errGone }

func TestManyGoroutines(t *testing.T) {
	d, s, _ := display(80)
	d.AuditStarted(8)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			run := fmt.Sprintf("a-%d", i)
			d.RunStarted(run, "a")
			for step := range int64(50) {
				d.RunProgress(run, step, time.Duration(step)*time.Second)
			}
			fmt.Fprintf(d, "%s\n", run)
			d.RunFinished(run, record.Exit{}, time.Minute)
		})
	}
	group.Wait()
	d.Close()
	if got := strings.Count(s.String(), "\n"); got != 8 || strings.Contains(s.String(), "run ") {
		t.Errorf("the screen shows %q, want the 8 lines of the runs and no status line", s)
	}
}
