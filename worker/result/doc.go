// Package result keeps what wells produce: the outcome of an attempt, its
// table fragments and images, the results folder they are committed to, and
// the plate-wide files merged from them.
//
// # A results folder
//
//	<out>/
//	  wells.csv sites.csv <Objects>.csv joblog.tsv plate.svg plate.png manifest.json images/
//	  .wellhouse/
//	    folder.json                    the marker: this folder is ours, and whose plate it holds
//	    lock                           flock of the execution that writes here
//	    locks/<well>.lock              flock of the one live worker of a well
//	    attempts/<execution>/<well>.<n>/   where an attempt works
//	    wells/<well>/<generation>/     committed results, the highest generation counts
//	    jobs/<execution>.json          the attempts behind joblog.tsv
//	    merge/                         staging of a merge
//
// # Promises
//
//   - A reader of the folder sees a well's old result or its new one, never a
//     mixture, after a stop between any two system calls: a commit is one
//     rename of a directory whose files were flushed and digested before.
//   - A failed attempt leaves committed results untouched; only an attempt
//     that ended with reason "ok" and whose files match their digests is
//     committed.
//   - A damaged record is reported as [ErrInvalid], never taken for an empty one.
//   - Merging lists every well of the plan. Tables hold one configuration, in
//     plate order, byte-identical for the same results whatever the order in
//     which wells ended; times are only in joblog.tsv and manifest.json.
//   - Merging streams: its memory follows the number of wells and columns, not
//     the number of objects.
//   - Merged files are written in full and flushed before the first of them
//     replaces an old one; manifest.json, which holds their digests, is last.
//
// # Left out
//
// Reading images and computing measurements (worker/plate, worker/pipeline),
// deciding what runs again (supervisor/engine: it gives the reuse key), and
// other table formats. No goroutine is started here. A Folder is safe for
// concurrent use.
package result
