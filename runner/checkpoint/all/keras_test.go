package all_test

import "testing"

func TestKerasFilesHaveTheVariablesThatKerasSaved(t *testing.T) {
	compareAll(t, write(t, "write_keras.py", "keras", "torch"))
}
