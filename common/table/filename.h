/* SPDX-License-Identifier: Apache-2.0 */
/* All names under DATA_DIR, made and parsed in one place. */
#ifndef TABLE_FILENAME_H
#define TABLE_FILENAME_H

#include "common/base/ids.h"
#include "common/base/conf.h"

/* A data directory, a folder of ours, and any name that readdir can give. */
#define PATH_BYTES (CONF_STR_MAX + 320)

struct path { char s[PATH_BYTES]; };

struct path path_manifest(const char *data_dir);                        /* manifest.db */
struct path path_wal_dir(const char *data_dir);                         /* wal */
struct path path_wal(const char *data_dir, struct file_id id);          /* wal/wal_<n>.log */
struct path path_retained_dir(const char *data_dir);                    /* wal/retained */
struct path path_retained(const char *data_dir, struct file_id id);     /* wal/retained/wal_<n>.log */
struct path path_sst_dir(const char *data_dir);                         /* sst */
struct path path_sst(const char *data_dir, struct file_id id);          /* sst/sstable_<id>.sst */
struct path path_tmp_dir(const char *data_dir);                         /* tmp */
struct path path_tmp_sst(const char *data_dir, struct file_id id);      /* tmp/sstable_<id>.sst */
struct path path_quarantine_dir(const char *data_dir);                  /* quarantine */
struct path path_ballast(const char *data_dir);                     /* ballast: room kept for a full disk */
struct path path_quarantine_sst(const char *data_dir, struct file_id id);       /* quarantine/sstable_<id>.sst */
struct path path_lock(const char *data_dir);                            /* LOCK */
struct path path_checkpoints_dir(const char *data_dir);                 /* checkpoints */
struct path path_join(const char *dir, const char *name);
struct path path_parent(const char *path);                              /* the folder it lies in; "." for a bare name */

struct path path_recovery_report(const char *run_dir);                  /* recovery.json: what the last start found */
struct path path_control_socket(const char *run_dir);                   /* control.sock: the supervisor's */
struct path path_engine_socket(const char *run_dir);            /* engine.sock */
struct path path_handoff_socket(const char *run_dir);                   /* memtables.sock */
struct path path_frontend_socket(const char *run_dir, unsigned index);  /* frontend-<n>.ipc: engine listens; n as heritage.h */
struct path path_compactor_socket(const char *run_dir, unsigned index); /* compactor-<n>.ipc: so too */

enum data_name { DATA_NAME_OTHER, DATA_NAME_WAL, DATA_NAME_SST };
/* What a file name (without folder) is, and its id. Exactly the names made above, nothing sloppier. */
enum data_name path_parse(const char *name, struct file_id *idp);

#endif
