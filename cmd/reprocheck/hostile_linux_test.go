package main

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestHostileFilesTakeLittleMemory runs the commands themselves, whose own memory counts too, on files that no reader may
// hold, wait for or read to their end.
func TestHostileFilesTakeLittleMemory(t *testing.T) {
	const most = 64 << 10 // KiB
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, data string) {
		if err := os.WriteFile(path(name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("numbers.json", "["+strings.Repeat("1.5,", 3_900_000)+"1]")
	write("instances.pkl", "\x80\x02cfoo\nB\n)\x81("+strings.Repeat("N", 200_000)+"e.")
	text := strings.Repeat("x", 1<<20)
	write("text.pkl", "\x80\x02X"+string(binary.LittleEndian.AppendUint32(nil, uint32(len(text))))+text+
		"q\x000("+strings.Repeat("h\x00", 100_000)+"l.")
	write("sparse.pt", "PK\x03\x04")
	err := os.Truncate(path("sparse.pt"), 1<<40)
	if err == nil {
		err = syscall.Mkfifo(path("pipe.pt"), 0o600)
	}
	if err == nil {
		err = os.Symlink("/dev/zero", path("zeros.pt"))
	}
	if err == nil {
		err = os.Symlink("loop.pt", path("loop.pt"))
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"numbers.json", "instances.pkl", "text.pkl", "sparse.pt", "pipe.pt", "zeros.pt", "loop.pt"} {
		for _, command := range []string{"inspect", "hash", "lint"} {
			// On a busy machine the collector of garbage can come late: what is held too long is so every time.
			used := most + 1
			for try := 0; try < 3 && used > most; try++ {
				used = peakOf(t, path("peak"), "reprocheck", "checkpoint", command, path(name))
			}
			if used > most {
				t.Errorf("%s %s took %d MiB", command, name, used>>10)
			}
		}
	}
}

// peakOf runs a command, put on the PATH by testscript.Main, that is to refuse its file, and returns the KiB it took at most.
func peakOf(t *testing.T, file string, command ...string) int {
	t.Helper()
	c := exec.Command("peak", append([]string{file}, command...)...)
	output, _ := c.CombinedOutput()
	if code := c.ProcessState.ExitCode(); code != 2 {
		t.Errorf("%q: exit status %d\n%s", command, code, output)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	used, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return used
}
