package local

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"time"
)

// watch tells progress the newest optimizer step that the traces show, until the returned function is called.
func watch(traces string, progress func(step int64)) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				progress(newestStep(traces))
			}
		}
	}()
	return func() {
		close(done)
		<-ended
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
