"""The engine: training and evaluating one network.

``loop``               the training loop, :func:`~harness.training.loop.train`
``best_epoch``         which epoch's weights are kept, and when to stop early
``checkpoints``        training states and weights in a trial's folder
``compiling``          ``torch.compile`` and CUDA graphs
``distributed``        several processes that train together
``ema``                exponential moving averages of weights
``evaluation``         logits of a split, loss and accuracy
``feature_batches``    features in place of images, for training a head
``forward_state``      undoing a forward pass, for steps that run out of memory
``layer_decay``        learning rates that fall from the head to the first layers
``losses``             cross-entropy and class weights
``optimizers``         optimizers and their parameter groups
``prediction_views``   several views of each image, whose probabilities are averaged
``precision``          autocast and exact float32
``resolved_recipe``    a recipe with the hyperparameters of one training
``schedules``          learning-rate schedules
``seeds``              several seeds as one batched network
``starting``           the weights that a training starts with
``state``              all that a training needs to continue
``step``               what a recipe's own training step is given
``tensor_lists``       copying many tensors in few kernels

It imports ``networks`` and the rooms below, and never ``measuring`` or those above.
"""
