package checkpoint

import "strings"

// DType names an element type in PyTorch's words ("float32", "bfloat16"). Types that only NumPy has keep a name that
// says their layout: "bytes5", "str5", "datetime64[ns]", "void16", "{a:float32@0,b:int64@4}".
type DType string

// The element types that have arithmetic meaning here; all others are compared as bytes.
const (
	Bool       DType = "bool"
	Uint8      DType = "uint8"
	Uint16     DType = "uint16"
	Uint32     DType = "uint32"
	Uint64     DType = "uint64"
	Int8       DType = "int8"
	Int16      DType = "int16"
	Int32      DType = "int32"
	Int64      DType = "int64"
	Float16    DType = "float16"
	BFloat16   DType = "bfloat16"
	Float32    DType = "float32"
	Float64    DType = "float64"
	Complex32  DType = "complex32"
	BComplex32 DType = "bcomplex32" // of two bfloat16, since PyTorch 2.15
	Complex64  DType = "complex64"
	Complex128 DType = "complex128"

	Float8E4M3FN   DType = "float8_e4m3fn"
	Float8E4M3FNUZ DType = "float8_e4m3fnuz"
	Float8E5M2     DType = "float8_e5m2"
	Float8E5M2FNUZ DType = "float8_e5m2fnuz"
	Float8E8M0FNU  DType = "float8_e8m0fnu"
	Float4E2M1FNx2 DType = "float4_e2m1fn_x2"
)

// Bits returns the bits that one element takes, 0 for a name that does not imply its size.
func (d DType) Bits() int {
	switch d {
	case Bool, Uint8, Int8, Float8E4M3FN, Float8E4M3FNUZ, Float8E5M2, Float8E5M2FNUZ, Float8E8M0FNU, Float4E2M1FNx2,
		"qint8", "quint8", "quint4x2", "quint2x4", "bits8", "bits1x8", "bits2x4", "bits4x2":
		return 8
	case Uint16, Int16, Float16, BFloat16, "bits16":
		return 16
	case Uint32, Int32, Float32, Complex32, BComplex32, "qint32":
		return 32
	case Uint64, Int64, Float64, Complex64:
		return 64
	case Complex128:
		return 128
	case "float4_e2m1fn":
		return 4
	case "float6_e2m3fn", "float6_e3m2fn":
		return 6
	}
	if strings.HasPrefix(string(d), "datetime64") || strings.HasPrefix(string(d), "timedelta64") {
		return 64
	}
	return 0
}
