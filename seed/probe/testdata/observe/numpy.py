# Each line marked with "#!" is to be seen as the mark says; no other line is to be seen at all.
import numpy as np

np.random.get_state()
np.random.RandomState(3).rand()
np.random.Generator(np.random.PCG64(1)).random()
np.zeros(3)
np.random.RandomState(3).standard_normal(5)
np.random.rand(3)  #! draw numpy-legacy api=rand
np.random.seed(4)  #! seed numpy-legacy v=4 api=numpy.random.seed draws=1
np.random.seed()  #! seed numpy-legacy v=None
np.random.shuffle([1, 2])  #! draw numpy-legacy api=shuffle
np.random.RandomState().rand()  #! new numpy-legacy v=unseeded api=numpy.random.RandomState
np.random.default_rng().random()  #! new numpy-generator v=unseeded api=numpy.random.default_rng
np.random.default_rng(7).random()  #! new numpy-generator v=seeded:7
np.random.Generator(np.random.PCG64()).random()  #! new numpy-generator v=unseeded
np.random.SeedSequence()  #! new numpy-generator v=unseeded


def memory():
    return np.empty(3)  #! empty uninitialised-memory api=numpy.empty


memory()
