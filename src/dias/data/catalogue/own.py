"""Data that is made, packed or brought by the user."""

from dias.data.catalogue.entry import Count, DataSet
from dias.errors import how_to_install

OWN: tuple[DataSet, ...] = (
    DataSet(
        kind="scenes",
        title="Rendered scenes",
        about="textured objects with masks, as `dias synth images` renders them",
        mark="scenes.json",
        layout=("scenes.json, objects.jsonl", "images/?.png", "masks/?.png"),
        site="dias synth images FOLDER --count 1000",
        licence="none: render what you like",
        recipe="scenes",
    ),
    DataSet(
        kind="clips",
        title="Rendered clips",
        about="textured objects that fall, roll and collide, as `dias synth videos` renders them",
        mark="clips.json",
        layout=(
            "clips.json, objects.jsonl",
            "frames/?/00000.png, masks/?/00000.png",
            "depth/?/00000.png, flow/?/00000.png   if rendered with them",
        ),
        unit="clips",
        site="dias synth videos FOLDER --count 100",
        licence="none: render what you like",
    ),
    DataSet(
        kind="folder",
        title="Images of your own",
        about="any folder of pictures, with or without masks",
        mark="images/ and masks/ side by side, or any picture",
        layout=("images/?.jpg", "masks/?.png   segment numbers, 0 is the background", "or: ?.jpg, ?/?.png"),
    ),
    DataSet(
        kind="frames",
        title="Clips of your own, as frames",
        about="a folder of pictures for each clip",
        mark="clips/, and perhaps masks/, and nothing else; else say kind=frames",
        layout=(
            "clips/?/1.jpg, clips/?/2.jpg, ...",
            "masks/?/1.png, ...   segment numbers, 0 is the background",
        ),
        unit="clips",
    ),
    DataSet(
        kind="videos",
        title="Clips of your own, as video files",
        about="a folder of videos",
        mark="video files",
        layout=("?.mp4, ?/?.mkv, ...",),
        unit="clips",
    ),
    DataSet(
        kind="packed",
        title="Packed shards",
        about="any of these, as `dias data pack` writes it",
        mark="pack.json",
        layout=("pack.json, index.json", "shard-000000.tar, shard-000001.tar, ..."),
        site="dias data pack FOLDER SHARDS",
        licence="that of the data set",
    ),
    DataSet(
        kind="photos",
        title="Sample photos",
        about="seven photos that scikit-image and scikit-learn ship",
        mark="the word photos in place of a path",
        layout=(f"none: {how_to_install('compare')}",),
        site="https://scikit-image.org, https://scikit-learn.org",
        licence="see their sites",
        counts=(Count(samples=7),),
    ),
)
