/* place - what keeps this user from using a folder, a file or a program, in words for a person. */
#ifndef SIMPUL_PLACE_H
#define SIMPUL_PLACE_H

/* Half a sentence, NULL when nothing does. Valid until the next call of strerror on this thread. */
const char *place_folder_trouble(const char *path);  /* to take files out and put some in */
const char *place_file_trouble(const char *path);    /* to append to; it may be yet to be made */
const char *place_program_trouble(const char *path); /* to run */

#endif
