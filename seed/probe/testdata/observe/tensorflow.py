import time

import numpy as np
import tensorflow as tf

made = tf.random.normal((3,))  #! new tensorflow-seed v=unseeded api=tensorflow.random_normal
tf.random.uniform((3,), seed=4)
tf.random.stateless_normal((3,), [1, 2])
tf.random.Generator.from_seed(5).normal((3,))
tf.random.Generator.from_non_deterministic_state().normal((3,))  #! new tensorflow-seed v=unseeded api=tensorflow.random.Generator
tf.data.Dataset.range(8).shuffle(8)  #! new tensorflow-seed v=unseeded api=tensorflow.data
tf.data.Dataset.range(8).shuffle(8, seed=1)


@tf.function
def noisy(x):
    return x + tf.random.normal(tf.shape(x))


noisy(made)  #! new tensorflow-seed v=unseeded
tf.random.set_seed(7)  #! seed tensorflow-seed v=7 api=tensorflow.random.set_seed; new python-random v=seeded:7
tf.random.normal((3,))
tf.random.set_seed(np.int64(3))  #! seed tensorflow-seed v=3; new python-random
started = time.time_ns()  #! clock wall-clock
tf.random.set_seed(started)  #! seed tensorflow-seed origin=clock; new python-random
tf.compat.v1.set_random_seed(9)  #! seed tensorflow-seed v=9; new python-random
