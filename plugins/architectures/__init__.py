"""Built-in architectures.

``small_cnns``          plugin: a linear baseline, LeNet-5, a plain CNN, a small VGG
``cifar_nets``          plugin: ResNets, wide ResNets and VGGs for 32-pixel images
``speedrun``            plugin: the network of the recipe ``speedrun``
``timm_models``         plugin: all models of timm
``timm_weights``        its published weights: which there are, and where they are kept
``torchvision_models``  plugin: all classification models of torchvision
``lenet``, ``simple_cnn``, ``vgg``, ``resnet_cifar``, ``wide_resnet``, ``speedrun_net``  the networks
``checks``              validation of option values
``weights``             published weights: adapting them, and reporting why they are unavailable
"""
