"""Writes checkpoints of one small training, each complete but for what its name says.

usage: write.py DIR
"""
import os
import pickle
import random
import sys

import numpy as np
import torch

OUT = sys.argv[1]
torch.manual_seed(0)


def training(optimizer=torch.optim.AdamW, scheduler=True, steps=2, **options):
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    opt = optimizer(model.parameters(), lr=0.1, **options)
    sched = torch.optim.lr_scheduler.StepLR(opt, 2) if scheduler else None
    for _ in range(steps):
        opt.zero_grad()
        model(torch.randn(5, 3)).sum().backward()
        opt.step()
        if sched:
            sched.step()
    return {
        "model": model.state_dict(), "optimizer": opt.state_dict(), "scheduler": sched.state_dict() if sched else {"last_epoch": 1},
        "scaler": {"scale": 65536.0}, "epoch": 1, "global_step": steps, "accumulation_step": 0, "sampler": {"position": 10},
        "ema": {"0.weight": torch.ones(4, 3)}, "best_metric": 0.5, "config": {"lr": 0.1}, "torch_version": torch.__version__,
        "python_rng": random.getstate(), "numpy_rng": np.random.get_state(), "torch_rng": torch.get_rng_state(),
        "cuda_rng": [torch.zeros(16, dtype=torch.uint8)],
    }


def save(name, value):
    torch.save(value, os.path.join(OUT, name + ".pt"))


def without(*keys, **options):
    return {k: v for k, v in training(**options).items() if k not in keys}


save("complete", training())
save("weights", training()["model"])
save("no-optimizer", without("optimizer"))
groups_only = training()
groups_only["optimizer"]["state"] = {}
save("no-moments", groups_only)
# Orders of parameters that are not the model's: groups with and without decay, two optimizers, a head before its backbone.


def trained(model, groups, **more):
    opt = torch.optim.AdamW(groups)
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    opt.step()
    return {**training(), "model": model.state_dict(), "optimizer": opt.state_dict(), **more}


plain = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
every = list(plain.parameters())
save("decay-groups", trained(plain, [{"params": [p for p in every if p.ndim > 1]}, {"params": [p for p in every if p.ndim < 2], "weight_decay": 0}]))
save("head-first", trained(plain, every[4:] + every[:4]))
other = torch.nn.Linear(2, 1)
adversary = trained(other, other.parameters())
save("two-optimizers", trained(plain, every, discriminator=adversary["model"], optimizer_d=adversary["optimizer"]))
many = torch.nn.ParameterList([torch.nn.Parameter(torch.ones(2, 3)) for _ in range(600)])
misfit = trained(many, many.parameters())
save("many-parameters", misfit)
for key in "exp_avg", "exp_avg_sq":
    misfit["optimizer"]["state"][5][key] = torch.zeros(3, 2)
save("one-misfit-of-many", misfit)
some = training()
some["optimizer"]["state"][0]["exp_avg"] = torch.zeros(2, 2)
save("moments-of-two-shapes", some)
save("averages-alone", without("model"))
some = training()
del some["optimizer"]["state"][1]
save("some-moments", some)
save("sgd", training(optimizer=torch.optim.SGD))
save("sgd-momentum-fresh", training(optimizer=torch.optim.SGD, momentum=0.9, steps=0))
save("no-scheduler", without("scheduler"))
save("no-scheduler-used", without("scheduler", scheduler=False))
save("no-epoch", without("epoch"))
save("no-rng", without("python_rng", "numpy_rng", "torch_rng", "cuda_rng"))
save("no-config", without("config", "torch_version"))
ddp = training()
ddp["model"] = {"module." + k: v for k, v in ddp["model"].items()}
save("ddp", ddp)
nan = training()
nan["model"]["0.weight"][1, 2] = float("nan")
save("nan", nan)
swapped = training()
state = swapped["optimizer"]["state"]
state[0], state[2] = state[2], state[0]
save("swapped-moments", swapped)
dead = training()
dead["model"]["0.weight"] = torch.randn(10000, 3)[:4]
save("dead-storage", dead)
compiled = training()
compiled["model"] = {"_orig_mod." + k: v for k, v in compiled["model"].items()}
save("compiled", compiled)
# A module that is really called so, beside others.
own = training()
own["model"]["module.weight"] = torch.ones(2)
save("module-of-that-name", own)
# DeepSpeed's engine keeps the model under this key.
save("model-under-module", {"module" if k == "model" else k: v for k, v in training().items()})
nan_moment = training()
nan_moment["optimizer"]["state"][0]["exp_avg"][0, 0] = float("nan")
save("nan-moment", nan_moment)
# Infinities that are there on purpose: masks, observers of quantisation, the best loss before there is one.
masks = training()
masks["model"]["attn_mask"] = torch.full((3, 3), float("-inf"))
masks["model"]["observer.min_val"] = torch.tensor(float("inf"))
masks["best_metric"] = torch.tensor(float("inf"))
save("masks", masks)
names = training()
names.update(optimizer="adam", ema=None, scaler=None, scheduler=None)
save("names", names)
# What is called like a part of a training and holds settings, seeds or counts.
settings = without("global_step", "scheduler", "scaler", "ema", "sampler", "best_metric", "torch_version", scheduler=False)
for rng in "python_rng", "numpy_rng", "torch_rng", "cuda_rng":
    settings.pop(rng)
save("settings", {
    **settings, "lr_scheduler": {"name": "cosine", "T_max": 10, "T_0": 5, "warmup_steps": 3}, "scaler": {"enabled": True, "init_scale": 65536.0},
    "ema": {"decay": 0.999}, "ema_decay": torch.tensor(0.999), "sampler": {"type": "random", "shuffle": True}, "dataset_size": 1000,
    "dataloader": {"batch_size": 4, "num_workers": 2, "seed": 3}, "best_epoch": 3, "version": 1, "model_version": "2.0", "git_sha": "1.2", "steps": [1, 2],
    "python_rng": "none", "numpy_rng_seed": 3, "torch_rng": 1, "np_random_state": [1, 2, 3], "cuda_rng": torch.zeros(3)})
save("no-gpu", {**without("cuda_rng"), "cuda_rng": []})
save("gpu-not-said", without("cuda_rng"))
save("steps-only", {**without("epoch", "config", "sampler", "scheduler", scheduler=False)})
ranks = without("python_rng", "numpy_rng", "torch_rng", "cuda_rng")
one = {"python": random.getstate(), "numpy": np.random.get_state(), "torch": torch.get_rng_state(), "cuda": []}
save("two-ranks", {**ranks, "rng_states": [one, one], "world_size": 2})
save("one-of-two-ranks", {**ranks, "rng_states": [one], "world_size": 2})
save("one-rank", {**ranks, "rng_states": [one], "world_size": 1})


class Code:
    def __reduce__(self):
        return os.system, ("exit 1",)


save("code", {**training(), "extra": Code()})
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.AdamW(model.parameters())
model(torch.ones(1, 2)).sum().backward()
optimizer.step()
save("whole-objects", {**training(), "model": model, "optimizer": optimizer})
# The layout of Lightning 2: what its loops count, and a callback that has seen no score.
whole = training()
counted = {"ready": 2, "completed": 2, "started": 2, "processed": 2}

def lightning(last, fit_loop={}, **more):
    return {
        "epoch": 1, "global_step": 2, "pytorch-lightning_version": "2.6.0", "state_dict": whole["model"],
        "loops": {"fit_loop": {"state_dict": fit_loop, "epoch_loop.batch_progress": {"total": counted, "current": counted, "is_last_batch": last},
                               "epoch_loop.val_loop.batch_progress": {"current": {"ready": 0}, "is_last_batch": not last},
                               "epoch_progress": {"total": counted, "current": counted}}},
        "callbacks": {"ModelCheckpoint{'monitor': None, 'mode': 'min', 'every_n_train_steps': 0, 'every_n_epochs': 1}": {
            "best_model_score": None, "kth_value": torch.tensor(float("inf")), "dirpath": "/runs/1", "last_model_path": "/runs/1/last.ckpt"}},
        "optimizer_states": [whole["optimizer"]], "lr_schedulers": [whole["scheduler"]], **more,
    }


save("lightning", lightning(True, hyper_parameters={"lr": 0.1}))
save("lightning-within-epoch", lightning(False))
save("lightning-loader-state", lightning(False, {"combined_loader": [{"fetched": 2}]}))
by_epoch = without("epoch", "config", "sampler", steps=4)
by_epoch["scheduler"]["last_epoch"] = 2
save("schedule-by-epoch", by_epoch)
tokens = without("epoch", "config", "sampler", "scheduler", scheduler=False)
save("steps-and-tokens", {**tokens, "tokens_seen": 4096})


# Files in the manner of Composer and DeepSpeed (plain, and stage 1 of ZeRO with a file of each rank), made by hand: the keys
# are those that were found in composer/core/state.py, composer/trainer/trainer.py and deepspeed/runtime/engine.py, of versions
# about 0.29 and 0.17; neither library wrote them, and real files have further keys.
def composer(world, states):
    stamp = {"iteration": 0, "epoch": 1, "batch": 2, "sample": 10, "token": 0, "epoch_in_iteration": 1, "token_in_iteration": 0,
             "batch_in_epoch": 0, "sample_in_epoch": 0, "token_in_epoch": 0, "total_wct": 0.5, "epoch_wct": 0.5, "batch_wct": 0.1}
    return {"rng": [one] * states, "state": {
        "model": whole["model"], "optimizers": {"AdamW": whole["optimizer"]}, "schedulers": {"StepLR": whole["scheduler"]}, "algorithms": [],
        "callbacks": {"SpeedMonitor": {"total_eval_wct": 0.0}}, "timestamp": {"Timestamp": stamp}, "run_name": "1-x", "rank_zero_seed": 17,
        "dataset_state": {"train": None, "eval": {}}, "train_metrics": None, "eval_metrics": None, "integrations": {},
        "metadata": {"composer_env_info": {"composer_version": "0.29.0"}, "torch_version": "2.15.0", "world_size": world}}}


save("composer", composer(1, 1))
save("composer-ranks", composer(2, 2))
save("composer-one-of-two-ranks", composer(2, 1))


def deepspeed(world, **more):
    return {
        "module": whole["model"], "buffer_names": [], "optimizer": None, "param_shapes": None, "shared_params": {}, "lr_scheduler": {"last_batch_iteration": 1},
        "data_sampler": None, "random_ltd": None, "sparse_tensor_module_names": set(), "skipped_steps": 0, "global_steps": 2, "global_samples": 8,
        "dp_world_size": world, "mp_world_size": 1, "ds_config": {"train_batch_size": 4}, "ds_version": "0.17.0", **more}


save("deepspeed", deepspeed(1, optimizer=whole["optimizer"], epoch=1))
os.makedirs(os.path.join(OUT, "zero", "global_step2"))
save("zero/global_step2/mp_rank_00_model_states", deepspeed(2))
for rank in range(2):
    flat = torch.zeros(16)
    save(f"zero/global_step2/bf16_zero_pp_rank_{rank}_mp_rank_00_optim_states", {
        "ds_config": {}, "ds_version": "0.17.0", "optimizer_state_dict": {
            "loss_scaler": None, "dynamic_loss_scale": False, "overflow": False, "clip_grad": 0.0, "zero_stage": 1, "partition_count": [2],
            "base_optimizer_state": {"state": {0: {"step": torch.tensor(2.0), "exp_avg": flat, "exp_avg_sq": flat.clone()}},
                                     "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999), "params": [0]}]},
            "single_partition_of_fp32_groups": [flat.clone()]}})

# What Accelerator.save_state writes: its counter "step" begins anew with every epoch.
os.makedirs(os.path.join(OUT, "accelerate"))
save("accelerate/optimizer", whole["optimizer"])
save("accelerate/scheduler", {**whole["scheduler"], "last_epoch": 2})
save("accelerate/pytorch_model", whole["model"])
with open(os.path.join(OUT, "accelerate", "random_states_0.pkl"), "wb") as f:
    pickle.dump({"step": 0, "random_state": random.getstate(), "numpy_random_seed": np.random.get_state(), "torch_manual_seed": torch.get_rng_state()}, f)
