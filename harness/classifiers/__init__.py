"""Trained classifiers: loading, predicting, explaining, exporting and importing.

================  ================================================================
``trained``       a network with its weights and card, from a trial or a file
``card``          the description of a classifier, stored with its weights
``recorded``      cards of trials and files, read without torch
``given``         what a path to a classifier leads to, read for a plan
``onnx``          exported ONNX files as classifiers
``onnx_files``    foreign ONNX files, tried before they are opened
``onnx_attempt``  the attempt, in a process of its own
``predicting``    image files in, predictions out
``rejecting``     leaves images unanswered that the network is not sure of
``saliency``      saliency maps
``exporting``     writes a file for other tools, and verifies it
``formats``       the export formats
``coreml``        packages of Core ML
``mil``           programs of Core ML, evaluated without macOS
``quantizing``    int8 quantisation of ONNX files
``images``        images for verification and calibration
``importing``     weights trained elsewhere become a classifier
``weight_files``  checkpoints of other tools, read without running their code
``tensor_names``  tensor names of other tools, translated
================  ================================================================
"""
