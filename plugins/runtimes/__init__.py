"""Runtimes.

``torch_runtimes``  eager, compiled at once or ahead of time, and TorchScript
``onnx_runtimes``   onnxruntime in float32 and int8
``openvino``        OpenVINO in float32 and int8
``executorch``      ExecuTorch with XNNPACK
``litert``          LiteRT, formerly TensorFlow Lite
"""
