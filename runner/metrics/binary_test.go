package metrics

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestBytesThatAreNoTextHaveNoMetrics(t *testing.T) {
	source := rand.NewChaCha8([32]byte{1})
	noise := make([]byte, 1000)
	drawing := strings.NewReplacer("\n", "", "\r", "", "\b", "", "\x1b", "") // leave another line than was printed
	for range 100 {
		source.Read(noise)
		line := append([]byte{0, 0xff}, noise...)
		series, err := Read(strings.NewReader(drawing.Replace(string(line))+"\nloss=0.5\npr\xe9cision: 0.25 \a\n"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range series {
			names = append(names, s.Name)
		}
		if len(names) != 2 || names[0] != "loss" {
			t.Fatalf("metrics %q", names)
		}
	}
}
