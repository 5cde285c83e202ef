/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of a benchmark's database. A database is only ever removed when a file of that name in it says that
 * lsm-bench made it: --db must not be able to destroy somebody's data.
 */
#ifndef TOOLS_BENCH_DIR_H
#define TOOLS_BENCH_DIR_H

#define BENCH_DIR_MARK "MADE-BY-LSM-BENCH"

/* A fresh folder below TMPDIR; heap memory. Ends the process when it cannot be made. */
char *bench_dir_temporary(void);

/* An empty folder with the mark, whatever was there; ends the process with EXIT_CONFIG when that is not ours. */
void bench_dir_empty(const char *dir);

void bench_dir_remove(const char *dir);      /* with all that is in it; it has the mark */

#endif
