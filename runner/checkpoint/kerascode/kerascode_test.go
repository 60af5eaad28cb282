package kerascode

import (
	"strings"
	"testing"
)

func TestFindings(t *testing.T) {
	const dense = `{"module": "keras.layers", "class_name": "Dense", "config": {"units": 2, "activation": "linear", "x": [null, [1, {"a": true}]]}}`
	for config, want := range map[string]string{
		dense: "",
		`{"class_name": "Functional", "config": {"layers": [` + dense + `, {"module": "keras.layers", "class_name": "Lambda", "config": {"function": {}}}]}}`: "keras.layers.Lambda",
		`{"class_name": "Sequential", "config": [{"class_name": "Lambda", "config": {"function": ["4wE=", null, null], "function_type": "lambda"}}]}`:         "keras.layers.Lambda",
		`{"config": {"activation": {"class_name": "__lambda__", "config": {"code": "4wE="}, "module": "builtins"}}}`:                                          "a lambda",
		`{"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}`:                                                         "os.system",
		`[{"class_name": "\u0050open", "module": "subprocess"}]`:                                                                                              "subprocess.Popen",
		`{"module": "__main__", "class_name": "function", "config": "activation"}`:                                                                            "",
		strings.Repeat("[", 20_000): "",
		`]`:                         "",
		`no JSON`:                   "",
	} {
		found := Findings("config.json", config)
		if want == "" && len(found) > 0 || want != "" && (len(found) != 1 || !strings.HasSuffix(found[0].Text, "it names "+want) || found[0].Name != "config.json") {
			t.Errorf("%.80s: %v, want %q", config, found, want)
		}
	}
}
