import time

import jax
import numpy as np
from jax.random import PRNGKey

started = time.time_ns()  #! clock wall-clock
key = jax.random.key(7)  #! seed jax-key v=7 api=jax.random.key
PRNGKey(seed=np.int64(3))  #! seed jax-key v=3 api=jax.random.PRNGKey
jax.random.PRNGKey(started)  #! seed jax-key origin=clock
first, second = jax.random.split(key)
jax.random.normal(first, (3,))
jax.jit(jax.random.PRNGKey)(5)
jax.jit(lambda seed: jax.random.normal(jax.random.key(seed)))(6)
jax.vmap(jax.random.key)(np.arange(3))
assert PRNGKey.__name__ == "PRNGKey" and PRNGKey.__doc__
