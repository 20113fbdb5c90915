/* fuzz - what the targets in this folder share: their entry points, how a broken promise ends a run, and input in
 * pieces.
 *
 * A target is one file NAME_fuzz.c; its inputs are corpus/NAME, its words (if any) NAME.dict. `make fuzz` links it with
 * libFuzzer, `make test` with replay.c, which runs the corpus through it. A run depends on its input alone, so that
 * what was found once is found again. */
#ifndef SIMPUL_FUZZ_H
#define SIMPUL_FUZZ_H

#include "common/bytes.h"
#include <protobuf-c/protobuf-c.h>

/* libFuzzer's names: the target, its own mutator where it has one, and libFuzzer's mutator for that to use. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

/* What must hold whatever the input is. */
#define PROMISE(condition) ((condition) ? (void)0 : fuzz_broken(#condition, __FILE__, __LINE__))
_Noreturn void fuzz_broken(const char *promise, const char *file, int line);

/* Call before anything else: keys are the same in each run, and nothing is logged. Called again, the same keys come
 * again. */
void fuzz_start(void);
/* The path of a file in memory with this content, readable by its owner alone; valid until the next call. */
const char *fuzz_file(struct bytes content);
/* A folder of this process in memory, removed at its end. */
const char *fuzz_folder(void);

/* libFuzzer's clock is a signal, and programs of ours hear none while they wait at a socket: off before, on after. */
void fuzz_clock(bool on);

/* A page for a terminal: besides line ends nothing that moves the cursor, nothing that turns the direction of writing. */
void fuzz_terminal_safe(struct bytes page);

/* Input is taken from the front; where there is too little, the rest counts as zeros. */
uint8_t take_u8(struct bytes *rest);
uint16_t take_u16(struct bytes *rest);
uint64_t take_u64(struct bytes *rest);
/* Two bytes of length, then as many bytes as there are. */
struct bytes take_bytes(struct bytes *rest);
/* A copy with a zero at the end; free() it. */
char *take_text(struct bytes text);

/* ---- mutate.c */

/* Changes one field, somewhere, of an encoded message, so that it stays canonical; now and then its bytes. For
 * LLVMFuzzerCustomMutator. */
size_t mutate_message(const ProtobufCMessageDescriptor *type, uint8_t *data, size_t size, size_t most, unsigned seed);
/* The same for one message within an input: a piece of take_bytes whose length stands at `at`. */
size_t mutate_piece(const ProtobufCMessageDescriptor *type, uint8_t *data, size_t size, size_t most, size_t at,
		    unsigned seed);

#endif
