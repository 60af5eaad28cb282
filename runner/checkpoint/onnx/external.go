package onnx

import (
	"io"
	"path/filepath"
	"strconv"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/filepool"
)

const (
	// maxRatio and freeBytes bound the bytes of all tensors in a file, which may share them.
	maxRatio  = 32
	freeBytes = 64 << 20
)

// outside reads tensors that lie in other files, in the model's directory or below it and nowhere else.
type outside struct {
	model string // path of the model, "" where it is no file
	file  *checkpoint.File
	pool  filepool.Pool
	files map[string]outsideFile
	left  int64 // bytes that further tensors may have
}

type outsideFile struct {
	r    io.ReaderAt
	size int64
}

// section returns the bytes that a TensorProto's external_data describe, which must be want.
func (o *outside) section(props map[string]string, want int64) (checkpoint.Data, error) {
	for key := range props {
		switch key {
		case "location", "offset", "length", "checksum": // the checksum is optional and torch writes none
		default:
			return nil, checkpoint.Unsupported("external data with the property %q", checkpoint.Clip(key, 40))
		}
	}
	f, err := o.open(props["location"])
	if err != nil {
		return nil, err
	}
	offset, length := int64(0), want
	for key, to := range map[string]*int64{"offset": &offset, "length": &length} {
		if text, ok := props[key]; ok {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 0 {
				return nil, checkpoint.Damaged("external data with %s %q", key, checkpoint.Clip(text, 40))
			}
			*to = n
		}
	}
	if offset > f.size || length > f.size-offset {
		return nil, checkpoint.Damaged("external data: %d bytes at %d of a file of %d", length, offset, f.size)
	}
	if o.left -= length; o.left < 0 {
		return nil, checkpoint.Limit("external data of over %d times the size of their files", maxRatio)
	}
	return checkpoint.Section(f.r, offset, length), nil
}

func (o *outside) open(location string) (outsideFile, error) {
	name := checkpoint.Clip(location, 80)
	if !filepath.IsLocal(location) {
		return outsideFile{}, checkpoint.Damaged("external data in %q, which is not below the model's directory", name)
	}
	if o.model == "" {
		return outsideFile{}, checkpoint.Unsupported("external data in %q of a model that is not read from a file", name)
	}
	if f, ok := o.files[location]; ok {
		return f, nil
	}
	path, err := o.resolve(location)
	if err != nil {
		return outsideFile{}, err
	}
	r, size, err := o.pool.Add(path, []string{filepath.Dir(path)})
	if err != nil {
		return outsideFile{}, err
	}
	if o.files == nil {
		o.files = map[string]outsideFile{}
	}
	o.files[location] = outsideFile{r, size}
	o.left += freeBytes + maxRatio*min(size, 1<<50)
	o.file.Beside = append(o.file.Beside, filepath.Join(filepath.Dir(o.model), location))
	return o.files[location], nil
}

// resolve follows symbolic links and returns an error where they lead out of the model's directory.
func (o *outside) resolve(location string) (string, error) {
	homes, err := filepool.Homes(o.model)
	if err != nil {
		return "", err
	}
	path, err := filepath.EvalSymlinks(filepath.Join(filepath.Dir(o.model), location))
	if err != nil {
		return "", checkpoint.Damaged("external data in %q cannot be found: %v", checkpoint.Clip(location, 80), err)
	}
	for _, home := range homes {
		if rel, err := filepath.Rel(home, path); err == nil && filepath.IsLocal(rel) {
			return path, nil
		}
	}
	return "", checkpoint.Damaged("external data in %q, a link that leaves the model's directory", checkpoint.Clip(location, 80))
}
