/* Interference: threads that do what else a board may be busy with while the loop is measured. */
#ifndef NTORC_LOAD_H
#define NTORC_LOAD_H

#include <stddef.h>

#define NTORC_LOAD_CPU 1u /* arithmetic on every processor */
#define NTORC_LOAD_MEM 2u /* copies through memory, larger than caches */
#define NTORC_LOAD_IO 4u  /* writes and fsyncs a file beside the records */
#define NTORC_LOAD_NET 8u /* datagrams over the loopback interface */

struct ntorc_load;

/* Names separated by commas, such as "cpu,net"; -1 when one is unknown or there is none. */
int ntorc_load_parse(const char *names);

/* Starts the threads with the default scheduler; `beside` is the path that io writes beside.
 * NULL with the reason in `error`. */
struct ntorc_load *ntorc_load_start(unsigned kinds, const char *beside, char *error, size_t n);

/* Ends them and frees what they had; NULL is allowed. */
void ntorc_load_stop(struct ntorc_load *load);

#endif
