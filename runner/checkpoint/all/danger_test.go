package all_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
)

// TestCodeIsReportedWhereverAPickleNamesIt hides a call from the values that the file has: Python makes it all the same.
func TestCodeIsReportedWhereverAPickleNamesIt(t *testing.T) {
	call := "cposix\nsystem\n" + tuple(binUnicode("true")) + "R"
	one := record{"0", make([]byte, 4)}
	tensor := func(hooks, metadata string) string {
		return "ctorch._utils\n_rebuild_tensor_v2\n" + tuple(storageRef("0", 1), binInt(0), tuple(binInt(1)), tuple(binInt(1)), "\x89", hooks) + "R" + metadata
	}
	parameter := "ctorch._utils\n_rebuild_parameter\n" + tuple(tensor("N", ""), "\x89", call) + "R"
	for name, data := range map[string][]byte{
		"taken off the stack":            []byte(proto + call + "0N."),
		"taken off with a mark":          []byte(proto + "(" + call + "1N."),
		"in the memo":                    []byte(proto + call + "q\x000N."),
		"a key":                          []byte(proto + "}" + call + "Ns."),
		"a factory":                      []byte(proto + "ccollections\ndefaultdict\n" + tuple(call) + "R."),
		"metadata of a state dictionary": []byte(proto + "ccollections\nOrderedDict\n)R}" + binUnicode("_metadata") + call + "sb."),
		"hooks of a parameter":           torchFile(t, proto+parameter+".", one),
		"hooks of a tensor":              torchFile(t, proto+tensor(call, "")+".", one),
		"a class of tensors": torchFile(t, proto+"ctorch._tensor\n_rebuild_from_type_v2\n"+
			tuple("ctorch._utils\n_rebuild_tensor_v2\n", call, tuple(storageRef("0", 1), binInt(0), tuple(binInt(1)), tuple(binInt(1)), "\x89", "N"), "N")+"R.", one),
		"system facts of a legacy file": []byte(legacyFile(call+"0", "N", "")),
		"a legacy file's storage keys":  []byte(legacyFile("", "N", call+"0")),
		"a torch.save within": []byte("\x80\x03ctorch.storage\n_load_from_bytes\n" + binBytes(legacyFile(call+"0",
			tuple(binUnicode("storage"), "ctorch\nByteStorage\n", binUnicode("0"), binUnicode("cpu"), binInt(1), "N")+"Q",
			binUnicode("0")+"a")+le64(1)+"x") + "\x85R."),
		"objects of an array": stored(t, record{"w.npy", objectsFile(1, 1, call+"0N")}),
	} {
		f, err := readAll(data, "model.pkl")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if len(f.Findings) != 1 || f.Findings[0].ID != "code-execution" || !strings.Contains(f.Findings[0].Text, "posix.system") {
			t.Errorf("%s: findings %v", name, f.Findings)
		}
	}
	for name, data := range map[string][]byte{
		"values left on the stack": []byte(proto + call + "N."),
		"two pickles":              []byte(proto + call + "." + proto + "N."),
		"cut short":                []byte(proto + call),
		"storage without a record": torchFile(t, proto+call+"0"+tensor("N", "")+"."),
		"compressed storage":       torchFile(t, proto+call+"0ccollections\nOrderedDict\n"),
		"cut short, legacy":        []byte(legacyFile(call+"0", "N", ""))[:70],
		"cut short, objects":       stored(t, record{"w.npy", objectsFile(1, 1, call+"0")}),
	} {
		if _, err := readAll(data, "model.pkl"); err == nil || !refusal(err) || !strings.Contains(err.Error(), "posix.system") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCodeInADistributedCheckpointIsReported has it in the metadata, and in the part of a tensor.
func TestCodeInADistributedCheckpointIsReported(t *testing.T) {
	for name, change := range map[string]func(data string) string{
		".metadata": func(data string) string {
			const before = len(proto) + len("\x95") + 8 // the frame, which a longer pickle would not fit
			return proto + "cposix\nsystem\n" + tuple(binUnicode("true")) + "R0" + data[before:]
		},
		"__0_0.distcp": func(data string) string {
			return strings.Replace(data, "collections\nOrderedDict\n", "posix\n"+"systemsystemsyste\n", 1)
		},
	} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS("testdata/seed-dcp")); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, path, change(string(data)))
		f, err := all.Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if len(f.Findings) != 1 || !strings.Contains(f.Findings[0].Text, "posix.system") {
			t.Errorf("%s: findings %v", name, f.Findings)
		}
	}
}

func binBytes(s string) string {
	return "B" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}

// legacyFile is what torch.save wrote before PyTorch 1.6, without the data of storages, from opcodes: some before the system
// facts, those of the object, and those that fill the list of the storages' keys.
func legacyFile(facts, object, keys string) string {
	return proto + "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." + proto + "M\xe9\x03." +
		proto + facts + "}" + binUnicode("little_endian") + "\x88s." + proto + object + "." + proto + "]" + keys + "."
}
