"""Data sets that others publish.

Nothing is downloaded from here: some sets ask for a signature, and all of them for respect of a licence.
Facts stand with their source; a count that could not be looked up is left out rather than guessed.
"""

from dias.data.catalogue.entry import Count, DataSet

DOWNLOADS: tuple[DataSet, ...] = (
    DataSet(
        kind="clevrtex",
        title="ClevrTex",
        about="rendered scenes of 3 to 10 textured objects, with masks and depth",
        mark="folders clevrtex_? with CLEVRTEX_?_?.png",
        layout=(
            "clevrtex_full/?/CLEVRTEX_full_?.png        the image",
            "clevrtex_full/?/CLEVRTEX_full_?_flat.png   its mask",
            "clevrtex_full/?/CLEVRTEX_full_?_depth_0001.png  its depth",
            "clevrtex_outd/, _camo/, _grassbg/, _pbg/, _vbg/: the same",
        ),
        site="https://www.robots.ox.ac.uk/~vgg/data/clevrtex/",
        archives=("clevrtex_full_part1.tar.gz to clevrtex_full_part5.tar.gz", "clevrtex_outd.tar.gz"),
        licence="see the site",
        gigabytes=24,  # the five parts of the full set, 4.7 each, as the site lists them
        paper="Karazija et al., ClevrTex, NeurIPS 2021 Datasets and Benchmarks, arXiv:2111.10265",
        recipe="clevrtex",
        variant="variant",
        # google-research, invariant_slot_attention/datasets/clevrtex/README.md: 50, 20 or 10 folders of
        # 1,000. Splits: karazijal/clevrtex-generation, clevrtex_eval.py: shares 0 to 0.1 for test, to 0.2
        # for val, the rest for train.
        counts=(
            Count(variant="outd", split="all", samples=10_000),
            Count(variant="full", split="all", samples=50_000),
            Count(variant="full", split="train", samples=40_000),
            Count(variant="full", split="val", samples=5_000),
            Count(variant="full", split="test", samples=5_000),
            *(
                Count(variant=variant, split=split, samples=samples)
                for variant in ("camo", "grassbg", "pbg", "vbg")
                for split, samples in (("all", 20_000), ("train", 16_000), ("val", 2_000), ("test", 2_000))
            ),
        ),
    ),
    DataSet(
        kind="coco",
        title="COCO 2017",
        about="photos of everyday scenes, with panoptic and instance masks",
        mark="annotations/ with panoptic_?.json or instances_?.json",
        layout=(
            "train2017/?.jpg, val2017/",
            "annotations/instances_train2017.json, instances_val2017.json",
            "annotations/panoptic_train2017.json, panoptic_val2017.json",
            "annotations/panoptic_train2017/?.png, panoptic_val2017/",
        ),
        site="https://cocodataset.org/#download",
        archives=(
            "train2017.zip",
            "val2017.zip",
            "panoptic_annotations_trainval2017.zip, and the two archives in it",
            "annotations_trainval2017.zip (for instances_?.json)",
        ),
        licence="annotations CC BY 4.0; photos: Flickr's terms",
        gigabytes=20,  # the site: 18 + 1 for the images, 0.8 and 0.2 for the annotations
        paper="Lin et al., Microsoft COCO, ECCV 2014, arXiv:1405.0312",
        recipe="coco",
        # cocodataset.org; the card of the data set surenreddy/coco2017 on Hugging Face has the same numbers.
        counts=(Count(split="train2017", samples=118_287), Count(split="val2017", samples=5_000)),
    ),
    DataSet(
        kind="voc",
        title="Pascal VOC 2007 and 2012",
        about="photos with object and class masks of 20 classes",
        mark="ImageSets/Segmentation/ beside JPEGImages/",
        layout=(
            "VOCdevkit/VOC2012/JPEGImages/?.jpg",
            "VOCdevkit/VOC2012/SegmentationObject/?.png, SegmentationClass/",
            "VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt, val.txt, ...",
            "VOCdevkit/VOC2007/  the same",
        ),
        site="http://host.robots.ox.ac.uk/pascal/VOC/",
        archives=(
            "VOCtrainval_11-May-2012.tar",
            "VOCtrainval_06-Nov-2007.tar",
            "VOCtest_06-Nov-2007.tar",
            "for trainaug: SegmentationClassAug and trainaug.txt, made of SBD",
        ),
        licence="photos: Flickr's terms; see the site",
        gigabytes=3,
        paper="Everingham et al., The PASCAL VOC Challenge, IJCV 2010; SBD: Hariharan et al., ICCV 2011",
        recipe="voc",
        variant="year",
        # Chen et al., DeepLabv3, arXiv:1706.05587, section 4: 1,464, 1,449 and 10,582; trainval is the sum.
        # 2007: as the lists in its development kit; the number of its test split could not be looked up.
        counts=(
            Count(variant="2012", split="train", samples=1_464),
            Count(variant="2012", split="val", samples=1_449),
            Count(variant="2012", split="trainval", samples=2_913),
            Count(variant="2012", split="trainaug", samples=10_582),
            Count(variant="2007", split="train", samples=209),
            Count(variant="2007", split="val", samples=213),
            Count(variant="2007", split="trainval", samples=422),
        ),
    ),
    DataSet(
        kind="movi",
        title="MOVi-A to MOVi-E",
        about="rendered clips of 24 frames: falling objects, masks, flow, depth",
        mark="TFDS record files movi_?-?.tfrecord-?-of-?",
        layout=(
            "movi_?/256x256/1.0.0/movi_?-train.tfrecord-?-of-?",
            "movi_?/256x256/1.0.0/movi_?-validation.tfrecord-?-of-?",
            "movi_?/128x128/1.0.0/  the same, smaller",
        ),
        unit="clips",
        site="https://github.com/google-research/kubric (challenges/movi)",
        archives=("gsutil -m cp -r gs://kubric-public/tfds/movi_d/256x256 .",),
        licence="code Apache 2.0; see the site",
        recipe="movi-c",
        paper="Greff et al., Kubric, CVPR 2022, arXiv:2203.03570",
        variant="variant",
        # The site: "about 9.75k training images and 250 validation images", clips being meant. The exact
        # numbers of train, and of test (C, D, E), stand in the dataset_info.json beside the records.
        counts=tuple(Count(variant=letter, split="validation", samples=250) for letter in "abcde"),
    ),
    DataSet(
        kind="ytvis",
        title="YouTube-VIS 2019, 2021, 2022 and HQ",
        about="videos with masks and tracks of 40 classes",
        mark="JPEGImages/ and annotations of train/ or valid/, or ytvis_hq-?.json",
        layout=(
            "train/JPEGImages/?/?.jpg, valid/, test/",
            "2019: train.json, valid.json, test.json",
            "2021: train/instances.json, valid/, test/; 2022: valid/gt.json, test/test_gt.json too",
            "HQ: ytvis_hq-train.json, -val.json, -test.json beside train/ of 2019",
        ),
        unit="clips",
        site="https://youtube-vos.org/dataset/vis/",
        archives=("train.zip", "valid.zip", "test.zip", "HQ: https://github.com/SysCV/vmt (annotations)"),
        licence="see the site",
        paper="Yang et al., Video Instance Segmentation, ICCV 2019, arXiv:1905.04804",
        recipe="ytvis",
        variant="hq",
        # The site, section "Dataset Statistics". It gives no numbers for 2022, nor does SysCV/vmt for HQ.
        counts=(
            Count(variant="False", edition="2019", split="train", samples=2_238),
            Count(variant="False", edition="2019", split="valid", samples=302),
            Count(variant="False", edition="2019", split="test", samples=343),
            Count(variant="False", edition="2021", split="train", samples=2_985),
            Count(variant="False", edition="2021", split="valid", samples=421),
            Count(variant="False", edition="2021", split="test", samples=453),
        ),
    ),
    DataSet(
        kind="clevrer",
        title="CLEVRER",
        about="rendered videos of 5 s in which objects collide, with questions and programs",
        mark="video_train/ or videos/train/ with video_?.mp4",
        layout=(
            "video_train/video_00000-01000/video_?.mp4, video_validation/, video_test/",
            "annotation_train/annotation_00000-01000/annotation_?.json, annotation_validation/",
            "train.json, validation.json, test.json   the questions; or in questions/",
            "derender_proposals/proposal_?.json   masks, by a network",
            "or as SlotFormer's: videos/train/, annotations/train/, videos/val/, ...",
        ),
        unit="clips",
        site="http://clevrer.csail.mit.edu/",
        archives=(
            "video_train.zip, video_validation.zip, video_test.zip",
            "annotation_train.zip, annotation_validation.zip",
            "train.json, validation.json, test.json",
            "derender_proposals.zip",
            "or: dias synth clevrer FOLDER --clips 1000",
        ),
        licence="CC0; see the site",
        paper="Yi et al., CLEVRER, ICLR 2020, arXiv:1910.01442",
        # The paper, section 3.
        counts=(
            Count(split="train", samples=10_000),
            Count(split="validation", samples=5_000),
            Count(split="test", samples=5_000),
        ),
    ),
    DataSet(
        kind="davis",
        title="DAVIS 2017",
        about="short videos with a mask of every object in every frame",
        mark="ImageSets/2017/ beside JPEGImages/ and Annotations/",
        layout=(
            "DAVIS/JPEGImages/480p/?/?.jpg",
            "DAVIS/Annotations/480p/?/?.png",
            "DAVIS/ImageSets/2017/train.txt, val.txt, ...",
        ),
        unit="clips",
        site="https://davischallenge.org/davis2017/code.html",
        archives=("DAVIS-2017-trainval-480p.zip",),
        licence="see the site",
        paper="Pont-Tuset et al., The 2017 DAVIS Challenge, arXiv:1704.00675",
        recipe="davis",
        # The paper: 150 sequences in four splits.
        counts=(
            Count(split="train", samples=60),
            Count(split="val", samples=30),
            Count(split="test-dev", samples=30),
            Count(split="test-challenge", samples=30),
        ),
    ),
)
