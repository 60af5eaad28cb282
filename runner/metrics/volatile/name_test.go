package volatile

import "testing"

func TestName(t *testing.T) {
	volatile := map[string]string{
		"time": Time, "train_time": Time, "time_per_epoch": Time, "epoch time": Time, "elapsed": Time, "Elapsed Time": Time, "fit_time": Time,
		"time (s)": Time, "Time (sec)": Time, "data_time": Time, "time/epoch": Time, "ms/batch": Time, "s/it": Time, "dt": Time, "step_ms": Time,
		"duration": Time, "train_runtime": Time, "trainRuntime": Time, "wall_time": Time, "Wall clock": Time, "latency_p99": Time, "time_avg": Time,
		"time_to_accuracy": Time, "time of the best loss": Time, "ETA": Time, "seconds": Time, "total training time": Time, "time taken": Time,
		"time cost": Time, "forward_us": Time, "history/epoch_time": Time, "train/step_time": Time, "perf/batch_ms": Time,
		"samples_per_sec": Throughput, "samples_per_second": Throughput, "eval_steps_per_second": Throughput, "samplesPerSecond": Throughput,
		"it/s": Throughput, "tok/sec": Throughput, "throughput": Throughput, "mfu": Throughput, "SPS": Throughput, "fps": Throughput, "TFLOPs": Throughput,
		"loss_per_second": Throughput,
		"memory":          Memory, "max_mem": Memory, "gpu_memory_allocated": Memory, "peak memory used": Memory, "rss": Memory, "gpu_util": Memory, "gpu temp": Memory,
		"date": Date, "timestamp": Date, "saved_at": Date, "created_on": Date, "_timestamp": Date,
		"pid": Identifier, "main thread": Identifier, "thread": Identifier, "num_thread": "", "threads": "", "thread.ident": Identifier, "run_id": Identifier, "run id": Identifier, "uuid": Identifier, "hostname": Identifier, "host_name": Identifier, "port": Identifier, "listening on port": Identifier, "wandb_id": Identifier, "run": Identifier, "id": Identifier, "Starting run": Identifier,
	}
	for name, want := range volatile {
		if got := Name(name); got != want {
			t.Errorf("Name(%q) = %q, want %q", name, got, want)
		}
	}
	counts := []string{
		"loss", "val_loss", "Test accuracy", "acc", "time_weighted_error", "val_loss_at_time", "accuracy_over_time", "loss_per_sample",
		"timesteps", "time_steps", "total_timesteps", "n_steps", "train_time_loss", "runtime_error", "timing_error_ms", "memory_loss", "speed_mae",
		"steps_to_converge", "epoch", "lr", "eta", "learning_rate", "batch_size", "seed", "temperature", "user_id", "class_id", "model_name",
		"min_loss", "loss/min", "momentum", "durations_mae", "s", "m", "h", "us", "portfolio_return", "report", "importance", "dateless", "", "[", "1",
		"mean", "std", "reward_rate", "sampling_rate", "weights sha256", "hash", "timely_f1", "replay_memory_size", "ratio", "best run", "runs", "job_count",
		"predicted_latency", "survival_time", "reaction time", "hidden", "pid_gain", "address_loss", "date_accuracy",
		"train/step_loss", "history/epoch",
	}
	for _, name := range counts {
		if got := Name(name); got != "" {
			t.Errorf("Name(%q) = %q, but it counts", name, got)
		}
	}
}

func TestMeasure(t *testing.T) {
	for name, want := range map[string]bool{"loss": true, "val_loss": true, "Average loss": true, "timing_error": true, "accuracy_over_time": true,
		"time": false, "loss_time": false, "lossy": false, "": false} {
		if got := Measure(name); got != want {
			t.Errorf("Measure(%q) = %v", name, got)
		}
	}
}

func TestUnit(t *testing.T) {
	for unit, want := range map[string]string{"s": Time, "ms": Time, "µs": Time, "seconds": Time, "ms/step": Time, "s/it": Time, "it/s": Throughput,
		"samples/sec": Throughput, "MB": Size, "GiB": Size, "fps": Throughput, "/s": Throughput,
		"": "", "%": "", "x": "", "K": "", "M": "", "px": "", "dB": "", "images/batch": "", "/": ""} {
		if got := Unit(unit); got != want {
			t.Errorf("Unit(%q) = %q, want %q", unit, got, want)
		}
	}
	if SpacedUnit("m") != "" || SpacedUnit("h") != "" || SpacedUnit("ms") != Time {
		t.Error("a single letter that stands apart may begin a name")
	}
}
