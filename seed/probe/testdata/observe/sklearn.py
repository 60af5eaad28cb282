# Each line marked with "#!" is to be seen as the mark says; no other line is to be seen at all.
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

train_test_split(list(range(10)), random_state=1)
train_test_split(list(range(10)), shuffle=False)
train_test_split(list(range(10)))  #! draw numpy-legacy lib=sklearn.model_selection
model = SGDClassifier(max_iter=5, tol=None)
model.fit([[0.0], [1.0]], [0, 1])  #! draw numpy-legacy lib=sklearn.linear_model
