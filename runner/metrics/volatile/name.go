// Package volatile recognises what differs between two runs by nature and says nothing about a training:
// times, durations, throughputs, memory in use, dates, process and run identifiers, addresses, temporary paths.
//
// There are three kinds of evidence, each in its own file: the name of a value (name.go), the unit printed
// after it (unit.go) and the shape of a text (shape.go, digits.go). A reason is always given in words, so that a report
// can list what was masked and why; an empty reason means that the value counts.
package volatile

import (
	"strings"
	"unicode"
)

// The reasons, as they are shown to the user.
const (
	Time       = "a time or duration"
	Throughput = "a throughput"
	Memory     = "memory in use"
	Date       = "a date or time stamp"
	Identifier = "an identifier of this run, process or machine"
	Size       = "a size in bytes"
	Address    = "a memory address"
	Path       = "a temporary path"
)

// monitored is the key under which Stable-Baselines3 keeps what its Monitor says of each episode: reward r, length l, and seconds t.
const monitored = "ep_info_buffer["

// Name reports why a value of this name is volatile, or "".
//
// A name is read as English reads it: its head decides. "step_time" is a time, "time_weighted_error" is an error,
// and what follows a preposition only describes ("val_loss_at_time" is a loss, "time_to_accuracy" a time).
func Name(name string) string {
	words, slashes := split(name)
	if len(words) == 0 {
		return ""
	}
	if strings.Contains(name, monitored) && strings.HasSuffix(name, ".t") {
		return Time
	}
	if why := rate(words, slashes); why != "" {
		return why
	}
	last := len(words) - 1
	if last > 0 && (words[last] == "at" || words[last] == "on") && eventWords[words[last-1]] {
		return Date
	}
	ends := words[last]
	words = headPhrase(words, slashes)
	head := words[len(words)-1]
	if heads[ends] == Identifier && !measures[head] {
		return Identifier // "listening on port"
	}
	before := ""
	if len(words) > 1 {
		before = words[len(words)-2]
	}
	switch {
	case head == "cost" && before == "time":
		return Time
	case measures[head] || modelled[before]:
		return ""
	case letterUnits[head] && heads[before] != "":
		return heads[before] // "time (s)"
	case durationWords[head] && before != "":
		if measures[before] {
			return "" // "timing_error_ms": an error, measured in milliseconds
		}
		return Time
	case (head == "id" || head == "name") && ownerWords[before]:
		return Identifier
	case head == "thread" && !countWords[before]:
		return Identifier // what loggers print of it
	case head == "id" && before == "" || runWords[head] && !chosenWords[before]:
		return Identifier
	case (head == "util" || head == "utilization" || head == "usage" || head == "percent" || head == "free" || head == "temp") && deviceWords[before]:
		return Memory
	case head == "eta" && strings.Contains(name, "ETA"):
		return Time // in lower case, eta is also a learning rate; then only the shape of the value tells
	}
	return heads[head]
}

// Measure reports whether a name says that its value is a result of the training ("val_loss", "Test accuracy").
func Measure(name string) bool {
	words, slashes := split(name)
	if len(words) == 0 {
		return false
	}
	words = headPhrase(words, slashes)
	return measures[words[len(words)-1]]
}

// rate recognises "x per second", "x/s" and "ms/x".
func rate(words []string, slashes []bool) string {
	for i := 1; i < len(words); i++ {
		switch {
		case words[i-1] == "per" && i > 1 && (durationWords[words[i]] || words[i] == "s" || words[i] == "min" || words[i] == "day"):
			return Throughput
		case words[i] == "per" && (durationWords[words[i-1]] || words[i-1] == "s"):
			return Time
		case slashes[i] && perSecond[words[i]] && i == len(words)-1:
			return Throughput
		case slashes[i] && (perSecond[words[i-1]] || subSecond[words[i-1]]):
			return Time
		}
	}
	return ""
}

// headPhrase drops what comes after a preposition or a slash that stands for "per" ("time/epoch"), and statistics and numbers after the head ("latency_p99", "time[1]").
func headPhrase(words []string, slashes []bool) []string {
	for i := 1; i < len(words); i++ {
		// In "train/step_time" the slash leads to another name.
		portion := slashes[i] && portions[words[i]] && (i == len(words)-1 || slashes[i+1])
		if prepositions[words[i]] || portion {
			words = words[:i]
			break
		}
	}
	for len(words) > 1 && (trailers[words[len(words)-1]] || isDigit(words[len(words)-1][0])) {
		words = words[:len(words)-1]
	}
	return words
}

// split breaks a name at punctuation and at changes from lower to upper case, and lowers it;
// slashes[i] says that a slash came right before word i.
func split(name string) (words []string, slashes []bool) {
	const maxWords = 16
	start, slash, pending := -1, false, false
	flush := func(end int) {
		if start >= 0 {
			words = append(words, strings.ToLower(name[start:end]))
			slashes = append(slashes, pending)
			start, slash = -1, false
		}
	}
	lower := false
	for i, r := range name {
		if len(words) == maxWords {
			return words, slashes
		}
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			flush(i)
			slash = r == '/'
			lower = false
			continue
		}
		if unicode.IsUpper(r) && lower {
			flush(i)
		}
		if start < 0 {
			start, pending = i, slash
		}
		lower = unicode.IsLower(r)
	}
	flush(len(name))
	return words, slashes
}

func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

func reasons(byReason map[string]string) map[string]string {
	m := map[string]string{}
	for why, words := range byReason {
		for w := range strings.FieldsSeq(words) {
			m[w] = why
		}
	}
	return m
}

// The vocabulary. It is constant; Go has no constant maps.
var (
	heads = reasons(map[string]string{
		Time: `time times runtime walltime wallclock wall clock elapsed dur duration durations took latency uptime timing timer
			cputime dt sec secs second seconds ms msec millis millisecond milliseconds microseconds
			minute minutes mins hour hours hrs`,
		Throughput: `throughput speed fps sps qps wps ups tps ips mfu hfu tflops gflops bandwidth`,
		Memory:     `memory mem ram vram rss vms swap allocated reserved cpu gpu`,
		Date:       `date datetime timestamp timestamps ts mtime ctime atime asctime utc gmt`,
		Identifier: `pid ppid tid port host hostname ip uuid guid runid jobid nodename address addr ident`,
	})
	durationWords = set(`sec secs second seconds ms msec millis millisecond milliseconds microseconds us ns minute minutes mins hour hours hrs hr`)
	letterUnits   = set(`s m h gb mb kb`)
	perSecond     = set(`s sec secs second seconds hr hour`)
	subSecond     = set(`ms msec us ns`)
	portions      = set(`epoch step iter iteration batch it sample example token image`)
	prepositions  = set(`at by with for of in on over after before until given under vs to per during from since`)
	trailers      = set(`mean avg average total sum max min std median p50 p90 p95 p99 last taken spent used needed now current cur peak`)
	eventWords    = set(`saved created started finished updated modified logged written generated exported trained built ended completed`)
	ownerWords    = set(`run job process proc thread session trial experiment exp task host node machine wandb mlflow slurm`)
	modelled      = set(`predicted pred predict true target simulated survival reaction decay relaxation arrival`)
	countWords    = set(`num n nr number no per`)
	runWords      = set(`run session job experiment`)
	chosenWords   = set(`best worst optimal selected`)
	secrets       = set(`token nonce salt secret cookie apikey csrf`)
	deviceWords   = set(`cpu gpu mem memory ram vram cuda disk gb mb`)
	measures      = set(`loss losses acc accuracy error errors err rmse mse mae mape rmsle auc auroc aucpr f1 fbeta precision recall
		perplexity ppl bleu rouge meteor score scores reward rewards return returns r2 iou miou map ap nll ce bce kl divergence
		entropy norm gradnorm lr bpc bpb bpd dice psnr ssim fid wer cer elbo likelihood logloss mlogloss merror deviance objective
		cost regret top1 top5 correct wrong inertia variance bias l1 l2 logprob ndcg mrr hits correlation corr kappa mcc
		hash digest checksum fingerprint crc crc32 md5 sha sha1 sha256 sha512`)
)
