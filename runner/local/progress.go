package local

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"time"
)

// watch follows a run by its traces, as runner.Executor says, until the returned function is called, and ends it with end
// once they say enough. The returned function gives the reason, "" where there was none.
func watch(traces string, progress func(step int64), enough func(traces string) string, end func()) (stop func() (reason string)) {
	done, ended := make(chan struct{}), make(chan struct{})
	reason := ""
	go func() {
		defer close(ended)
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		rest := time.Now()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				progress(newestStep(traces))
			}
			if enough == nil || reason != "" || time.Now().Before(rest) {
				continue
			}
			asked := time.Now()
			if reason = enough(traces); reason != "" {
				end()
			}
			// The traces are read from the start each time: long ones are asked less often.
			const share = 20
			rest = time.Now().Add(share * time.Since(asked))
		}
	}()
	return func() string {
		close(done)
		<-ended
		return reason
	}
}

func newestStep(traces string) int64 {
	files, err := filepath.Glob(filepath.Join(traces, "*.jsonl"))
	if err != nil {
		return 0
	}
	var newest int64
	for _, file := range files {
		newest = max(newest, lastStep(file))
	}
	return newest
}

// lastStep reads the step of the last whole event near the end of a trace file.
func lastStep(path string) int64 {
	const tail = 8 << 10
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > tail {
		if _, err := f.Seek(-tail, io.SeekEnd); err != nil {
			return 0
		}
	}
	data, err := io.ReadAll(io.LimitReader(f, tail))
	if err != nil {
		return 0
	}
	lines := bytes.Split(data, []byte("\n"))
	for i := len(lines) - 1; i >= 0; i-- {
		var e struct {
			Step *int64 `json:"s"`
		}
		if json.Unmarshal(lines[i], &e) == nil && e.Step != nil {
			return *e.Step
		}
	}
	return 0
}
