"""Published datasets that torchvision has as well, by their usual names.

Addresses and checksums are those of torchvision, plus other hosts of the same files.
"""

from __future__ import annotations

from plugins.datasets.published import array_layouts as arrays
from plugins.datasets.published import file_layouts as files
from plugins.datasets.published.dataset import Published, Resource


def _idx_files(folder: str, hosts: tuple[str, ...], checksums: tuple[str, str, str, str]) -> tuple[Resource, ...]:
    """Return the four files of MNIST, or of a dataset with the same layout."""
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return tuple(
        Resource(urls=tuple(f"{host}/{name}-ubyte.gz" for host in hosts), md5=md5, folder=folder, unpack=False)
        for name, md5 in zip(names, checksums, strict=True)
    )


def _cifar(classes: int, md5: str) -> tuple[Resource, ...]:
    """Return the archive; the second host serves the same bytes, faster if the first is throttled."""
    hosts = ("https://www.cs.toronto.edu/~kriz", "https://dataset.bj.bcebos.com/cifar")
    return (Resource(urls=tuple(f"{host}/cifar-{classes}-python.tar.gz" for host in hosts), md5=md5),)


_VGG = "https://www.robots.ox.ac.uk/~vgg/data"
_GTSRB = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370"

PUBLISHED = (
    Published(
        name="cifar10",
        summary="small photos of animals and vehicles, 32×32",
        source="Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html",
        layout="cifar-10-batches-py/batches.meta",
        read=arrays.read_cifar10,
        resources=_cifar(10, "c58f30108f718f92721af3b95e74349a"),
        hints={"num_classes": 10, "channels": 3, "image_size": 32, "num_train": 50_000, "num_test": 10_000},
        test_labels="cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
    ),
    Published(
        name="cifar100",
        summary="small photos of 100 kinds of things, 32×32",
        source="Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html",
        layout="cifar-100-python/meta",
        read=arrays.read_cifar100,
        resources=_cifar(100, "eb9058c3a382ffc7106e4002c42a8d85"),
        hints={"num_classes": 100, "channels": 3, "image_size": 32, "num_train": 50_000, "num_test": 10_000},
    ),
    Published(
        name="mnist",
        summary="handwritten digits, 28×28 grey",
        source="LeCun et al. 1998, http://yann.lecun.com/exdb/mnist/",
        layout="MNIST/raw/train-images-idx3-ubyte",
        read=arrays.read_mnist,
        resources=_idx_files(
            "MNIST/raw",
            (
                "https://ossci-datasets.s3.amazonaws.com/mnist",
                "https://storage.googleapis.com/cvdf-datasets/mnist",
                "http://yann.lecun.com/exdb/mnist",
            ),
            (
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "d53e105ee54ea40749a09fcbcd1e9432",
                "9fb629c4189551a2d022fa330f9573f3",
                "ec29112dd5afa0611ce80d1b7f02629c",
            ),
        ),
        hints={
            "num_classes": 10,
            "channels": 1,
            "image_size": 28,
            "num_train": 60_000,
            "num_test": 10_000,
            "mirror_symmetric": False,
        },
    ),
    Published(
        name="fashion_mnist",
        summary="pictures of clothes, 28×28 grey",
        source="Xiao et al. 2017, https://arxiv.org/abs/1708.07747",
        layout="FashionMNIST/raw/train-images-idx3-ubyte",
        read=arrays.read_fashion_mnist,
        resources=_idx_files(
            "FashionMNIST/raw",
            (
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
                "https://dataset.bj.bcebos.com/fashion_mnist",
            ),
            (
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "25c81989df183df01b3e8a0aad5dffbe",
                "bef4ecab320f06d8554ea6380940ec79",
                "bb300cfdad3c16e7a12a480ee83cd310",
            ),
        ),
        hints={"num_classes": 10, "channels": 1, "image_size": 28, "num_train": 60_000, "num_test": 10_000},
    ),
    Published(
        name="kmnist",
        summary="cursive Japanese characters, 28×28 grey",
        source="Clanuwat et al. 2018, https://arxiv.org/abs/1812.01718",
        layout="KMNIST/raw/train-images-idx3-ubyte",
        read=arrays.read_kmnist,
        resources=_idx_files(
            "KMNIST/raw",
            ("http://codh.rois.ac.jp/kmnist/dataset/kmnist",),
            (
                "bdb82020997e1d708af4cf47b453dcf7",
                "e144d726b3acfaa3e44228e80efcd344",
                "5c965bf0a639b31b8f53240b1b52f4d7",
                "7320c461ea6c1c855c0b718fb2a4b134",
            ),
        ),
        hints={
            "num_classes": 10,
            "channels": 1,
            "image_size": 28,
            "num_train": 60_000,
            "num_test": 10_000,
            "mirror_symmetric": False,
        },
    ),
    Published(
        name="emnist",
        summary="handwritten letters and digits, 28×28 grey; data.split chooses which",
        source="Cohen et al. 2017, https://arxiv.org/abs/1702.05373",
        layout="EMNIST/raw/emnist-{}-train-images-idx3-ubyte",
        read=arrays.read_emnist,
        resources=(
            Resource(
                urls=("https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",),
                md5="58c8d27c78d21e728a6bc7b3cc06412e",
                folder="EMNIST/raw",
            ),
        ),
        hints={"channels": 1, "image_size": 28, "mirror_symmetric": False},
        choices={"split": ("balanced", "byclass", "bymerge", "letters", "digits", "mnist")},
    ),
    Published(
        name="svhn",
        summary="house numbers: cropped digits from street photos, 32×32",
        source="Netzer et al. 2011, http://ufldl.stanford.edu/housenumbers/",
        layout="train_32x32.mat",
        read=arrays.read_svhn,
        resources=tuple(
            Resource(urls=(f"http://ufldl.stanford.edu/housenumbers/{name}_32x32.mat",), md5=md5, unpack=False)
            for name, md5 in (
                ("train", "e26dedcc434d2e4c54c9b2d4a06d8373"),
                ("test", "eb5a983be6a315427106f1b164d9cef3"),
            )
        ),
        hints={
            "num_classes": 10,
            "channels": 3,
            "image_size": 32,
            "num_train": 73_257,
            "num_test": 26_032,
            "mirror_symmetric": False,
        },
    ),
    Published(
        name="stl10",
        summary="photos of animals and vehicles, 96×96, few labels",
        source="Coates et al. 2011, https://cs.stanford.edu/~acoates/stl10/",
        layout="stl10_binary/class_names.txt",
        read=arrays.read_stl10,
        resources=(
            Resource(
                urls=("http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",),
                md5="91f7769df0f17e558f3565bffb0c7dfb",
            ),
        ),
        hints={"num_classes": 10, "channels": 3, "image_size": 96, "num_train": 5_000, "num_test": 8_000},
    ),
    Published(
        name="eurosat",
        summary="land use in satellite images, 64×64; no official split, so a test split is taken from train",
        source="Helber et al. 2019, https://arxiv.org/abs/1709.00029",
        layout="eurosat/2750",
        read=files.read_eurosat,
        resources=(
            Resource(
                urls=(
                    "https://huggingface.co/datasets/torchgeo/eurosat/resolve/"
                    "c877bcd43f099cd0196738f714544e355477f3fd/EuroSAT.zip",
                ),
                md5="c8fa014336c82ac7804f0398fcb19387",
                folder="eurosat",
            ),
        ),
        hints={"num_classes": 10, "channels": 3, "image_size": 64, "num_train": 27_000},
    ),
    Published(
        name="gtsrb",
        summary="German traffic signs, scaled to 48×48",
        source="Stallkamp et al. 2012, https://benchmark.ini.rub.de",
        layout="gtsrb/GT-final_test.csv",
        read=files.read_gtsrb,
        resources=tuple(
            Resource(urls=(f"{_GTSRB}/{name}.zip",), md5=md5, folder="gtsrb")
            for name, md5 in (
                ("GTSRB-Training_fixed", "513f3c79a4c5141765e10e952eaa2478"),
                ("GTSRB_Final_Test_Images", "c7e4e6327067d32654124b0fe9e82185"),
                ("GTSRB_Final_Test_GT", "fe31e9c9270bbcd7b84b7f21a9d9d9e5"),
            )
        ),
        # 48 pixels as in Cireşan et al. 2012; the files have 15 to 250 pixels.
        hints={
            "num_classes": 43,
            "channels": 3,
            "image_size": 48,
            "num_train": 26_640,
            "num_test": 12_630,
            "mirror_symmetric": False,
        },
    ),
    Published(
        name="flowers102",
        summary="photos of 102 kinds of flowers",
        source="Nilsback and Zisserman 2008, https://www.robots.ox.ac.uk/~vgg/data/flowers/102/",
        layout="flowers-102/setid.mat",
        read=files.read_flowers102,
        resources=(
            Resource(
                urls=(f"{_VGG}/flowers/102/102flowers.tgz",),
                md5="52808999861908f626f3c1f4e79d11fa",
                folder="flowers-102",
            ),
            Resource(
                urls=(f"{_VGG}/flowers/102/imagelabels.mat",),
                md5="e0620be6f572b9609742df49c70aed4d",
                folder="flowers-102",
                unpack=False,
            ),
            Resource(
                urls=(f"{_VGG}/flowers/102/setid.mat",),
                md5="a5357ecc9cb78c4bef273ce3793fc85c",
                folder="flowers-102",
                unpack=False,
            ),
        ),
        hints={"num_classes": 102, "channels": 3, "image_size": 224, "num_train": 1_020, "num_test": 6_149},
    ),
    Published(
        name="oxford_iiit_pet",
        summary="photos of 37 breeds of cats and dogs",
        source="Parkhi et al. 2012, https://www.robots.ox.ac.uk/~vgg/data/pets/",
        layout="oxford-iiit-pet/annotations/trainval.txt",
        read=files.read_oxford_iiit_pet,
        resources=(
            Resource(
                urls=(f"{_VGG}/pets/data/images.tar.gz",),
                md5="5c4f3ee8e5d25df40f4fd59a7f44e54c",
                folder="oxford-iiit-pet",
            ),
            Resource(
                urls=(f"{_VGG}/pets/data/annotations.tar.gz",),
                md5="95a8c909bbe2e81eed6a22bccdf3f68f",
                folder="oxford-iiit-pet",
            ),
        ),
        hints={"num_classes": 37, "channels": 3, "image_size": 224, "num_train": 3_680, "num_test": 3_669},
    ),
    Published(
        name="food101",
        summary="photos of 101 dishes; some training labels are wrong on purpose",
        source="Bossard et al. 2014, https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101/",
        layout="food-101/meta/train.json",
        read=files.read_food101,
        resources=(
            Resource(
                urls=("http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz",), md5="85eeb15f3717b99a5da872d97d918f87"
            ),
        ),
        hints={"num_classes": 101, "channels": 3, "image_size": 224, "num_train": 75_750, "num_test": 25_250},
    ),
    Published(
        name="dtd",
        summary="photos of 47 textures; data.partition chooses one of ten splits",
        source="Cimpoi et al. 2014, https://www.robots.ox.ac.uk/~vgg/data/dtd/",
        layout="dtd/dtd/labels/train{}.txt",
        read=files.read_dtd,
        resources=(
            Resource(
                urls=(f"{_VGG}/dtd/download/dtd-r1.0.1.tar.gz",), md5="fff73e5086ae6bdbea199a49dfb8a4c1", folder="dtd"
            ),
        ),
        hints={"num_classes": 47, "channels": 3, "image_size": 224, "num_train": 1_880, "num_test": 1_880},
        choices={"partition": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)},
    ),
    Published(
        name="fgvc_aircraft",
        summary="photos of aircraft: 100 variants; data.level chooses variant, family or manufacturer",
        source="Maji et al. 2013, https://arxiv.org/abs/1306.5151",
        layout="fgvc-aircraft-2013b/data/images_{}_train.txt",
        read=files.read_fgvc_aircraft,
        # No checksum is published; the length is checked anyway.
        resources=(Resource(urls=(f"{_VGG}/fgvc-aircraft/archives/fgvc-aircraft-2013b.tar.gz",)),),
        hints={"channels": 3, "image_size": 224, "num_train": 3_334, "num_test": 3_333},
        choices={"level": ("variant", "family", "manufacturer")},
    ),
    Published(
        name="stanford_cars",
        summary="photos of 196 makes and models of cars; must be in the data root",
        source="Krause et al. 2013",
        layout="stanford_cars/devkit/cars_meta.mat",
        read=files.read_stanford_cars,
        hints={"num_classes": 196, "channels": 3, "image_size": 224, "num_train": 8_144, "num_test": 8_041},
    ),
    Published(
        name="imagenet",
        summary="photos of 1,000 kinds of things; must be in the data root as imagenet/train and imagenet/val",
        source="Russakovsky et al. 2015, https://arxiv.org/abs/1409.0575",
        layout="imagenet/train",
        read=files.read_imagenet,
        hints={"num_classes": 1_000, "channels": 3, "image_size": 224, "num_train": 1_281_167, "num_test": 50_000},
    ),
)
