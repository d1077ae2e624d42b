"""Clips into frames with MuJoCo: colours, stable segment numbers, depth and flow of every pixel."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, UInt8

from dias.data.synthetic.clip import Clip
from dias.data.synthetic.engine import Eye
from dias.data.synthetic.flow import Moment, flow_between
from dias.data.synthetic.physics import Trajectory
from dias.data.synthetic.world import owners


@dataclass(frozen=True, kw_only=True)
class Film:
    """Frames and what is known of them; metres. Segment 0: floor and sky; object i has i + 1 in all frames.

    The flow leads to the next frame; that of the last frame to the one that would follow.
    """

    frames: UInt8[np.ndarray, "t s s 3"]
    mask: UInt8[np.ndarray, "t s s"]
    depth: Float64[np.ndarray, "t s s"]
    flow: Float64[np.ndarray, "t s s 2"]


class Stage:
    """A clip's model, ready to be seen at any frame."""

    def __init__(self, mujoco: Any, model: Any, clip: Clip, trajectory: Trajectory) -> None:
        self._mujoco, self._model, self._data = mujoco, model, mujoco.MjData(model)
        self._clip, self._trajectory = clip, trajectory
        self._owners = owners(model)
        self.frames = len(trajectory.positions) - 1

    def film(self, eye: Eye) -> Film:
        """Draw every frame."""
        frames, masks, depths, flows = [], [], [], []
        for frame in range(self.frames):
            view = eye.see(self._at(frame), self.moment(frame).camera)
            frames.append(view.image)
            masks.append(self._owners[view.geoms])
            depths.append(view.depth)
            flows.append(
                flow_between(
                    self.moment(frame),
                    self.moment(frame + 1),
                    mask=masks[-1],
                    depth=view.depth,
                    sky=view.geoms < 0,
                )
            )
        return Film(
            frames=np.stack(frames), mask=np.stack(masks), depth=np.stack(depths), flow=np.stack(flows)
        )

    def mask(self, eye: Eye, frame: int) -> UInt8[np.ndarray, "s s"]:
        """Draw the segments of a frame alone."""
        return np.asarray(self._owners[eye.geoms(self._at(frame), self.moment(frame).camera)])

    def moment(self, frame: int) -> Moment:
        """Camera and bodies at a frame, or at the one that would follow the last."""
        share = frame / max(1, self.frames - 1)
        return Moment(
            camera=self._clip.camera(share),
            positions=self._trajectory.positions[frame],
            rotations=self._trajectory.rotations[frame],
        )

    def _at(self, frame: int) -> Any:
        path = self._trajectory
        self._data.qpos[:] = np.concatenate([path.positions[frame], path.rotations[frame]], axis=-1).ravel()
        self._mujoco.mj_forward(self._model, self._data)
        return self._data
