/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of the simulated disk, shared by sim_state.c, sim_cut.c and sim.c. All under sim.lock. */
#ifndef VFS_SIM_PRIV_H
#define VFS_SIM_PRIV_H

#include <pthread.h>

#include "common/vfs/vfs_impl.h"

#define SIM_MAGIC 0x51a0d15cu
#define SIM_ROOT 1u                     /* the inode of "/"; 0 is no inode */
#define SIM_SECTOR 512u

/* What a file holds: n bytes stored, zeros from there to size. */
struct sim_content { uint8_t *p; size_t n, room; uint64_t size; };

struct sim_name { char *name; uint32_t inode; };
struct sim_names { struct sim_name *a; size_t n, room; };

/* Everything is held twice: as the running process sees it, and as it is surely on disk. */
enum sim_side { SIM_NOW, SIM_SAFE };

struct sim_inode {
	bool is_dir;
	unsigned handles;                       /* open files */
	struct sim_content content[2];          /* by side, of a file */
	struct sim_names names[2];              /* by side, of a directory */
};

enum sim_kind { SIM_OP_WRITE, SIM_OP_SIZE, SIM_OP_ADD, SIM_OP_REMOVE, SIM_OP_RENAME };

/* A change that is not surely on disk. */
struct sim_op {
	enum sim_kind kind;
	uint32_t inode;                         /* whose content changes, or what the name means */
	uint64_t offset;                        /* WRITE; SIZE: the new size */
	uint8_t *bytes;  size_t n;              /* WRITE, owned */
	uint32_t dir;  char *name;              /* ADD, REMOVE; RENAME: the new name; owned */
	uint32_t from_dir;  char *from_name;    /* RENAME: the old name, owned */
	bool from_synced;                       /* RENAME: the old name's directory was synced since */
};

struct sim {
	struct vfs head;
	uint32_t magic;
	pthread_mutex_t lock;
	struct sim_inode **inodes;              /* by number; NULL: none of that number */
	size_t inode_n, inode_room;
	struct sim_op *ops;                     /* in the order they happened */
	size_t op_n, op_room;
	uint64_t events;
	uint64_t dies_in;                       /* that event from now does not happen any more; 0: never */
	bool is_dead;
	uint64_t calls_in;                      /* before that event from now; 0: never */
	void (*call)(void *ctx);
	void *call_ctx;
};

struct sim *sim__new(void);                     /* no inodes, not even a root */
void sim__free(struct sim *s);
uint32_t sim__inode_new(struct sim *s, bool is_dir);
void sim__sweep(struct sim *s);                 /* frees inodes that nothing refers to */

void sim__content_write(struct sim_content *c, uint64_t offset, const uint8_t *p, size_t n);
void sim__content_resize(struct sim_content *c, uint64_t size);
void sim__content_copy(struct sim_content *to, const struct sim_content *from);    /* replaces */
uint32_t sim__names_find(const struct sim_names *names, const char *name);         /* 0: no such name */
void sim__names_copy(struct sim_names *to, const struct sim_names *from);          /* replaces */

/* Carries op out on one side. A name change that does not fit there (adding a name that is there, removing or
 * renaming one that is not) is left out and answered by false. */
bool sim__apply(struct sim *s, const struct sim_op *op, enum sim_side side);

void sim__op_add(struct sim *s, const struct sim_op *op);       /* takes over what op owns */
void sim__op_fini(struct sim_op *op);
void sim__sync_file(struct sim *s, uint32_t inode);             /* its changes become safe */
void sim__lose_file(struct sim *s, uint32_t inode);             /* its changes will never be */
void sim__sync_dir(struct sim *s, uint32_t dir);

#endif
