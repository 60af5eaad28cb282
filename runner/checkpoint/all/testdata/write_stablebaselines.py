"""Writes what Stable-Baselines3 saves of an agent, and the digests that Python computes of its tensors.

usage: write_stablebaselines.py DIR
"""
import os
import sys

# Its logger would import TensorFlow, which another library of this environment does not go with.
sys.modules["tensorflow"] = None
import numpy as np
import torch
from stable_baselines3 import A2C

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rc1 import Expect

OUT = sys.argv[1]
torch.set_num_threads(1)


def tensors(prefix, value):
    """Yields the tensors of a state, each with its name."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from tensors(f"{prefix}[{key}]" if isinstance(key, int) else f"{prefix}.{key}", item)
    elif isinstance(value, torch.Tensor):
        yield prefix, value


agent = A2C("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [3]}, n_steps=8, seed=0, device="cpu").learn(64)
path = os.path.join(OUT, "agent.zip")
agent.save(path)
e = Expect()
e.tensor("data._last_obs", "float32", list(agent._last_obs.shape), agent._last_obs.tobytes())
e.tensor("data._last_episode_starts", "bool", [1], agent._last_episode_starts.tobytes())
space = agent.observation_space
for name, dtype in {"low": "float32", "high": "float32", "bounded_below": "bool", "bounded_above": "bool"}.items():
    e.tensor("data.observation_space." + name, dtype, [4], getattr(space, name).tobytes())
pool = agent.action_space.np_random.bit_generator.seed_seq.pool
e.tensor("data.action_space._np_random[arg 0][state][1][state][2]", "uint32", [4], pool.tobytes())
states = {"policy": agent.policy.state_dict(), "policy.optimizer": agent.policy.optimizer.state_dict()}
for prefix, state in states.items():
    for name, tensor in tensors(prefix, state):
        data = np.ascontiguousarray(tensor.detach().numpy()).tobytes()
        e.tensor(name, str(tensor.dtype).removeprefix("torch."), list(tensor.shape), data)
e.write(path + ".expect")
