package all_test

import "testing"

func TestArrayFilesHaveTheArraysThatNumPyWrote(t *testing.T) {
	compareAll(t, write(t, "write_arrays.py", "numpy"))
}
