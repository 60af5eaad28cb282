// Package inspect describes what is inside a checkpoint.
package inspect

import (
	"fmt"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

// SchemaVersion names the JSON form of a Document.
const SchemaVersion = "reprocheck.checkpoint-inspect/v1"

// Document describes one file.
type Document struct {
	Schema string `json:"schema"`
	Path   string `json:"path"`
	Format string `json:"format"`
	Bytes  int64  `json:"bytes"`
	// Layout is how the training arranged the file, as package component names it.
	Layout string `json:"layout"`
	// Groups are the components that are there.
	Groups []Group `json:"groups"`
	// TensorBytes counts each tensor once for each name; StorageBytes what the file stores for them; DeadBytes the part
	// of it that no tensor shows.
	TensorBytes  int64 `json:"tensor_bytes"`
	StorageBytes int64 `json:"storage_bytes"`
	DeadBytes    int64 `json:"dead_bytes"`
	// Devices are the device tags of tensors.
	Devices  []string  `json:"devices"`
	Facts    []Fact    `json:"facts"`
	Findings []Finding `json:"findings"`
	Values   []Value   `json:"values"`

	more int // values that were left out
}

// Group sums up a component.
type Group struct {
	Component component.ID `json:"component"`
	Values    int          `json:"values"`
	Tensors   int          `json:"tensors"`
	Bytes     int64        `json:"bytes"`
}

// Fact is something that the file says about itself.
type Fact struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Finding is something that the user should know.
type Finding struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	Text string `json:"text"`
}

// Value is one entry; containers are left out.
type Value struct {
	Name      string       `json:"name"`
	Component component.ID `json:"component"`
	Kind      string       `json:"kind"`
	Type      string       `json:"type"`
	Shape     []int64      `json:"shape,omitzero"` // [] for a tensor with one element and no dimension
	Bytes     int64        `json:"bytes,omitempty"`
	Text      string       `json:"text,omitempty"`
	Device    string       `json:"device,omitempty"`
}

// Describe reads the structure of f, and lists up to most values, 0 being all of them; it does not read them.
func Describe(f *checkpoint.File, path string, size int64, most int) *Document {
	anatomy := component.Classify(f)
	d := &Document{
		Schema: SchemaVersion, Path: path, Format: f.Format, Bytes: size, Layout: anatomy.Layout,
		Groups: []Group{}, Devices: []string{}, Facts: []Fact{}, Findings: []Finding{}, Values: []Value{},
	}
	for _, fact := range f.Facts {
		d.Facts = append(d.Facts, Fact{fact.Key, fact.Value})
	}
	for _, x := range f.Findings {
		d.Findings = append(d.Findings, Finding{x.ID, x.Name, x.Text})
	}
	if n := len(f.Entries); most == 0 || n < most {
		d.Values = make([]Value, 0, n)
	}
	groups := map[component.ID]*Group{}
	devices := map[string]bool{}
	for i := range f.Entries {
		e := &f.Entries[i]
		if e.Structure {
			continue
		}
		id := anatomy.Of[i]
		g := groups[id]
		if g == nil {
			g = &Group{Component: id}
			groups[id] = g
		}
		g.Values++
		if t := e.Tensor(); t != nil {
			g.Tensors++
			g.Bytes += t.Size()
			d.TensorBytes += t.Size()
			if device := t.Origin().Device; device != "" && !devices[device] {
				devices[device] = true
				d.Devices = append(d.Devices, device)
			}
		}
		if most > 0 && len(d.Values) == most {
			d.more++
			continue
		}
		d.Values = append(d.Values, describe(e, id))
	}
	for _, id := range component.IDs() {
		if g := groups[id]; g != nil {
			d.Groups = append(d.Groups, *g)
		}
	}
	d.StorageBytes, d.DeadBytes = stored(f)
	if text := dead(d.DeadBytes); text != "" {
		d.Findings = append(d.Findings, Finding{ID: "dead-storage", Text: text})
	}
	return d
}

func describe(e *checkpoint.Entry, id component.ID) Value {
	v := Value{Name: e.Name, Component: id, Kind: e.Kind.String(), Type: e.Type}
	if v.Name == "" {
		v.Name = checkpoint.RootName
	}
	if t := e.Tensor(); t != nil {
		v.Shape, v.Bytes, v.Device = t.Shape, t.Size(), t.Origin().Device
		if v.Shape == nil {
			v.Shape = []int64{}
		}
	} else {
		v.Text = e.Text
	}
	return v
}

// DeadStorage says how much of the file is stored in vain, nothing where all of it is in tensors.
func DeadStorage(f *checkpoint.File) string {
	_, n := stored(f)
	return dead(n)
}

func dead(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("at least %s of the stored data belong to no tensor: a view was saved with the whole that it is a view of; clone() it before saving", Size(n))
}

// Size writes a number of bytes with decimal units, as storage is sold.
func Size(n int64) string {
	units := []string{"kB", "MB", "GB", "TB", "PB"}
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v := float64(n)
	unit := ""
	for _, unit = range units {
		if v /= 1000; v < 999.95 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}
