package all_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
)

// refusal reports whether err is one of the typed errors for files that cannot be read.
func refusal(err error) bool {
	var damaged *checkpoint.DamagedError
	var unsupported *checkpoint.UnsupportedError
	var limit *checkpoint.LimitError
	return errors.As(err, &damaged) || errors.As(err, &unsupported) || errors.As(err, &limit) ||
		errors.Is(err, checkpoint.ErrUnknownFormat)
}

// readAll opens a file held in memory and reads every value.
func readAll(data []byte, name string) (*checkpoint.File, error) {
	f, err := all.OpenReader(context.Background(), bytes.NewReader(data), int64(len(data)), name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	_, err = checkpoint.Digest(context.Background(), f)
	return f, err
}

type record struct {
	name string
	data []byte
}

// stored makes a ZIP archive of uncompressed records.
func stored(t testing.TB, records ...record) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, rec := range records {
		w, err := z.CreateRaw(&zip.FileHeader{
			Name: rec.name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(rec.data),
			CompressedSize64: uint64(len(rec.data)), UncompressedSize64: uint64(len(rec.data)),
		})
		if err == nil {
			_, err = w.Write(rec.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func deflated(t testing.TB, name string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func torchFile(t testing.TB, pickle string, storages ...record) []byte {
	t.Helper()
	records := []record{{"archive/data.pkl", []byte(pickle)}}
	for _, s := range storages {
		records = append(records, record{"archive/data/" + s.name, s.data})
	}
	return stored(t, append(records, record{"archive/version", []byte("3\n")})...)
}

func binUnicode(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}

func binInt(n int64) string {
	if n == int64(int32(n)) {
		return "J" + string(binary.LittleEndian.AppendUint32(nil, uint32(n)))
	}
	return "\x8a\x08" + string(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

func tuple(items ...string) string { return "(" + strings.Join(items, "") + "t" }

// storageRef and rebuild write what torch.save writes for a tensor of float32.
func storageRef(key string, elements int64) string {
	return tuple(binUnicode("storage"), "ctorch\nFloatStorage\n", binUnicode(key), binUnicode("cpu"), binInt(elements)) + "Q"
}

func rebuild(storage string, offset int64, size, stride string) string {
	return "ctorch._utils\n_rebuild_tensor_v2\n" + tuple(storage, binInt(offset), size, stride, "\x89", "N") + "R"
}

const proto = "\x80\x02"

func le64(n uint64) string { return string(binary.LittleEndian.AppendUint64(nil, n)) }

func safetensorsFile(header string, data int) []byte {
	return []byte(le64(uint64(len(header))) + header + strings.Repeat("\x00", data))
}

func npyFile(header string, data int) []byte {
	n := binary.LittleEndian.AppendUint16(nil, uint16(len(header)))
	return []byte("\x93NUMPY\x01\x00" + string(n) + header + strings.Repeat("\x00", data))
}

// objectsFile is a .npy file of an array of Python objects of one shape in its header and another in its pickle.
func objectsFile(header, pickled int64, members string) []byte {
	return append(npyFile(fmt.Sprintf("{'descr': '|O', 'fortran_order': False, 'shape': (%d,), }", header), 0), proto+
		"cnumpy._core.multiarray\n_reconstruct\n"+tuple("cnumpy\nndarray\n", tuple(binInt(0)), "C\x01b")+"R"+
		tuple(binInt(1), tuple(binInt(pickled)), "cnumpy\ndtype\n"+tuple(binUnicode("O8"), "\x89", "\x88")+"R", "\x89", "]("+members+"e")+"b."...)
}

// manyObjects are arrays that take, one by one, less memory than one file may, and together more.
func manyObjects() (records []record) {
	for i := range 100 {
		records = append(records, record{fmt.Sprint(i, ".npy"), objectsFile(20_000, 20_000, strings.Repeat(")\x85", 20_000))})
	}
	return records
}

// deflatedArrays are n arrays of one element in an archive as numpy.savez_compressed writes it.
func deflatedArrays(t testing.TB, n int, descr string, size int) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range n {
		w, err := z.Create(fmt.Sprint(i, ".npy"))
		if err == nil {
			_, err = w.Write(npyFile("{'descr': "+descr+", 'fortran_order': False, 'shape': (1,), }", size))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// manyNames is a structured type of n fields of a byte each.
func manyNames(n int) string {
	fields := make([]string, n)
	for i := range fields {
		fields[i] = fmt.Sprintf("('a name of a field %d','|u1')", i)
	}
	return "[" + strings.Join(fields, ",") + "]"
}

// zipBomb inflates to 256 MiB from 256 KiB.
func zipBomb(t testing.TB) []byte {
	const header = "{'descr': '|u1', 'fortran_order': False, 'shape': (268435456,), }"
	return deflated(t, "x.npy", append(npyFile(header, 0), make([]byte, 256<<20)...))
}

// gzipBomb inflates to a pickle of 512 MiB.
func gzipBomb(t testing.TB) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(proto + "N"))
	for range 512 {
		if err == nil {
			_, err = z.Write(make([]byte, 1<<20))
		}
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// hostileFiles are files that try to crash, to stall or to mislead; every one must be refused.
func hostileFiles(t testing.TB) map[string][]byte {
	one := record{"0", make([]byte, 16)}
	files := map[string][]byte{
		"pickle: bytes of 2^62":           []byte(proto + "\x8e" + le64(1<<62) + "."),
		"pickle: frame of 2^62":           []byte("\x80\x04\x95" + le64(1<<62) + "N."),
		"pickle: string of 4 GiB":         []byte(proto + "X\xff\xff\xff\xff."),
		"pickle: long of 2 GiB":           []byte(proto + "\x8b\xff\xff\xff\x7f."),
		"pickle: unknown opcode":          []byte(proto + "\xff."),
		"pickle: empty stack":             []byte(proto + "."),
		"pickle: pop below a mark":        []byte(proto + "N(a."),
		"pickle: item set on a number":    []byte(proto + "K\x01K\x02K\x03s."),
		"pickle: append to a tuple":       []byte(proto + ")K\x01a."),
		"pickle: state on a list":         []byte(proto + "]}b."),
		"pickle: call of a number":        []byte(proto + "K\x01)R."),
		"pickle: missing memo":            []byte(proto + "h\x05."),
		"pickle: text not UTF-8":          []byte(proto + "X\x01\x00\x00\x00\xff."),
		"pickle: surrogate cut short":     []byte(proto + "X\x02\x00\x00\x00\xed\xa0."),
		"pickle: class not UTF-8":         []byte(proto + "c\xff\nb\n."),
		"zip: several parts":              edited(torchFile(t, proto+"N."), -18, 1),
		"zip: two counts":                 edited(torchFile(t, proto+"N."), -14, 1),
		"npy: version 1.1":                []byte("\x93NUMPY\x01\x01\x02\x00{}"),
		"npy: version 3 not UTF-8":        []byte("\x93NUMPY\x03\x00\x03\x00\x00\x00{\xff}"),
		"pickle: no end":                  []byte(proto + "N"),
		"pickle: values left over":        []byte(proto + "NN."),
		"pickle: 10 MB of lists":          []byte(proto + strings.Repeat("]", 10<<20) + "."),
		"pickle: 10 MB of nesting":        []byte(proto + strings.Repeat("]", 5<<20) + strings.Repeat("a", 5<<20-1) + "."),
		"pickle: 10 MB of DUP":            []byte(proto + "N" + strings.Repeat("2", 10<<20) + "."),
		"pickle: 10 MB of marks":          []byte(proto + strings.Repeat("(", 10<<20) + "."),
		"pickle: 10 MB of MEMOIZE":        []byte("\x80\x04N" + strings.Repeat("\x94", 10<<20) + "."),
		"pickle: nesting of 5,000":        []byte(proto + strings.Repeat("]", 5000) + strings.Repeat("a", 4999) + "."),
		"pickle: billion laughs":          []byte(proto + "]" + laughs(40) + "."),
		"pickle: wide laughs":             []byte(proto + "]" + wideLaughs(7, 50) + "."),
		"pickle: two equal keys":          []byte(proto + "}(K\x01NK\x01Nu."),
		"pickle: huge decimal integer":    []byte(proto + "I" + strings.Repeat("9", 1<<19) + "\n."),
		"pickle: endless line":            []byte(proto + "I" + strings.Repeat("9", 8<<20)),
		"pickle: two pickles":             []byte(proto + "N." + proto + "N."),
		"pickle: dict key is a cycle":     []byte(proto + "}(]q\x01h\x01aNu."),
		"pickle: laughs as a key":         []byte(proto + "}]" + laughs(40) + "\x85Ns."),
		"pickle: tuple laughs as a key":   []byte(proto + "}N" + strings.Repeat("q\x000h\x00h\x00\x86", 40) + "Ns."),
		"pickle: long tuple in keys":      []byte(proto + sharedInKeys(tuple(strings.Repeat("K\x01", 100_000)), 20_000)),
		"pickle: long texts in keys":      []byte(proto + sharedInKeys(tuple(strings.Repeat(binUnicode(strings.Repeat("x", 4000)), 60)), 20_000)),
		"pickle: many attributes in keys": []byte(proto + sharedInKeys("ca\nb\n)\x81}("+attributes(50_000)+"ub", 20_000)),
		"pickle: many fields in keys":     []byte(proto + sharedInKeys(manyFields(2000), 60_000)),
		"pickle: fields without a name":   repeated(strings.Replace(manyFields(20_000), tuple(fieldNames(20_000)), tuple(fieldNames(1)), 1), 60_000),
		"pickle: appended one by one":     []byte(proto + "]" + strings.Repeat("Na", 3_000_000) + "."),
		"pickle: set one by one":          []byte(proto + "}" + setOneByOne(1_000_000) + "."),
		"pickle: keys 1 and True":         []byte(proto + "}(K\x01N\x88Nu."),
		"pickle: keys (1,) and (1.0,)":    []byte(proto + "}(K\x01\x85NG\x3f\xf0" + strings.Repeat("\x00", 6) + "\x85Nu."),
		"pickle: set with 1 twice":        []byte("\x80\x04\x8f(K\x01K\x01\x90."),
		"pickle: 1,000,000 memo keys":     []byte(proto + sparseMemo(1_000_000) + "N."),
		"pickle: long text repeated":      repeated(binUnicode(strings.Repeat("x", 1<<20)), 500),
		"pickle: long texts in a row":     repeated(binUnicode(strings.Repeat("x", 1<<20)), 100_000),
		"pickle: bytes repeated":          repeated("B\x00\x00\x10\x00"+strings.Repeat("y", 1<<20), 500),
		"pickle: long number repeated":    repeated("\x8b\x00\x00\x01\x00"+strings.Repeat("\x7f", 1<<16), 500),
		"pickle: long numbers in a row":   repeated("\x8b\x00\x00\x01\x00"+strings.Repeat("\x7f", 1<<16), 100_000),
		"pickle: long class repeated":     repeated("c"+strings.Repeat("a", 900_000)+"\nb\n", 500),
		"pickle: wrapped 120,000 times":   wrapped("ctorch._utils\n_rebuild_parameter\n", 120_000, 1),
		"pickle: wrapped sizes":           wrapped("ctorch\nSize\n", 120_000, 1),
		"pickle: wrapped, repeated":       wrapped("ctorch._utils\n_rebuild_parameter\n", 900, 50_000),
		"pickle: chain of __newobj__":     []byte(proto + "ccopyreg\n__newobj__\nq\x00(" + strings.Repeat("h\x00", 200_000) + "tR."),
		"pickle: long TorchScript class":  repeated("c__torch__"+strings.Repeat(".___torch_mangle_0", 50_000)+"\nA\n)R", 90_000),
		"pickle: bytes as text repeated":  repeated("c_codecs\nencode\n"+tuple(binUnicode(strings.Repeat("x", 1<<20)), binUnicode("latin1"))+"R", 250),
		"pickle: Latin-1 text":            []byte(proto + "T\x00\x00\xa0\x01" + strings.Repeat("\xff", 26<<20) + "."),
		"pickle: many fields repeated":    repeated(manyFields(2000), 60_000),
		"pickle: very many fields":        repeated(manyFields(20_000), 60_000),
		"pickle: set of long classes":     []byte("\x80\x04c" + strings.Repeat("a", 3000) + "\nb\nq\x000\x8f(" + instances(60_000) + "\x90."),

		"torch: storage too small":         torchFile(t, proto+rebuild(storageRef("0", 400), 0, tuple(binInt(400)), tuple(binInt(1)))+".", one),
		"torch: view outside":              torchFile(t, proto+rebuild(storageRef("0", 4), 0, tuple(binInt(5)), tuple(binInt(1)))+".", one),
		"torch: offset outside":            torchFile(t, proto+rebuild(storageRef("0", 4), 5, tuple(binInt(1)), tuple(binInt(1)))+".", one),
		"torch: negative offset":           torchFile(t, proto+rebuild(storageRef("0", 4), -1, tuple(binInt(1)), tuple(binInt(1)))+".", one),
		"torch: expanded to 2^40":          torchFile(t, proto+rebuild(storageRef("0", 4), 0, tuple(binInt(1<<40)), tuple(binInt(0)))+".", one),
		"torch: expanded to 128 MiB":       torchFile(t, proto+rebuild(storageRef("0", 4), 0, tuple(binInt(1<<25)), tuple(binInt(0)))+".", one),
		"torch: long name of a device":     torchFile(t, proto+rebuild(strings.Replace(storageRef("0", 4), binUnicode("cpu"), binUnicode(strings.Repeat("x", 3<<20)), 1), 0, tuple(binInt(4)), tuple(binInt(1)))+".", one),
		"torch: shape overflows":           torchFile(t, proto+rebuild(storageRef("0", 4), 0, tuple(binInt(1<<62), binInt(4)), tuple(binInt(0), binInt(0)))+".", one),
		"torch: no such storage":           torchFile(t, proto+rebuild(storageRef("7", 4), 0, tuple(binInt(4)), tuple(binInt(1)))+".", one),
		"torch: storage leaves the folder": torchFile(t, proto+rebuild(storageRef("../../etc/passwd", 4), 0, tuple(binInt(4)), tuple(binInt(1)))+".", one),
		"torch: big endian":                stored(t, record{"a/data.pkl", []byte(proto + "N.")}, record{"a/byteorder", []byte("big")}),
		"torch: two data.pkl":              stored(t, record{"archive/data.pkl", []byte(proto + "N.")}, record{"archive/data.pkl", []byte(proto + "K\x01.")}),
		"torch: compressed":                deflated(t, "archive/data.pkl", []byte(proto+"N.")),

		"zip: header names another record": bytes.Replace(torchFile(t, proto+"N."), []byte("data.pkl"), []byte("data.pkX"), 1),
		"zip: header with another method":  edited(stored(t, record{"archive/data.pkl", []byte("N.")}), 8, 8),
		"zip: header with another size":    edited(stored(t, record{"archive/data.pkl", []byte("N.")}), 18, 1),
		"zip: bytes behind the archive":    append(torchFile(t, proto+"N."), "0123456789"...),
		"zip: two archives":                append(torchFile(t, proto+"N."), torchFile(t, proto+"K\x01.")...),
		"zip: name not UTF-8":              bytes.ReplaceAll(torchFile(t, proto+"N."), []byte("data.pkl"), []byte("data.pk\xff")),
		"zip: another number of records":   edited(edited(torchFile(t, proto+"N."), -12, 7), -14, 7),
		"zip: ZIP64 directory as well":     withZIP64(stored(t, record{"archive/data.pkl", []byte("N.")})),
		"zip: no directory":                []byte("PK\x03\x04" + strings.Repeat("\x00", 5000)),
		"zip: plain archive":               stored(t, record{"readme.txt", []byte("hello")}),

		"safetensors: header of 2^62":  []byte(le64(1<<62) + "{}"),
		"safetensors: header too long": []byte(le64(1000) + "{}" + strings.Repeat(" ", 100)),
		"safetensors: equal keys":      safetensorsFile(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1),
		"safetensors: overlap":         safetensorsFile(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 3),
		"safetensors: hole":            safetensorsFile(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 3),
		"safetensors: short data":      safetensorsFile(`{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}`, 8),
		"safetensors: long data":       safetensorsFile(`{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}`, 20),
		"safetensors: wrong size":      safetensorsFile(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,16]}}`, 16),
		"safetensors: shape overflows": safetensorsFile(`{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0),
		"safetensors: backwards":       safetensorsFile(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[4,0]}}`, 4),
		"safetensors: tensor twice":    safetensorsFile(`{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}`, 1),
		"safetensors: metadata twice":  safetensorsFile(`{"__metadata__":{"a":"b","a":"c"},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1),
		"safetensors: long name":       safetensorsFile(`{"`+strings.Repeat("a", 60<<20)+`":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1),
		"safetensors: long number":     safetensorsFile(`{"a":{"dtype":"U8","shape":[`+strings.Repeat("1", 60<<20)+`],"data_offsets":[0,1]}}`, 1),
		"safetensors: long shapes":     safetensorsFile(`{`+strings.Repeat(`"a":{"dtype":"U8","shape":[`+strings.Repeat("1,", 63)+`1],"data_offsets":[0,1]},`, 100_000)+`"b":0}`, 1),
		"safetensors: long types":      safetensorsFile(longTypes(12), 12),
		"safetensors: much space":      safetensorsFile("{"+strings.Repeat(" ", 60<<20)+"}", 0),
		"safetensors: no shape":        safetensorsFile(`{"a":{"dtype":"U8","data_offsets":[0,1]}}`, 1),
		"safetensors: half a byte":     safetensorsFile(`{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}`, 2),
		"safetensors: deep":            safetensorsFile(`{"a":`+strings.Repeat("[", 1<<20), 0),

		"xz: window of 4 GiB":   []byte("\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4F\x02\x00\x21\x01\x28\x00\x00\x00" + "\xe6\xa0\x11\xb3" + "\x01\x00\x00N."),
		"lzma: window of 4 GiB": []byte("\x5d\x00\x00\x00\xff" + strings.Repeat("\xff", 8) + strings.Repeat("\x00", 30)),
		"joblib: array passes the end": []byte(proto + "cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(" +
			binUnicode("shape") + tuple(binInt(1<<40)) + binUnicode("order") + binUnicode("C") + binUnicode("dtype") +
			"cnumpy\ndtype\n" + tuple(binUnicode("f8"), "\x89", "\x88") + "Rub."),

		"npy: header cut short":           []byte("\x93NUMPY\x01\x00\xff\xff{'descr'"),
		"npy: data cut short":             npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", 15),
		"npy: shape overflows":            npyFile("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", 0),
		"npy: negative shape":             npyFile("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }", 0),
		"npy: objects":                    npyFile("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8),
		"npy: objects of another shape":   objectsFile(2, 1, "N"),
		"npy: objects that are not there": objectsFile(2, 2, "N"),
		"npy: objects that are no array":  append(npyFile("{'descr': '|O', 'fortran_order': False, 'shape': (), }", 0), proto+"N."...),
		"npy: bytes behind the objects":   append(objectsFile(1, 1, "N"), 0),
		"npy: objects repeated":           objectsFile(500, 500, strings.TrimSuffix(strings.TrimPrefix(string(repeated(binUnicode(strings.Repeat("x", 1<<20)), 500)), proto+"]("), "e.")),
		"npz: many types of many fields":  deflatedArrays(t, 1000, manyNames(1500), 1500),
		"npz: many objects":               stored(t, manyObjects()...),
		"npy: code in header":             npyFile("{'descr': __import__('os').system('id'), 'fortran_order': False, 'shape': (1,), }", 8),
		"npy: nested header":              npyFile("{'descr': "+strings.Repeat("[", 60000), 0),
		"npy: version 9":                  []byte("\x93NUMPY\x09\x00\x02\x00{}"),
		"npy: huge integer":               npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': ("+strings.Repeat("9", 50000)+",), }", 0),
		"npy: field twice":                npyFile("{'descr': [('a','<f4'),('a','<f4')], 'fortran_order': False, 'shape': (1,), }", 8),
		"npy: key twice":                  npyFile("{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", 8),

		"json: key twice":       []byte(`{"a": 1, "a": 2}`),
		"json: no UTF-8":        []byte("{\"\xff\": 1, \"\xfe\": 2}"),
		"safetensors: no UTF-8": safetensorsFile("{\"\xff\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1),
		"json: deep":            []byte(strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20)),
		"json: cut short":       []byte(`{"a": [1, 2`),
		"json: 15 MB of lists":  []byte("[" + strings.Repeat("[],", 5<<20) + "[]]"),
		"empty":                 {},
		"zeros":                 make([]byte, 1024),
	}
	return files
}

// repeated is a pickle that holds one value n times: 400 times in each of n lists, or in one list where n is large.
func repeated(value string, n int) []byte {
	const most = 400 // so that it is not packed
	list := "(" + strings.Repeat("h\x00", n) + "l"
	if n <= 1000 {
		list = "(" + strings.Repeat("("+strings.Repeat("h\x00", most)+"l", n) + "l"
	}
	return []byte(proto + value + "q\x000" + list + ".")
}

// wrapped is a pickle of None in n calls, one around the other, in a list that holds it m times.
func wrapped(fn string, n, m int) []byte {
	return []byte(proto + fn + "q\x000" + strings.Repeat("h\x00(", n) + "N" + strings.Repeat("tR", n) + "q\x010(" + strings.Repeat("h\x01", m) + "l.")
}

func fieldNames(n int) string {
	var names strings.Builder
	for i := range n {
		names.WriteString(binUnicode(fmt.Sprint("field", i)))
	}
	return names.String()
}

// sharedInKeys is a dictionary with n keys that are tuples of one value and a number.
func sharedInKeys(value string, n int64) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("h\x00" + binInt(i) + "\x86N")
	}
	return value + "q\x000}(" + b.String() + "u."
}

// attributes are n keys and values.
func attributes(n int64) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(binUnicode(fmt.Sprint("a", i)) + "N")
	}
	return b.String()
}

// setOneByOne sets n items of a dictionary.
func setOneByOne(n int64) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(binInt(i) + "Ns")
	}
	return b.String()
}

// manyFields is a number of a structured type of NumPy with n fields.
func manyFields(n int) string {
	var fields strings.Builder
	for i := range n {
		name := binUnicode(fmt.Sprint("field", i))
		fields.WriteString(name + tuple("h\x01", binInt(0)))
	}
	typ := func(code string) string { return "cnumpy\ndtype\n" + tuple(binUnicode(code), "\x89", "\x88") + "R" }
	return typ("f8") + "q\x010" + "cnumpy.core.multiarray\nscalar\n" +
		tuple(typ("V8")+tuple(binInt(3), binUnicode("|"), "N", tuple(fieldNames(n)), "}("+fields.String()+"u", binInt(8), binInt(1), binInt(16))+"b", "C\x08abcdefgh") + "R"
}

// longTypes is a header of n tensors of types that are not known, with names of megabytes.
func longTypes(n int) string {
	tensors := make([]string, n)
	for i := range tensors {
		tensors[i] = fmt.Sprintf(`"t%d":{"dtype":"%s","shape":[1],"data_offsets":[%d,%d]}`, i, strings.Repeat("x", 7<<20), i, i+1)
	}
	return "{" + strings.Join(tensors, ",") + "}"
}

// sparseMemo stores None under n keys far from each other.
func sparseMemo(n uint32) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("Nr" + string(binary.LittleEndian.AppendUint32(nil, i*2654435761)) + "0")
	}
	return b.String()
}

// instances makes n objects of the class in memo 0, with different arguments.
func instances(n int64) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("h\x00" + binInt(i) + "\x85R")
	}
	return b.String()
}

// withZIP64 puts a ZIP64 directory, without records, in front of the end of an archive, which has a directory too.
func withZIP64(archive []byte) []byte {
	end := len(archive) - 22
	record := "PK\x06\x06" + le64(44) + strings.Repeat("\x00", 4+8+8+8+8) + le64(uint64(end))
	locator := "PK\x06\x07" + strings.Repeat("\x00", 4) + le64(uint64(end)) + strings.Repeat("\x00", 4)
	return slices.Concat(archive[:end], []byte(record+locator), archive[end:])
}

func edited(data []byte, at int, b byte) []byte {
	if at < 0 {
		at += len(data)
	}
	data[at] = b
	return data
}

// laughs nests n lists that hold the previous one twice.
func laughs(n int) string {
	var b strings.Builder
	for range n {
		b.WriteString("q\x00]h\x00ah\x00a")
	}
	return b.String()
}

// wideLaughs nests n lists that hold the previous one k times.
func wideLaughs(n, k int) string {
	var b strings.Builder
	for range n {
		b.WriteString("q\x00]" + strings.Repeat("h\x00a", k))
	}
	return b.String()
}

func TestHostileFilesAreRefused(t *testing.T) {
	files := hostileFiles(t)
	files["zip: bomb"] = zipBomb(t)
	files["gzip: bomb"] = gzipBomb(t)
	for name, data := range files {
		t.Run(name, func(t *testing.T) {
			base := "model.pkl"
			if strings.HasPrefix(name, "json") {
				base = "model.json"
			}
			start := time.Now()
			f, err := readAll(data, base)
			// A second is what is promised; a machine that does other things too may take longer.
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
			if err == nil {
				t.Fatalf("read as %s with %d entries", f.Format, len(f.Entries))
			}
			if !refusal(err) {
				t.Errorf("untyped error: %v", err)
			}
			if strings.Contains(err.Error(), "the reader failed") {
				t.Errorf("a panic was caught: %v", err)
			}
			if len(err.Error()) > 500 {
				t.Errorf("message of %d bytes", len(err.Error()))
			}
		})
	}
}

func TestHostileFilesTakeLittleMemory(t *testing.T) {
	// The most that a file may make the reader hold: what Python's own runtime takes to start.
	const most = 64 << 20
	files := hostileFiles(t)
	files["zip: bomb"] = zipBomb(t)
	files["gzip: bomb"] = gzipBomb(t)
	// As in the command, which has 40 MiB before it collects garbage as often as that takes; the files of this test are on the
	// heap too, and are not to decide how much garbage is.
	const soft = 40 << 20
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	for name, data := range files {
		debug.FreeOSMemory()
		var before runtime.MemStats
		runtime.ReadMemStats(&before)
		debug.SetMemoryLimit(int64(before.Sys-before.HeapReleased) + soft)
		peak := peakHeap(func() { _, _ = readAll(data, "model.pkl") })
		if grown := int64(peak) - int64(before.HeapAlloc); grown > most {
			t.Errorf("%s: the heap grew by %d MiB", name, grown>>20)
		}
	}
}

// peakHeap runs f and samples the heap meanwhile.
func peakHeap(f func()) (peak uint64) {
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	var m runtime.MemStats
	for {
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapAlloc)
		select {
		case <-done:
			return peak
		default:
			time.Sleep(time.Millisecond)
		}
	}
}

func TestAPickleThatWouldRunAProgramIsReportedAndDoesNothing(t *testing.T) {
	victim := t.TempDir() + "/ran"
	program := objectsFile(1, 1, "cposix\nsystem\n"+tuple(binUnicode("touch "+victim))+"R")
	for name, data := range map[string][]byte{
		"pickle": []byte("\x80\x02cposix\nsystem\n" + tuple(binUnicode("touch "+victim)) + "R."),
		"torch":  torchFile(t, "\x80\x02cos\nsystem\n"+tuple(binUnicode("touch "+victim))+"R."),
		"npy":    program,
		"npz":    stored(t, record{"w.npy", npyFile("{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }", 1)}, record{"x.npy", program}),
		"inst":   []byte("\x80\x02(" + binUnicode("touch "+victim) + "ios\nsystem\n."),
	} {
		f, err := readAll(data, "model.pkl")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(f.Findings) != 1 || f.Findings[0].ID != "code-execution" || !strings.Contains(f.Findings[0].Text, "system") {
			t.Errorf("%s: findings %v", name, f.Findings)
		}
		if _, err := os.Stat(victim); err == nil {
			t.Errorf("%s: the program ran", name)
		}
	}
	f, err := readAll([]byte("\x80\x02ctorch\nfloat32\n."), "model.pkl")
	if err != nil || len(f.Findings) != 0 {
		t.Errorf("a harmless class: %v, findings %v", err, fmt.Sprint(f))
	}
}

func TestATorchSaveWithinAPickleIsReadOnceForAllThatHoldIt(t *testing.T) {
	const most = 300 // fewer than what is packed
	storage := tuple(binUnicode("storage"), "ctorch\nByteStorage\n", binUnicode("0"), binUnicode("cpu"), binInt(1), "N") + "Q"
	inner := proto + "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." + proto + "M\xe9\x03." + proto + "}" + binUnicode("little_endian") + "\x88s." +
		proto + strings.Repeat("N0", 1<<20) + storage + "." + proto + "]" + binUnicode("0") + "a." + le64(1) + "x"
	start := time.Now()
	f, err := readAll([]byte("\x80\x03ctorch.storage\n_load_from_bytes\nB"+string(binary.LittleEndian.AppendUint32(nil, uint32(len(inner))))+inner+
		"\x85Rq\x000("+strings.Repeat("h\x00", most)+"l."), "model.pkl")
	if err != nil || len(f.Entries) != 1+most {
		t.Fatalf("read as %v: %v", f, err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestCompressedArraysTakeNoMemoryBeforeTheyAreRead(t *testing.T) {
	data := deflatedArrays(t, 5000, "'<f4'", 4)
	debug.FreeOSMemory()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := all.OpenReader(context.Background(), bytes.NewReader(data), int64(len(data)), "model.npz")
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("%d arrays hold %d MiB", len(f.Entries), grown>>20)
	}
	f.Close()
}
