// Package imaging holds the pixel kernels of Wellhouse: filters, projections,
// thresholds, segmentation and measurements on two-dimensional planes.
//
// A plane keeps float32 samples together with the pixel type they came from;
// the values of integer types are whole numbers of at most 2^24 and therefore
// exact. Shapes are written (N, Y, X) for stacks and (Y, X) for planes.
//
// What it promises:
//   - Results agree with scikit-image and SciPy: operations on integers exactly,
//     float32 to 1e-5 relative, label maps up to renumbering. The golden values
//     in testdata are made by scripts/golden/make.py.
//   - Kernels are pure functions of their arguments. They never change their
//     input and start no goroutine; two calls may run at the same time.
//   - Products in long sums are rounded before they are added, so that no
//     compiler fuses them: results do not hang on the processor.
//
// What it leaves out: reading and writing files (worker/plate), names and
// ranges of parameters (worker/function), three-dimensional kernels, and NaN:
// samples are finite, as they are in every supported image file.
package imaging
