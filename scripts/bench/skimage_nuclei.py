"""The nuclei assay in scikit-image, one fresh process per well: the baseline of `task bench`.

    skimage_nuclei.py --workers 2 --list wells.tsv      # lines of WELL<tab>TIFF
    skimage_nuclei.py --workers 2 A01.tif A02.tif       # every file is a well
    skimage_nuclei.py --workers 2 --empty 100           # 100 wells with nothing to do

Each well is one task of ProcessPoolExecutor(max_tasks_per_child=1) on the start
method "spawn", which also gives every task its own process. It reads its TIFFs,
segments the nuclei as segment_nuclei does by default, and measures shapes and
intensities. Prints one JSON object.
"""
import argparse
import collections
import concurrent.futures
import json
import multiprocessing
import os
import pathlib
import resource
import statistics
import sys
import time

SHAPE = ("label", "area", "bbox", "centroid", "perimeter", "eccentricity", "major_axis_length", "minor_axis_length",
         "orientation", "solidity", "extent", "equivalent_diameter")
INTENSITY = ("mean_intensity", "min_intensity", "max_intensity")


def peak_memory():
    """The largest resident size of this process in bytes; ru_maxrss would count the parent's before exec too."""
    try:
        for line in pathlib.Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def integrated(mask, image):
    return image[mask].sum(dtype="float64")


def std(mask, image):
    return image[mask].std(dtype="float64")


def median(mask, image):
    import numpy as np
    return np.median(image[mask])


def empty(_):
    return 0, peak_memory(), 0.0


def well(files):
    """Segments and measures the planes of one well; returns nuclei, peak memory, seconds of computing."""
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
    from reference import segment_nuclei  # here, so that empty wells import nothing
    import tifffile
    from skimage import measure

    started = time.perf_counter()
    nuclei = 0
    for file in files:
        image = tifffile.imread(file)
        labels = segment_nuclei(image)
        count = int(labels.max())
        nuclei += count
        if count == 0:
            continue
        measure.regionprops_table(labels, image, properties=SHAPE + INTENSITY, extra_properties=(integrated, std, median))
    return nuclei, peak_memory(), time.perf_counter() - started


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--workers", type=int, default=os.cpu_count())
    arguments.add_argument("--list", type=pathlib.Path, help="file with lines of WELL<tab>TIFF; - reads standard input")
    arguments.add_argument("--empty", type=int, metavar="WELLS", help="run so many wells with nothing to do")
    arguments.add_argument("tiff", nargs="*")
    options = arguments.parse_args()

    wells = collections.defaultdict(list)
    for file in options.tiff:
        wells[file].append(file)
    if options.list:
        text = sys.stdin.read() if str(options.list) == "-" else options.list.read_text()
        for line in filter(None, text.splitlines()):
            name, file = line.split("\t")
            wells[name].append(file)
    task, work = (empty, [None] * options.empty) if options.empty else (well, list(wells.values()))
    if not work:
        arguments.error("nothing to do: name TIFFs, --list or --empty")

    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"  # as many processes as workers, each on one core
    started = time.perf_counter()
    with concurrent.futures.ProcessPoolExecutor(
            max_workers=options.workers, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        results = list(pool.map(task, work))
    seconds = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    peaks = [peak for _, peak, _ in results]
    print(json.dumps({
        "mode": "empty" if options.empty else "nuclei", "workers": options.workers, "wells": len(work),
        "images": sum(map(len, wells.values())), "nuclei": sum(n for n, _, _ in results),
        "seconds": seconds, "wells_per_second": len(work) / seconds,
        "compute_seconds": sum(s for _, _, s in results), "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_rss_bytes_max": max(peaks), "peak_rss_bytes_median": int(statistics.median(peaks)),
    }))


if __name__ == "__main__":
    main()
