import numpy as np

from dias.viz import colours, timeline


def drawn(there: list[list[float]], area: list[list[float]]) -> np.ndarray:
    rows, columns = len(there), len(there[0])
    return timeline(
        np.array(there, dtype=float),
        np.array(area, dtype=float),
        times=[float(column) for column in range(columns + 1)],
        names=[str(row) for row in range(rows)],
        notes=["" for _ in range(rows)],
        palette=colours(rows),
    )


def test_a_slot_is_seen_where_it_lives_as_high_as_it_is_large() -> None:
    sheet = drawn([[1, 1, 0, 0], [0, 0, 1, 1]], [[0.5, 0.25, 0, 0], [0, 0, 0.1, 0.1]])
    first, second = colours(2)
    wide, left, top = 240, 64, 12
    column = [sheet[top + 1 : top + 33, left + wide * n + wide // 2] for n in range(4)]
    assert [int((one == first).all(axis=1).sum()) for one in column] == [32, 16, 0, 0]
    assert (column[2] == 255).all()
    assert (column[1][0] != first).any()  # pale: it is there, and half as large as it was
    assert (column[1][0] != 255).any()
    assert (sheet[top + 60, left + 3 * wide] == second).all()


def test_a_slot_that_wins_nothing_and_a_clip_of_one_frame_can_be_drawn() -> None:
    assert drawn([[1], [1]], [[0.0], [1.0]]).shape[2] == 3
    assert drawn([[1] * 960], [[0.5] * 960]).shape[1] > 960
