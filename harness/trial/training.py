"""Training: a trial that trains a network, from building it to measuring its speed. Reads from top to bottom."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, replace

from torch import nn

from harness.batches.forward_settings import ForwardSettings
from harness.data.images import TrialImages
from harness.faults.out_of_memory import least_images
from harness.measuring.end_to_end import train_end_to_end
from harness.measuring.energy import EnergyMeter
from harness.measuring.peak_memory import PeakMemory
from harness.measuring.speed import FinishedTraining
from harness.networks.complexity import count_macs, count_parameters
from harness.records.record import ModelInfo, SpeedInfo
from harness.training.checkpoints import TrainingStates, save_weights
from harness.training.compiling import forget_compiled
from harness.training.loop import EpochResult, TrainingHooks
from harness.training.state import TrainingState
from harness.trial.active import ActiveTrial
from harness.trial.distributed.multi_gpu import RankGroup
from harness.trial.fitting import fit, training_info
from harness.trial.setup import make_setup
from harness.trial.together import hold_companions, train_together, with_seeds
from harness.trial.tuning import tune_trial


def run_training(
    trial: ActiveTrial, states: TrainingStates, state: TrainingState | None, ranks: RankGroup | None
) -> None:
    """Run a trial that trains a network.

    Args:
        states: Where its training states are saved.
        state: The state that it resumes from; None: it starts.
        ranks: The ranks that train it, if it uses several devices.
    """
    trial.begin()
    spec, prepared, progress, sharing = trial.spec, trial.prepared, trial.progress, trial.sharing
    execution, device = spec.execution, trial.device
    with progress.during("build"):
        memory = PeakMemory(device)
        setup = make_setup(spec, prepared, trial.catalog)
        model, resolved, normalization = setup.model, setup.resolved, setup.normalization
        total, trainable = count_parameters(model)
        image_shape = (prepared.channels, prepared.image_size, prepared.image_size)
        model_info = ModelInfo(
            params=total,
            trainable_params=trainable,
            macs=count_macs(model, image_shape),
            small_image_changes=setup.changes,
            mean=normalization.mean,
            std=normalization.std,
            pretrained=resolved.hp.pretrained,
        )
        progress.model = model_info
        images = TrialImages(prepared)
        trial.choose_threads(model_info.macs, resolved.hp.batch_size)
    trial.wait_for_cores()

    with progress.during("build"):
        model.to(device)
        settings = ForwardSettings(
            device=device,
            normalization=normalization,
            precision=trial.precision,
            trials_on_device=trial.job.sharing,
        )
        tuning = tune_trial(spec, setup, settings, images, progress.environment, state, alone=sharing.alone)
        progress.tuning = tuning
        settings = replace(
            settings,
            channels_last=tuning.layout == "channels_last",
            compile=tuning.compile,
            graphs=tuning.graphs,
        )
        if device.type != "cpu":
            forget_compiled(device)
        memory.forget_peak()  # ignore the probe's peak

    with ExitStack() as held:
        companions = hold_companions(trial, state, held)  # before the bench sees that the training begins
        told = 0 if state is None else state.epoch
        if companions:
            with progress.during("train"):
                together = train_together(trial, companions, setup, settings, images, states=states, state=state)
                state, told = together.state, together.told
                progress.tuning = with_seeds(tuning, state, together.refused)
            progress.seconds["train"] = max(0.0, progress.seconds["train"] - progress.others_seconds)
        else:
            progress.tuning = with_seeds(tuning, state)
    num_seeds = max(1, len(progress.tuning.batched_seeds))

    unsaved: list[TrainingState] = []
    first = 0 if state is None else state.epoch

    def emit(epoch: EpochResult) -> None:
        # The row comes first: a state without its epoch's row would leave a gap in the history of a resumed training.
        # The state is still valid here, since this call follows immediately after the one that received it.
        nonlocal told
        if epoch.epoch > told:
            progress.history.write({"event": "epoch", **asdict(epoch)})
            told = epoch.epoch
        states.save(unsaved.pop())
        if epoch.epoch == first + 1 < epoch.epochs:
            memory.forget_trials()  # by now, each shape of the training and its validation has run

    energy = EnergyMeter(
        device, num_trials=trial.job.sharing, num_devices=execution.gpus_per_trial, num_seeds=num_seeds
    )
    with progress.during("train"), energy:
        if ranks is None:
            fitted = fit(
                setup,
                images,
                settings,
                seed=spec.seed,
                hooks=TrainingHooks(
                    emit=emit,
                    save=unsaved.append,
                    give_way=trial.give_way,
                    joules=energy.joules,
                    pause_after=execution.pause_after,
                ),
                states=states,
                state=state,
                rebuild=lambda: make_setup(spec, prepared, trial.catalog),
            )
            model, settings, trained = fitted.model, fitted.settings, fitted.result
            if fitted.problem:
                progress.warnings += (f"{fitted.problem}; it was trained without them",)
                progress.tuning = progress.tuning.model_copy(update={"graphs": False})
            save_weights(trial.folder, model)
            # What several seeds took together is not what this one takes.
            peak_memory_mib = memory.mib() if num_seeds == 1 else None
        else:
            with sharing.left():
                ranked = ranks.train(trial.job.trial, setup, trial.folder, layout=tuning.layout)
            trained, peak_memory_mib = ranked.training, ranked.peak_memory_mib
            settings.place(model)
        progress.training = training_info(trained, energy_counter=energy.name, energy_problem=energy.problem)
    trainable = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    progress.model = model_info.model_copy(update={"trainable_params": trainable})
    if trained.micro_batch_size < trained.planned_micro_batch_size:
        progress.warnings += (
            f"out of memory with {trained.planned_micro_batch_size} images at a time: training used at most "
            f"{trained.micro_batch_size} at a time and accumulated the gradients of each batch{_statistics(model)}",
        )

    if not execution.tests:  # a trial of a search, which must not see the test images
        progress.speed = SpeedInfo(peak_memory_mib=peak_memory_mib)
        return

    tested = trial.test(model, resolved, settings, images, prepared.classes)

    def train_again(seconds: float) -> list[float]:
        return train_end_to_end(
            model,
            prepared,
            resolved,
            settings,
            images_per_second=trained.images_per_second[-1],
            budget_seconds=seconds,
        )

    if settings.compile:
        forget_compiled(device)  # the versions made for training count towards the compiler's limit
    with progress.during("measure"):
        progress.speed = trial.measure(
            model,
            resolved,
            settings,
            test=tested,
            training=FinishedTraining(
                result=trained,
                num_images=len(images.train),
                peak_memory_mib=peak_memory_mib,
                num_devices=execution.gpus_per_trial,
                num_neighbours=progress.environment.get("trials_on_device", 1) * num_seeds - 1,
                # A copy would be compiled anew, for longer than all measurements take.
                again=None if ranks is not None or settings.compile else train_again,
            ),
            peak_memory_mib=peak_memory_mib,
        )


def _statistics(model: nn.Module) -> str:
    """Tell what fewer images at a time change, if anything."""
    if least_images(model) == 1:
        return ""
    return "; batch normalisation took its statistics from fewer images, so results differ from those of whole batches"
