package launch_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/reprocheck/reprocheck/runner/launch"
)

// counter counts what is written to it.
type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

func TestMuchOutput(t *testing.T) {
	if testing.Short() {
		t.Skip("moves 300 MB")
	}
	const size = 300 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var got counter
	run(t, launch.Command{Argv: []string{"head", "-c", fmt.Sprint(size), "/dev/zero"}, Stdout: &got})
	runtime.ReadMemStats(&after)
	if got != size {
		t.Errorf("%d bytes came through, want %d", got, size)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
		t.Errorf("%d bytes were allocated for it", used)
	}
}

// full is a disk without room after some bytes.
type full int

var errFull = errors.New("no space left")

func (f *full) Write(b []byte) (int, error) {
	if *f -= full(len(b)); *f < 0 {
		return 0, errFull
	}
	return len(b), nil
}

// TestOutputNotStored fills our own disk: the command goes on, and the loss is told.
func TestOutputNotStored(t *testing.T) {
	room := full(1000)
	p, err := launch.Start(t.Context(), launch.Command{
		Argv: []string{"sh", "-c", "head -c 10000000 /dev/zero && exit 5"}, Dir: "/", Env: os.Environ(), Stdout: &room,
	})
	if err != nil {
		t.Fatal(err)
	}
	o, err := p.Wait()
	if !errors.Is(err, errFull) || o.Code != 5 {
		t.Errorf("%+v, %v; want status 5 and the writer's error", o, err)
	}
}

// TestPipeHeldOutside keeps the command's output open in a process that is not of the tree: here.
func TestPipeHeldOutside(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a pipe to stay silent")
	}
	marker := fmt.Sprintf("HELD=%d", os.Getpid())
	ready := make(lines, 1)
	p, err := launch.Start(t.Context(), launch.Command{
		Argv: []string{"sh", "-c", "echo ready; sleep 1; exit 4"}, Dir: "/", Env: append(os.Environ(), marker), Stdout: ready,
	})
	if err != nil {
		t.Fatal(err)
	}
	<-ready
	for _, pid := range marked(marker) {
		held, err := os.OpenFile(fmt.Sprintf("/proc/%d/fd/1", pid), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
	}
	done := make(chan launch.Outcome)
	go func() {
		o, _ := p.Wait()
		done <- o
	}()
	select {
	case o := <-done:
		if o.Code != 4 {
			t.Errorf("%+v", o)
		}
	case <-time.After(time.Minute):
		t.Fatal("Wait hangs on a pipe that is held outside the tree")
	}
}

// TestNested launches a launcher: there is one listener to a process tree, so the inner one must do without.
func TestNested(t *testing.T) {
	o, out, errs := run(t, launch.Command{Argv: []string{"/proc/self/exe", "echo", "inner"}, Audit: true, Env: append(os.Environ(), asSupervisor+"=1")})
	if len(o.Refused) > 0 {
		t.Skip("refused here: ", o.Refused)
	}
	if o.Code != 0 || !strings.HasPrefix(out, "inner\nrefused: [the watch") {
		t.Errorf("%+v, output %q %s", o, out, errs)
	}
}
