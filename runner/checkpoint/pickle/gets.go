package pickle

import (
	"io"
	"strconv"
)

// gets are the keys of the memo that a pickle asks for. Picklers put every container and text into the memo, in case it
// comes again, and most never do: what is asked for is known only at the end.
type gets struct {
	low []uint64 // a bit for each key below memoLow
	// all tells that nothing is known, so that every entry is kept.
	all bool
}

func (g *gets) has(key uint32) bool {
	if g.all || key >= memoLow {
		return true
	}
	word := int(key / 64)
	return word < len(g.low) && g.low[word]>>(key%64)&1 != 0
}

func (g *gets) add(key uint64) {
	if key >= memoLow {
		return
	}
	if word := int(key / 64); word >= len(g.low) {
		g.low = append(g.low, make([]uint64, word+1-len(g.low))...)
	}
	g.low[key/64] |= 1 << (key % 64)
}

// scanOps bounds the search for the keys, which takes a small part of a second.
const scanOps = 1 << 24

// findGets goes through the opcodes of the pickle in [off, end) of r and does nothing else. Where it does not reach STOP, it
// knows nothing; what is wrong will be found when the pickle is read. Nor does it go on from joblib's description of an
// array, behind which lie bytes that are no opcodes.
func findGets(r io.ReaderAt, off, end int64) *gets {
	g, unknown := &gets{}, &gets{all: true}
	in := &input{r: r, pos: off, end: end}
	var puts, memoizes bool
	for range scanOps {
		op, err := in.byte()
		if err != nil {
			return unknown
		}
		switch op {
		case opStop:
			if puts && memoizes { // MEMOIZE counts what was put
				return unknown
			}
			return g
		case opPut, opBinPut, opLongBinPut:
			puts = true
		case opMemoize:
			memoizes = true
		}
		switch shape := operands[op]; {
		case op == opBinGet || op == opLongBinGet:
			var key uint64
			key, err = in.uint(int(shape.fixed))
			g.add(key)
		case op == opGet:
			var line []byte
			if line, err = in.line(); err == nil {
				var key uint64
				key, err = strconv.ParseUint(string(line), 10, 32)
				g.add(key)
			}
		case shape.counted > 0:
			var n uint64
			if n, err = in.uint(int(shape.counted)); err != nil || n > uint64(in.left()) {
				return unknown
			}
			if n == uint64(len(joblibArray)) {
				var text []byte
				if text, err = in.take(int(n)); string(text) == joblibArray {
					return unknown
				}
				break
			}
			_, err = in.skip(int64(n))
		default:
			for range shape.lines {
				var line []byte
				if line, err = in.line(); err != nil || string(line) == joblibArray {
					return unknown
				}
			}
			_, err = in.skip(int64(shape.fixed))
		}
		if err != nil {
			return unknown
		}
	}
	return unknown
}

// joblibArray is the class of joblib's descriptions.
const joblibArray = "NumpyArrayWrapper"

// operand says what follows an opcode: so many bytes, a length of so many bytes and as much data, or so many lines.
type operand struct{ fixed, counted, lines uint8 }

var operands = [256]operand{
	opBinInt: {fixed: 4}, opBinInt1: {fixed: 1}, opBinInt2: {fixed: 2}, opBinFloat: {fixed: 8}, opBinGet: {fixed: 1},
	opLongBinGet: {fixed: 4}, opBinPut: {fixed: 1}, opLongBinPut: {fixed: 4}, opProto: {fixed: 1}, opExt1: {fixed: 1},
	opExt2: {fixed: 2}, opExt4: {fixed: 4}, opFrame: {fixed: 8},

	opShortBinString: {counted: 1}, opBinString: {counted: 4}, opShortBinUnicode: {counted: 1}, opBinUnicode: {counted: 4},
	opBinUnicode8: {counted: 8}, opShortBinBytes: {counted: 1}, opBinBytes: {counted: 4}, opBinBytes8: {counted: 8},
	opByteArray8: {counted: 8}, opLong1: {counted: 1}, opLong4: {counted: 4},

	opFloat: {lines: 1}, opInt: {lines: 1}, opLong: {lines: 1}, opPersID: {lines: 1}, opString: {lines: 1}, opUnicode: {lines: 1},
	opGet: {lines: 1}, opPut: {lines: 1}, opGlobal: {lines: 2}, opInst: {lines: 2},
}
