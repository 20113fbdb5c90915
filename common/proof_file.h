/* proof_file - a Proof as the JSON file that an officer, an authority or `simpul verify` reads. */
#ifndef SIMPUL_PROOF_FILE_H
#define SIMPUL_PROOF_FILE_H

#include "common/error.h"
#include "proto/journal.pb-c.h"

/* Writes it whole and synced, with mode 0600, in the place of what was there. What it says stays nowhere in memory. */
enum error proof_file_save(const Simpul__Proof *proof, const char *path, struct fault *fault);

#endif
