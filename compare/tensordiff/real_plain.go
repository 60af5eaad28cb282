//go:build !(goexperiment.simd && amd64)

package tensordiff

import "github.com/reprocheck/reprocheck/runner/checkpoint"

func accelerated(formats map[checkpoint.DType]realFormat) map[checkpoint.DType]realFormat {
	return formats
}
