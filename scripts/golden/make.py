"""Makes the golden values of worker/imaging with scikit-image and SciPy.

    python3 scripts/golden/make.py            # synthetic images → golden.zip
    python3 scripts/golden/make.py DIR NAME   # the TIFFs and PNGs under DIR → NAME.csv

Both write into worker/imaging/testdata. The first needs nothing but this file;
the second records, for images that are not in the repository, the number of
nuclei and a checksum of the label map. The versions used are written down too.
"""
import csv
import io
import pathlib
import sys
import warnings
import zipfile
import zlib

from reference import in_raster_order, segment_nuclei  # first: it sets up NumPy

import numpy as np
import scipy
import skimage
import skimage.io
from scipy import ndimage as ndi
from skimage import exposure, feature, filters, measure, morphology, segmentation

TESTDATA = pathlib.Path(__file__).resolve().parents[2] / "worker" / "imaging" / "testdata"
VERSIONS = f"scikit-image {skimage.__version__}, SciPy {scipy.__version__}, NumPy {np.__version__}"
SHAPE = ("area", "bbox", "centroid", "perimeter", "major_axis_length", "minor_axis_length", "eccentricity",
         "orientation", "convex_area")


class Golden:
    """A zip of .npy files with fixed dates: the same values give the same bytes."""

    def __init__(self, path):
        self.zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)

    def add(self, name, array):
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(array))
        info = zipfile.ZipInfo(name + ".npy", (2020, 1, 1, 0, 0, 0))
        info.compress_type = zipfile.ZIP_DEFLATED
        self.zip.writestr(info, buffer.getvalue(), compresslevel=9)


def field(rng, height, width, nuclei, radius=(4, 9)):
    """A noisy field of bright ellipses, some touching, as float64 in 0..255."""
    y, x = np.mgrid[:height, :width]
    image = np.full((height, width), 12.0)
    for _ in range(nuclei):
        cy, cx = rng.uniform(0, height), rng.uniform(0, width)
        a, b, turn = rng.uniform(*radius), rng.uniform(*radius), rng.uniform(0, np.pi)
        u = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
        v = (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
        inside = 1 - (u / a) ** 2 - (v / b) ** 2
        image = np.maximum(image, np.where(inside > 0, 60 + 120 * np.sqrt(np.clip(inside, 0, None)), 0))
    image = ndi.gaussian_filter(image, 0.8) + rng.normal(0, 5, image.shape)
    return np.clip(image, 0, 255)


def twins():
    """Pairs of equal touching disks: peaks of exactly one height."""
    y, x = np.mgrid[:90, :110]
    image = np.full((90, 110), 10.0)
    for cy, cx, dy, dx, radius in ((20, 20, 0, 12, 8), (20, 70, 9, 9, 8), (62, 25, 13, 0, 9), (60, 75, 0, 15, 10)):
        for sign in (-0.5, 0.5):
            near = np.hypot(y - cy - sign * dy, x - cx - sign * dx) < radius
            image[near] = 200
    return image.astype(np.uint8)


def images(rng):
    u8 = field(rng, 41, 53, 8).astype(np.uint8)
    u16 = (field(rng, 50, 37, 6) * 137 + 400).astype(np.uint16)
    f32 = (field(rng, 28, 44, 4) * 0.731 - 40).astype(np.float32)
    return {
        "u8": u8, "u16": u16, "f32": f32,
        "noise8": rng.integers(0, 256, (27, 31)).astype(np.uint8),
        "noise16": rng.integers(0, 65536, (23, 19)).astype(np.uint16),
        "plateaus": (rng.integers(0, 4, (17, 300)) * 60).astype(np.uint8),
        "wide": rng.normal(size=(3, 530)).astype(np.float32),
        "zeros": np.zeros((20, 30), np.uint8), "constant": np.full((11, 13), 700, np.uint16),
        "one": np.array([[7]], np.uint8), "row": np.array([[3, 200, 3, 9, 11]], np.uint8),
        "column": np.array([[3.5], [-2], [9], [0]], np.float32),
    }


def masks(rng):
    y, x = np.mgrid[:80, :96]
    blobs = ndi.gaussian_filter(rng.normal(size=(80, 96)), 3) > 0.03
    rings = ((np.hypot(y - 30, x - 40) // 5) % 2 == 0) & (np.hypot(y - 30, x - 40) < 38)
    border = np.zeros((30, 40), bool)
    border[0:12, 0:15] = border[18:, 25:] = True
    border[3:6, 4:7] = False
    diagonal = np.eye(25, 31, dtype=bool) | np.eye(25, 31, 4, dtype=bool)
    line = np.zeros((9, 40), bool)
    line[4, :] = True
    bars = np.zeros((40, 60), bool)
    bars[3:12, 2:58] = bars[20:36, 5:21] = bars[22:34, 30:55] = True
    return {
        "blobs": blobs, "rings": rings, "border": border, "diagonal": diagonal, "line": line, "bars": bars,
        "half": rng.random((40, 50)) < 0.5, "dense": rng.random((40, 50)) < 0.9, "none": np.zeros((6, 7), bool),
        "all": np.ones((12, 15), bool), "pixel": np.ones((1, 1), bool),
        "squares": np.kron(rng.random((6, 8)) < 0.6, np.ones((7, 7))).astype(bool),
    }


def filters_of(g, name, image):
    thorough = image.size < 5000  # large arrays of noise do not compress
    for sigma in (0.5, 1.0, 2.5) if thorough else (1.0,):
        smooth = filters.gaussian(image.astype(np.float64), sigma, mode="nearest", truncate=4.0, preserve_range=True)
        g.add(f"gaussian/{name}/{sigma}", smooth.astype(np.float32))
    for radius in (1, 2, 5, 11) if thorough else (5,):
        footprint = morphology.disk(radius)
        g.add(f"tophat/{name}/{radius}", morphology.white_tophat(image, footprint))
        g.add(f"median/{name}/{radius}", ndi.median_filter(image, footprint=footprint))
    percents = (0, 1, 12.5, 50, 99, 100)
    g.add(f"percentiles/{name}", np.percentile(image.astype(np.float64), percents))
    top = {"uint8": 255, "uint16": 65535, "float32": 1}[image.dtype.name]
    for low, high in ((1, 99), (30, 30)):
        limits = tuple(np.percentile(image.astype(np.float64), (low, high)))
        rescaled = exposure.rescale_intensity(image.astype(np.float64), in_range=limits, out_range=(0.0, float(top)))
        g.add(f"normalize/{name}/{low}-{high}", rescaled.astype(image.dtype))
    data = image if image.dtype.kind == "u" else image.astype(np.float64)
    g.add(f"otsu/{name}", np.float64(filters.threshold_otsu(data)))


def peaks_of(image, objects, distance_apart):
    """Peaks with equal ones in raster order, as later versions of scikit-image sort them."""
    unstable = np.argsort
    np.argsort = lambda values: unstable(values, kind="stable")
    try:
        return feature.peak_local_max(image, min_distance=distance_apart, labels=objects, exclude_border=False)
    finally:
        np.argsort = unstable


def regions_of(g, name, mask):
    g.add(f"fill/{name}", ndi.binary_fill_holes(mask))
    g.add(f"small/{name}/20", morphology.remove_small_objects(mask, 20))
    for connectivity in (4, 8):
        g.add(f"label/{name}/{connectivity}", measure.label(mask, connectivity=connectivity // 4).astype(np.uint16))
    distance = ndi.distance_transform_edt(mask)
    g.add(f"edt/{name}", np.rint(distance**2).astype(np.uint16))
    objects = measure.label(mask)
    for distance_apart in (1, 3, 7):
        peaks = peaks_of(distance.astype(np.float32), objects, distance_apart)
        g.add(f"peaks/{name}/{distance_apart}", peaks.reshape(-1, 2))
        markers = np.zeros(mask.shape, np.int32)
        markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
        g.add(f"watershed/{name}/{distance_apart}",
              segmentation.watershed(-distance.astype(np.float32), markers, mask=mask).astype(np.uint16))
    shape_of(g, name, objects)


def shape_of(g, name, objects):
    if objects.max() == 0:
        return
    table = measure.regionprops_table(objects, properties=SHAPE)
    g.add(f"shape/{name}", np.stack([np.asarray(c, np.float64) for c in table.values()], axis=1))
    g.add(f"objects/{name}", objects.astype(np.uint16))


def intensity_of(g, name, objects, image):
    rows = []
    for label in range(1, objects.max() + 1):
        v = image[objects == label].astype(np.float64)
        rows.append([v.sum(), v.mean(), v.std(), v.min(), np.percentile(v, 25), np.median(v), np.percentile(v, 75), v.max()])
    g.add(f"intensity/{name}", np.array(rows).reshape(-1, 8))


def synthetic():
    rng = np.random.default_rng(20)
    g = Golden(TESTDATA / "golden.zip")
    g.add("versions", np.frombuffer(VERSIONS.encode(), np.uint8))
    for name, image in images(rng).items():
        g.add(f"image/{name}", image)
        filters_of(g, name, image)
    for name, mask in masks(rng).items():
        g.add(f"mask/{name}", mask)
        regions_of(g, name, mask)
    stack = (rng.random((4, 17, 19)) * 65535).astype(np.uint16)
    g.add("stack/u16", stack)
    g.add("projection/max", stack.max(axis=0))
    g.add("projection/mean", stack.mean(axis=0))
    g.add("projection/weighted", np.average(stack, axis=0, weights=[0.5, 2, 0, 1.25]))
    g.add("image/twins", twins())
    g.add("nuclei/twins", in_raster_order(segment_nuclei(twins())).astype(np.uint16))
    for i, (height, width, nuclei) in enumerate(((100, 110, 24), (80, 80, 45), (110, 70, 6))):
        for kind, image in (("u8", field(rng, height, width, nuclei).astype(np.uint8)),
                            ("u16", (field(rng, height, width, nuclei) * 99).astype(np.uint16))):
            name = f"nuclei{i}{kind}"
            g.add(f"image/{name}", image)
            labels = in_raster_order(segment_nuclei(image))
            g.add(f"nuclei/{name}", labels.astype(np.uint16))
            shape_of(g, name, labels)
            intensity_of(g, name, labels, image)
    g.zip.close()


def checksum(labels):
    return zlib.crc32(np.ascontiguousarray(labels, "<i4").tobytes())


def read(path):
    image = skimage.io.imread(path)
    return image[..., 0] if image.ndim == 3 else image


def recorded(folder, name):
    folder = pathlib.Path(folder)
    with open(TESTDATA / f"{name}.csv", "w", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(["file", "nuclei", "crc32"])
        for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".tif", ".tiff", ".png")):
            labels = in_raster_order(segment_nuclei(read(path)))
            table.writerow([path.relative_to(folder).as_posix(), labels.max(), f"{checksum(labels):08x}"])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    TESTDATA.mkdir(parents=True, exist_ok=True)
    if len(sys.argv) == 3:
        recorded(sys.argv[1], sys.argv[2])
    else:
        synthetic()
