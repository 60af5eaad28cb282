package component

import (
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// TestSettingsAreNoMetrics, nor counts, whatever they set.
func TestSettingsAreNoMetrics(t *testing.T) {
	number := checkpoint.Entry{Kind: checkpoint.KindNumber, Type: "float"}
	text := checkpoint.Entry{Kind: checkpoint.KindString, Type: "str"}
	object := checkpoint.Entry{Kind: checkpoint.KindObject, Type: "object", Text: "stable_baselines3.common.utils.FloatSchedule"}
	flag := checkpoint.Entry{Kind: checkpoint.KindNumber, Type: "bool"}
	for name, want := range map[string]struct {
		value checkpoint.Entry
		id    ID
	}{
		"data.lr_schedule": {object, Config}, "data.lr_schedule.value_schedule.val": {number, Config}, "data.clip_range.value_schedule": {object, Config},
		"data.n_steps": {number, Config}, "data.num_timesteps": {number, Step}, "data._n_updates": {number, Step}, "data.ep_info_buffer[0].r": {number, Metrics},
		"loss_fn": {text, Config}, "criterion_loss": {text, Config}, "score_function": {text, Config}, "score_threshold": {number, Config},
		"loss_weights[0]": {number, Config}, "metric_names[0]": {text, Config}, "history_len": {number, Config}, "log_metrics": {flag, Config},
		"base_lr": {number, Config}, "min_lr": {number, Config}, "lr_decay": {number, Config}, "lr_lambda": {text, Config}, "rank_zero_seed": {number, Unknown},
		"loss_scale": {number, Unknown}, "val_loss": {number, Metrics}, "history.loss[0]": {number, Metrics}, "scores[3]": {number, Metrics},
		"log_history[0].date": {text, Metrics}, "test_auc": {number, Metrics}, "bleu": {number, Metrics}, "rmse": {number, Metrics},
		"best_loss": {number, BestMetric}, "best_model": {text, Unknown}, "num_bad_epochs": {number, Unknown},
	} {
		e := want.value
		e.Name = name
		f := &checkpoint.File{Entries: []checkpoint.Entry{e}}
		if got := Classify(f).Of[0]; got != want.id {
			t.Errorf("%s of %s is %s, want %s", name, e.Type, got, want.id)
		}
	}
}
