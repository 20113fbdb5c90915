/* vectors - computes one step of the golden vectors: from the inputs in a JSON object to its results and file.
 *
 * The steps are listed in proto/vectors/v1/README.md. The generator writes what comes out; the test compares it with
 * what was committed. */
#ifndef SIMPUL_TEST_VECTORS_H
#define SIMPUL_TEST_VECTORS_H

#include "common/bytes.h"
#include "common/error.h"
#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

/* The files by name ("header-sighting.bin"), as hexadecimal text. */
typedef json_t vector_files;

/* Adds the results to `step` (whatever stood there before is replaced) and its file, if it makes one, to `files`.
 * False with `fault` filled when an input is missing or wrong. */
bool vector_run(json_t *step, vector_files *files, struct fault *fault);

/* The descriptor of "Header", "Up" ...; NULL when there is none. */
const ProtobufCMessageDescriptor *vector_message(const char *name);

/* Bytes of hexadecimal text; free with buffer_free. False when it is none. */
bool vector_bytes(const char *hex, struct buffer *out);

/* The zone in which the vectors write times. */
#define VECTOR_ZONE_MINUTES 420

#endif
