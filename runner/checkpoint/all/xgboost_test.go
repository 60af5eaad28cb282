package all_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint/xgboost"
)

func FuzzXGBoost(f *testing.F) {
	seed(f, hostileXGBoost())
	fuzz(f, xgboost.Reader{})
}

func TestXGBoostModelsHaveTheArraysThatXGBoostReads(t *testing.T) {
	dir := write(t, "write_xgboost.py", "xgboost", "numpy")
	compareAll(t, dir)
	models, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(models) == 0 {
		t.Fatalf("no models: %v", err)
	}
	seen := map[string]string{}
	for _, path := range models {
		f, asJSON := open(t, path)
		g, asUBJ := open(t, strings.TrimSuffix(path, "json")+"ubj")
		if asJSON.Content != asUBJ.Content {
			t.Errorf("%s: the encodings have other contents:\n%s\n%s", filepath.Base(path), entriesText(f), entriesText(g))
		}
		if twin, ok := seen[asJSON.Content]; ok {
			t.Errorf("%s and %s have one content", path, twin)
		}
		seen[asJSON.Content] = path
		if f.Format != "xgboost" || g.Format != "xgboost" {
			t.Errorf("%s: read as %s and %s", filepath.Base(path), f.Format, g.Format)
		}
	}
}

func TestXGBoostNumbersKeepTheirPrecision(t *testing.T) {
	const head = `{"learner":{"attributes":{},"x":`
	content := func(text string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "m.json")
		writeFile(t, path, head+text+"}}")
		f, d := open(t, path)
		return entriesText(f) + d.Content
	}
	if content("[1E-1]") != content("[0.10]") {
		t.Error("one number written in two ways is two")
	}
	for _, pair := range [][2]string{
		{"[1E-1]", "[1.00000001E-1]"},    // the second needs double precision
		{"[5E-1]", "[5.0000006E-1]"},     // neighbours of single precision
		{"[1E0,2E0]", "[1,2]"},           // reals and integers
		{"[0E0]", "[-0E0]"},              // signed zero
		{"[NaN]", "[Infinity]"},          // XGBoost's dialect
		{"[Infinity]", "[-Infinity]"},    //
		{"[9223372036854775807]", "[1]"}, //
		{"[1,0.5]", "[1,0.25]"},          // a list of both kinds
		{"[]", "[0]"},                    //
		{"[[1],[2]]", "[[1,2]]"},         //
		{`["1"]`, "[1]"},                 //
		{"true", "1"},                    //
	} {
		if content(pair[0]) == content(pair[1]) {
			t.Errorf("%s and %s have one content", pair[0], pair[1])
		}
	}
}

func hostileXGBoost() map[string][]byte {
	const json, key = `{"learner":{"attributes":{},"x":`, "L\x00\x00\x00\x00\x00\x00\x00"
	const ubj = "{" + key + "\x07learner{" + key + "\x0aattributes{}" + key + "\x01x"
	const huge = "L\x40\x00\x00\x00\x00\x00\x00\x00" // 2^62
	return map[string][]byte{
		"json: key twice":            []byte(json + `1,"x":2}}`),
		"json: deep":                 []byte(json + strings.Repeat("[", 1<<20)),
		"json: deep objects":         []byte(json + strings.Repeat(`{"a":`, 1<<18)),
		"json: cut short":            []byte(json + "[1E0,2E"),
		"json: in an exponent":       []byte(json + "[1E"),
		"json: comma at the end":     []byte(json + "[1,]}}"),
		"json: no comma":             []byte(json + "[1 2]}}"),
		"json: text behind":          []byte(json + "1}} 2"),
		"json: two texts":            []byte(json + `"a""b"}}`),
		"json: long number":          []byte(json + "[" + strings.Repeat("9", 1<<20) + "]}}"),
		"json: integer of 65 bits":   []byte(json + "[18446744073709551616]}}"),
		"json: exponent of -10^9":    []byte(json + "[1E-999999999]}}"),
		"json: exponent of 10^9":     []byte(json + "[0E999999999]}}"),
		"json: more than a double":   []byte(json + "[0.1000000000000000055511151231257827]}}"),
		"json: hexadecimal":          []byte(json + "[0x1p4]}}"),
		"json: string without end":   []byte(json + `"` + strings.Repeat("a", 2<<20)),
		"json: bad escape":           []byte(json + `"\q"}}`),
		"json: 20 MB of integers":    []byte(json + "[0" + strings.Repeat(",0", 10<<20) + "]}}"),
		"json: 6 MB of lists":        []byte(json + "[[]" + strings.Repeat(",[]", 2<<20) + "]}}"),
		"ubj: cut short":             []byte(ubj + "[$d#" + key + "\x02\x00\x00\x00\x00"),
		"ubj: string of 2^62":        []byte(ubj + "S" + huge + "}}"),
		"ubj: key of 2^62":           []byte(ubj + "Z" + huge + "}}"),
		"ubj: key of length -1":      []byte(ubj + "Zi\xff}}"),
		"ubj: array of 2^62":         []byte(ubj + "[$d#" + huge + "}}"),
		"ubj: array of 2^62 of none": []byte(ubj + "[$Z#" + huge + "}}"),
		"ubj: 2^62 of any type":      []byte(ubj + "[#" + huge + "}}"),
		"ubj: array of -1":           []byte(ubj + "[$d#i\xff}}"),
		"ubj: deep":                  []byte(ubj + strings.Repeat("[", 1<<20)),
		"ubj: key twice":             []byte(ubj + "Z" + key + "\x01xZ}}"),
		"ubj: text behind":           []byte(ubj + "Z}}Z"),
		"ubj: object with a count":   []byte(ubj + "{#i\x00}}"),
		"ubj: array of strings":      []byte(ubj + "[$S#i\x01i\x01a}}"),
		"ubj: high precision":        []byte(ubj + "Hi\x011}}"),
		"ubj: unknown type":          []byte(ubj + "?}}"),
		"ubj: no-ops only":           []byte(ubj + strings.Repeat("N", 1<<20)),
		"ubj: real as a length":      []byte(ubj + "Sd\x00\x00\x00\x00}}"),
		"ubj: text is no UTF-8":      []byte(ubj + "Si\x01\xff}}"),
	}
}

func TestHostileXGBoostModelsAreRefused(t *testing.T) {
	files := hostileXGBoost()
	refuseAll(t, files, "model.bst")
	for name, data := range files {
		if !(xgboost.Reader{}).Sniff(data[:min(len(data), 4096)], "model.bst", int64(len(data))) {
			t.Errorf("%s does not get to the reader", name)
		}
	}
}
