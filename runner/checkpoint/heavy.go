package checkpoint

import "sync"

// Heavy is implemented by Data that holds many megabytes while it is read.
type Heavy interface{ Heavy() bool }

// turn is had by who reads heavy data.
var turn sync.Mutex

// Alone waits until nothing else that is heavy is read, where some of the data are, and returns what ends that.
func Alone(data ...Data) (done func()) {
	for _, d := range data {
		if IsHeavy(d) {
			turn.Lock()
			return turn.Unlock
		}
	}
	return func() {}
}

// IsHeavy reports whether d holds many megabytes while it is read.
func IsHeavy(d Data) bool {
	if t, ok := d.(*Tensor); ok {
		d = t.Data
	}
	h, ok := d.(Heavy)
	return ok && h.Heavy()
}
