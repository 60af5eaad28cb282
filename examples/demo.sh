#!/bin/sh
# What `make demo` shows: a training that differs, the line that makes it differ, and the repaired training.
set -eu
cd "$(dirname "$0")/quickstart"

show() { # show EXPECTED-STATUS SCRIPT
	echo "\$ reprocheck run -- python3 $2"
	status=0
	../../bin/reprocheck run -- python3 "$2" || status=$?
	echo
	if [ "$status" -ne "$1" ]; then
		echo "demo: exit status $status, expected $1" >&2
		exit 1
	fi
}

echo "A spam filter that seeds its random numbers, and yet is another one each time:"
echo
show 1 train.py
echo "The same training, with the set sorted:"
echo
diff train.py train_fixed.py || true
echo
show 0 train_fixed.py
