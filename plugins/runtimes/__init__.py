"""Runtimes.

``torch_runtimes``  eager, compiled, and TorchScript
``onnx_runtimes``   onnxruntime in float32 and int8
``openvino``        OpenVINO
"""
