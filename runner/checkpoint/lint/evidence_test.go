package lint

import (
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

func TestEvidence(t *testing.T) {
	number := checkpoint.Entry{Kind: checkpoint.KindNumber, Type: "int", Text: "3"}
	text := checkpoint.Entry{Kind: checkpoint.KindString, Type: "str", Text: "2.15.0"}
	for name, test := range map[string]struct {
		id    component.ID
		value checkpoint.Entry
		want  bool
	}{
		"last_epoch":                        {component.Scheduler, number, true},
		"lr_scheduler.last_batch_iteration": {component.Scheduler, number, true},
		"scheduler.num_updates":             {component.Scheduler, number, true},
		"opt_param_scheduler.num_steps":     {component.Scheduler, number, true},
		"scheduler.T_max":                   {component.Scheduler, number, false},
		"scheduler.T_0":                     {component.Scheduler, number, false},
		"scheduler.warmup_steps":            {component.Scheduler, number, false},
		"scheduler.step_size":               {component.Scheduler, number, false},
		"scaler.scale":                      {component.Scaler, number, true},
		"amp.loss_scaler0.loss_scale":       {component.Scaler, number, true},
		"scaler.init_scale":                 {component.Scaler, number, false},
		"scaler.growth_interval":            {component.Scaler, number, false},
		"consumed_train_samples":            {component.Sampler, number, true},
		"total_tokens_seen":                 {component.Sampler, number, true},
		"loader.sample_in_epoch":            {component.Sampler, number, true},
		"dataloader.dp_rank_0":              {component.Sampler, checkpoint.Entry{Kind: checkpoint.KindBytes, Type: "bytes"}, true},
		"loader.batch_size":                 {component.Sampler, number, false},
		"dataset_size":                      {component.Sampler, number, false},
		"sampler.kind":                      {component.Sampler, text, false},
		"torch_version":                     {component.Version, text, true},
		"version[0]":                        {component.Version, number, true},
		"version":                           {component.Version, number, false},
		"model_version":                     {component.Version, text, false},
		"git_sha":                           {component.Version, text, false},
		"args.lr":                           {component.Config, number, true},
		"vars@name":                         {component.Config, text, false},
	} {
		e := test.value
		e.Name = name
		if got := isEvidence(test.id, &e, component.Path(name), "torch-zip"); got != test.want {
			t.Errorf("%s of the %s: %t", name, test.id, got)
		}
	}
}
