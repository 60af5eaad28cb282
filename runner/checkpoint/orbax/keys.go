package orbax

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/strictjson"
)

// jaxKey is what File.RNG calls a key of jax.random.
const jaxKey = "jax-key"

// keyDirectory is the name that ocp.args.JaxRandomKeySave gives the checkpoint of a key.
const keyDirectory = "jax_random_key"

// readKeys returns the generators (threefry2x32, rbg) of the arrays that are typed keys of jax.random, by the names of the arrays. Each
// process describes its own.
func readKeys(files fileSystem) (map[string]string, error) {
	const processes = 1 << 12
	generators := map[string]string{}
	for n := range processes {
		name := fmt.Sprintf("array_metadatas/process_%d", n)
		r, size, err := files.open(name)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, err
		}
		if size > maxMetadata {
			return nil, checkpoint.Limit("%s of more than %d MiB", name, maxMetadata>>20)
		}
		text := make([]byte, size)
		if err := checkpoint.ReadFull(r, text, 0); err != nil {
			return nil, err
		}
		if !bytes.Contains(text, []byte("random_key_impl")) {
			continue
		}
		if err := strictjson.Check(text); err != nil {
			return nil, err
		}
		var file struct {
			Arrays []struct {
				Array struct {
					Name string `json:"param_name"`
					More struct {
						Generator string `json:"random_key_impl"`
					} `json:"ext_metadata"`
				} `json:"array_metadata"`
			} `json:"array_metadatas"`
		}
		if err := json.Unmarshal(text, &file); err != nil {
			return nil, checkpoint.Damaged("%s: %v", name, err)
		}
		for _, x := range file.Arrays {
			if x.Array.More.Generator != "" {
				generators[x.Array.Name] = x.Array.More.Generator
			}
		}
	}
	return generators, nil
}
