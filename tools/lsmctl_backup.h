/* SPDX-License-Identifier: Apache-2.0 */
/* lsmctl backup: a set of backups (tools/backup.h), fed by checkpoints that the engine makes. */
#ifndef TOOLS_LSMCTL_BACKUP_H
#define TOOLS_LSMCTL_BACKUP_H

#include <stdbool.h>

/* What it needs of the rest of lsmctl: where the running server's data lie, and telling its engine something. Both end
 * the program when there is no server. */
struct lsmctl_backup {
	void *ctx;
	const char *(*data_dir)(void *ctx);
	int (*checkpoint)(void *ctx, const char *dir);       /* exit code; has said what went wrong */
};

/* words: those behind "backup". The exit code; *usagep: they make no sense. */
int lsmctl_backup(const struct lsmctl_backup *b, char **words, int count, bool *usagep);

extern const char lsmctl_backup_usage[];

#endif
