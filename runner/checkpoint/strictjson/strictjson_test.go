package strictjson

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for text, good := range map[string]bool{
		`{"a": "é\n\u00e9\\u"}`:   true,
		`"\ud83d\ude00"`:          true,
		`"\\ud83d"`:               true,
		`"\\\\ud83d"`:             true,
		`"\ufffd"`:                true,
		`"\ud83d"`:                false,
		`"\ud83dx"`:               false,
		`"\ude00"`:                false,
		`"\ud83d\n"`:              false,
		`"\ud83d\ud83d"`:          false,
		`"\ud83d\u0041"`:          false,
		`"\\\ud83d"`:              false,
		"\"\xff\"":                false,
		"\"\xed\xa0\xbd\"":        false,
		`"cut short \ud8`:         true, // the syntax is for others to check
		`"\ud83d\ude00" "\ud800"`: false,
	} {
		if err := Check([]byte(text)); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestCheckReaderBoundsWhatIsHeld(t *testing.T) {
	for text, good := range map[string]bool{
		`{"abcdefgh": [12345678, "\"\"\"\"", 12345678]}`: true,
		`{"abcdefghi": 1}`:                       false,
		`[123456789]`:                            false,
		`["\\\\\\\\", "\u00e9\u00e9"]`:           false,
		`["a", "b", "c", "d", "e"]`:              true,
		`[        1        ]`:                    true,
		`[         1]`:                           false,
		`"` + strings.Repeat("é", 100_000) + `"`: false,
	} {
		if err := CheckReader(strings.NewReader(text), 8); (err == nil) != good {
			t.Errorf("%.60q: %v", text, err)
		}
	}
	// Escapes where the buffer ends.
	for n := range 16 {
		text := `"` + strings.Repeat("x", 64<<10-n) + `\ud83d\ude00" "` + strings.Repeat("y", 10) + `\ud83d"`
		if err := CheckReader(strings.NewReader(text), len(text)); err == nil {
			t.Errorf("%d: half a pair passed", n)
		}
		if err := CheckReader(strings.NewReader(strings.TrimSuffix(text, `\ud83d"`)+`"`), len(text)); err != nil {
			t.Errorf("%d: %v", n, err)
		}
	}
}

func TestUnique(t *testing.T) {
	for text, good := range map[string]bool{
		`{"a": {"b": 1}, "b": ["a", "a", {"a": "a"}], "c": "a"}`: true,
		`{"a": 1, "a": 1}`:                    false,
		`{"a": [{"b": {}, "c": [], "b": 1}]}`: false,
		`[{"a": "x", "\u0061": "y"}]`:         false,
		`"a"`:                                 true,
		`{"a": "b", "b": "a", "c": {"a": 1}}`: true,
	} {
		if err := Unique([]byte(text)); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}
