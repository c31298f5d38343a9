"""Building networks and adapting them.

``building``        a network from its architecture and a seed, checked before it is trained
``complexity``      parameters and multiply-accumulates of a network
``channels_last``     networks that cannot be trained in channels-last memory on a CPU
``cost_counting``   multiply-accumulates of the networks of a bench, for the order in which they run
``global_state``    torch settings that a plugin must not change
``backbones``       networks without their head, and with one fitted to features
``heads``           the layers that turn features into logits
``initialization``  initial weights
``small_images``    the adaptation to small images
``layer_names``     networks that lack the layer that features are asked of, told before a bench prepares anything
``memory_limit``    what a network that a stranger describes may allocate
``size_counting``   sizes of architectures for lists of models, counted without weights, in a process of its own
``state_dicts``     filling a network with tensors by name
``strides``         strided layers and ways to halve their stride
``weights_at_hand`` which published weights can be loaded, asked before a bench prepares anything

It imports ``batches`` and the rooms below, and never ``training`` or those above.
"""
