# Each line marked with "#!" is to be seen as the mark says; no other line is to be seen at all.
import torch
from torch.utils.data import DataLoader

own = torch.Generator()
own.manual_seed(3)
x = torch.zeros(4).uniform_(generator=own)
torch.randn(3, generator=own)
torch.nn.functional.dropout(x, training=False)
torch.nn.ReLU()
torch.get_rng_state()
torch.randn(3)  #! draw torch-cpu api=randn
torch.zeros(3).normal_()  #! draw torch-cpu api=normal_
torch.nn.functional.dropout(x)  #! draw torch-cpu api=dropout
torch.nn.Linear(2, 2)  #! draw torch-cpu lib=torch.nn.modules.linear
torch.manual_seed(3)  #! seed torch-cpu v=3 api=torch.manual_seed
torch.seed()  #! seed torch-cpu v=None api=torch.seed
list(DataLoader([1, 2], shuffle=True, generator=own))
list(DataLoader([1, 2], shuffle=True))  #! draw torch-cpu purpose=shuffle; draw torch-cpu purpose=unused-base-seed
list(DataLoader([1, 2]))  #! draw torch-cpu purpose=unused-base-seed lib=torch.utils.data.dataloader

weight = torch.zeros(4, requires_grad=True)
weight[1:2]
x[torch.tensor([0])]
weight[torch.tensor([0, 0])]  #! op torch-nondeterministic-ops op=__getitem__
weight.index_select(0, torch.tensor([0]))  #! op torch-nondeterministic-ops op=index_select
x.index_add_(0, torch.tensor([0]), torch.ones(1))  #! op torch-nondeterministic-ops op=index_add_
torch.empty(3)  #! empty uninitialised-memory api=torch.empty
