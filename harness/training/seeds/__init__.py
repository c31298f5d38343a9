"""Several seeds of one small network, trained in one process as one batched network.

Where a network is so small that a GPU waits for kernel launches, as many seeds take as many launches together as one
takes alone. Each seed keeps its own weights, images, augmentation, dropout, statistics, gradients and results. These
equal those of separate trainings up to rounding, and a training can pass from one way to the other after any epoch.

``loop``              the training, :func:`~harness.training.seeds.loop.train_seeds`
``step``              one step of all seeds
``network``           the networks of all seeds as one, with :func:`torch.vmap`
``dropout``           dropout that draws for each seed what it would draw alone
``optimizer_states``  the optimizer's state for each seed
``support``           what is not trained so, and why
"""
