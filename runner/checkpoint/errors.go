package checkpoint

import (
	"errors"
	"fmt"
)

// ErrUnknownFormat says that a file is none of the formats that can be read.
var ErrUnknownFormat = errors.New("not a recognised checkpoint format")

// DamagedError says that a file claims a format and breaks its rules: truncated, overlapping, inconsistent.
type DamagedError struct{ Reason string }

func (e *DamagedError) Error() string { return "damaged file: " + e.Reason }

// UnsupportedError says that a file is, as far as it was read, well formed, and uses a feature that the reader refuses.
type UnsupportedError struct{ Feature string }

func (e *UnsupportedError) Error() string { return "unsupported: " + e.Feature }

// LimitError says that reading a file further would take more memory or work than is allowed for untrusted input.
type LimitError struct{ What string }

func (e *LimitError) Error() string { return "limit exceeded: " + e.What }

// Damaged returns a *DamagedError with a formatted reason.
func Damaged(format string, args ...any) error {
	return &DamagedError{fmt.Sprintf(format, args...)}
}

// Unsupported returns an *UnsupportedError with a formatted description of the feature.
func Unsupported(format string, args ...any) error {
	return &UnsupportedError{fmt.Sprintf(format, args...)}
}

// Limit returns a *LimitError with a formatted description of what grew too large.
func Limit(format string, args ...any) error {
	return &LimitError{fmt.Sprintf(format, args...)}
}
