package orbax

import (
	"encoding/json"
	"errors"
	"io/fs"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/strictjson"
)

// stringsName is the file with the values that are texts, by their names.
const stringsName = "_strings.json"

// readStrings returns the texts of a checkpoint, nil where it has none.
func readStrings(files fileSystem) (map[string]string, error) {
	r, size, err := files.open(stringsName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if size > maxMetadata {
		return nil, checkpoint.Limit("%s of more than %d MiB", stringsName, maxMetadata>>20)
	}
	text := make([]byte, size)
	if err := checkpoint.ReadFull(r, text, 0); err != nil {
		return nil, err
	}
	if err := errors.Join(strictjson.Check(text), strictjson.Unique(text)); err != nil {
		return nil, err
	}
	var texts map[string]string
	if err := json.Unmarshal(text, &texts); err != nil {
		return nil, checkpoint.Damaged("%s: %v", stringsName, err)
	}
	return texts, nil
}
