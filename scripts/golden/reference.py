"""The nuclei segmentation of Wellhouse, written with scikit-image.

Shared by the golden values (make.py) and the benchmark (../bench/skimage_nuclei.py).
"""
import os

# NumPy's AVX-512 exp is off by one bit here and there, which moves a watershed
# line by a pixel; without it the reference is the same on every processor.
os.environ.setdefault("NPY_DISABLE_CPU_FEATURES", "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL")

import numpy as np
from scipy import ndimage as ndi
from skimage import feature, filters, measure, morphology, segmentation


def segment_nuclei(image, sigma=1.0, min_area=20, split_sigma=1.0, min_distance=7):
    """Label the bright nuclei of one (Y, X) plane; see issue 2 and docs/design.md."""
    smooth = filters.gaussian(image.astype(np.float64), sigma, mode="nearest", truncate=4.0, preserve_range=True)
    mask = smooth > filters.threshold_otsu(smooth)
    mask = ndi.binary_fill_holes(mask)
    mask = morphology.remove_small_objects(mask, min_area)
    objects = measure.label(mask)
    distance = filters.gaussian(ndi.distance_transform_edt(mask), split_sigma, mode="nearest", truncate=4.0,
                                preserve_range=True)
    peaks = feature.peak_local_max(distance, min_distance=min_distance, labels=objects, exclude_border=False)
    markers = np.zeros(mask.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return segmentation.watershed(-distance, markers, mask=mask)


def in_raster_order(labels):
    """Renumber a label map by the raster order of first pixels."""
    values, first = np.unique(labels, return_index=True)
    order = np.argsort(first[values > 0])
    table = np.zeros(labels.max() + 1, np.int32)
    table[values[values > 0][order]] = np.arange(1, len(order) + 1)
    return table[labels]
