"""Precision: autocast where it is asked for, and float32 that is exact."""

from __future__ import annotations

import pytest
import torch

from harness.training.precision import computing, exact_fp32, fastest_kernels

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_matrices_are_multiplied_in_the_precision(precision, dtype):
    values = torch.ones(2, 2)
    with computing(CPU, precision):
        assert (values @ values).dtype == dtype
    assert (values @ values).dtype == torch.float32


@pytest.fixture
def tf32_on():
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = True
    yield lambda: (matmul.allow_tf32, cudnn.allow_tf32)
    matmul.allow_tf32, cudnn.allow_tf32 = before


def test_tf32_is_off_on_a_gpu_with_float32_even_if_the_body_fails(tf32_on):
    gpu = torch.device("cuda")

    def fail():
        with computing(gpu, "fp32"):
            assert tf32_on() == (False, False)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert tf32_on() == (True, True)
    with exact_fp32(gpu):
        assert tf32_on() == (False, False)


def test_a_cpus_settings_are_left_alone(tf32_on):
    with exact_fp32(CPU):
        assert tf32_on() == (True, True)


def test_cudnn_tries_its_kernels_on_a_gpu_even_if_the_body_fails(monkeypatch):
    cudnn = torch.backends.cudnn
    monkeypatch.setattr(cudnn, "benchmark", False)

    def fail():
        with fastest_kernels(torch.device("cuda:1")):
            assert cudnn.benchmark
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert not cudnn.benchmark
    with fastest_kernels(CPU):
        assert not cudnn.benchmark
