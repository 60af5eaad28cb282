package probe

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/reprocheck/reprocheck/seed"
)

// Config is what the probe of one run is told.
type Config struct {
	Protocol int `json:"protocol"`
	// TraceDir is an existing directory that receives one trace file per process.
	TraceDir string `json:"trace_dir"`
	// Root is the workspace: files below it, packages excepted, are the user's own.
	Root string `json:"root"`
	// Levels says what the probe enforces; a source that is absent inherits.
	Levels map[seed.ID]seed.ProbeLevel `json:"levels,omitempty"`
	// Zoom asks for a trace of the user's lines; nil for none.
	Zoom *Zoom `json:"zoom,omitempty"`
}

// Zoom bounds a trace of lines.
type Zoom struct {
	// UntilStep is the number of completed optimizer steps at which the trace ends.
	UntilStep int64 `json:"until_step"`
	// Events is the largest number of lines that one process writes.
	Events int64 `json:"events"`
}

// Write writes the configuration to the file at path, for EnvConfig to name.
func (c Config) Write(path string) error {
	if c.Protocol == 0 {
		c.Protocol = Protocol
	}
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode the probe's configuration: %w", err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the probe's configuration: %w", err)
	}
	return nil
}
