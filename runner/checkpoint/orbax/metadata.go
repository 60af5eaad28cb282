package orbax

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/strictjson"
)

// leaf is a value of the saved tree, as the file _METADATA lists it.
type leaf struct {
	name string
	kind string // "jax.Array", "np.ndarray", "scalar", "None", "Dict", ...
}

// metadata is the file _METADATA.
type metadata struct {
	leaves []leaf
	ocdbt  bool // arrays are in a database, else in files
	zarr3  bool
	// missing tells that chunks of zeros may not have been stored.
	missing bool
	// custom is what the user added, in one form of JSON, empty where that is nothing.
	custom string
}

func parseMetadata(text []byte) (*metadata, error) {
	if err := strictjson.Check(text); err != nil {
		return nil, err
	}
	var file struct {
		Tree  orderedTree `json:"tree_metadata"`
		OCDBT *bool       `json:"use_ocdbt"`
		Zarr3 bool        `json:"use_zarr3"`
		// Without it, Orbax left the writing of zeros to TensorStore, which leaves them out.
		StoreZeros bool            `json:"store_array_data_equal_to_fill_value"`
		Custom     json.RawMessage `json:"custom_metadata"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, checkpoint.Damaged("%s: %v", metadataName, err)
	}
	custom, err := sorted(file.Custom)
	if err != nil {
		return nil, err
	}
	return &metadata{file.Tree, file.OCDBT == nil || *file.OCDBT, file.Zarr3, !file.StoreZeros, custom}, nil
}

// sorted writes an object of JSON with its keys sorted and without spaces; an empty one is no text.
func sorted(text json.RawMessage) (string, error) {
	if len(text) == 0 {
		return "", nil
	}
	if err := strictjson.Unique(text); err != nil {
		return "", err
	}
	var object map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&object); err != nil {
		return "", checkpoint.Damaged("%s: %v", metadataName, err)
	}
	if len(object) == 0 {
		return "", nil
	}
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(object)
	return strings.TrimSuffix(out.String(), "\n"), err
}

// orderedTree reads the members of tree_metadata in their order, and refuses one that is there twice.
type orderedTree []leaf

// UnmarshalJSON implements json.Unmarshaler.
func (t *orderedTree) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(strings.NewReader(string(text)))
	if tok, err := d.Token(); err != nil || tok != json.Delim('{') {
		return checkpoint.Damaged("a tree that is no object")
	}
	seen := map[string]bool{}
	for d.More() {
		if _, err := d.Token(); err != nil {
			return err
		}
		var v struct {
			Key []struct {
				Key any
			} `json:"key_metadata"`
			Value struct {
				Type string `json:"value_type"`
			} `json:"value_metadata"`
		}
		if err := d.Decode(&v); err != nil {
			return err
		}
		var steps []string
		for _, k := range v.Key {
			step, ok := k.Key.(string)
			if !ok {
				return checkpoint.Unsupported("a key that is no text")
			}
			steps = append(steps, step)
		}
		name := strings.Join(steps, ".")
		if seen[name] {
			return checkpoint.Damaged("two values are both named %q", checkpoint.Clip(name, 80))
		}
		seen[name] = true
		*t = append(*t, leaf{name, v.Value.Type})
	}
	_, err := d.Token()
	return err
}
