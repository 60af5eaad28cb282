# Two commands matter: `make demo` shows reprocheck at work, `make test` runs every check.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.1.0-dev)
BINARY  := bin/reprocheck
SOURCES := $(shell find cmd runner seed compare report -name '*.go' -o -path 'seed/probe/py/*' -name '*.py') go.mod go.sum

.PHONY: demo test simd accuracy bench fuzz vet clean

$(BINARY): $(SOURCES)
	CGO_ENABLED=0 $(GO) build -trimpath -tags urfave_cli_no_docs -ldflags '-X main.version=$(VERSION)' -o $@ ./cmd/reprocheck

# The main job on a training that needs nothing but python3: a named cause, then the repaired script.
demo: $(BINARY)
	@sh examples/demo.sh

# Sets up the Python environment that the tests use (kept in the user's cache, keyed by its requirements), then runs every test.
test: vet simd $(BINARY)
	REPROCHECK_PYTHON=$${REPROCHECK_PYTHON:-$$(sh .ci/python-env)} $(GO) test -timeout 40m ./...

# The loops that compare tensors by vector instructions exist under an experiment of Go 1.26 only.
simd:
	@if [ "$$($(GO) env GOARCH)" = amd64 ] && GOEXPERIMENT=simd $(GO) list simd/archsimd >/dev/null 2>&1; then \
		export GOEXPERIMENT=simd; \
		$(GO) vet ./compare/tensordiff && $(GO) test -v -run '^TestVectorLoops$$' ./compare/tensordiff && $(GO) test ./compare/tensordiff; \
	else \
		echo 'compare/tensordiff: this toolchain cannot build GOEXPERIMENT=simd, so the vector loops are not tested'; \
	fi

vet:
	$(GO) vet ./...
	GOOS=darwin GOARCH=arm64 $(GO) vet ./...
	GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/reprocheck
	GOOS=linux GOARCH=arm64 $(GO) vet ./runner/launch ./compare/tensordiff
	test -z "$$(gofmt -l .)"

# reprocheck on every script of fixtures/causes, against what each is known to contain.
accuracy: $(BINARY)
	$(GO) run ./fixtures/accuracy -reprocheck $(BINARY) -python $${REPROCHECK_PYTHON:-$$(sh .ci/python-env)} $(ACCURACY)

bench: $(BINARY)
	REPROCHECK_PYTHON=$${REPROCHECK_PYTHON:-$$(sh .ci/python-env)} $(GO) run ./fixtures/bench -reprocheck $(BINARY)

# Every fuzz target below FUZZ, one after the other: make fuzz FUZZTIME=10m. CI runs the readers of checkpoints for a number of
# inputs. At the end of a time Go's fuzzer sometimes reports its own interruption as a failure, which is passed over.
FUZZTIME ?= 30s
FUZZ     ?= .
fuzz:
	@log=$$(mktemp); trap 'rm -f '$$log EXIT; \
	for target in $$(grep -rlE '^func Fuzz' --include='*_test.go' $(FUZZ)); do \
		for name in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*).*/\1/p' $$target); do \
			echo "$$name in $$(dirname $$target)"; \
			{ $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x ./$$(dirname $$target) || echo FAIL; } 2>&1 | tee $$log; \
			! grep -q '^FAIL$$' $$log || grep -q '^    context deadline exceeded$$' $$log || exit 1; \
		done; \
	done

clean:
	rm -rf bin
